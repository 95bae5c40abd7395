"""`alya-mcp model pull`: brings a model's weights to this machine, or checks those that are here."""

import time
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from alya_mcp.cli.model.which import NamedModel, which
from alya_mcp.cli.output import OutputFormat, output_option, say, show_json, show_table
from alya_mcp.runtime.paths import tilde
from alya_mcp.settings import Settings

if TYPE_CHECKING:
    from alya_mcp.images.weights import Gated, Pulled, PullProgress

FAILED = 1

_PACE_SECONDS = 10.0


@click.command(short_help="Download a model, or check one that is here.")
@click.argument("name", metavar="[MODEL]", required=False)
@output_option
def pull(name: str | None, output: OutputFormat) -> int:
    """Download MODEL into the Hugging Face cache and compare every file with its checksum.

    MODEL is flux-schnell, flux2-klein-4b, z-image-turbo, owner/name of a repository, or a folder's full path,
    which is only checked. By default it is the model that ALYA_IMAGE_MODEL names, FLUX.1-schnell for auto.

    Where this machine can't run a known model, that is said before the download begins. Stop it whenever
    you like: it goes on where it stopped. On a complete model it checks the files again.
    Only the pipeline's safetensors and text files are fetched, and no code of a model ever runs.

    \b
    Examples:
      alya-mcp model pull
      HF_ENDPOINT=https://mirror.example.org alya-mcp model pull
      alya-mcp model pull /models/flux

    Exit codes: 0 the model is here and whole, 1 it isn't, 2 wrong usage, 130 stopped by Ctrl-C.
    """
    from alya_mcp.errors import Failure
    from alya_mcp.images.licences import require_accepted
    from alya_mcp.images.weights import Gated

    settings = Settings.from_environment()
    wanted = which(name, settings)
    try:
        require_accepted(settings.home, wanted.setting)
    except Failure as failure:
        say(f"Error: {failure}")
        return FAILED
    _warn_of_machine(wanted, settings)
    try:
        pulled = _pull(wanted)
    except Gated as gated:
        _show_steps(gated, name)
        return FAILED
    except Failure as failure:
        say(f"Error: {failure}")
        return FAILED
    except KeyboardInterrupt:
        say("What was downloaded is kept; the same command goes on from there.")
        raise
    _show(wanted, pulled, output)
    return 0


def _warn_of_machine(wanted: NamedModel, settings: Settings) -> None:
    """Say before a download that this machine can't run a known model, whose needs are known by then."""
    from alya_mcp.app.diagnostics.engine import engine_status
    from alya_mcp.app.diagnostics.probe import ProbeError, probe
    from alya_mcp.errors import Failure
    from alya_mcp.images.families import known

    if known(wanted.setting) is None or settings.image_engine != "local":
        return
    try:
        engine = engine_status(settings)
        if engine.state == "not installed":
            return
        refusal = probe(replace(settings, image_model=wanted.setting), engine.held).refusal
    except (Failure, ProbeError) as failure:
        say(f"Note: whether this machine can run {wanted.name} can't be told: {failure}")
        return
    if refusal is not None:
        say(f"Warning: {refusal}. Ctrl-C stops the download.")


def _pull(wanted: NamedModel) -> "Pulled":
    from alya_mcp.cli.progress import ProgressLine
    from alya_mcp.images.weights import describe, pull

    pace = DownloadPace()
    with ProgressLine() as progress, progress.words() as words:

        def report(step: "PullProgress") -> None:
            speed = pace.words(step, time.monotonic())
            progress.show(step.done, step.total or None, describe(step, wanted.name) + speed)

        return pull(wanted.source, report, words)


class DownloadPace:
    """How fast it goes, over the last ten seconds."""

    def __init__(self) -> None:
        self._phase = ""
        self._seen: deque[tuple[float, int]] = deque()

    def words(self, step: "PullProgress", now: float) -> str:
        """Speed and time left at `now` in seconds; empty until both can be told."""
        if step.phase != self._phase:
            self._phase = step.phase
            self._seen.clear()
        self._seen.append((now, step.done))
        while now - self._seen[0][0] > _PACE_SECONDS and len(self._seen) > 2:
            self._seen.popleft()
        since, before = self._seen[0]
        if now <= since or step.done <= before:
            return ""
        speed = (step.done - before) / (now - since)
        return f", {speed / 1e6:.1f} MB/s, {_span((step.total - step.done) / speed)} left"


def _span(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def _show(wanted: NamedModel, pulled: "Pulled", output: OutputFormat) -> None:
    if pulled.notice:
        say(f"Note: {pulled.notice}")
    if output == "json":
        show_json(
            {
                "model": wanted.name,
                "folder": str(pulled.folder),
                "bytes": pulled.size,
                "downloadedBytes": pulled.downloaded,
                "files": pulled.files,
                "verified": pulled.verified,
            }
        )
        return
    checked = (
        "every file fits its checksum"
        if pulled.verified
        else "every file is there, and the weights are as long as they say; there are no checksums to compare"
    )
    show_table(
        [
            ("model", wanted.name),
            ("folder", tilde(pulled.folder)),
            ("size", f"{pulled.size:,} bytes in {pulled.files} files, {pulled.downloaded:,} downloaded now"),
            ("checked", checked),
            ("to use it", f"ALYA_IMAGE_MODEL={wanted.setting}"),
        ]
    )


def _show_steps(gated: "Gated", name: str | None) -> None:
    from alya_mcp.images.weights import TOKENS, terms_page

    say(f"Error: {gated.why}")
    say(f"  1. Open {terms_page(gated.repository)}, sign in and accept the terms.")
    say(f"  2. Create a token with read access at {TOKENS}")
    say("  3. Set HF_TOKEN to it, or run: hf auth login")
    say(f"  4. Run this again: {' '.join(filter(None, ('alya-mcp model pull', name)))}")
    say("Or copy the model's folder from a machine that has it: alya-mcp model pull /that/folder checks it.")
