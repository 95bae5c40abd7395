"""A browser as the dashboard's application sees it: asks it in this process, and keeps its cookie."""

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from html import unescape
from typing import Any
from urllib.parse import urlencode

import anyio
from raw_client import PATIENCE

HOST = "127.0.0.1:8000"
Headers = list[tuple[str, str]]


@dataclass(frozen=True)
class Page:
    """An answer."""

    status: int
    headers: Headers
    text: str

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key == name), "")


@dataclass
class Browser:
    """Asks `app`. Sends what a browser sends when the user acts on a page of `host`; `more` replaces it."""

    app: Any
    host: str = HOST
    cookie: str = ""
    path: str = field(default="", init=False)

    async def sign_in(self, token: str) -> Page:
        page = await self.get(f"/open/{token}", **{"sec-fetch-site": "none"})
        if page.status == 200:
            self.cookie = page.header("set-cookie").partition(";")[0]
            self.path = re.search(r'url=(/[^/"]+)/', page.text)[1]  # type: ignore[index]
        return page

    async def get(self, path: str, **more: str) -> Page:
        return await self.ask("GET", path, b"", {"sec-fetch-site": "same-origin", **more})

    async def post(self, path: str, form: Mapping[str, str] | bytes, **more: str) -> Page:
        body = form if isinstance(form, bytes) else urlencode(form).encode()
        usual = {
            "origin": f"http://{self.host}",
            "sec-fetch-site": "same-origin",
            "content-type": "application/x-www-form-urlencoded",
        }
        return await self.ask("POST", path, body, {**usual, **more})

    async def submit(self, page: Page, action: str, **fields: str) -> Page:
        """Send the form of `page` that leads to a path ending in `action`, with its hidden fields."""
        for where, inside in re.findall(
            r'<form method="post" action="([^"]+)"[^>]*>(.*?)</form>', page.text, re.DOTALL
        ):
            if where.endswith(action):
                hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', inside)
                return await self.post(where, {**{k: unescape(v) for k, v in hidden}, **fields})
        raise AssertionError(f"no form leads to {action}")

    async def listen(self, path: str, heard: Callable[[dict[str, str]], bool]) -> dict[str, str]:
        """The parts of a page that its stream sends, by their ids; leaves as soon as `heard` has enough."""
        parts: dict[str, str] = {}
        left = anyio.Event()

        async def take(chunk: bytes) -> None:
            for line in chunk.decode().splitlines():
                if line.startswith("data: "):
                    told = json.loads(line[6:])
                    parts[told["id"]] = told["html"]
            if heard(parts):
                left.set()

        with anyio.fail_after(PATIENCE):
            answer = await self.ask("GET", path, b"", {"sec-fetch-site": "same-origin"}, take, left)
        assert answer.status == 200, answer.text
        return parts

    async def ask(
        self,
        method: str,
        path: str,
        body: bytes,
        headers: Mapping[str, str],
        take: Callable[[bytes], Awaitable[None]] | None = None,
        left: anyio.Event | None = None,
    ) -> Page:
        """Ask for a page; `take` gets its pieces as they come, and the connection ends once `left` is set."""
        target, _, query = path.partition("?")
        sent = {"host": self.host, **({"cookie": self.cookie} if self.cookie else {}), **headers}
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method,
            "scheme": "http", "path": target, "raw_path": target.encode(), "root_path": "",
            "query_string": query.encode(),
            "headers": [(k.encode(), v.encode("latin-1")) for k, v in sent.items() if v != "(none)"],
            "server": ("127.0.0.1", 8000), "client": ("127.0.0.1", 5000),
        }  # fmt: skip
        messages = [{"type": "http.request", "body": body, "more_body": False}]
        status, given, parts = 0, [], []

        async def receive() -> dict[str, Any]:
            if messages:
                return messages.pop(0)
            if left is not None:
                await left.wait()
            return {"type": "http.disconnect"}

        async def send(message: Mapping[str, Any]) -> None:
            nonlocal status, given
            if message["type"] == "http.response.start":
                status = message["status"]
                given = [(k.decode().lower(), v.decode("latin-1")) for k, v in message["headers"]]
            else:
                parts.append(message.get("body", b""))
                if take is not None:
                    await take(parts[-1])

        await self.app(scope, receive, send)
        return Page(status, given, b"".join(parts).decode("utf-8", "replace"))
