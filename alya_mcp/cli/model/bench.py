"""`alya-mcp model bench`: measures the image engine on this machine beside plain diffusers."""

import asyncio
import tempfile
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from alya_mcp.cli.output import Output, output_option, say, show_json, show_table
from alya_mcp.settings import Settings

if TYPE_CHECKING:
    from alya_mcp.images.bench.measure import Measured

FAILED = 1

_HEADINGS = ("weights", "precision", "what", "ms", "TFLOP", "TFLOP/s", "of the device's rate")


@click.command(short_help="Measure this machine beside plain diffusers.")
@click.option(
    "--weights", type=click.Choice(["model", "random"]), default="model", show_default=True,
    help="The model that ALYA_IMAGE_MODEL leads to, or random numbers in FLUX.1-schnell's shapes.",
)  # fmt: skip
@click.option(
    "--precision", "precisions", multiple=True,
    type=click.Choice(["auto", "bf16", "fp8", "int8", "int4"]),
    help="What to measure, once or more often.  [default: what ALYA_IMAGE_PRECISION says]",
)  # fmt: skip
@click.option("--count", type=click.IntRange(1, 1000), default=10, show_default=True, help="Pictures a row.")
@output_option
def bench(weights: str, precisions: tuple[str, ...], count: int, output: Output) -> int:
    """Draw pictures with a worker of its own, from prompt to URL, and with plain diffusers.

    Shows the milliseconds of each phase, how much of the device's arithmetic they use, what a first and a
    second start take, the rate of queued pictures and how soon a cancelled one frees the device.

    Random weights have the true size and speed and need no download; what they draw shows nothing.
    Pictures go where the store is configured, or into a folder that is deleted afterwards.

    \b
    Examples:
      alya-mcp model bench --weights random --precision bf16 --precision fp8
      alya-mcp model bench --count 3 --output json

    Exit codes: 0 measured, 1 it can't be, 2 wrong usage.
    """
    from alya_mcp.failures import Failure
    from alya_mcp.images.bench.measure import baseline, measure
    from alya_mcp.images.models import RANDOM

    settings = Settings.from_environment()
    kind = "random weights" if weights == "random" else "the model's weights"

    def tell(words: str) -> None:
        say(f"{kind}: {words}")

    with tempfile.TemporaryDirectory(prefix="alya-bench-", ignore_cleanup_errors=True) as home:
        model = RANDOM if weights == "random" else settings.image_model
        settings = replace(settings, home=Path(home), image_model=model, image_idle=0)
        results: list[Measured] = []
        try:
            source = _source(settings)
            tell("plain diffusers")
            plain = _or_none(tell, partial(baseline, source, count))
            if output == "text":
                show_table(_plain_rows(weights, plain), _HEADINGS)
            for precision in precisions or (settings.image_precision,):
                own = replace(settings, image_precision=precision)
                say_so = partial(_tell_of, tell, precision)
                results.append(asyncio.run(measure(own, count, say_so, restart=not results)))
                if output == "text":
                    show_table(_rows(weights, plain, results[-1]))
        except Failure as failure:
            say(f"Error: {failure}")
            return FAILED
    if output == "json":
        measured = [_json(weights, each) for each in results]
        show_json({"baseline": plain and {"weights": weights, **plain}, "measured": measured})
    return 0


def _or_none(tell: Callable[[str], None], ask: Callable[[], dict[str, Any]]) -> dict[str, Any] | None:
    """What plain diffusers did; None, told why, where it can't: it needs the whole model on the device."""
    from alya_mcp.failures import Failure

    try:
        return ask()
    except Failure as failure:
        tell(f"nothing to compare with. {failure}")
        return None


def _tell_of(tell: Callable[[str], None], precision: str, words: str) -> None:
    tell(f"{precision}: {words}")


def _source(settings: Settings) -> str:
    """What plain diffusers is to draw with: a folder, or random weights."""
    from alya_mcp.cli.health.machine import has_image_extra
    from alya_mcp.failures import NotConfigured, NotInstalled
    from alya_mcp.images.models import RANDOM, choose
    from alya_mcp.images.plan import survey

    if not has_image_extra():
        raise NotInstalled("model bench", "image")
    choice = choose(settings.image_model, survey(settings.image_memory), settings.image_precision)
    if settings.image_model == RANDOM:
        return RANDOM
    if choice.folder is None:
        raise NotConfigured(
            f"The weights of {choice.name} are not on this machine; 'alya-mcp model pull' first"
        )
    return str(choice.folder)


def _plain_rows(weights: str, plain: dict[str, Any] | None) -> list[list[str]]:
    if plain is None:
        return [[weights, "plain", "diffusers can't draw with this model here", "", "", "", ""]]
    what = f"diffusers on {plain['device']}, torch {plain['torch']}"
    return [
        [weights, "plain", *_figures(plain, what, plain["pipeline"], sum(plain["work"].values()))],
        [weights, "plain", *_figures(plain, "its PNG", plain["file"])],
    ]


def _rows(weights: str, plain: dict[str, Any] | None, each: "Measured") -> list[list[str]]:
    name = each.precision
    work: dict[str, float] = plain["work"] if plain else {}

    def words(said: str) -> list[str]:
        return [weights, name, said, "", "", "", ""]

    rows = [words(each.plan)]
    rows += [
        [weights, name, *_figures(plain, phase, each.phases[phase], work.get(phase))] for phase in each.phases
    ]
    for what, milliseconds in (
        ("prompt to URL", each.total),
        ("a fresh link to a picture", each.link),
        ("prompt to URL, before compiling", each.eager),
        ("one of 8 pictures asked for at once", each.queued),
        ("cancelled until the device is free", each.cancel),
        ("first start to URL", each.first),
        ("first start until compiled", each.ready),
        ("second start to URL", each.again),
        ("second start until compiled", each.again_ready),
    ):
        if milliseconds is not None:
            rows.append([weights, name, *_figures(plain, what, milliseconds)])
    if each.peak:
        rows.append(words(f"most GPU memory: {each.peak / 1e9:.1f} GB"))
    if plain is not None:
        drawing = sum(each.phases[phase] for phase in ("encode", "denoise", "decode"))
        whole = (plain["pipeline"] + plain["file"]) / each.total
        rows.append(words(f"{whole:.2f} times plain diffusers and its PNG, from prompt to URL"))
        rows.append(words(f"{plain['pipeline'] / drawing:.2f} times plain diffusers, drawing alone"))
    rows.append(words(f"queued: {each.queue_share:.2f} of the rate of denoising alone"))
    return rows


def _figures(
    plain: dict[str, Any] | None, what: str, milliseconds: float, work: float | None = None
) -> list[str]:
    if plain is None or work is None:
        return [what, f"{milliseconds:,.1f}", "", "", ""]
    speed = 1000 * work / milliseconds
    return [
        what,
        f"{milliseconds:,.1f}",
        f"{work / 1e12:,.2f}",
        f"{speed / 1e12:,.1f}",
        f"{speed / plain['rate']:.0%}",
    ]


def _json(weights: str, each: "Measured") -> dict[str, Any]:
    return {"weights": weights, **asdict(each), "queue_share": round(each.queue_share, 3)}
