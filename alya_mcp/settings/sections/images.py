"""What draws pictures, and for how long it is kept."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from alya_mcp.settings import parsers
from alya_mcp.settings.precisions import REQUESTED, Requested
from alya_mcp.settings.setting import Offer, Setting

EngineName = Literal["local", "ray"]


@dataclass(frozen=True, kw_only=True)
class ImageSettings:
    """What draws pictures, and for how long it is kept."""

    image_model: Annotated[
        str,
        Setting(
            parse=parsers.model,
            meaning="`auto`, `flux-schnell`, `flux2-klein-4b`, `z-image-turbo`, `flux2-klein-9b`, `sketch`, "
            "a folder with such a pipeline, or a hub id",
            page="images.md#which-model-draws",
            read_by=("image worker",),
            offer=Offer(
                "auto, flux-schnell, sketch, a folder or a hub id. Empty: auto, what this machine can run.",
                "Model",
            ),
        ),
    ] = "auto"
    image_models: Annotated[
        tuple[str, ...],
        Setting(
            parse=parsers.models,
            meaning="further models that a call may choose with `model`, with commas between: the same names",
            page="images.md#one-model-or-several",
        ),
    ] = ()
    image_references_from: Annotated[
        tuple[str, ...],
        Setting(
            parse=parsers.host_names,
            meaning="hosts from which `references` of image_gen may be fetched, with commas between; "
            "`*.example.com` for those below it",
            unset="none: only earlier pictures",
            page="images.md#pictures-from-pictures",
        ),
    ] = ()
    image_engine: Annotated[
        EngineName,
        Setting(
            parse=parsers.choice(EngineName),
            meaning="`local`: this machine draws; `ray`: a cluster does",
            page="scale.md",
            read_by=("image worker",),
        ),
    ] = "local"
    image_precision: Annotated[
        Requested,
        Setting(
            parse=parsers.one_of(REQUESTED),
            meaning="`auto`: the best that fits; `bf16`, `fp8`, `int8` or `int4`: that one or a refusal "
            "with the figures",
            page="images.md#how-it-is-run",
            read_by=("image worker",),
        ),
    ] = "auto"
    image_warm: Annotated[
        bool,
        Setting(
            parse=parsers.flag,
            meaning="`1` loads the model when the server starts instead of at the first image, for clients "
            "that give up early",
            page="images.md#clients-that-give-up-early",
        ),
    ] = False
    image_memory: Annotated[
        int | None,
        Setting(
            parse=parsers.gigabytes,
            meaning="gigabytes of the device's memory that the image worker may take at most; the server "
            "that starts the worker decides",
            unset="all that is free",
            read_by=("image worker",),
        ),
    ] = None
    image_idle: Annotated[
        float,
        Setting(
            parse=parsers.seconds(0),
            meaning="seconds without work after which the image worker ends and gives all its memory back; "
            "`0` for never",
            read_by=("image worker",),
        ),
    ] = 900
    image_linger: Annotated[
        float,
        Setting(
            parse=parsers.seconds(0, "to end with the last server"),
            meaning="seconds for which the image worker keeps the model loaded after its last server has "
            "ended, so that the next one doesn't load it again; `0` to end with the last server",
            read_by=("image worker",),
        ),
    ] = 120
    image_deadline: Annotated[
        float,
        Setting(
            parse=parsers.seconds(1),
            meaning="seconds that a picture may take, waiting and drawing, but not downloading or loading "
            "the model",
            read_by=("image worker",),
        ),
    ] = 600
    ray_url: Annotated[
        str | None,
        Setting(
            parse=parsers.web_address("http://head:8000"),
            meaning="where the cluster answers, such as `http://head:8000`; needed with `ray`, as is the "
            "token",
            page="scale.md",
        ),
    ] = None
    ray_token: Annotated[
        str | None, Setting(meaning="the cluster's token, at least 16 characters", secret=True)
    ] = field(default=None, repr=False)
