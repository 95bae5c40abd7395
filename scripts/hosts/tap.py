"""Stands between a host and the server and writes every line down: tap.py FOLDER COMMAND [ARGUMENT ...].

It uses the standard library's smallest parts, so that it adds little to the server's start.
"""

import json
import os
import subprocess
import sys
import threading
import time

LONGEST = 4_000


def main() -> int:
    log = os.open(
        os.path.join(sys.argv[1], f"{time.time():.3f}-{os.getpid()}.jsonl"),  # noqa: PTH118 - pathlib is slow
        os.O_WRONLY | os.O_CREAT | os.O_APPEND,
        0o600,
    )
    write(log, "started", b"")
    server = subprocess.Popen(sys.argv[2:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert server.stdin is not None
    assert server.stdout is not None
    down = threading.Thread(target=copy, args=(0, server.stdin.fileno(), log, "host"), daemon=True)
    down.start()
    copy(server.stdout.fileno(), 1, log, "server")
    return server.wait()


def copy(source: int, target: int, log: int, who: str) -> None:
    """Pass on what comes until it ends, and note each line."""
    rest = b""
    try:
        while data := os.read(source, 1 << 16):
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                write(log, who, line)
            while data:
                data = data[os.write(target, data) :]
    except OSError:
        pass
    write(log, f"{who} closed", b"")
    os.close(target)


def write(log: int, who: str, line: bytes) -> None:
    note = {
        "at": time.time(),
        "who": who,
        "bytes": len(line),
        "line": line[:LONGEST].decode(errors="replace"),
    }
    os.write(log, json.dumps(note).encode() + b"\n")


if __name__ == "__main__":
    raise SystemExit(main())
