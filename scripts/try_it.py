"""Make one image from this checkout: python3 scripts/try_it.py "a red circle on a blue background".

The first run makes an environment in .venv and installs alya-mcp with all that draws. The last line is the
image's URL. Nothing outside the checkout and alya-mcp's own data folder is changed.
"""

import subprocess
import sys

import environment


def main() -> int:
    if sys.argv[1:2] in (["-h"], ["--help"]):
        print((__doc__ or "").strip())
        return 0
    prompt = " ".join(sys.argv[1:]) or "a red circle on a blue background"
    command = [str(environment.ready(tests=False)), "-m", "alya_mcp", "call", "image_gen", f"prompt={prompt}"]
    try:
        return subprocess.run(command, env=environment.variables(), check=False).returncode
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
