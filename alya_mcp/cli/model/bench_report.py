"""The output of `alya-mcp model bench`: a row as soon as its figure is known, or JSON at the end."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

import click

from alya_mcp.cli.output import printable, say, show_json

if TYPE_CHECKING:
    from alya_mcp.images.bench.measure import Measured

_HEADINGS: Final = ("weights", "precision", "what", "ms", "TFLOP", "TFLOP/s", "of the floor", "GB", "goal")
_WIDTHS: Final = (7, 9, 38, 9, 7, 7, 12, 5, 0)
_DRAWING: Final = "drawing"
"""Stands for encode, steps and decode together."""
_PHASES: Final = {
    "queue": "queue",
    "encode": "encode (the prompt)",
    "denoise": "{steps} steps",
    "decode": "decode",
    "receive": "copy (to the caller)",
    "file": "image encode (PNG)",
    "upload": "upload",
    "presign": "presign",
    _DRAWING: "encode, steps and decode",
}
"""The phases of a picture as people are told them."""
_GOAL_DEVICE: Final = "H200"
_GOALS: Final[dict[str, Any]] = {
    "total": {"bf16": 600, "fp8": 420},
    "times_plain": 2,
    "queue_share": 0.95,
    "cancel": 250,
    "again": 25_000,
}
"""Set for FLUX.1-schnell on that device; times in milliseconds."""


@dataclass(slots=True, kw_only=True)
class BenchReport:
    """What was measured, shown as it comes: rows where `text`, at the end JSON where not.

    `full_size` tells that what draws has the size of FLUX.1-schnell. `plain` is what the baseline found.
    """

    weights: str
    text: bool
    device: str = ""
    steps: int = 4
    full_size: bool = False
    plain: "dict[str, Any]" = field(default_factory=dict[str, Any])
    measured: "list[Measured]" = field(default_factory=list["Measured"])
    errors: list[str] = field(default_factory=list[str])
    _shown: set[tuple[str, ...]] = field(default_factory=set[tuple[str, ...]])

    @property
    def failed(self) -> bool:
        """Whether anything that was to be measured was not."""
        return bool(self.errors) or any(each.errors for each in self.measured)

    def tell(self, words: str) -> None:
        """Tell what happens, and with which weights."""
        kind = "random weights" if self.weights == "random" else "the model's weights"
        say(f"{kind}: {words}")

    def fail(self, error: str) -> None:
        """Note what can't be measured, of which no precision is the cause."""
        self.errors.append(error)
        self.tell(f"Error: {error}")

    @contextmanager
    def part(self, result: "Measured", what: str) -> Generator[None]:
        """Measure something of `result`: a failure is noted there, and what is known then is shown."""
        from alya_mcp.errors import Failure

        self.tell(f"{result.precision}: {what}")
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever it is, what was measured counts and the rest can be
            reason = str(error) if isinstance(error, Failure) else f"{type(error).__name__}: {error}"
            result.errors.append(f"{what}: {reason}")
            self.tell(f"Error: {result.precision}: {what}: {reason}")
        finally:
            self._show(result.precision, self._rows(result))

    def end(self) -> None:
        """Show what is shown at the end."""
        if self.text:
            return
        show_json(
            {
                "weights": self.weights,
                "device": self.device,
                "baseline": {"weights": self.weights, **self.plain} if self.plain else None,
                "measured": [self._json(each) for each in self.measured],
                "goals": self._goals or None,
                "errors": self.errors,
            }
        )

    def show_baseline(self) -> None:
        """Show what plain diffusers did."""
        self._show("plain", self._plain_rows())

    def show_floor(self) -> None:
        """Show the least time that a picture's operations would take here."""
        self._show("plain", self._floor_rows())

    def _show(self, name: str, rows: Iterator[tuple[str, ...]]) -> None:
        if not self.text:
            return
        for row in rows:
            cells = (self.weights, name, *row)
            if cells not in self._shown:
                if not self._shown:
                    _print(_HEADINGS)
                self._shown.add(cells)
                _print(cells)

    @property
    def _goals(self) -> dict[str, Any]:
        return _GOALS if self.full_size and _GOAL_DEVICE in self.device else {}

    def _json(self, each: "Measured") -> dict[str, Any]:
        drawing = {} if each.drawing is None else {_DRAWING: each.drawing}
        speeds = {
            phase: speed
            for phase, milliseconds in {**each.phases, **drawing}.items()
            if (speed := self._speed(phase, milliseconds, each.plan))
        }
        return {
            "weights": self.weights,
            **asdict(each),
            "speeds": speeds,
            "times_plain": self._times_plain(each),
            "queue_share": each.queue_share,
            "busy_share": each.busy_share,
        }

    # -- rows

    def _plain_rows(self) -> Iterator[tuple[str, ...]]:
        plain = self.plain
        yield (f"diffusers, eager, on {self.device}, torch {plain.get('torch', 'unknown')}",)
        yield from self._rate_rows()
        if "pipeline" not in plain:
            yield ("diffusers can't draw with this model here",)
            return
        yield self._row("prompt to pixels", plain["pipeline"], phase=_DRAWING)
        yield self._row("its PNG", plain["file"])
        if plain["peak"]:
            yield (f"most GPU memory: {plain['peak'] / 1e9:.1f} GB",)

    def _floor_rows(self) -> Iterator[tuple[str, ...]]:
        yield (f"computed for {self.device}, nothing drawn: the model doesn't fit",)
        yield from self._rate_rows()
        work: dict[str, float] = self.plain.get("work", {})
        if work and "rates" in self.plain:
            for phase in (*work, _DRAWING):
                least = 1000 * self._operations(phase) / self.plain["rates"]["wide"]
                yield self._row(f"{self._named(phase)}, at least", least, phase=phase)

    def _rate_rows(self) -> Iterator[tuple[str, ...]]:
        for precision, rate in self.plain.get("rates", {}).items():
            named = "bf16 (fp32 on a CPU)" if precision == "wide" else precision
            yield (f"a large product of matrices in {named}: {rate / 1e12:,.2f} TFLOP/s",)

    def _rows(self, each: "Measured") -> Iterator[tuple[str, ...]]:
        goals = self._goals
        if each.plan:
            yield (f"{each.plan}; store: {each.store}",)
        for phase, milliseconds in each.phases.items():
            most = each.peaks.get(phase)
            yield self._row(self._named(phase), milliseconds, phase=phase, plan=each.plan, most=most)
        if each.drawing is not None:
            yield self._row(_PHASES[_DRAWING], each.drawing, phase=_DRAWING, plan=each.plan)
        for what, milliseconds, goal in (
            ("prompt to URL", each.total, goals.get("total", {}).get(_precision(each.plan))),
            ("a fresh link to a picture", each.link, None),
            ("prompt to URL, before compiling", each.eager, None),
            ("one of 8 pictures asked for at once", each.queued, None),
            ("cancelled until the device is free", each.cancel, goals.get("cancel")),
            ("first start to URL", each.first, None),
            ("first start until compiled", each.ready, None),
            ("second start to URL", each.again, goals.get("again")),
            ("second start until compiled", each.again_ready, None),
        ):
            if milliseconds is not None:
                yield self._row(what, milliseconds, goal=goal)
        if each.total is not None and each.peak:
            yield (f"most GPU memory: {each.peak / 1e9:.1f} GB",)
        if (times := self._times_plain(each)) is not None:
            whole = f"{times:.2f} times as fast as diffusers and its PNG, prompt to URL"
            yield (_with_goal(whole, goals.get("times_plain")),)
            alone = self.plain["pipeline"] / (each.drawing or 1)
            yield (f"{alone:.2f} times as fast as diffusers, drawing alone",)
        if each.queue_share is not None:
            of_it = f"queued: {each.queue_share:.2f} of the rate of the steps alone"
            yield (_with_goal(of_it, goals.get("queue_share")),)
            yield (f"queued: {each.busy_share:.2f} of the rate of encode, steps and decode",)

    def _named(self, phase: str) -> str:
        return _PHASES[phase].format(steps=self.steps)

    def _row(
        self,
        what: str,
        milliseconds: float,
        *,
        phase: str = "",
        plan: str = "",
        most: int | None = None,
        goal: float | None = None,
    ) -> tuple[str, ...]:
        speed = self._speed(phase, milliseconds, plan)
        shown = ("", "", "")
        if speed:
            operations, rate = speed["operations"] / 1e12, speed["per_second"] / 1e12
            shown = (f"{operations:,.2f}", f"{rate:,.1f}", f"{speed['of_floor']:.0%}")
        memory = "" if most is None else f"{most / 1e9:.1f}"
        aim = "" if goal is None else f"at most {goal:,.0f}"
        return (what, f"{milliseconds:,.1f}", *shown, memory, aim)

    # -- figures

    def _times_plain(self, each: "Measured") -> float | None:
        """How many times as fast as plain diffusers a picture is there, prompt to URL."""
        if each.total is None or "pipeline" not in self.plain:
            return None
        return round((self.plain["pipeline"] + self.plain["file"]) / each.total, 3)

    def _operations(self, phase: str) -> float:
        """How many operations a phase of a picture takes; 0 where that isn't known."""
        work: dict[str, float] = self.plain.get("work", {})
        return sum(work.values()) if phase == _DRAWING else work.get(phase, 0)

    def _speed(self, phase: str, milliseconds: float, plan: str) -> dict[str, float]:
        """Operations of a phase, how many a second, and the share of the floor; empty where it isn't known.

        The floor is the time that the operations take at the rate of a large product of matrices: in 8 bits
        where the plan multiplies the steps' inputs with weights of 8 bits, the rest in bf16.
        """
        operations = self._operations(phase)
        rates: dict[str, float] = self.plain.get("rates", {})
        if not (operations and rates and milliseconds):
            return {}
        linear = self.plain["linear"] if phase in {_DRAWING, "denoise"} else 0
        floor = linear / rates.get(_precision(plan), rates["wide"]) + (operations - linear) / rates["wide"]
        return {
            "operations": operations,
            "per_second": round(1000 * operations / milliseconds),
            "of_floor": round(1000 * floor / milliseconds, 4),
        }


def _precision(plan: str) -> str:
    """The precision with which a plan's words begin."""
    return plan.partition(",")[0]


def _with_goal(words: str, goal: float | None) -> str:
    return words if goal is None else f"{words} (goal: at least {goal:g})"


def _print(cells: tuple[str, ...]) -> None:
    padded = (
        printable(cell).replace("\n", " ").ljust(width) for cell, width in zip(cells, _WIDTHS, strict=False)
    )
    click.echo("  ".join(padded).rstrip())
