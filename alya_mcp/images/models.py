"""Chooses the model, from ALYA_IMAGE_MODEL and the machine's memory."""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from alya_mcp.errors import NotConfigured
from alya_mcp.images.families import MODELS, SCHNELL, Model, family_of, known
from alya_mcp.images.plan import Machine, choose_plan
from alya_mcp.images.weights import cached, require_whole
from alya_mcp.runtime.paths import expanded

RANDOM: Final = "random:"
"""Prefix of a known model's setting that selects random weights, for benchmarks only."""
SKETCH: Final = "alya-sketch"
SKETCH_FOLDER: Final = Path(__file__).parent / "sketch"

_SHOW_NOTHING: Final = """
2 3 4k a above against an and art at beautiful behind below beneath beside by can clean clear couple create
crisp cute design digital draw drawing during few five four from generate hand high i illustration image in
is it like lovely make many me near next nice of on one over paint painting pair perfect photo picture please
pretty quality several show side simple single sketch some style thank that the there three through to towards
two under underneath vector very want while with would you
"""
SHOW_NOTHING: Final = frozenset(_SHOW_NOTHING.split())
"""Words of a vocabulary that depict nothing by themselves."""

HUB_ID: Final = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
"""The id of a repository on the Hugging Face hub: owner/name."""
_SETTINGS: Final = ", ".join(f"'{model.setting}'" for model in MODELS)
_HOW: Final = (
    f"For FLUX.1-schnell: accept its terms at https://huggingface.co/{SCHNELL.repository}, set HF_TOKEN to a "
    "token of that account, run 'alya-mcp model pull' (34 GB), and restart the client"
)
_LEAVE_OUT: Final = (
    "Leave it out to draw with FLUX.1-schnell where that runs; 'alya-mcp model status' shows what fits"
)
_HARDWARE: Final = (
    "FLUX.1-schnell runs on a CUDA GPU of the RTX 30 series or later, the more memory the faster, from 4 GB "
    "on, and on Apple silicon with 24 GB; 'alya-mcp model status' shows what fits"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A model to load: from `folder`, or from the hub if only `repository` is given.

    `model` is the known one, if it is one. `name` is what results call it, `notice` what the user should know
    of it, `full_precision` whether it is loaded in float32 on every device, `flat` whether a picture of one
    colour is one it may mean. `only_side` is the side in pixels of the square pictures that are all it was
    trained on. `blind` is whether its autoencoder can't read a picture.
    """

    name: str
    notice: str | None
    model: Model | None = None
    folder: Path | None = None
    repository: str | None = None
    full_precision: bool = False
    flat: bool = False
    only_side: int | None = None
    blind: bool = False


def choose(wanted: str, machine: Machine, precision: str = "auto") -> Choice:
    """The model for `wanted`: `auto`, a known model, `sketch`, a folder's full path or a hub id.

    Raises:
        NotConfigured: there is no such model, or the machine can't hold it in `precision`.
    """
    if wanted == "auto":
        return _automatic(machine, precision)
    if wanted == "sketch":
        return _sketch("ALYA_IMAGE_MODEL asks for it", _LEAVE_OUT)
    if model := known(wanted):
        _require_gpu(machine, model)
        choose_plan(machine, model.weights, precision)
        return _known(model, cached(model.repository))
    if model := random_model(wanted):
        _require_gpu(machine, model)
        return Choice(
            name=f"random weights in {model.name}'s shapes",
            notice="Drawn with random weights to measure speed; it shows nothing",
            model=model,
            flat=True,
        )
    path = expanded(wanted)
    if path.is_absolute():
        return _local(path)
    if HUB_ID.fullmatch(wanted):
        notice = f"Drawn with {wanted}, not with FLUX.1-schnell"
        return Choice(name=wanted, notice=notice, repository=wanted, folder=cached(wanted))
    raise NotConfigured(
        f"ALYA_IMAGE_MODEL is {wanted!r:.80}; it takes 'auto', {_SETTINGS}, 'sketch', the full path of a "
        "folder, or a hub id such as owner/name"
    )


def random_model(wanted: str) -> Model | None:
    """The model that `wanted` asks for with random weights, or None."""
    return known(wanted.removeprefix(RANDOM)) if wanted.startswith(RANDOM) else None


def steps_of(wanted: str) -> int:
    """The number of steps that the model for `wanted` is trained for; FLUX.1-schnell's if unknown."""
    model = random_model(wanted) or known(wanted)
    folder = expanded(wanted)
    family = model.family if model else family_of(folder) if folder.is_absolute() else None
    return (family or SCHNELL.family).steps


def is_folder(path: Path) -> bool:
    """Whether the path is a readable folder."""
    return os.path.isdir(path)  # noqa: PTH112 - Path.is_dir raises where a name is too long or a folder closed


def known_words(folder: Path) -> frozenset[str] | None:
    """The vocabulary of the model in `folder`, or None."""
    try:
        words: object = json.loads((folder / "vocabulary.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(words, list):
        return None
    return frozenset(word.lower() for word in cast("list[Any]", words) if isinstance(word, str))


def _automatic(machine: Machine, precision: str) -> Choice:
    if machine.device == "cpu":
        passed_over = f" ({machine.passed_over})" if machine.passed_over else ""
        return _sketch(
            f"FLUX.1-schnell needs a GPU, and this machine has none that can be used{passed_over}", _HARDWARE
        )
    try:
        choose_plan(machine, SCHNELL.weights, precision)
    except NotConfigured as why:
        return _sketch(f"FLUX.1-schnell doesn't run here ({str(why).partition('. ')[0]})", _HARDWARE)
    folder = cached(SCHNELL.repository)
    if folder is None:
        return _sketch("the weights of FLUX.1-schnell are not on this machine", _HOW)
    return _known(SCHNELL, folder)


def _known(model: Model, folder: Path | None) -> Choice:
    return Choice(name=model.name, notice=None, model=model, repository=model.repository, folder=folder)


def _sketch(why: str, remedy: str) -> Choice:
    if not (SKETCH_FOLDER / "model_index.json").exists():
        raise NotConfigured(
            "The small bundled model is missing from this installation; install alya-mcp again, or set "
            "ALYA_IMAGE_MODEL to another model"
        )
    return Choice(
        name=SKETCH,
        notice=f"Drawn by {SKETCH}, the small model that comes with alya-mcp, not by FLUX.1-schnell: {why}. "
        f"{remedy}",
        folder=SKETCH_FOLDER,
        full_precision=True,
        flat=True,
        only_side=1024,
        blind=True,
    )


def _local(path: Path) -> Choice:
    if not is_folder(path):
        raise NotConfigured(
            "ALYA_IMAGE_MODEL names a folder that doesn't exist on this machine; set it to a folder with a "
            f"pipeline of diffusers, 'auto', {_SETTINGS}, 'sketch' or a hub id"
        )
    require_whole(path, "The folder that ALYA_IMAGE_MODEL names")
    return Choice(
        name=path.name,
        notice=f"Drawn with the model in the local folder {path.name!r}, not with FLUX.1-schnell",
        folder=path,
    )


def _require_gpu(machine: Machine, model: Model) -> None:
    if machine.passed_over is not None:
        raise NotConfigured(
            f"{model.name} needs a GPU, and this machine's can't be used: {machine.passed_over}. Set "
            "ALYA_IMAGE_MODEL to 'sketch' for the small bundled model, which the CPU draws, or leave it out"
        )
    if machine.device == "cpu":
        raise NotConfigured(
            f"{model.name} needs a GPU and this machine has none that can be used: without one its "
            f"{model.size / 1e9:.0f} GB of weights take {_minutes(model.work / 0.15)} to "
            f"{_minutes(model.work / 0.1)} minutes per image. Set ALYA_IMAGE_MODEL to 'sketch' for the small "
            "bundled model, or leave it out"
        )


def _minutes(seconds: float) -> int:
    """An estimate, rounded up to five minutes."""
    return max(5, 5 * round(seconds / 60 / 5))
