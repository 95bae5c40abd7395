"""The Ray Serve application: `serve run alya_mcp.images.ray.app:build replicas=8` on a Ray cluster."""

import math
from collections.abc import Callable
from typing import Annotated, Any, Final, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from ray import serve
from ray.serve import Application

from alya_mcp import __version__
from alya_mcp.images.licences import require_accepted
from alya_mcp.images.ray.ingress import Ingress, room
from alya_mcp.images.ray.replica import Replica
from alya_mcp.images.renderer import Renderer
from alya_mcp.settings import Settings
from alya_mcp.settings.precisions import Requested

_REPLICAS_PER_INGRESS: Final = 8
"""Replicas per ingress: an ingress handles about 20 images a second, 3 MB each."""
_AT_ONCE: Final = 2
"""Jobs per replica: the one that is drawn, and the next (see `Replica`)."""
_DRAIN: Final = 60.0
"""Seconds that a new deployment gives an ingress to finish; servers retry the rest."""
_DRAIN_REPLICA: Final = 20.0
"""Seconds that a replica has to finish its two jobs before it is ended, even if it hangs."""
_HEALTH: Final = {"health_check_period_s": 5.0, "health_check_timeout_s": 10.0}
"""A replica that fails three checks is replaced after 45 s. It answers while it draws and compiles."""
_REPLICA: Final = "Replica"


def _listed(given: object) -> object:
    """The command line of `serve` gives a list as text."""
    return [each for part in given.split(",") if (each := part.strip())] if isinstance(given, str) else given


class Options(BaseModel):
    """The operator's options; callers choose only among `model` and `models`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: Annotated[str, Field(description="What ALYA_IMAGE_MODEL takes, on every machine.")] = (
        "flux-schnell"
    )
    models: Annotated[
        tuple[str, ...],
        BeforeValidator(_listed),
        Field(description="Further models that calls may choose, with commas between."),
    ] = ()
    precision: Annotated[Requested, Field(description="Of the weights, as ALYA_IMAGE_PRECISION.")] = "auto"
    replicas: Annotated[int, Field(ge=1, description="Replicas, each a process with its own model.")] = 1
    gpus: Annotated[float, Field(ge=0, description="GPUs per replica; 0 draws on CPUs.")] = 1
    cpus: Annotated[float, Field(ge=0, description="CPU cores per replica, as Ray counts them.")] = 1
    waiting: Annotated[int, Field(ge=0, description="Images that may wait, per replica.")] = 16
    fronts: Annotated[int | None, Field(ge=1, description="Ingresses; as many as needed if absent.")] = None


def build(options: Options) -> Application:
    """The application with FLUX; `serve` calls this with the arguments of its command line or file.

    Raises:
        NotConfigured: the licence of a model wasn't accepted on this machine.
    """
    for model in (options.model, *options.models):
        require_accepted(Settings.from_environment().home, model)
    return application(options, _flux)


def application(options: Options, create: Callable[[], Renderer]) -> Application:
    """The application that draws with the renderers that `create` makes."""
    fronts = options.fronts or math.ceil(options.replicas / _REPLICAS_PER_INGRESS)
    seats = room(options.replicas, options.waiting, fronts)
    deployed = cast("Any", serve).deployment
    replica = deployed(Replica).options(
        name=_REPLICA,
        num_replicas=options.replicas,
        user_config={
            "model": options.model,
            "models": list(options.models),
            "precision": options.precision,
            "version": __version__,
        },
        max_ongoing_requests=_AT_ONCE,
        # The ingresses limit the queue: in theirs a job whose replica is lost keeps its place.
        max_queued_requests=-1,
        graceful_shutdown_timeout_s=_DRAIN_REPLICA,
        **_HEALTH,
        ray_actor_options={"num_gpus": options.gpus, "num_cpus": options.cpus},
    )
    ingress = deployed(Ingress).options(
        name="Ingress",
        num_replicas=fronts,
        # Room for refusals and status requests beside the jobs.
        max_ongoing_requests=2 * seats + 100,
        graceful_shutdown_timeout_s=_DRAIN,
        ray_actor_options={"num_cpus": 0.1},
    )
    hands = math.ceil(_AT_ONCE * options.replicas / fronts)
    return ingress.bind(replica.bind(create), _REPLICA, seats, hands)


def _flux() -> Renderer:
    from alya_mcp.images.flux.renderer import FluxRenderer

    return FluxRenderer()
