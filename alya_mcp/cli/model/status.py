"""`alya-mcp model status`: what would draw here, how and why, and what the running worker says."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from alya_mcp.cli.output import OutputFormat, output_option, say, show_json, show_table
from alya_mcp.runtime.paths import tilde
from alya_mcp.settings import Settings

if TYPE_CHECKING:
    from alya_mcp.app.diagnostics.models import KnownModel
    from alya_mcp.app.diagnostics.probe import ProbeResult, Way
    from alya_mcp.images.engine import EngineStatus

FAILED = 1


@click.command(short_help="Show what draws on this machine, how and why.")
@output_option
def status(output: OutputFormat) -> int:
    """Show the device, the model that would be drawn with, its plan, and what the image worker does.

    The plan says in which precision the model runs and where its weights stay; it follows from the memory
    that is free now, of which a running worker's share counts as free. One table shows what every precision
    would need, another the models that alya-mcp knows by name: their licence, whether a call may draw with
    them, and whether their weights are here.

    Starts no worker and loads no model. With ALYA_IMAGE_ENGINE=ray the cluster is asked instead.

    Exit codes: 0 something can draw, 1 nothing can.
    """
    from alya_mcp.app.diagnostics.engine import engine_status
    from alya_mcp.app.diagnostics.probe import ProbeError, probe
    from alya_mcp.errors import Failure

    settings = Settings.from_environment()
    found: ProbeResult | None = None
    try:
        engine = engine_status(settings)
        if settings.image_engine == "local" and engine.state != "not installed":
            found = probe(settings, engine.held)
    except (Failure, ProbeError) as failure:
        say(f"Error: {failure}")
        return FAILED
    if output == "json":
        show_json(_json(settings, found, engine))
    else:
        _show(settings, found, engine)
    refused = engine.failing if found is None else found.refusal is not None
    return FAILED if refused else 0


def _json(settings: Settings, found: "ProbeResult | None", engine: "EngineStatus") -> dict[str, Any]:
    from alya_mcp.app.diagnostics.models import known_models

    own: dict[str, Any] = {
        "asked": {
            "engine": settings.image_engine,
            "model": settings.image_model,
            "models": settings.image_models,
            "precision": settings.image_precision,
        },
        "worker": _camel(asdict(engine)),
        "knownModels": [_camel(asdict(model)) for model in known_models(settings)],
    }
    if found is None:
        return own
    plan = None if found.plan is None else {**_way(found.plan), "reasons": found.reasons}
    return {
        **own,
        "device": {
            "kind": found.device,
            "name": found.name,
            "torch": found.torch,
            "freeBytes": found.free,
            "totalBytes": found.total,
            "mainFreeBytes": found.main,
        },
        "model": found.model,
        "notice": found.notice,
        "refusal": found.refusal,
        "folder": found.folder,
        "plan": plan,
        "precisions": {"model": found.ways_of, "ways": [_way(way) for way in found.ways]},
    }


def _way(way: "Way") -> dict[str, Any]:
    return {
        "precision": way.precision,
        "plan": way.words,
        "needsBytes": way.needs,
        "needsMainBytes": way.needs_main,
        "fits": way.fits,
        "refusal": way.refusal,
    }


def _show(settings: Settings, found: "ProbeResult | None", engine: "EngineStatus") -> None:
    from alya_mcp.app.diagnostics.models import known_models
    from alya_mcp.app.diagnostics.words.images import engine_line
    from alya_mcp.images.words import error_words

    rows: list[tuple[str, str]] = []
    if found is not None:
        rows += _device_rows(found) + _model_rows(settings, found)
    rows.append(("worker" if settings.image_engine == "local" else "cluster", engine_line(engine)))
    if error := error_words(engine):
        rows.append(("last error", error))
    show_table(rows)
    if found is not None and found.ways:
        click.echo()
        headings = (f"{found.ways_of} in", "needs", "main memory", "fits", "how")
        show_table([_way_row(way) for way in found.ways], headings)
    if settings.image_engine == "local":
        click.echo()
        headings = ("known models", "licence", "download", "enabled", "here")
        show_table([_known_row(model) for model in known_models(settings)], headings)


def _known_row(model: "KnownModel") -> tuple[str, ...]:
    licence = model.licence if model.accepted else f"{model.licence}: alya-mcp model accept {model.setting}"
    return (
        model.setting,
        licence,
        _gb(model.size),
        "yes" if model.enabled else "no",
        "yes" if model.here else "no",
    )


def _device_rows(found: "ProbeResult") -> list[tuple[str, str]]:
    memory = f"{_gb(found.free)} of {_gb(found.total)} free"
    main = f", {_gb(found.main)} of main memory" if found.device == "cuda" else ""
    return [
        ("device", f"{found.device}: {found.name}, torch {found.torch}"),
        ("memory", memory + main),
    ]


def _model_rows(settings: Settings, found: "ProbeResult") -> list[tuple[str, str]]:
    if found.refusal is not None:
        return [("model", f"none ({settings.image_model}): {found.refusal}")]
    rows = [("model", f"{found.model} ({settings.image_model})")]
    if found.notice:
        rows.append(("note", found.notice))
    if found.folder is None:
        rows.append(("weights", "not here yet: the first image downloads them, or alya-mcp model pull"))
    else:
        rows.append(("weights", f"complete, in {tilde(Path(found.folder))}"))
    if found.plan is None:
        rows.append(("plan", "known when the weights are here"))
        return rows
    main = f" and {_gb(found.plan.needs_main)} of main memory" if found.plan.needs_main else ""
    rows.append(("plan", str(found.plan.words)))
    rows += [("because" if number == 0 else "", reason) for number, reason in enumerate(found.reasons)]
    rows.append(("needs", f"{_gb(found.plan.needs)} on the device{main}"))
    return rows


def _way_row(way: "Way") -> tuple[str, ...]:
    if way.refusal is not None:
        return (way.precision, "", "", "no", way.refusal.partition(". ")[0])
    main = _gb(way.needs_main) if way.needs_main else "none"
    return (way.precision, _gb(way.needs), main, "yes" if way.fits else "no", str(way.words))


def _gb(size: int) -> str:
    return f"{size / 1e9:.1f} GB"


def _camel(fields: dict[str, Any]) -> dict[str, Any]:
    def name(field: str) -> str:
        first, *rest = field.split("_")
        return first + "".join(word.capitalize() for word in rest)

    return {name(field): value for field, value in fields.items()}
