"""From a machine and a model to a plan: which cards run FLUX.1-schnell how, and what is refused with what."""

from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alya_mcp.errors import NotConfigured
from alya_mcp.images.families import FLUX1, KLEIN_4B, MODELS, SCHNELL, Weights, known
from alya_mcp.images.plan import Machine, Plan, choose_plan, plans, survey
from alya_mcp.settings.precisions import REQUESTED

GB = 10**9
SKETCH = Weights(family=FLUX1, transformer=3_000_000, encoder=1_000_000, others=2_000_000)


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
        plan = choose_plan(machine, SCHNELL.weights, precision)
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
    assert [outcome(machine, precision) for precision in REQUESTED] == [auto, bf16, fp8, int8, int4]


# -- what holds for every machine

_CAPABILITIES = ((8, 0), (8, 6), (8, 9), (9, 0), (10, 0), (12, 0))
_MODELS = st.builds(
    Weights,
    family=st.just(FLUX1),
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


@given(machine=machines(), weights=_MODELS, precision=st.sampled_from(REQUESTED))
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
    precision=st.sampled_from(REQUESTED),
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


@given(machine=machines(), weights=_MODELS, precision=st.sampled_from(REQUESTED))
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
            needs = [plan.needs for plan in plans(machine, SCHNELL.weights, precision)]
            assert len(needs) > 1
            assert min(needs) == needs[-1]


@pytest.mark.parametrize("precision", REQUESTED)
@pytest.mark.parametrize(
    "machine", [H100, RTX_4090, RTX_3090, apple(64), processor(64)], ids=lambda m: m.device
)
def test_every_plan_of_flux_is_the_best_one_somewhere(machine: Machine, precision: str):
    if precision == "fp8" and (machine.capability or (0, 0)) < (8, 9):
        return
    for plan in plans(machine, SCHNELL.weights, precision):
        just = replace(machine, free=plan.needs, total=plan.needs, main=plan.needs_main)
        assert choose_plan(just, SCHNELL.weights, precision) == plan


_ROWS: dict[str, tuple[Machine, ...]] = {
    "40 GB and more": (A100, H100, H200),
    "32 GB": (RTX_5090,),
    "24 GB": (RTX_4090, RTX_3090),
    "16 GB": (card(16, (8, 9)), card(16, (8, 6))),
    "12 GB": (card(12, (8, 9)), card(12, (8, 6))),
    "4 to 8 GB": (card(4, (8, 9)), card(6, (8, 6)), card(8, (8, 9))),
    "the same, with less main memory": (card(4, (8, 9), main=25), card(8, (8, 6), main=25)),
    "Mac with 64 GB": (apple(64),),
    "Mac with 32 GB; 24 GB": (apple(32), apple(24)),
}
_AWAY = {"all weights on the device": (False, False), "text encoder streamed": (True, False)}


def test_the_table_in_the_documentation_is_what_is_chosen():
    text = (Path(__file__).parents[2] / "docs" / "images.md").read_text(encoding="utf-8")
    table = text.partition("| card | plan of `auto` | it needs |\n")[2].partition("\n\n")[0].splitlines()[1:]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    assert [row[0] for row in rows[:-1]] == list(_ROWS)
    for name, said, needs in rows[:-1]:
        precisions, _, rest = said.partition(", ")
        where = rest.split(", ")
        chosen = [choose_plan(machine, SCHNELL.weights, "auto") for machine in _ROWS[name]]
        for plan in chosen:
            assert plan.precision in precisions.replace(";", " or").split(" or "), name
            assert f"{plan.needs / 1e9:.1f} GB" in needs, name
            assert ("decoded in tiles" in where) == plan.tiled, name
            assert (f"{plan.needs_main / 1e9:.1f} GB of main memory" in needs) == (plan.needs_main > 0), name
            away = (plan.encoder_streamed, plan.transformer_streamed)
            assert away == _AWAY.get(where[0], (True, True) if "streamed" in rest else (False, False)), name


_CARDS = {
    "40 GB and more": A100, "32 GB": RTX_5090, "24 GB": RTX_4090, "16 GB": card(16, (8, 9)),
    "12 GB": card(12, (8, 9)), "8 GB": card(8, (8, 9)),
}  # fmt: skip


def test_the_documentation_says_how_each_known_model_runs_on_each_card():
    text = (Path(__file__).parents[2] / "docs" / "images.md").read_text(encoding="utf-8")
    lines = text.partition("### Which model for which card\n\n")[2].partition("\n\n")[0].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    models = [known(name) for name in rows[0][1:]]
    assert sorted(model.name for model in models if model) == sorted(model.name for model in MODELS)
    said = {row[0]: row[1:] for row in rows[2:]}
    for number, model in enumerate(filter(None, models)):
        assert said["TFLOP a picture"][number] == f"{model.work}"
        assert said["steps"][number] == f"{model.family.steps}"
        assert said["text encoder, tokens read"][number].endswith(f", {model.family.text_tokens}")
        gated = ", gated" if model.gated else ""
        assert said["download, about"][number] == f"{model.size / 1e9:.0f} GB{gated}"
        for name, machine in _CARDS.items():
            plan = choose_plan(machine, model.weights, "auto")
            streamed = "streamed" if plan.transformer_streamed else ""
            away = "text away" if plan.encoder_streamed and not streamed else ""
            parts = (
                plan.precision,
                streamed or away,
                "tiles" if plan.tiled else "",
                f"{plan.needs / 1e9:.1f} GB",
            )
            assert said[name][number] == ", ".join(filter(None, parts)), (model.name, name)


# -- what is looked at


def pretend(monkeypatch: pytest.MonkeyPatch, **answers: Any) -> None:
    """torch finds a CUDA card that answers so."""
    import torch

    known: dict[str, Any] = {
        "is_available": True, "mem_get_info": (GB, GB), "memory_reserved": 0, "memory_allocated": 0,
        "get_device_name": "the card", "get_device_capability": (9, 0), "get_arch_list": [], **answers,
    }  # fmt: skip
    for name, answer in known.items():
        monkeypatch.setattr(torch.cuda, name, lambda answer=answer: answer)


@pytest.mark.parametrize(
    ("modules", "usable"),
    [((), False), (("flash_attn_interface",), False), (("flash_attn_interface", "flash_attn_3"), True)],
    ids=["none", "an early build", "a build that diffusers takes"],
)
def test_flash_attention_3_counts_where_diffusers_takes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, modules: tuple[str, ...], usable: bool
):
    for module in modules:
        (tmp_path / f"{module}.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    pretend(monkeypatch)
    machine = survey()
    assert (machine.device, machine.flash_3) == ("cuda", usable)


NEWEST = ["sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120", "compute_120"]
OLDER = ["sm_50", "sm_60", "sm_70", "sm_75", "sm_80", "sm_86", "sm_90"]


@pytest.mark.parametrize(
    ("capability", "architectures", "runs"),
    [
        ((8, 9), NEWEST, True),
        ((12, 1), NEWEST, True),
        ((13, 0), NEWEST, True),
        ((10, 3), NEWEST, True),
        ((6, 1), NEWEST, False),
        ((7, 0), NEWEST, False),
        ((6, 1), OLDER, True),
        ((12, 0), OLDER, False),
        ((12, 0), [*OLDER, "compute_90"], True),
        ((10, 0), ["sm_90a", "compute_90a"], False),
        ((9, 0), ["sm_90a"], True),
        ((10, 3), ["sm_100a"], False),
        ((10, 3), ["sm_100f"], True),
        ((12, 0), ["compute_100f"], False),
        ((6, 1), [], True),
    ],
)
def test_a_card_is_drawn_on_where_pytorch_was_built_for_it_and_else_the_cpu_says_why_it_draws(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], architectures: list[str], runs: bool
):
    pretend(monkeypatch, get_device_capability=capability, get_arch_list=architectures)
    machine = survey()
    assert machine.device == ("cuda" if runs else "cpu")
    assert (machine.passed_over is None) == runs
    if not runs:
        number = f"{capability[0]}.{capability[1]}"
        assert f"no code for the card, whose compute capability is {number}" in str(machine.passed_over)


def test_a_card_that_is_full_is_passed_over_with_its_figures_unless_it_is_this_process_that_fills_it(
    monkeypatch: pytest.MonkeyPatch,
):
    pretend(monkeypatch, mem_get_info=(GB // 10, 24 * GB))
    machine = survey()
    assert (machine.device, machine.passed_over) == ("cpu", "the card has 0.1 GB free of 24.0 GB")
    assert survey(held=20 * GB).free == pytest.approx(20.1 * GB)
    pretend(monkeypatch, mem_get_info=(GB // 10, 24 * GB), memory_allocated=20 * GB, memory_reserved=21 * GB)
    machine = survey()
    assert (machine.device, machine.free) == ("cuda", pytest.approx(1.1 * GB))


def test_a_card_that_cannot_be_opened_is_passed_over_and_one_that_dies_under_a_model_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
):
    import torch

    def broken() -> None:
        raise torch.AcceleratorError("CUDA error: out of memory\nFor debugging consider this and that")

    pretend(monkeypatch)
    monkeypatch.setattr(torch.cuda, "mem_get_info", broken)
    machine = survey()
    assert (machine.device, machine.passed_over) == (
        "cpu", "the card can't be opened (CUDA error: out of memory)"
    )  # fmt: skip
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda: GB)
    with pytest.raises(RuntimeError, match="out of memory"):
        survey()


def test_another_makers_card_has_no_compute_capability_and_is_promised_nothing_that_hangs_on_it(
    monkeypatch: pytest.MonkeyPatch,
):
    import torch

    size = 24 * GB
    pretend(monkeypatch, mem_get_info=(size, size), get_device_capability=(11, 0), get_arch_list=["gfx1100"])
    monkeypatch.setattr(torch.version, "hip", "7.0")
    plan = choose_plan(survey(), SCHNELL.weights, "auto")
    assert (plan.precision, plan.attention) == ("int8", "native")


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_limit_counts_what_this_process_has_already(monkeypatch: pytest.MonkeyPatch, device: str):
    import torch

    if device == "cuda":
        pretend(monkeypatch, mem_get_info=(20 * GB, 24 * GB), memory_allocated=3 * GB, memory_reserved=3 * GB)
    else:
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
        monkeypatch.setattr(torch.mps, "recommended_max_memory", lambda: 24 * GB)
        monkeypatch.setattr(torch.mps, "driver_allocated_memory", lambda: 3 * GB)
    machine = survey(4 * GB)
    assert (machine.device, machine.free, machine.total) == (device, GB, 4 * GB)
    assert survey(2 * GB).free == 0


def test_a_model_that_needs_a_gpu_never_goes_to_the_cpu_because_the_gpu_is_full_and_a_small_one_does():
    machine = Machine(
        device="cpu", name="this machine", free=900 * GB, total=900 * GB, main=900 * GB,
        passed_over="the card has 0.1 GB free of 24.0 GB",
    )  # fmt: skip
    for precision in REQUESTED:
        with pytest.raises(NotConfigured, match=r"\b24\.0\b"):
            choose_plan(machine, SCHNELL.weights, precision)
    plan = choose_plan(machine, SKETCH, "auto", full_precision=True)
    assert plan.reasons == (
        "this model is made for float32", "the card has 0.1 GB free of 24.0 GB, so the CPU draws"
    )  # fmt: skip


# -- what is special


def test_what_streams_needs_main_memory_and_is_refused_with_its_figure():
    with pytest.raises(
        NotConfigured,
        match=r"needs 3\.\d GB of memory at least and 2\d\.\d GB of main memory \(6\.0 GB are free\); the c",
    ):
        choose_plan(card(8, (8, 9), main=6), SCHNELL.weights, "fp8")


def test_a_model_made_for_float32_is_run_so_on_every_device_whatever_precision_is_asked_for():
    for machine in (H100, card(4, (7, 5)), apple(16), processor(4)):
        for precision in REQUESTED:
            plan = choose_plan(machine, SKETCH, precision, full_precision=True)
            assert (plan.precision, plan.encoder) == ("fp32", "fp32")
            assert (plan.compiled, plan.attention, plan.needs_main) == (False, "native", 0)
            assert plan.needs < GB


def test_a_precision_that_this_version_does_not_know_is_refused_with_those_that_it_does():
    with pytest.raises(NotConfigured, match="'nf4'"):
        choose_plan(H100, SCHNELL.weights, "nf4")


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
    plan = choose_plan(machine, SCHNELL.weights, "bf16")
    assert plan.attention == attention
    assert plan.words == f"bf16, all weights on the device, {words}"
    assert "Triton isn't installed, so nothing is compiled" in plan.reasons


def test_the_words_of_a_plan_name_what_is_away_and_the_tiles():
    small, streamed = (
        choose_plan(card(16, (8, 9)), SCHNELL.weights, "auto"),
        choose_plan(card(6, (8, 9)), SCHNELL.weights, "auto"),
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
        for plan in plans(machine, SCHNELL.weights, "auto"):
            assert isinstance(plan, Plan)
            assert all(reason[0].isalnum() and not reason.endswith(".") for reason in plan.reasons)
    assert set(get_args(Plan.__annotations__["precision"])) >= {"bf16", "fp8", "int8", "int4"}


def test_references_lengthen_the_sequence_that_a_step_takes():
    plain = KLEIN_4B.weights
    for count, more in ((0, 0), (1, 0), (4, 1_043_000_000)):  # one takes less than decoding does
        needs = choose_plan(RTX_4090, plain.following(count), "auto").needs
        assert abs(needs - choose_plan(RTX_4090, plain, "auto").needs - more) < 10_000_000
    tight = replace(RTX_4090, free=18_500_000_000)
    assert not choose_plan(tight, plain.following(0), "auto").encoder_streamed
    assert choose_plan(tight, plain.following(4), "auto").encoder_streamed
    # A picture that is begun from one takes its place.
    assert SCHNELL.weights.following(1) == SCHNELL.weights
