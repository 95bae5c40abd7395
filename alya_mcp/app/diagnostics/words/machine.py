"""Python, the packages, the settings and the folder of the state, in words."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from alya_mcp.app.diagnostics.check import Words
from alya_mcp.runtime.environment import unfilled
from alya_mcp.runtime.paths import tilde

# -- Python and the packages ------------------------------------------------------------------------


def python(version: str, executable: Path, release: str, platform: str) -> Words:
    """The interpreter can be used."""
    return Words(f"Python {version} ({tilde(executable)}), alya-mcp {release}, {platform}")


def python_too_old(version: str, executable: Path, release: str, oldest: str) -> Words:
    """The interpreter is older than `oldest`."""
    found = f"Python {version} ({tilde(executable)}), alya-mcp {release}"
    return Words(found, f"Install Python {oldest} or newer and install alya-mcp into it.")


def packages(versions: Mapping[str, str]) -> Words:
    """The packages of the base install are there."""
    return Words(_versions(versions))


def packages_missing(missing: Sequence[str], command: str) -> Words:
    """Some of them aren't; `command` installs them."""
    return Words(f"missing: {', '.join(missing)}", _again(command))


def packages_unsuitable(versions: Mapping[str, str], needed: str, command: str) -> Words:
    """One has a version that this one can't be used with."""
    return Words(f"{_versions(versions)}; this version needs {needed}", _again(command))


def s3_package(versions: Mapping[str, str]) -> Words:
    """Buckets can be used."""
    return Words(_versions(versions))


def s3_package_missing(advice: str) -> Words:
    """A bucket is set that can't be used; `advice` says what installs the package."""
    return Words("ALYA_S3_BUCKET is set, but boto3 is missing", advice)


def s3_package_not_needed() -> Words:
    """No bucket is set."""
    return Words("not installed, and not needed: pictures stay on this machine")


def image_packages(versions: Mapping[str, str], folder: Path | None) -> Words:
    """What draws is here, or in the environment in `folder`, which `alya-mcp engine install` made."""
    return Words(_versions(versions) + ("" if folder is None else f", in {tilde(folder)}"))


def image_packages_missing(reason: str, command: str) -> Words:
    """Nothing draws; `command` installs what does."""
    return Words(reason, command)


# -- settings ---------------------------------------------------------------------------------------


def placeholder(variable: str, placeholder: str) -> Words:
    """A client left its own placeholder in a variable."""
    (sentence,) = unfilled({variable: placeholder})
    return Words(sentence, "Fill it in in the client's configuration, or take it out there.")


def settings_invalid(reason: str) -> Words:
    """A variable holds a value that can't be used."""
    return Words(reason, "Change or unset it; the other parts were not looked at.")


def settings(variables: Sequence[str]) -> Words:
    """The variables that are set."""
    return Words(f"set: {', '.join(variables)}" if variables else "all at their defaults")


def setting_unknown(variable: str, nearest: str | None) -> Words:
    """A variable that nothing reads, and the name that may be meant."""
    remedy = f"Did you mean {nearest}?" if nearest else "Remove it."
    return Words(f"{variable} is set, but nothing reads it", remedy)


def grant(label: str, grant: str) -> Words:
    """The grant whose token is set: its label and id."""
    return Words(f"{label} ({grant})")


def grant_unknown() -> Words:
    """The token that is set belongs to no grant that counts."""
    return Words(
        "ALYA_GRANT holds no token that counts: every call is denied",
        "`alya-mcp grants rotate LABEL` shows a new one; without ALYA_GRANT the caller is local.",
    )


def grant_unreadable(reason: str) -> Words:
    """The grants can't be read."""
    return Words(reason, "Calls are denied until the grants can be read.")


# -- the folder of the state ------------------------------------------------------------------------


def home(folder: Path, free: int) -> Words:
    """The folder can be written, and has room."""
    return Words(_home(folder, free))


def home_absent(folder: Path, free: int) -> Words:
    """The folder doesn't exist, and can be made."""
    return Words(f"{_home(folder, free)}; made when first needed")


def home_little_room(folder: Path, free: int, least: int) -> Words:
    """Less than `least` is free."""
    found = f"{_home(folder, free)}, less than {least / 1e9:.1f} GB"
    return Words(found, "Make room on this disk, or set ALYA_HOME to a folder on another one.")


def home_not_a_folder(path: Path) -> Words:
    """`path` is in the way of the folder, or in its place."""
    return Words(f"{tilde(path)} is not a folder", "Set ALYA_HOME to a folder.")


def home_unwritable(folder: Path, reason: str | None, nearest: Path) -> Words:
    """Nothing can be written to the folder, or to the `nearest` that exists."""
    remedy = f"Give yourself write access to {tilde(nearest)}, or set ALYA_HOME to another folder."
    return Words(f"{tilde(folder)} can't be written: {reason}", remedy)


def home_open_to_others(folder: Path) -> Words:
    """Other users can change what is in the folder."""
    what = f"other users of this machine can write into {tilde(folder)}, and so change the policy"
    return Words(what, f"chmod 700 {tilde(folder)}")


def state(file: Path, size: int) -> Words:
    """The state can be read and written."""
    return Words(f"whole, {size / 1e6:.1f} MB in {tilde(file)}")


def state_absent() -> Words:
    """There is no state yet."""
    return Words("nothing is kept yet")


def state_unusable(reason: str, remedy: str) -> Words:
    """The state can't be used."""
    return Words(reason, remedy)


def _versions(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def _again(command: str) -> str:
    return f"Install alya-mcp again, with --force or --force-reinstall: {command}"


def _home(folder: Path, free: int) -> str:
    return f"{tilde(folder)}, {free / 1e9:.1f} GB free"
