"""From a machine and a model to a plan: which cards run FLUX.1-schnell how, and what is refused with what."""

from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alya_mcp.failures import NotConfigured
from alya_mcp.images.plan import FLUX_SCHNELL_WEIGHTS, Machine, Plan, Weights, choose_plan, plans, survey

GB = 10**9
PRECISIONS = ("auto", "bf16", "fp8", "int8", "int4")
SKETCH = Weights(transformer=3_000_000, encoder=1_000_000, others=2_000_000)


def card(gigabytes: float, capability: tuple[int, int], *, main: float = 64) -> Machine:
    """A CUDA card, in its maker's gigabytes, of which 95 % are free; `main` is free main memory."""
    total = int(gigabytes * 2**30)
    return Machine(
        device="cuda",
        name="the card",
        free=total * 95 // 100,
        total=total,
        main=int(main * GB),
        capability=capability,
        compiles=True,
    )


def apple(gigabytes: float) -> Machine:
    """A Mac with that much memory: of up to 36 GB the GPU may use two thirds, of more three quarters."""
    total = int(gigabytes * 2**30 * (0.75 if gigabytes > 36 else 2 / 3))
    return Machine(device="mps", name="the Apple GPU", free=total * 95 // 100, total=total, main=total)


def processor(gigabytes: float) -> Machine:
    size = int(gigabytes * 2**30)
    return Machine(device="cpu", name="this machine", free=size, total=size, main=size)


def outcome(machine: Machine, precision: str) -> str:
    """What is decided, in the fewest letters: precision, what is away, tiles; or that it is refused."""
    try:
        plan = choose_plan(machine, FLUX_SCHNELL_WEIGHTS, precision)
    except NotConfigured:
        return "-"
    away = "streamed" if plan.transformer_streamed else "text away" if plan.encoder_streamed else ""
    return " ".join(filter(None, (plan.precision, away, "tiles" if plan.tiled else "")))


H200, H100 = card(141, (9, 0)), card(80, (9, 0))
A100, RTX_5090, RTX_4090, RTX_3090 = card(40, (8, 0)), card(32, (12, 0)), card(24, (8, 9)), card(24, (8, 6))


@pytest.mark.parametrize(
    ("machine", "auto", "bf16", "fp8", "int8", "int4"),
    [
        pytest.param(H200, "bf16", "bf16", "fp8", "int8", "int4", id="H200"),
        pytest.param(H100, "bf16", "bf16", "fp8", "int8", "int4", id="H100"),
        pytest.param(A100, "bf16", "bf16", "-", "int8", "int4", id="A100 40 GB"),
        pytest.param(RTX_5090, "bf16 text away", "bf16 text away", "fp8", "int8", "int4", id="RTX 5090"),
        pytest.param(RTX_4090, "fp8", "bf16 streamed tiles", "fp8", "int8", "int4", id="RTX 4090"),
        pytest.param(RTX_3090, "int8", "bf16 streamed tiles", "-", "int8", "int4", id="RTX 3090"),
        pytest.param(
            card(16, (8, 9)),
            "fp8 text away tiles",
            "bf16 streamed tiles",
            "fp8 text away tiles",
            "int8 text away tiles",
            "int4",
            id="RTX 4080",
        ),
        pytest.param(
            card(12, (8, 6)),
            "int4 text away",
            "bf16 streamed tiles",
            "-",
            "int8 streamed tiles",
            "int4 text away",
            id="RTX 3060 12 GB",
        ),
        pytest.param(
            card(8, (8, 6)),
            "int8 streamed tiles",
            "bf16 streamed tiles",
            "-",
            "int8 streamed tiles",
            "int4 streamed tiles",
            id="8 GB",
        ),
        pytest.param(
            card(6, (8, 6)),
            "int8 streamed tiles",
            "bf16 streamed tiles",
            "-",
            "int8 streamed tiles",
            "int4 streamed tiles",
            id="6 GB",
        ),
        pytest.param(
            card(4, (8, 6)), "int8 streamed tiles", "-", "-", "int8 streamed tiles", "int4 streamed tiles",
            id="4 GB",
        ),
        pytest.param(card(2, (8, 6)), "-", "-", "-", "-", "-", id="2 GB"),
        pytest.param(card(24, (7, 5)), "-", "-", "-", "-", "-", id="Turing"),
        pytest.param(apple(64), "bf16", "bf16", "-", "int8", "int4", id="Mac 64 GB"),
        pytest.param(apple(32), "int8", "-", "-", "int8", "int4", id="Mac 32 GB"),
        pytest.param(apple(24), "int4", "-", "-", "-", "int4", id="Mac 24 GB"),
        pytest.param(apple(16), "-", "-", "-", "-", "-", id="Mac 16 GB"),
        pytest.param(processor(128), "fp32", "bf16", "-", "int8", "int4", id="CPU 128 GB"),
        pytest.param(processor(32), "-", "-", "-", "int8", "int4", id="CPU 32 GB"),
    ],
)  # fmt: skip
def test_every_card_runs_flux_as_well_as_it_can(
    machine: Machine, auto: str, bf16: str, fp8: str, int8: str, int4: str
):
    assert [outcome(machine, precision) for precision in PRECISIONS] == [auto, bf16, fp8, int8, int4]


# -- what holds for every machine

_CAPABILITIES = ((8, 0), (8, 6), (8, 9), (9, 0), (10, 0), (12, 0))
_MODELS = st.builds(
    Weights,
    transformer=st.integers(1, 30 * GB),
    encoder=st.integers(0, 10 * GB),
    others=st.integers(0, GB),
)


@st.composite
def machines(draw: Any) -> Machine:
    total = draw(st.integers(GB // 10, 200 * GB))
    device = draw(st.sampled_from(("cuda", "cuda", "mps", "cpu")))
    cuda = device == "cuda"
    return Machine(
        device=device,
        name="some machine",
        free=draw(st.integers(0, total)),
        total=total,
        main=draw(st.integers(0, 200 * GB)),
        capability=draw(st.sampled_from(_CAPABILITIES)) if cuda else None,
        compiles=cuda and draw(st.booleans()),
        flash_3=cuda and draw(st.booleans()),
    )


def more(machine: Machine, free: int, main: int) -> Machine:
    return Machine(
        device=machine.device,
        name=machine.name,
        free=machine.free + free,
        total=machine.total + free,
        main=machine.main + main,
        capability=machine.capability,
        compiles=machine.compiles,
        flash_3=machine.flash_3,
    )


@given(machine=machines(), weights=_MODELS, precision=st.sampled_from(PRECISIONS))
def test_a_plan_never_needs_more_than_is_free_and_keeps_the_precision_that_was_asked_for(
    machine: Machine, weights: Weights, precision: str
):
    try:
        plan = choose_plan(machine, weights, precision)
    except NotConfigured:
        return
    assert plan.needs <= machine.free
    assert plan.needs_main <= machine.main
    assert precision in {"auto", plan.precision}
    assert plan.reasons
    streams = plan.encoder_streamed or plan.transformer_streamed
    assert not streams or (machine.device == "cuda" and plan.needs_main > 0)
    assert plan.precision != "fp8" or (machine.capability or (0, 0)) >= (8, 9)
    assert plan.attention == "native" or machine.device == "cuda"
    assert not plan.compiled or machine.compiles


@given(
    machine=machines(),
    weights=_MODELS,
    precision=st.sampled_from(PRECISIONS),
    free=st.integers(0, 50 * GB),
    main=st.integers(0, 50 * GB),
)
def test_more_memory_never_gives_a_plan_further_down(
    machine: Machine, weights: Weights, precision: str, free: int, main: int
):
    try:
        plan = choose_plan(machine, weights, precision)
    except NotConfigured:
        return
    ladder = plans(machine, weights, precision)
    assert ladder.index(choose_plan(more(machine, free, main), weights, precision)) <= ladder.index(plan)


@given(machine=machines(), weights=_MODELS, precision=st.sampled_from(PRECISIONS))
def test_a_refusal_names_the_figures_or_what_the_device_cannot_do(
    machine: Machine, weights: Weights, precision: str
):
    try:
        choose_plan(machine, weights, precision)
    except NotConfigured as refusal:
        said = str(refusal)
        assert machine.name in said
        if "compute capability" in said:
            assert precision == "fp8"
            return
        assert f"{machine.free / 1e9:.1f} GB free of {machine.total / 1e9:.1f} GB" in said
        needs = min(plan.needs for plan in plans(machine, weights, precision))
        assert f"{needs / 1e9:.1f} GB of memory" in said
        assert precision == "auto" or precision in said


def test_the_ladder_goes_down_in_memory_for_flux_on_every_device():
    for machine in (H100, RTX_3090, apple(64)):
        for precision in ("auto", "int8", "int4"):
            needs = [plan.needs for plan in plans(machine, FLUX_SCHNELL_WEIGHTS, precision)]
            assert len(needs) > 1
            assert min(needs) == needs[-1]


# -- what is looked at


@pytest.mark.parametrize(
    ("modules", "usable"),
    [((), False), (("flash_attn_interface",), False), (("flash_attn_interface", "flash_attn_3"), True)],
    ids=["none", "an early build", "a build that diffusers takes"],
)
def test_flash_attention_3_counts_where_diffusers_takes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, modules: tuple[str, ...], usable: bool
):
    import torch

    for module in modules:
        (tmp_path / f"{module}.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    for name, answer in (
        ("is_available", True), ("mem_get_info", (GB, GB)), ("memory_reserved", 0), ("memory_allocated", 0),
        ("get_device_name", "the card"), ("get_device_capability", (9, 0)),
    ):  # fmt: skip
        monkeypatch.setattr(torch.cuda, name, lambda answer=answer: answer)
    machine = survey()
    assert (machine.device, machine.flash_3) == ("cuda", usable)


# -- what is special


def test_what_streams_needs_main_memory_and_is_refused_with_its_figure():
    with pytest.raises(
        NotConfigured,
        match=r"needs 3\.\d GB of memory at least and 2\d\.\d GB of main memory \(6\.0 GB are free\); the c",
    ):
        choose_plan(card(8, (8, 9), main=6), FLUX_SCHNELL_WEIGHTS, "fp8")


def test_a_model_made_for_float32_is_run_so_on_every_device_whatever_precision_is_asked_for():
    for machine in (H100, card(4, (7, 5)), apple(16), processor(4)):
        for precision in PRECISIONS:
            plan = choose_plan(machine, SKETCH, precision, full_precision=True)
            assert (plan.precision, plan.encoder) == ("fp32", "fp32")
            assert (plan.compiled, plan.attention, plan.needs_main) == (False, "native", 0)
            assert plan.needs < GB


def test_a_precision_that_this_version_does_not_know_is_refused_with_those_that_it_does():
    with pytest.raises(NotConfigured, match=r"'nf4'; this version of alya-mcp takes auto, bf16, fp8"):
        choose_plan(H100, FLUX_SCHNELL_WEIGHTS, "nf4")


@pytest.mark.parametrize(
    ("capability", "flash_3", "attention", "words"),
    [
        ((9, 0), True, "_flash_3", "FlashAttention 3"),
        ((9, 0), False, "_native_cudnn", "cuDNN attention"),
        ((10, 0), True, "_native_cudnn", "cuDNN attention"),
        ((8, 9), True, "native", "PyTorch's attention"),
        ((12, 0), False, "native", "PyTorch's attention"),
    ],
)
def test_attention_is_the_architectures_fastest(
    capability: tuple[int, int], flash_3: bool, attention: str, words: str
):
    machine = Machine(
        device="cuda", name="a card", free=80 * GB, total=80 * GB, main=GB, capability=capability,
        flash_3=flash_3,
    )  # fmt: skip
    plan = choose_plan(machine, FLUX_SCHNELL_WEIGHTS, "bf16")
    assert plan.attention == attention
    assert plan.words == f"bf16, all weights on the device, {words}"
    assert "Triton isn't installed, so nothing is compiled" in plan.reasons


def test_the_words_of_a_plan_name_what_is_away_and_the_tiles():
    small, streamed = (
        choose_plan(card(16, (8, 9)), FLUX_SCHNELL_WEIGHTS, "auto"),
        choose_plan(card(6, (8, 9)), FLUX_SCHNELL_WEIGHTS, "auto"),
    )
    assert small.words == (
        "fp8, text encoder streamed from main memory, PyTorch's attention, decoded in tiles"
    )
    assert streamed.words == (
        "fp8, streamed from main memory block by block, PyTorch's attention, decoded in tiles"
    )
    assert small.compiled
    assert not streamed.compiled


def test_every_plan_of_flux_says_why():
    for machine in (H100, A100, apple(64), processor(128)):
        for plan in plans(machine, FLUX_SCHNELL_WEIGHTS, "auto"):
            assert isinstance(plan, Plan)
            assert all(reason[0].isalnum() and not reason.endswith(".") for reason in plan.reasons)
    assert set(get_args(Plan.__annotations__["precision"])) >= {"bf16", "fp8", "int8", "int4"}
