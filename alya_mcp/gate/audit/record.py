"""The form of an audit record: one JSON line, its last member a keyed hash of everything before it.

A record's hash is the HMAC-SHA256 of the line up to that hash; `prev` is the hash of the record before it.
The first record of a chain has the hash of the chain's name there, so that no chain passes for another.
Names that came from outside are cut and escaped: a line is ASCII, and never longer than about 8 kB.
"""

import hashlib
import os
import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from json.encoder import encode_basestring_ascii
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

from alya_mcp.gate.canonical import canonical
from alya_mcp.gate.errors import AuditError
from alya_mcp.gate.paths import is_absent
from alya_mcp.gate.redaction import REDACTED

KEY_BYTES: Final = 32
SUFFIX: Final = ".jsonl"
_SEALED: Final = b',"hash":"'
_START: Final = re.compile(rb'\{"seq":([0-9]{1,18}),"time":"([^"]{1,40})","prev":"([0-9a-f]{64})",')
_FILE: Final = re.compile(r"[0-9]{8}T[0-9]{12}Z-([0-9a-f]{16})-([0-9]{4,9})\.jsonl\Z")
_BLOCK: Final = 64
_NAME: Final = 128
_KEYS: Final = 64
_REMEMBERED: Final = 1024
_LONGEST_NAMES: Final = 512


class Seal:
    """Keyed hashes with one key, as hexadecimal text."""

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes) -> None:
        padded = key.ljust(_BLOCK, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in padded))

    def of(self, data: bytes) -> str:
        """The HMAC-SHA256 of `data` (RFC 2104), from hash states that hold the key already."""
        inner = self._inner.copy()
        inner.update(data)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.hexdigest()

    def of_arguments(self, arguments: Mapping[str, Any]) -> str:
        """The keyed digest of a call's arguments: the same for equal arguments.

        Raises:
            NotCanonical: when they are not JSON.
        """
        return self.of(b"arguments:" + canonical(arguments))

    def of_chain(self, chain: str) -> str:
        """What the first record of a chain has as `prev`."""
        return self.of(b"chain:" + chain.encode("ascii"))


class Start(NamedTuple):
    """The first members of a line whose hash was right."""

    seq: int
    time: str
    prev: str


def line_of(seal: Seal, seq: int, time: str, prev: str, rest: str) -> tuple[bytes, str]:
    """The record's line and its hash; `rest` is the inside of the object after `prev`."""
    body = f'{{"seq":{seq},"time":"{time}","prev":"{prev}",{rest}'.encode("ascii")
    digest = seal.of(body)
    return b'%b%b%b"}\n' % (body, _SEALED, digest.encode("ascii")), digest


def sealed(seal: Seal, body: bytes) -> bytes:
    """A line of its own: `body`, a JSON object without its closing brace, and its hash."""
    return b'%b%b%b"}\n' % (body, _SEALED, seal.of(body).encode("ascii"))


def hash_of(seal: Seal, line: bytes) -> str | None:
    """The hash of a line (without its end of line), or None when it isn't as it was written."""
    if line[-75:-66] != _SEALED or line[-2:] != b'"}':
        return None
    digest = seal.of(line[:-75])
    return digest if line[-66:-2] == digest.encode("ascii") else None


def check_line(seal: Seal, line: bytes) -> tuple[Start, str] | None:
    """The start and the hash of a record's line, or None when it isn't as it was written."""
    start = _START.match(line)
    if start is None:
        return None
    digest = hash_of(seal, line)
    if digest is None:
        return None
    seq, time, prev = start.groups()
    return Start(int(seq), time.decode("latin-1"), prev.decode("ascii")), digest


def file_name(chain: str, part: int, time_ns: int) -> str:
    """The name of a chain's file; names sort by the time at which the files were begun."""
    seconds, rest = divmod(time_ns, 1_000_000_000)
    stamp = datetime.fromtimestamp(seconds, UTC).strftime("%Y%m%dT%H%M%S")
    return f"{stamp}{rest // 1000:06d}Z-{chain}-{part:04d}{SUFFIX}"


def parse_file_name(name: str) -> tuple[str, int] | None:
    """The chain and the part of an audit file's name; None for another file."""
    match = _FILE.match(name)
    return (match.group(1), int(match.group(2))) if match else None


def text(value: str | None, limit: int = _NAME) -> str:
    """A JSON string for a value from outside, at most `limit` characters of it; `null` for None."""
    if value is None:
        return "null"
    if len(value) > limit:
        value = value[: limit - 1] + "…"
    if not value.isascii():
        value = value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return encode_basestring_ascii(value)


class Quoted(dict[str | None, str]):
    """`text` of what comes again and again, remembered: 1,024 names of at most 128 characters."""

    def __missing__(self, value: str | None) -> str:
        quoted = text(value)
        if len(self) < _REMEMBERED and (value is None or len(value) <= _NAME):
            self[value] = quoted
        return quoted


class ArgumentNames(dict[tuple[str, ...], str]):
    """`names` of sets of arguments that come again and again, remembered: 1,024 of at most 512 characters."""

    def __missing__(self, ordered: tuple[str, ...]) -> str:
        listed = names(dict.fromkeys(ordered))
        if len(self) < _REMEMBERED and sum(map(len, ordered)) <= _LONGEST_NAMES:
            self[ordered] = listed
        return listed


def identifier(value: str | int | None) -> str:
    """A JSON-RPC id as JSON, bounded."""
    if isinstance(value, int):
        return str(int(value)) if -(2**63) <= value < 2**63 else '"(a number of over 64 bits)"'
    return text(value)


def names(arguments: object, redacted: Collection[str] = ()) -> str:
    """A JSON list of the arguments' names, sorted; at most 64 of them, each bounded; redacted ones hidden."""
    if not isinstance(arguments, Mapping):
        return "[]"
    ordered = list(map(str, cast("Mapping[Any, Any]", arguments)))
    if redacted:
        ordered = [REDACTED if name in redacted else name for name in ordered]
    ordered.sort()
    listed = [text(name, 64) for name in ordered[:_KEYS]]
    if len(ordered) > _KEYS:
        listed.append(f'"(and {len(ordered) - _KEYS} more)"')
    return f"[{','.join(listed)}]"


def read_key(path: Path) -> bytes:
    """The key in `path`.

    Raises:
        AuditError: when it is missing, unreadable or no key.
    """
    try:
        key = path.read_bytes()
    except OSError as error:
        raise AuditError(f"the audit key {path} can't be read: {error.strerror or error}") from None
    if len(key) != KEY_BYTES:
        raise AuditError(f"the audit key {path} has {len(key)} bytes, not {KEY_BYTES}; it was damaged")
    return key


def make_key(path: Path) -> bytes:
    """The key in `path`, made at random when there is none; one key, however many processes ask at once.

    Raises:
        AuditError: when it can neither be read nor made.
    """
    if not is_absent(path):
        return read_key(path)
    draft = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
        try:
            os.write(file, os.urandom(KEY_BYTES))
            os.fsync(file)
        finally:
            os.close(file)
        try:
            if os.name == "nt":
                os.rename(draft, path)  # noqa: PTH104 - unlike replace, it fails when the key is there
            else:
                os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise AuditError(f"the audit key {path} can't be made: {error.strerror or error}") from None
    return read_key(path)
