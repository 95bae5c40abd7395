"""The page of a picture in a real browser, in the official bridge for clients, before a real server.

Run by scripts/test_slow.sh where `pip install playwright`, `apt-get install chromium` and npm were; skipped
elsewhere.
"""

import json
import subprocess
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import browsers
import pytest
from gallery import Gallery
from page_client import DECLARED, URI, Peer
from raw_client import Servers

pytestmark = pytest.mark.slow

PACKAGES = (
    "@modelcontextprotocol/ext-apps@2.0.4",
    "@modelcontextprotocol/client@2.4.0",
    "@modelcontextprotocol/core@2.4.0",
    "zod@4.6.7",
    "esbuild@0.28.2",
)
PROMPT = 'a red circle <img src=x onerror="document.title=1"> & </script>'
RULES = {
    "version": "1",
    "default": "deny",
    "tools": {"image_gen": {"rate_limit": {"max": 3, "window": 3600}}},
}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browsers.chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    return browsers.axe(tmp_path_factory.mktemp("axe"))


@pytest.fixture(scope="module")
def bridge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a client's window; a page from elsewhere couldn't load our pictures."""
    folder = tmp_path_factory.mktemp("bridge")
    modules = browsers.npm(folder, *PACKAGES)
    source = folder / "page_host.js"
    source.write_bytes((Path(__file__).parents[1] / "support" / source.name).read_bytes())
    command = [modules / ".bin" / "esbuild", source, "--bundle", f"--outfile={folder / 'bundle.js'}"]
    subprocess.run(command, check=True, capture_output=True)
    (folder / "index.html").write_text(
        "<!doctype html><link rel=icon href=data:,><script src=bundle.js defer></script><body>"
    )
    quiet = type("Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(quiet, directory=folder)) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/index.html"
        server.shutdown()


class Window:
    """A client's window with a picture's page in it; `said` is what the browser complained of."""

    def __init__(
        self, chromium: Any, bridge: str, peer: Peer, prompt: str, seed: int, count: int = 1, **how: Any
    ) -> None:
        self.context = chromium.new_context()
        self.context.grant_permissions(["clipboard-read", "clipboard-write"])
        self.page = self.context.new_page()
        self.said: list[str] = []
        self.page.on(
            "console", lambda said: self.said.append(said.text) if said.type in {"error", "warning"} else None
        )
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.goto(bridge)
        self.page.expose_function("callTool", lambda call: json.dumps(self._call(peer, json.loads(call))))
        self.input = {"prompt": prompt, "seed": seed, "steps": 1, "wait": 600}
        if count > 1:
            self.input["count"] = count
        self.result = self._call(peer, {"name": "image_gen", "arguments": self.input})
        (read,) = peer.ask("resources/read", uri=URI)["result"]["contents"]
        self.given = {"page": read, "input": self.input, "result": self.result, "theme": "light", **how}
        self.show()

    def show(self, **how: Any) -> None:
        """Show the page, again if need be, with some things as `how` says."""
        self.page.evaluate("given => showPage(given)", self.given | how)
        self.frame = self.page.frames[1]

    @staticmethod
    def _call(peer: Peer, call: dict[str, Any]) -> dict[str, Any]:
        return peer.ask("tools/call", name=call["name"], arguments=call["arguments"])["result"]

    def press(self, name: str) -> None:
        self.frame.get_by_role("button", name=name).click()

    def status(self, words: str) -> None:
        """Wait until the page says `words`."""
        self.frame.get_by_role("status").filter(has_text=words).wait_for()

    def source(self) -> str:
        """Where the picture on the screen is from, once it is there."""
        self.frame.locator("img#picture").wait_for()
        return self.frame.evaluate("document.querySelector('#picture').currentSrc")

    def seen(self) -> dict[str, Any]:
        return self.page.evaluate("window.seen")


@pytest.fixture
def peer(
    request: pytest.FixtureRequest, start_server: Servers, gallery: Gallery, tmp_path: Path
) -> Iterator[Peer]:
    """A client of the era that the test names, whose server lets three pictures be drawn."""
    policy = tmp_path / "policy.json"
    policy.write_text(json.dumps(RULES))
    with start_server(extra=gallery.variables(ALYA_POLICY=str(policy))) as client:
        yield Peer(client, getattr(request, "param", "modern"), DECLARED)


@pytest.mark.parametrize("peer", ["legacy", "modern"], indirect=True)
def test_the_picture_is_seen_and_each_button_does_what_it_says(
    chromium: Any, bridge: str, peer: Peer, gallery: Gallery
) -> None:
    window = Window(chromium, bridge, peer, PROMPT, gallery.seed())
    first = window.source()
    assert first.startswith("data:image/jpeg;base64,")
    assert window.frame.evaluate("document.querySelector('#picture').naturalWidth") == 1024
    assert window.frame.get_by_text(PROMPT, exact=True).is_visible()
    assert window.frame.evaluate("document.images.length") == 1

    window.press("Larger")
    window.page.wait_for_function("window.seen.links.length === 1")
    assert window.seen()["links"] == [window.result["structuredContent"]["url"]]

    window.press("Copy link")
    window.status("Link copied.")
    assert window.page.evaluate("navigator.clipboard.readText()") == window.seen()["links"][0]

    window.press("Again")
    window.page.wait_for_function("window.seen.told.length === 1")
    window.press("Variation")
    window.page.wait_for_function("window.seen.told.length === 2")
    again, variation = (call["arguments"] for call in window.seen()["calls"])
    assert again == window.input
    assert variation == window.input | {"seed": variation["seed"]}
    assert variation["seed"] != window.input["seed"]
    assert window.frame.get_by_text(f"seed {variation['seed']}").is_visible()
    window.frame.wait_for_function(
        "first => document.querySelector('#picture').currentSrc !== first", arg=first
    )
    told = [each["content"][0]["text"] for each in window.seen()["told"]]
    assert '"repeated":true' in told[0]
    assert f'"seed":{variation["seed"]}' in told[1]

    window.press("Variation")  # beyond what the policy allows
    window.status("/tools/image_gen/rate_limit")
    assert window.source() != first
    assert window.said == []
    window.context.close()


def test_of_several_pictures_the_chosen_one_is_shown_and_used(
    chromium: Any, bridge: str, axe: str, peer: Peer, gallery: Gallery
) -> None:
    window = Window(chromium, bridge, peer, "a red circle", gallery.seed() + 40_000_000, count=3)
    images = window.result["structuredContent"]["images"]
    window.status("The pictures are ready.")
    first = window.source()
    choices = window.frame.get_by_role("group", name="Pictures").get_by_role("button")
    assert choices.count() == 3
    window.press(f"Picture 2, seed {images[1]['seed']}")
    window.frame.wait_for_function(
        "first => document.querySelector('#picture').currentSrc !== first", arg=first
    )
    assert [each.get_attribute("aria-pressed") for each in choices.all()] == ["false", "true", "false"]
    assert window.frame.get_by_role("img", name="a red circle (2 of 3)").is_visible()
    window.press("Copy link")
    window.status("Link copied.")
    assert window.page.evaluate("navigator.clipboard.readText()") == images[1]["url"]
    window.frame.add_script_tag(content=axe)
    assert window.frame.evaluate("axe.run()")["violations"] == []
    window.press("Again")
    window.page.wait_for_function("window.seen.calls.length === 1")
    assert window.seen()["calls"][0]["arguments"] == window.input
    assert window.said == []
    window.context.close()


def test_the_page_is_usable_in_both_themes_and_by_keyboard_and_hears_only_its_client(
    chromium: Any, bridge: str, axe: str, peer: Peer, gallery: Gallery
) -> None:
    window = Window(chromium, bridge, peer, "a red circle", gallery.seed(), theme="dark")
    first = window.source()
    window.frame.add_script_tag(content=axe)
    backgrounds: set[str] = set()
    for theme in ("dark", "light"):
        window.page.evaluate("name => theme(name)", theme)
        window.frame.wait_for_function(
            "name => document.documentElement.style.colorScheme === name", arg=theme
        )
        backgrounds.add(window.frame.evaluate("getComputedStyle(document.body).backgroundColor"))
        found = window.frame.evaluate("axe.run()")["violations"]
        assert [(each["id"], each["nodes"][0]["target"]) for each in found] == [], theme
    assert len(backgrounds) == 2

    reached = []
    for _ in range(4):
        window.page.keyboard.press("Tab")
        reached.append(window.frame.evaluate("document.activeElement.textContent"))
    assert reached == ["Again", "Variation", "Larger", "Copy link"]

    forged = {
        "jsonrpc": "2.0",
        "method": "ui/notifications/tool-result",
        "params": {"content": [], "isError": True},
    }
    stranger = f"<script>parent.frames[0].postMessage({json.dumps(forged)}, '*'); parent.done = 1</script>"
    window.page.evaluate(
        """text => new Promise(resolve => {
            const frame = document.createElement("iframe");
            frame.onload = resolve;
            frame.srcdoc = text;
            document.body.append(frame);
        })""",
        stranger,
    )
    window.page.wait_for_function("window.done === 1")
    window.press("Larger")  # its answer comes after the stranger's message
    window.page.wait_for_function("window.seen.links.length === 1")
    window.status("The picture is opened")
    assert window.frame.get_by_text("The call brought no picture").count() == 0
    assert window.source() == first
    window.context.close()


def test_a_client_that_allows_less_and_a_picture_that_is_not_done(
    chromium: Any, bridge: str, peer: Peer, gallery: Gallery
) -> None:
    window = Window(chromium, bridge, peer, "a red circle", gallery.seed(), images="", able={})
    assert window.source() == window.result["structuredContent"]["url"]
    usable = window.frame.evaluate(
        "[...document.querySelectorAll('button')].map(each => each.ariaDisabled === 'false')"
    )
    assert usable == [False, False, False, True]
    del window.given["able"]
    window.show(result={"content": [], "structuredContent": {"state": "drawing", "job": "0123", "seed": 7}})
    window.press("Get the picture")
    window.status("job is '0123', which names no picture")
    assert window.seen()["calls"][0]["arguments"] == window.input | {"job": "0123"}
    window.context.close()
