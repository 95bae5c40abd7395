"""Try approvals from this checkout: python3 scripts/try_approvals.py.

Calls that ask are approved by a click in a real browser on the dashboard, and by a tap in ntfy and in
Telegram, which are played on this machine; then the known attacks on each are tried, and have to fail. It
takes this machine's Chromium, or has Playwright fetch one. The first run makes an environment in .venv.
"""

import shutil
import subprocess
import sys

import environment

CLICK = "tests/dashboard/test_dashboard_browser.py::test_a_call_over_stdio_that_asks_runs_once_after_a_click"
SHOWN = (
    CLICK,
    "tests/server/test_notify_over_the_wire.py",
    "tests/notify",
    "tests/dashboard/test_dashboard_attacks.py",
)
"""A click; a tap, with forged and foreign ones; tokens and services on bad days; the dashboard's attacks."""


def main() -> int:
    if sys.argv[1:2] in (["-h"], ["--help"]):
        print((__doc__ or "").strip())
        return 0
    python = str(environment.ready(tests=True))
    if _fails(python, "-c", "import playwright.sync_api"):
        print("installing Playwright into .venv", file=sys.stderr)
        if _fails(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "playwright"):
            return 2
    if not (shutil.which("chromium") or shutil.which("chromium-browser")) and _fails(
        python, "-m", "playwright", "install", "chromium"
    ):
        print("No Chromium: install one, such as Debian's package chromium", file=sys.stderr)
        return 2
    shown = ["-v", "--no-header", "-m", "not gpu", *SHOWN]
    try:
        return subprocess.run(
            [python, "-m", "pytest", *shown], cwd=environment.ROOT, env=environment.variables(), check=False
        ).returncode
    except KeyboardInterrupt:
        return 130


def _fails(*command: str) -> bool:
    quiet = subprocess.DEVNULL if "-c" in command else None
    return subprocess.run(command, stderr=quiet, check=False).returncode != 0


if __name__ == "__main__":
    sys.exit(main())
