"""The dashboard's process: one per state, on a port of 127.0.0.1."""

import os
import socket
import sys
import webbrowser
from collections.abc import Callable
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Final

from alya_mcp.dashboard.sign_in import Links
from alya_mcp.runtime import logs
from alya_mcp.runtime.daemon import read_record, write_record
from alya_mcp.runtime.locks import FileLock
from alya_mcp.runtime.private_files import private_folder, write_private
from alya_mcp.settings import Settings, secret_words

HOST: Final = "127.0.0.1"


class CantServe(Exception):
    """The dashboard can't be served; its text is for the user."""


def running_at(settings: Settings) -> int | None:
    """The port of the dashboard that runs for this state; None when none does.

    Raises:
        OSError: its folder can't be used.
    """
    lock = FileLock(private_folder(_folder(settings)) / "lock")
    if lock.acquire():
        lock.release()
        return None
    port = read_record(_folder(settings) / "server.json").get("port")
    return port if isinstance(port, int) else None


def new_link(settings: Settings, port: int) -> str:
    """A link that signs a browser in, once.

    Raises:
        OSError: it can't be kept.
    """
    return f"http://{HOST}:{port}/open/{Links(_folder(settings) / 'links').make()}"


def open_browser(settings: Settings, link: str) -> bool:
    """Open `link` in the user's browser; False where there is none, or only one in the terminal.

    The browser is given a private file that leads there: other users see the arguments of processes.
    """
    if sys.platform not in {"darwin", "win32"} and not {"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys():
        return False
    page = _folder(settings) / "open.html"
    lead = f'<!doctype html><meta http-equiv="refresh" content="0;url={escape(link)}"><title>Alya</title>'
    try:
        write_private(page, lead.encode(), synced=False)
        return webbrowser.open(page.as_uri())
    except (OSError, webbrowser.Error):
        return False


def serve(settings: Settings, port: int, ready: Callable[[int], None]) -> None:
    """Serve until Ctrl-C on `port`, any free one when 0; `ready` is told which, once browsers are answered.

    Raises:
        CantServe: another dashboard runs for this state, or the port is taken.
        OSError: the folder of its files can't be used.
    """
    import uvicorn

    from alya_mcp.dashboard.app import build
    from alya_mcp.dashboard.services import Services

    folder = private_folder(_folder(settings))
    logs.set_up(settings.home, secret_words())
    lock = FileLock(folder / "lock")
    if not lock.acquire():
        raise CantServe("another dashboard is just starting for this state; run the command again")
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    services = Services(replace(settings, grant=None))  # the user looks, not a caller
    try:
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((HOST, port))
        except (OSError, OverflowError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise CantServe(f"port {port} of {HOST} can't be used: {why}") from None
        bound: int = listener.getsockname()[1]
        hosts = (f"{HOST}:{bound}", f"localhost:{bound}")
        app = build(services, Links(folder / "links"), hosts)
        write_record(folder / "server.json", {"port": bound})

        class Server(uvicorn.Server):
            async def startup(self, sockets: list[socket.socket] | None = None) -> None:
                await super().startup(sockets)
                ready(bound)

            def handle_exit(self, sig: int, frame: object) -> None:
                services.stopping.set()
                super().handle_exit(sig, frame)  # pyright: ignore[reportArgumentType]

        config = uvicorn.Config(
            app, log_level="warning", access_log=False, server_header=False, ws="none", lifespan="on",
            timeout_graceful_shutdown=3, timeout_keep_alive=30, limit_concurrency=100, loop="asyncio",
            http="h11",
        )  # fmt: skip
        Server(config).run(sockets=[listener])
    finally:
        listener.close()
        services.close()
        (folder / "server.json").unlink(missing_ok=True)
        lock.release()


def _folder(settings: Settings) -> Path:
    return settings.home / "dashboard"
