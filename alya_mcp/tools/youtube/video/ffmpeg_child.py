"""The child process that runs ffmpeg and ends it when its parent's pipe closes.

Its arguments are ffmpeg's command line. It imports the standard library only.
"""

import os
import subprocess
import sys
import threading


def main() -> None:
    """Run the command; exit with its status, 1 where a signal ended it."""
    with subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL) as process:  # noqa: S603 - our own command
        threading.Thread(target=_end_with_starter, args=(process,), daemon=True).start()
        status = process.wait()
    sys.stdout.flush()
    os._exit(status if status >= 0 else 1)


def _end_with_starter(process: subprocess.Popen[bytes]) -> None:
    try:
        while os.read(0, 4096):
            pass
    except OSError:
        pass
    process.kill()
