"""Paths of the user: their home folder, `~`, and paths as they are shown."""

from pathlib import Path


def expanded(path: Path | str) -> Path:
    """`path` with a user's folder for a leading ~; relative as it stands when there is no such user."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def home_folder() -> Path | None:
    """The user's home folder; None for a user without one, which a container may say with a `/`."""
    home = expanded("~")
    return home if home.is_absolute() and home.name else None


def tilde(path: Path | str) -> str:
    """`path` with the user's home folder written as ~."""
    home = home_folder()
    if home is None or not Path(path).is_relative_to(home):
        return str(path)
    return str("~" / Path(path).relative_to(home))
