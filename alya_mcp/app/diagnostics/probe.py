"""Asks torch for device, model and plan, in a separate process, since that may hang or crash."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from alya_mcp.errors import NotConfigured
from alya_mcp.images.environment.packages import image_command
from alya_mcp.images.licences import require_accepted
from alya_mcp.runtime.frozen import for_other_programs
from alya_mcp.settings import Settings
from alya_mcp.settings.precisions import SELECTABLE

if TYPE_CHECKING:
    from alya_mcp.images.families import Weights
    from alya_mcp.images.models import Choice
    from alya_mcp.images.plan import Machine

_SECONDS: Final = 90


class ProbeError(Exception):
    """torch can't be used; the text says why, for the user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How a model runs in one precision: the plan in `words` with what it needs in bytes, or `refusal`.

    Where `fits` is false, it is the plan that needs least.
    """

    precision: str
    words: str | None = None
    needs: int = 0
    needs_main: int = 0
    fits: bool = False
    refusal: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeResult:
    """The device, and what would be drawn with; memory in bytes.

    Either `refusal` says why nothing would, or `model` is the name, `notice` what the user should know of
    it, and `folder` where its weights are (None: they are downloaded first). `plan` is how it would run with
    `reasons`, None where that is known only when the weights are here. `ways` are the precisions that
    `ways_of`, a model's name, could be run in.
    """

    torch: str
    device: str
    name: str
    free: int
    total: int
    main: int
    model: str | None = None
    notice: str | None = None
    refusal: str | None = None
    folder: str | None = None
    plan: Way | None = None
    reasons: list[str]
    ways_of: str | None = None
    ways: list[Way]


def probe(settings: Settings, held: int) -> ProbeResult:
    """Ask; `held` bytes of the device's memory are a running worker's, which would have them for itself.

    Raises:
        ProbeError: when torch can't be asked.
    """
    asked = (settings.image_model, settings.image_precision, settings.image_memory or 0, held)
    command = image_command("alya_mcp.app.diagnostics.probe", *map(str, asked), home=settings.home)
    try:
        ended = subprocess.run(  # noqa: S603
            command,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
            text=True,
            env=for_other_programs(os.environ),
        )
    except subprocess.TimeoutExpired:
        raise ProbeError(f"torch didn't answer within {_SECONDS} s") from None
    try:
        told: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        said = ended.stderr.strip().splitlines()
        why = said[-1] if said else f"exit status {ended.returncode}"
        raise ProbeError(f"torch can't be used: {why}") from None
    try:
        require_accepted(settings.home, settings.image_model)
    except NotConfigured as refusal:
        told |= {"model": None, "plan": None, "refusal": str(refusal)}
    told["plan"] = told["plan"] and Way(**told["plan"])
    told["ways"] = [Way(**way) for way in told["ways"]]
    return ProbeResult(**told)


def main() -> None:
    """Print what was found, for the arguments that `probe` gives, as one JSON object on stdout."""
    from alya_mcp.images.plan import survey

    model, precision, limit, held = sys.argv[1:]
    machine = survey(int(limit) or None, int(held))
    sys.stdout.write(json.dumps(asdict(look(machine, model, precision))) + "\n")


def look(machine: "Machine", model: str, precision: str) -> ProbeResult:
    """What would draw on `machine` where `model` and `precision` are asked for."""
    from alya_mcp.errors import Failure
    from alya_mcp.images.models import choose
    from alya_mcp.images.plan import choose_plan
    from alya_mcp.images.weights import require_whole

    found = ProbeResult(
        torch=version("torch"),
        device=machine.device,
        name=machine.name,
        free=machine.free,
        total=machine.total,
        main=machine.main,
        reasons=[],
        ways=[],
    )
    choice = None
    try:
        choice = choose(model, machine, precision)
        weights = _weights(choice)
        if choice.folder is not None:
            require_whole(choice.folder, choice.name)
            found = replace(found, folder=str(choice.folder))
        if weights is not None:
            plan = choose_plan(machine, weights, precision, full_precision=choice.full_precision)
            way = Way(
                precision=plan.precision,
                words=plan.words,
                needs=plan.needs,
                needs_main=plan.needs_main,
                fits=True,
            )
            found = replace(found, plan=way, reasons=list(plan.reasons))
        found = replace(found, model=choice.name, notice=choice.notice)
    except Failure as failure:
        found = replace(found, refusal=str(failure))
    ways_of, weights = _compared(choice, machine)
    if weights is not None:
        found = replace(found, ways_of=ways_of, ways=list(_ways(machine, weights)))
    return found


def _weights(choice: "Choice") -> "Weights | None":
    """What the model weighs; None while that isn't known."""
    from alya_mcp.images.plan import weigh

    if choice.folder is not None:
        return weigh(choice.folder)
    return choice.model and choice.model.weights


def _compared(choice: "Choice | None", machine: "Machine") -> tuple[str, "Weights | None"]:
    """The model whose precisions are shown: the chosen one, FLUX.1-schnell where that has but one."""
    from alya_mcp.images.families import SCHNELL

    if choice is not None and not choice.full_precision:
        return choice.name, _weights(choice)
    return SCHNELL.name, None if machine.device == "cpu" else SCHNELL.weights


def _ways(machine: "Machine", weights: "Weights") -> Iterator[Way]:
    from alya_mcp.errors import Failure
    from alya_mcp.images.plan import plans

    for precision in SELECTABLE:
        try:
            known = plans(machine, weights, precision)
        except Failure as failure:
            yield Way(precision=precision, refusal=str(failure))
            continue
        smallest = min(known, key=lambda plan: plan.needs)
        plan = next((plan for plan in known if plan.fits(machine)), smallest)
        yield Way(
            precision=precision,
            words=plan.words,
            needs=plan.needs,
            needs_main=plan.needs_main,
            fits=plan.fits(machine),
        )
