"""`alya-mcp model bench`: measures the image engine on this machine beside plain diffusers."""

import asyncio
import signal
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import click

from alya_mcp.cli.model.bench_report import BenchReport
from alya_mcp.cli.output import OutputFormat, output_option
from alya_mcp.settings import Settings
from alya_mcp.settings.precisions import REQUESTED

FAILED = 1


@click.command(short_help="Measure this machine beside plain diffusers.")
@click.option(
    "--weights", type=click.Choice(["model", "random"]), default="model", show_default=True,
    help="The model that ALYA_IMAGE_MODEL leads to, or random numbers in its shapes.",
)  # fmt: skip
@click.option(
    "--precision", "precisions", multiple=True,
    type=click.Choice(REQUESTED),
    help="What to measure, once or more often.  [default: what ALYA_IMAGE_PRECISION says]",
)  # fmt: skip
@click.option("--count", type=click.IntRange(1, 1000), default=10, show_default=True, help="Pictures a row.")
@output_option
def bench(weights: str, precisions: tuple[str, ...], count: int, output: OutputFormat) -> int:
    """Draw pictures with a worker of its own, from prompt to URL, and with plain diffusers.

    Shows the milliseconds of each phase, how much of the device's arithmetic they use, what a first and a
    second start take, the rate of queued pictures and how soon a cancelled one frees the device.

    Random weights have the true size and speed and need no download; what they draw shows nothing. They are
    those of FLUX.1-schnell unless ALYA_IMAGE_MODEL names another known model.
    Pictures go where the store is configured, or into a folder that is deleted afterwards.

    Each row is shown as soon as it is known. What fails or is stopped costs its own rows: the others are
    shown, in JSON too, and `errors` say what is missing. A machine that can't hold the model is told the
    least time that it would take there.

    \b
    Examples:
      alya-mcp model bench --weights random --precision bf16 --precision fp8
      alya-mcp model bench --count 3 --output json

    Exit codes: 0 all was measured, 1 something could not be, 2 wrong usage, 130 stopped.
    """
    from alya_mcp.app.diagnostics.probe import ProbeError, probe
    from alya_mcp.errors import Failure, NotConfigured
    from alya_mcp.images.environment.packages import require_packages
    from alya_mcp.images.families import SCHNELL, known
    from alya_mcp.images.models import RANDOM, steps_of

    settings = Settings.from_environment()
    model = known(settings.image_model) or SCHNELL
    if weights == "random":
        settings = replace(settings, image_model=f"{RANDOM}{model.setting}")
    steps = steps_of(settings.image_model)
    report = BenchReport(weights=weights, text=output == "text", steps=steps)
    try:
        require_packages("model bench", settings.home)
        found = probe(settings, held=0)
        report.device = found.name
        if found.refusal is not None and weights == "random":
            _show_floor(report, settings.image_model)
            report.fail(found.refusal)
            report.end()
            return FAILED
        if found.refusal is not None:
            raise NotConfigured(found.refusal)
        if found.folder is None and weights == "model":
            raise NotConfigured(
                f"The weights of {found.model} are not on this machine; 'alya-mcp model pull' first"
            )
    except (Failure, ProbeError) as failure:
        report.tell(f"Error: {failure}")
        return FAILED
    report.full_size = model is SCHNELL and (weights == "random" or found.model == SCHNELL.name)
    with (
        _stopped_by_sigterm_too(),
        tempfile.TemporaryDirectory(prefix="alya-bench-", ignore_cleanup_errors=True) as home,
    ):
        own = replace(settings, home=Path(home), image_idle=0, image_linger=0)
        try:
            _measure(
                report, own, found.folder or settings.image_model, precisions or (own.image_precision,), count
            )
        except KeyboardInterrupt:
            report.fail("stopped before everything was measured")
            raise
        finally:
            report.end()
    return FAILED if report.failed else 0


@contextmanager
def _stopped_by_sigterm_too() -> Generator[None]:
    """Let what ends commands after a time limit end this one as Ctrl-C does, with what was measured."""

    def stop(number: int, frame: object) -> None:
        del number, frame
        # `timeout` sends it twice; the second must not cut off what the first has this command show.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _show_floor(report: BenchReport, source: str) -> None:
    """Show what the device's arithmetic would allow for the model."""
    from alya_mcp.images.bench.measure import baseline

    report.tell("the rate of this machine")
    report.plain, error = baseline(source, 0)
    if error is not None:
        report.fail(error)
    report.show_floor()


def _measure(
    report: BenchReport, settings: Settings, source: str, precisions: tuple[str, ...], count: int
) -> None:
    """Measure everything, what matters most first."""
    from alya_mcp.errors import Failure
    from alya_mcp.images.bench.measure import Measured, baseline, measure, measure_second_start, try_store

    try:
        asyncio.run(try_store(settings))
    except Failure as failure:
        report.fail(f"the store: {failure} Measured with the store of this machine instead")
        settings = replace(settings, s3_bucket=None)
    report.tell("plain diffusers")
    report.plain, error = baseline(source, count)
    if error is not None:
        report.fail(error)
    report.show_baseline()
    for precision in precisions:
        result = Measured(precision=precision)
        report.measured.append(result)
        part = partial(report.part, result)
        with part("a worker of its own"):
            asyncio.run(measure(result, replace(settings, image_precision=precision), count, part))
    result = report.measured[0]
    if result.first is not None:
        part = partial(report.part, result)
        with part("a second worker"):
            own = replace(settings, image_precision=result.precision)
            asyncio.run(measure_second_start(result, own, part))
