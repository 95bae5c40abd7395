"""Serves one conversation after another, each by a process of its own in which all imports are done already.

A line of input is a JSON object: the `home` of a server and the file that holds its `input`. The answer is a
line too: what a server wrote whose standard input was a pipe (`piped`) and one that read the file (`filed`).
"""

import json
import os
import sys
from pathlib import Path

import alya_mcp.app.gate
import alya_mcp.cli.serve
import alya_mcp.server.opening
import alya_mcp.server.session  # noqa: F401
from alya_mcp.__main__ import main as alya_mcp_main
from alya_mcp.tools import load_catalogue


def served(home: str, incoming: int) -> str:
    """What a server with `home` writes before it ends, which has to be well; closes `incoming`."""
    reading, outgoing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        os.dup2(incoming, 0)
        os.dup2(outgoing, 1)
        os.close(incoming)
        os.close(outgoing)
        os.environ["ALYA_HOME"] = home
        sys.argv = ["alya-mcp"]
        alya_mcp_main()  # which ends this process
    os.close(incoming)
    os.close(outgoing)
    with os.fdopen(reading, "rb") as answers:
        written = answers.read()
    _, status = os.waitpid(child, 0)
    assert status == 0, status
    return written.decode()


def piped(home: str, text: bytes) -> str:
    """As `served`, on a pipe that holds all of `text` from the beginning."""
    incoming, outgoing = os.pipe()
    assert len(text) < 4096, "the least that a pipe may hold"
    os.write(outgoing, text)
    os.close(outgoing)
    return served(home, incoming)


def main() -> None:
    load_catalogue()
    for line in iter(sys.stdin.readline, ""):
        asked = json.loads(line)
        file = Path(asked["input"])
        answer = {
            "piped": piped(asked["home"], file.read_bytes()),
            "filed": served(asked["home"], os.open(file, os.O_RDONLY)),
        }
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
