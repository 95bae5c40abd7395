"""Make one image from this checkout: python3 scripts/try_it.py "a red circle on a blue background"."""

import subprocess
import sys

import environment


def main() -> int:
    prompt = " ".join(sys.argv[1:]) or "a red circle on a blue background"
    command = [str(environment.ready(tests=False)), "-m", "alya_mcp", "call", "image_gen", f"prompt={prompt}"]
    return subprocess.run(command, env=environment.variables(), check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
