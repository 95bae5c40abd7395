"""The state of a store, as data and as sentences without secrets and private paths."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

StoreState = Literal["ok", "failing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalStatus:
    """The store on this machine: `free` are bytes of its disk.

    Links that are open are served at `port` until `until`, and were at `moved_from` before another program
    took that port; None where no link is open. `problem` says what is wrong, `reason` what the system says.
    """

    state: StoreState
    free: int | None = None
    port: int | None = None
    until: datetime | None = None
    moved_from: int | None = None
    problem: Literal["not writable", "not readable", "links not served"] | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketStatus:
    """The store in a bucket, which answered at `host`; `reason` says why it fails.

    `region` was found out because none was set. Where it can't be listed (`listable`), only an upload shows
    more. `temporary` credentials end, at `credentials_end` or at a time that they don't tell.
    """

    state: StoreState
    bucket: str
    host: str | None = None
    region: str | None = None
    listable: bool = True
    temporary: bool = False
    credentials_end: datetime | None = None
    reason: str | None = None


StoreStatus = LocalStatus | BucketStatus


def status_words(status: StoreStatus) -> str:
    """The status in sentences."""
    return _local(status) if isinstance(status, LocalStatus) else _bucket(status)


def _local(status: LocalStatus) -> str:
    if status.problem == "not writable":
        return "ALYA_HOME/images can't be written: access is denied, or it isn't a folder."
    if status.problem == "not readable":
        return f"ALYA_HOME can't be read: {status.reason}."
    free = "" if status.free is None else f" ({status.free / 1e9:,.2f} GB free)"
    goes = f"Images go to ALYA_HOME/images{free}"
    if status.problem == "links not served":
        return (
            f"{goes}; links are open, but the process that serves them has ended. "
            "The next image or a restart of the server starts it again."
        )
    if status.port is None or status.until is None:
        return f"{goes}; no link is open."
    moved = (
        ""
        if status.moved_from is None
        else f" Port {status.moved_from} was taken by another program; links made for it don't open."
    )
    return f"{goes}; links at http://127.0.0.1:{status.port} are open until {_minute(status.until)}.{moved}"


def _bucket(status: BucketStatus) -> str:
    if status.reason is not None:
        return status.reason
    said = [f"The bucket {status.bucket!r} at {status.host} answers."]
    if not status.listable:
        said.append("It can't be listed, so the first image shows whether uploads work.")
    if status.credentials_end is not None:
        end = _minute(status.credentials_end)
        said.append(f"The credentials last until {end}; links open no longer than that.")
    elif status.temporary:
        said.append(
            "The credentials are temporary and don't say until when; links may end earlier than told."
        )
    if status.region is not None:
        said.append(f"It is in {status.region}; setting ALYA_S3_REGION to that saves a request.")
    return " ".join(said)


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
