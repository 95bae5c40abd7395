"""The dashboard in a real browser: Playwright with Debian's chromium, and axe-core from npm.

Run by scripts/test_slow.sh where `pip install playwright`, `apt-get install chromium` and npm were; skipped
elsewhere.
"""

import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import browsers
import pytest
from command_line import COMMAND
from gate_support import a_call, echo, policy
from raw_client import PATIENCE, Servers
from scene import audit_records, write_policy

from alya_mcp.gate import ApprovalNeeded, Audit, Gate, SqliteState
from alya_mcp.settings import Settings

pytestmark = pytest.mark.slow

PAGES = ("", "spend", "pictures", "audit", "policy", "policy/begin", "health")
RULES = {
    "web_search": {"action": "require_approval", "reason": "It sends words out"},
    "image_gen": {"rate_limit": {"max": 2, "window": "hour", "scope": "grant"}},
}


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    return browsers.axe(tmp_path_factory.mktemp("axe"))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browsers.chromium() as browser:
        yield browser


class Served:
    """A dashboard on a home with a log and a question that waits."""

    def __init__(self, home: Path, env: dict[str, str]) -> None:
        self.state = SqliteState(home / "state.sqlite")
        settings = Settings(home=home)
        self.gate = Gate(policy(RULES), self.state, Audit(settings.audit_folder, self.state))
        self.env = env
        command = [*COMMAND, "dashboard", "--no-open"]
        self.process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.link = self.process.stdout.readline().strip()

    def new_link(self) -> str:
        command = [*COMMAND, "dashboard", "--no-open"]
        return subprocess.run(
            command, env=self.env, capture_output=True, text=True, check=True
        ).stdout.strip()

    def ask(self, query: str) -> str:
        """Have a call ask; the question's id. In a thread: Playwright's own loop runs in this one."""
        found: list[str] = []

        async def call() -> None:
            try:
                await self.gate.call(a_call("web_search", {"query": query}), echo)
            except ApprovalNeeded as needed:
                found.append(needed.id or "")

        thread = threading.Thread(target=anyio.run, args=(call,))
        thread.start()
        thread.join()
        return found[0]

    def close(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=PATIENCE)
        self.gate.close()


@pytest.fixture
def served(alya_home: Path, alya_env: dict[str, str]) -> Iterator[Served]:
    served = Served(alya_home, alya_env)
    yield served
    served.close()


def sign_in(chromium: Any, served: Served, **how: Any) -> tuple[Any, list[str]]:
    """A page that is signed in, and what its console says."""
    context = chromium.new_context(**how)
    page = context.new_page()
    said: list[str] = []
    page.on(
        "console", lambda message: said.append(message.text) if message.type in {"error", "warning"} else None
    )
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(served.new_link())
    page.wait_for_selector("main h1")
    return page, said


def test_a_question_appears_by_itself_and_a_click_approves_it(chromium: Any, served: Served) -> None:
    page, said = sign_in(chromium, served)
    assert page.get_by_text("Nothing waits for an answer").is_visible()
    question = served.ask("ferry times")
    page.wait_for_selector(f"[data-key='{question}']", timeout=60_000)
    assert page.title().startswith("(1) ")
    assert page.locator("#say").inner_text() == "A question waits for you."
    page.get_by_role("button", name="Approve").click()
    page.get_by_text("Approved. The agent can make the call again.").wait_for()
    assert served.state.approvals.find(question)[1] == "approved"
    other = served.ask("another")
    page.wait_for_selector(f"[data-key='{other}']", timeout=60_000)
    page.keyboard.press("Tab")
    for _ in range(30):  # by keyboard alone
        if page.evaluate("document.activeElement.textContent") == "Deny":
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.get_by_text("Denied.", exact=True).wait_for()
    assert served.state.approvals.find(other)[1] == "denied"
    assert said == []


def test_a_call_over_stdio_that_asks_runs_once_after_a_click(
    chromium: Any, served: Served, start_server: Servers, alya_home: Path
) -> None:
    asks = {"tools": {"alya_usage": {"action": "require_approval", "reason": "It tells what you do"}}}
    write_policy(alya_home, {"version": "1", "default": "allow", **asks})
    client = start_server()
    client.initialize()

    def call() -> dict[str, Any]:
        return client.call("alya_usage", {"window": "day"})["result"]

    page, said = sign_in(chromium, served)
    asked = call()["_meta"]["alya/decision"]
    assert (asked["decision"], asked["rule"]) == ("ask", "/tools/alya_usage/action")
    page.get_by_text("It tells what you do").wait_for()
    page.get_by_role("button", name="Approve").click()
    page.get_by_text("Approved. The agent can make the call again.").wait_for()
    assert not call().get("isError")
    assert call()["_meta"]["alya/decision"]["decision"] == "ask"  # the yes was good once
    answers = [each["answer"] for each in audit_records(alya_home) if each.get("answer")]
    assert [each["way"] for each in answers] == ["dashboard"]
    assert said == []


def test_every_page_passes_axe_in_both_schemes_and_at_360_pixels(
    chromium: Any, served: Served, axe: str
) -> None:
    for scheme in ("light", "dark"):
        for width in (360, 1200):
            size = {"width": width, "height": 800}
            page, said = sign_in(chromium, served, color_scheme=scheme, viewport=size, bypass_csp=True)
            base = page.url.rstrip("/")
            for path in PAGES:
                page.goto(f"{base}/{path}")
                page.wait_for_selector("main h1")
                wide = page.evaluate(
                    "document.documentElement.scrollWidth - document.documentElement.clientWidth"
                )
                assert wide <= 0, (path, width)
                page.add_script_tag(content=axe)
                found = page.evaluate("axe.run()")["violations"]
                assert [(each["id"], each["nodes"][0]["target"]) for each in found] == [], (
                    path,
                    scheme,
                    width,
                )
            assert said == []
            page.context.close()


def test_a_page_weighs_little_and_works_without_its_script(chromium: Any, served: Served) -> None:
    page, _ = sign_in(chromium, served, java_script_enabled=False)
    base = page.url.rstrip("/")
    page.get_by_role("button", name="Stop all calls").click()
    page.get_by_text("Every call is denied").wait_for()
    page.get_by_role("button", name="Let calls run again").click()
    page.get_by_role("button", name="Stop all calls").wait_for()
    page.context.close()
    page, _ = sign_in(chromium, served)
    for path in PAGES:
        page.goto(f"{base}/{path}")
        weight = page.evaluate(
            "[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]"
            ".reduce((sum, each) => sum + each.decodedBodySize, 0)"
        )
        assert weight < 150_000, path
