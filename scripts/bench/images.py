"""The image engine from prompt to URL with an S3 server on this machine, beside plain diffusers.

Starts rclone's S3 server and runs `alya-mcp model bench` with the arguments given here; on a machine with a
GPU: `python scripts/bench/images.py --weights random --precision bf16 --precision fp8`
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

import s3_servers  # noqa: E402  # pyright: ignore[reportMissingImports]


def main() -> int:
    with tempfile.TemporaryDirectory() as folder, s3_servers.rclone(Path(folder) / "s3") as server:
        own = {"ALYA_S3_BUCKET": server.bucket, "ALYA_S3_ENDPOINT_URL": server.url, **server.credentials()}
        command = [sys.executable, "-m", "alya_mcp", "model", "bench", *sys.argv[1:]]
        return subprocess.run(command, env={**os.environ, **own}, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
