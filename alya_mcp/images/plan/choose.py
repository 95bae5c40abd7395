"""Chooses a plan for a model on a machine: precision, placement of weights, attention, compiling."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, Literal, cast

from alya_mcp.errors import NotConfigured
from alya_mcp.images.families import Weights
from alya_mcp.images.plan.machine import Machine
from alya_mcp.settings.precisions import REQUESTED, ROUNDED, Precision

Attention = Literal["native", "_native_cudnn", "_flash_3"]

_SIZES: Final[dict[Precision, float]] = {"fp32": 4, "bf16": 2, "fp8": 1.01, "int8": 1.01, "int4": 0.57}
"""Bytes per number, the scales of quantised weights included."""
_DECODE: Final = 2_600_000_000
"""Memory for decoding 1024x1024 at once (2.4 GB measured on an H100), the same for all families."""
_DECODE_TILED: Final = 900_000_000
_RUNTIME: Final = 700_000_000
"""The CUDA context and the allocator's slack."""
_COMPILED: Final = 600_000_000
"""Memory that CUDA graphs keep."""
_SMALL: Final = 2_000_000_000
"""Numbers up to which a model's working memory is taken as a share of its weights."""
MAIN_SPARE: Final = 2_000_000_000
"""Main memory that is left for everything else."""
PINNED: Final = 1.6
"""Pinned memory is allocated in powers of two: 1.56 times the size of FLUX.1's transformer."""
_IN_TILES: Final = "there is no room to decode at once"
_ATTENTION_NAMES: Final[dict[Attention, str]] = {
    "native": "PyTorch's attention",
    "_native_cudnn": "cuDNN attention",
    "_flash_3": "FlashAttention 3",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a model is run.

    `precision` is the transformer's, `encoder` the large text encoder's (which loses less in int8 than in
    fp8). A `*_streamed` part stays in main memory and is copied to the device block by block. `tiled` decodes
    in tiles. `compiled` asks for compiling in the background. `needs` are bytes of the device's memory,
    `needs_main` of main memory; `reasons` say why, in words.
    """

    precision: Precision
    encoder: Precision
    encoder_streamed: bool = False
    transformer_streamed: bool = False
    tiled: bool = False
    attention: Attention = "native"
    compiled: bool = False
    needs: int
    needs_main: int = 0
    reasons: tuple[str, ...] = ()

    @property
    def rounded(self) -> bool:
        """Whether weights are quantised."""
        return self.precision in ROUNDED

    def fits(self, machine: Machine) -> bool:
        """Whether the machine has as much memory free as the plan needs."""
        return self.needs <= machine.free and self.needs_main <= machine.main

    @property
    def words(self) -> str:
        """The plan in a line."""
        if self.transformer_streamed:
            where = "streamed from main memory block by block"
        elif self.encoder_streamed:
            where = "text encoder streamed from main memory"
        else:
            where = "all weights on the device"
        parts = [self.precision, where, _ATTENTION_NAMES[self.attention]]
        parts += ["decoded in tiles"] if self.tiled else []
        return ", ".join(parts)


def choose_plan(machine: Machine, weights: Weights, precision: str, *, full_precision: bool = False) -> Plan:
    """The first of `plans` that fits the machine's free memory.

    Raises:
        NotConfigured: when the machine can't run such a plan, or none fits; with the figures.
    """
    known = plans(machine, weights, precision, full_precision=full_precision)
    for plan in known:
        if plan.fits(machine):
            return plan
    smallest = min(known, key=lambda plan: plan.needs)
    asked = "" if precision == "auto" else f" in {precision}, as ALYA_IMAGE_PRECISION asks,"
    main = (
        f" and {smallest.needs_main / 1e9:.1f} GB of main memory ({machine.main / 1e9:.1f} GB are free)"
        if smallest.needs_main > machine.main
        else ""
    )
    raise NotConfigured(
        f"The model{asked} needs {smallest.needs / 1e9:.1f} GB of memory at least{main}; {machine.name} has "
        f"{machine.free / 1e9:.1f} GB free of {machine.total / 1e9:.1f} GB. Close what else uses it"
        + ("" if full_precision else ", or set ALYA_IMAGE_MODEL to 'sketch' for the small bundled model")
    )


def plans(machine: Machine, weights: Weights, precision: str, *, full_precision: bool = False) -> list[Plan]:
    """All plans for the model on the machine, regardless of free memory, from the best to the most frugal.

    `precision` is one of `REQUESTED`; those in `ROUNDED` make the transformer smaller and lose a little of
    its accuracy. `full_precision` is for models that are run in float32 everywhere.

    Raises:
        NotConfigured: when the device can't compute in such a precision.
    """
    if not full_precision:
        _require_able(machine, precision)
    return list(_plans(machine, weights, precision, full_precision=full_precision))


def _require_able(machine: Machine, precision: str) -> None:
    capability = machine.capability
    if precision not in REQUESTED:
        raise NotConfigured(
            f"ALYA_IMAGE_PRECISION is {precision!r:.80}; this version of alya-mcp takes "
            + ", ".join(REQUESTED)
        )
    if machine.passed_over is not None:
        raise NotConfigured(
            f"The model needs a GPU, and this machine's can't be used: {machine.passed_over}. Set "
            "ALYA_IMAGE_MODEL to 'sketch' for the small bundled model, which the CPU draws"
        )
    if machine.device == "cuda" and capability is not None and capability < (8, 0):
        raise NotConfigured(
            f"{machine.name} has compute capability {capability[0]}.{capability[1]}; FLUX models need "
            "bfloat16 arithmetic, which begins with 8.0 (RTX 30 series, A100). Set ALYA_IMAGE_MODEL to "
            "'sketch' for the small bundled model"
        )
    if precision == "fp8" and (capability is None or capability < (8, 9)):
        has = "it has none" if capability is None else f"it has {capability[0]}.{capability[1]}"
        raise NotConfigured(
            f"ALYA_IMAGE_PRECISION is 'fp8', which needs a CUDA GPU of compute capability 8.9 or more (RTX "
            f"40 series, H100); {machine.name} is not one ({has}). Set it to 'int8', or leave it out"
        )


def _plans(machine: Machine, weights: Weights, precision: str, *, full_precision: bool) -> Iterator[Plan]:
    if machine.device == "cpu" or full_precision:
        chosen: Precision = "fp32" if full_precision or precision == "auto" else cast("Precision", precision)
        reasons = ("this model is made for float32",) if full_precision else ()
        if machine.passed_over is not None:
            reasons += (f"{machine.passed_over}, so the CPU draws",)
        elif not full_precision:
            reasons += ("no GPU was found, so the CPU draws",)
        yield _plan(machine, weights, chosen, "fp32" if chosen == "fp32" else "bf16", reasons=reasons)
        return
    eight: Precision = "fp8" if machine.capability is not None and machine.capability >= (8, 9) else "int8"
    rungs: list[tuple[Precision, Precision, str]] = [
        ("bf16", "bf16", "everything fits in bfloat16"),
        (eight, "int8", f"bfloat16 doesn't fit; {eight} halves the weights"),
        ("int4", "int8", f"{eight} doesn't fit; int4 takes a quarter of bfloat16"),
    ]
    if precision != "auto":
        chosen = cast("Precision", precision)
        why = f"ALYA_IMAGE_PRECISION asks for {chosen}"
        if chosen != "bf16":
            yield _plan(machine, weights, chosen, "bf16", reasons=(why, "the text encoder fits in bfloat16"))
        rungs = [(chosen, "bf16" if chosen == "bf16" else "int8", why)]
    streams = machine.device == "cuda"
    beside = "the text encoder doesn't fit beside the transformer"
    for chosen, encoder, why in rungs:
        yield _plan(machine, weights, chosen, encoder, reasons=(why,))
        if streams:
            whole = chosen == "bf16" and precision == "auto"
            reasons = ("the transformer fits in bfloat16" if whole else why, beside)
            yield _plan(machine, weights, chosen, encoder, encoder_streamed=True, reasons=reasons)
        # `auto` quantises a model before it decodes in tiles.
        if chosen != "bf16" or precision == "bf16":
            more = (why, beside, _IN_TILES) if streams else (why, _IN_TILES)
            yield _plan(machine, weights, chosen, encoder, encoder_streamed=streams, tiled=True, reasons=more)
    if not streams:
        return
    for chosen, encoder, _ in rungs:
        if chosen != "bf16" or precision == "bf16":
            why = "the transformer doesn't fit, so each step brings it from main memory"
            yield _plan(
                machine,
                weights,
                chosen,
                encoder,
                encoder_streamed=True,
                transformer_streamed=True,
                tiled=True,
                reasons=(why,),
            )


def _plan(
    machine: Machine,
    weights: Weights,
    precision: Precision,
    encoder: Precision,
    *,
    encoder_streamed: bool = False,
    transformer_streamed: bool = False,
    tiled: bool = False,
    reasons: tuple[str, ...],
) -> Plan:
    transformer = _bytes(weights.transformer, weights.transformer_kept, precision)
    text = _bytes(weights.encoder, weights.encoder_kept, encoder)
    others = weights.others * _SIZES["fp32" if precision == "fp32" else "bf16"]
    # Only one of two streamed parts runs at a time.
    family = weights.family
    here = others + max(
        transformer * (family.transformer_share if transformer_streamed else 1)
        + text * (0 if encoder_streamed else 1),
        (0 if transformer_streamed else transformer)
        + text * (family.encoder_share if encoder_streamed else 1),
    )
    away = transformer * transformer_streamed + text * encoder_streamed
    plan = Plan(
        precision=precision,
        encoder=encoder,
        encoder_streamed=encoder_streamed,
        transformer_streamed=transformer_streamed,
        tiled=tiled,
        needs=0,
        needs_main=int(away * PINNED) + (MAIN_SPARE if away else 0),
        reasons=reasons,
    )
    plan = _hurry(plan, machine)
    if weights.all < _SMALL:
        working = (0.1 * here + 300_000_000) * weights.lengthening
    else:
        working = (
            max(family.step_memory * weights.lengthening, _DECODE_TILED if tiled else _DECODE)
            + _RUNTIME
            + _COMPILED * plan.compiled
        )
    return replace(plan, needs=int(here + working))


def _bytes(numbers: int, kept: int, precision: Precision) -> float:
    """Bytes of so many numbers in a precision, if some of them aren't rounded."""
    wide = _SIZES["bf16"] if precision in ROUNDED else _SIZES[precision]
    return (numbers - kept) * _SIZES[precision] + kept * wide


def _hurry(plan: Plan, machine: Machine) -> Plan:
    """Add optimisations for the device to a plan, with the reasons."""
    if machine.device != "cuda" or plan.precision == "fp32":
        return plan
    capability = machine.capability or (0, 0)
    reasons = list(plan.reasons)
    attention: Attention = "native"
    if capability[0] == 9 and machine.flash_3:
        attention = "_flash_3"
        reasons.append("FlashAttention 3 is installed")
    elif capability in {(9, 0), (10, 0)}:
        attention = "_native_cudnn"
        reasons.append("cuDNN's attention is the fastest on this architecture")
    compiled = machine.compiles and not plan.transformer_streamed
    if compiled:
        reasons.append("compiled in the background after the first picture")
    elif not machine.compiles:
        reasons.append("Triton isn't installed, so nothing is compiled")
    return replace(plan, attention=attention, compiled=compiled, reasons=tuple(reasons))
