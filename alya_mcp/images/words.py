"""Describes the image engine's state, for `alya_status`, `alya-mcp doctor` and `model status`."""

from datetime import UTC, datetime

from alya_mcp.images.engine import EngineStatus, Replicas


def engine_words(status: EngineStatus) -> str:
    """The engine without its model and its last failure."""
    said = [_state(status)]
    if status.pid is not None and status.state != "stuck":
        said.append(f"Waiting: {status.waiting}. Servers that share the worker: {status.clients}")
    memory = [
        f"{name.replace('_', ' ')} {size / 1e9:.2f} GB"
        for name, size in sorted((status.memory or {}).items())
    ]
    if memory:
        said.append(f"Memory: {', '.join(memory)}")
    if status.temperature is not None:
        said.append(f"Temperature of the device: {status.temperature} \N{DEGREE SIGN}C")
    if status.measured is not None and status.state == "busy" and status.model is not None:
        said.append(f"The device was measured before this image, at {_moment(status.measured)}")
    return ". ".join(said)


def model_words(status: EngineStatus) -> str | None:
    """The model in memory and how it is run; None where there is none."""
    if status.model is None:
        return None
    return f"{status.model} on {status.device or 'no device'}" + (f": {status.plan}" if status.plan else "")


def error_words(status: EngineStatus) -> str | None:
    """The last failure that was reported, or None."""
    if status.last_error is None:
        return None
    when = "" if status.last_error_at is None else f" ({_moment(status.last_error_at)})"
    return f"Last error{when}: {status.last_error}"


def _state(status: EngineStatus) -> str:
    if status.replicas is not None:
        return _replicas(status.replicas, status.waiting)
    match status.state:
        case "not installed" | "stuck":
            return status.why or "The image engine doesn't say why"
        case "stopped":
            return _stopped(status)
        case "leaving":
            return "The image worker finishes its work and ends; the next image starts a fresh one"
        case "busy":
            return status.loading or "An image is being drawn"
        case "idle":
            return _idle(status)


def _stopped(status: EngineStatus) -> str:
    why = status.why if status.unused is None else f"it was idle for {status.unused:g} s"
    if why is None:
        return "Nothing is loaded; the first image starts the worker"
    return (
        f"The image worker stopped because {why}, and gave all its memory back; the next image starts it "
        "again"
    )


def _idle(status: EngineStatus) -> str:
    if status.model is None:
        return "The image worker runs; nothing is loaded yet"
    models = " and ".join((status.model, *status.others))
    said = f"{models} {'are' if status.others else 'is'} loaded and ready"
    if status.leaves_in is None:
        return said
    return (
        f"{said}; no server uses it, and it ends in {status.leaves_in:.0f} s unless one does "
        "(ALYA_IMAGE_LINGER)"
    )


def _replicas(replicas: Replicas, waiting: int) -> str:
    here = f" at this one of {replicas.ingresses} ingresses" if replicas.ingresses > 1 else ""
    return (
        f"{replicas.ready} of {replicas.total} replicas on Ray are ready; {replicas.drawing} images are "
        f"drawn, {waiting} wait{here}"
    )


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
