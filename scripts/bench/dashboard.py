"""How quick the dashboard is with a large audit log: python scripts/bench/dashboard.py [RECORDS].

Writes a log of that many records (1,000,000) by the package's own writer into a temporary home, starts the
dashboard on it, waits for its index, and measures requests, the weight of pages and, where Playwright and a
chromium are installed, the first paint in a browser. Prints a table and the raw figures as JSON.
"""

import contextlib
import http.client
import importlib
import json
import os
import random
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from alya_mcp.gate import Audit, Call, Decision, SqliteState
from alya_mcp.tools import NAMES

RULES = ("/tools/image_gen/rate_limit", "/all_tools/budget", "(default deny)", "/tools/web_search/action")
CALLERS = ("local", "claude-laptop", "nightly-job", "ci")
DAYS = 90
TRIES = 15


class Wound:
    """A clock that a test of ninety days can turn."""

    def __init__(self, begin: int) -> None:
        self.now = begin

    def time_ns(self) -> int:
        return self.now

    def monotonic_ns(self) -> int:
        return self.now


def write_log(home: Path, records: int) -> None:
    """A log of about `records` records over `DAYS` days."""
    rng = random.Random(7)
    state = SqliteState(home / "state.sqlite")
    clock = Wound(time.time_ns() - DAYS * 86_400_000_000_000)
    step = DAYS * 86_400_000_000_000 // records
    audit = Audit(home / "audit", state, clock)
    written = 0
    while written < records:
        clock.now += step * 2
        tool, caller = rng.choice(NAMES), rng.choice(CALLERS)
        call = Call(
            tool=tool, arguments={"prompt": ""}, session=f"s{written % 997}", grant=caller, request=written
        )
        if rng.random() < 0.12:
            rule = rng.choice(RULES)
            audit.decided(call, Decision("deny", rule, f"{tool}: refused ({rule})", None, "f" * 64), "0" * 64)
            written += 1
        else:
            number = audit.decided(call, Decision("allow", "", "", None, "f" * 64), "0" * 64)
            audit.settled(call, number, "ok", rng.random() * 900, 0.001)
            written += 2
    audit.close()
    state.close()


class Dashboard:
    """A running dashboard, signed in to."""

    def __init__(self, home: Path) -> None:
        command = [sys.executable, "-m", "alya_mcp", "dashboard", "--no-open"]
        self.env = {**os.environ, "ALYA_HOME": str(home)}
        self.process = subprocess.Popen(command, env=self.env, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        link = self.process.stdout.readline().strip()
        self.netloc = urlsplit(link).netloc
        self.cookie = ""
        text = self.get(urlsplit(link).path)
        found = re.search(r"url=(/[^/\"]+)/", text)
        assert found is not None
        self.base = found[1]

    def get(self, path: str) -> str:
        connection = http.client.HTTPConnection(self.netloc, timeout=120)
        connection.request("GET", path, headers={"cookie": self.cookie} if self.cookie else {})
        answer = connection.getresponse()
        text = answer.read().decode()
        self.cookie = answer.getheader("set-cookie", self.cookie).partition(";")[0]
        connection.close()
        assert answer.status == 200, (path, answer.status)
        return text

    def timed(self, path: str) -> tuple[float, int]:
        """The median milliseconds of a request, and the page's bytes."""
        times: list[float] = []
        size = 0
        for _ in range(TRIES):
            began = time.perf_counter()
            size = len(self.get(self.base + path).encode())
            times.append(1000 * (time.perf_counter() - began))
        return statistics.median(times), size

    def link(self) -> str:
        """Another link that signs in."""
        command = [sys.executable, "-m", "alya_mcp", "dashboard", "--no-open"]
        return subprocess.run(
            command, env=self.env, capture_output=True, text=True, check=True
        ).stdout.strip()

    def close(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


def first_paints(dashboard: Dashboard, paths: list[str]) -> dict[str, dict[str, float]]:
    """First contentful paint in milliseconds, and kilobytes that were loaded, by path."""
    playwright_api: Any = importlib.import_module("playwright.sync_api")  # 171 MB, so no part of `dev`

    found: dict[str, dict[str, float]] = {}
    with playwright_api.sync_playwright() as playwright:
        where = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = playwright.chromium.launch(executable_path=where, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(dashboard.link())
        page.wait_for_selector("main")
        origin = f"http://{dashboard.netloc}{dashboard.base}"
        for path in paths:
            paints: list[float] = []
            for _ in range(5):
                page.goto(origin + path)
                while not page.evaluate("performance.getEntriesByName('first-contentful-paint').length"):
                    time.sleep(0.02)
                paints.append(
                    page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
                )
            weight = page.evaluate(
                "[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]"
                ".reduce((sum, each) => sum + each.decodedBodySize, 0)"
            )
            found[path] = {"paint": statistics.median(paints), "kB": weight / 1000}
        browser.close()
    return found


def main() -> None:
    records = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    figures: dict[str, Any] = {"records": records, "cpus": os.cpu_count()}
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        began = time.perf_counter()
        write_log(home, records)
        figures["written_s"] = round(time.perf_counter() - began, 1)
        dashboard = Dashboard(home)
        try:
            began = time.perf_counter()
            while (
                "is being indexed" in dashboard.get(f"{dashboard.base}/audit")
                or time.perf_counter() - began < 3
            ):
                time.sleep(0.5)
            while "checking</span>" in dashboard.get(f"{dashboard.base}/audit"):
                time.sleep(0.5)
            figures["index_s"] = round(time.perf_counter() - began, 1)
            figures["index_mb"] = round((home / "dashboard" / "audit-index.sqlite").stat().st_size / 1e6)
            a_month_ago = time.strftime("%Y-%m-%dT%H:%M", time.gmtime(time.time() - 30 * 86_400))
            searches = {
                "Now": "/",
                "Spend": "/spend?over=month",
                "Audit, the newest": "/audit",
                "by tool": "/audit?tool=image_gen",
                "by caller and decision": "/audit?caller=ci&decision=deny",
                "by tool and rule": f"/audit?tool=web_search&rule={quote(RULES[1])}",
                "by time, a month ago": f"/audit?until={a_month_ago}",
                "Policy": "/policy",
            }
            print(f"{records:,} records, index of {figures['index_mb']} MB made in {figures['index_s']} s")
            for name, path in searches.items():
                ms, size = dashboard.timed(path)
                figures[name] = {"ms": round(ms, 1), "bytes": size}
                print(f"{name:26} {ms:8.1f} ms  {size / 1000:6.1f} kB")
            with contextlib.suppress(ModuleNotFoundError):
                figures["paint"] = first_paints(dashboard, ["/", "/spend", "/audit", "/policy", "/health"])
                for path, found in figures["paint"].items():
                    print(f"first paint of {path:11} {found['paint']:8.1f} ms  {found['kB']:6.1f} kB in all")
        finally:
            dashboard.close()
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
