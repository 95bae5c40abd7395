"""The image engine from prompt to URL with an S3 server on this machine, beside plain diffusers.

Starts rclone's S3 server and runs `alya-mcp model bench` with the arguments given here; on a machine with a
GPU: `python scripts/bench/images.py --weights random --precision bf16 --precision fp8`. Where that server
can't be started it says so, measures with the store of this machine and ends with status 1.
"""

import os
import signal
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/support"))

import s3_servers  # noqa: E402  # pyright: ignore[reportMissingImports]


def main() -> int:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        own: dict[str, str] = {}
        try:
            server = stack.enter_context(s3_servers.rclone(folder / "s3"))
        except (OSError, RuntimeError) as error:
            label = "random weights: " if "random" in sys.argv else ""
            print(f"{label}Error: no S3 server here, the store of this machine is used: {error}", flush=True)
        else:
            own = {
                "ALYA_S3_BUCKET": server.bucket,
                "ALYA_S3_ENDPOINT_URL": server.url,
                **server.credentials(),
            }
        command = [sys.executable, "-m", "alya_mcp", "model", "bench", *sys.argv[1:]]
        with subprocess.Popen(command, env={**os.environ, **own}, cwd=ROOT) as bench:
            # Each ends the measurement, which then shows what it has; Ctrl-C reaches it by itself.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, lambda number, _: bench.send_signal(number))
            status = bench.wait()
    return status or (0 if own else 1)


if __name__ == "__main__":
    sys.exit(main())
