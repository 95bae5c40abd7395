"""The store process: serves this user's local pictures on 127.0.0.1 until the last link has expired.

`launcher` starts it with the arguments HOME PORT INSTANCE MOVED_FROM. It imports nothing but the standard
library, outlives the servers that hand out links, and ends by itself.
"""

import errno
import os
import random
import selectors
import socket
import socketserver
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, NoReturn

from alya_mcp import __version__
from alya_mcp.runtime.locks import LockTimeout
from alya_mcp.storage.folder import Listener, StoreFolder
from alya_mcp.storage.handshake import StoreHealth
from alya_mcp.storage.link_handler import LinkHandler, StoreLimits
from alya_mcp.storage.signed_links import HOST

PORT_TAKEN: Final = 3
"""Exit status: another program has the port."""

_PORTS: Final = range(20_000, 32_000)  # below the ports that systems give to outgoing connections
_CONNECTIONS: Final = 256
_DRAIN_SECONDS: Final = 30.0
_LONGEST_SLEEP: Final = 30.0
_LIMITS: Final = StoreLimits()


def main() -> NoReturn:
    """Serve until the last link has expired, then exit with status 0; `PORT_TAKEN` if it can't listen."""
    sys.exit(_serve(*sys.argv[1:]))


def _serve(home: str, port: str, instance: str, moved_from: str) -> int:
    os.chdir(home)
    folder = StoreFolder(Path(home))
    secret = folder.key()
    if secret is None:
        return 1
    try:
        server = StoreServer(folder, secret, port=int(port), instance=instance)
    except OSError as error:
        if error.errno in {errno.EADDRINUSE, errno.EACCES, errno.EADDRNOTAVAIL}:
            return PORT_TAKEN
        raise
    with server:
        folder.note_listener(
            Listener(
                port=server.server_port, instance=instance, moved_from=int(moved_from) if moved_from else None
            )
        )
        server.serve()
    server.drain()
    return 0


class StoreServer(ThreadingHTTPServer):
    """The listening socket and the lifetime of the process. `port` 0 means any free port."""

    daemon_threads = True
    request_queue_size = 128
    timeout = 0  # of `handle_request`, which is called when a client has connected
    allow_reuse_address = os.name != "nt"  # on Windows two programs could then share the port

    def __init__(
        self,
        folder: StoreFolder,
        secret: bytes,
        *,
        port: int,
        instance: str,
        limits: StoreLimits = _LIMITS,
    ) -> None:
        self.folder = folder
        self.secret = secret
        self.limits = limits
        self._instance = instance
        self._wake, self._woken = socket.socketpair()
        self._connections = threading.BoundedSemaphore(_CONNECTIONS)
        self._answering = 0
        self._idle = threading.Condition()
        self._stopped = threading.Event()
        super().__init__((HOST, port), LinkHandler, bind_and_activate=False)
        try:
            self._bind(port)
            self.server_activate()
        except BaseException:
            self.server_close()
            raise

    def server_bind(self) -> None:
        """Bind the socket. The base class also asks for the host's full name, which can stall."""
        if sys.platform == "win32":
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        socketserver.TCPServer.server_bind(self)
        self.socket.setblocking(False)
        self.server_name, self.server_port = HOST, int(self.server_address[1])

    def serve(self) -> None:
        """Answer requests until told to stop or until the last link has expired."""
        with selectors.DefaultSelector() as selector:
            selector.register(self.socket, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            end = self._end()
            while True:
                pause = min(max(end - time.time(), 0.1), _LONGEST_SLEEP)
                ready = [key.fileobj for key, _ in selector.select(pause)]
                if self._woken in ready:
                    break
                if self.socket in ready:
                    self.handle_request()
                if not ready or time.time() >= end:
                    end = self._end()
                if time.time() >= end and self._end_for_good():
                    break
        self.server_close()

    def stop(self) -> None:
        """Stop listening; when this returns the port is free for another process."""
        if not self.closing:
            self._wake.send(b"x")
        self._stopped.wait(_DRAIN_SECONDS)

    def drain(self) -> None:
        """Wait up to half a minute for unfinished answers to be sent, and close what is left."""
        with self._idle:
            self._idle.wait_for(lambda: self._answering == 0, _DRAIN_SECONDS)
        self._wake.close()
        self._woken.close()

    def server_close(self) -> None:
        """Close the listening socket."""
        super().server_close()
        self._stopped.set()

    @property
    def closing(self) -> bool:
        """Whether connections are to be closed after their current answer."""
        return self._stopped.is_set()

    @contextmanager
    def answering(self) -> Generator[None]:
        """Count an answer that `drain` waits for."""
        with self._idle:
            self._answering += 1
        try:
            yield
        finally:
            with self._idle:
                self._answering -= 1
                self._idle.notify_all()

    def health(self) -> StoreHealth:
        """Port, run, version and process id."""
        return StoreHealth(
            port=self.server_port, instance=self._instance, version=__version__, pid=os.getpid()
        )

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer a connection in its own thread, or close it when there are too many."""
        if not self._connections.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._connections.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer a connection."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._connections.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that disconnect; the base class reports anything else."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)

    def _bind(self, port: int) -> None:
        if port:
            self.server_bind()
            return
        for candidate in (*random.sample(_PORTS, 20), 0):
            self.server_address = (HOST, candidate)
            try:
                self.server_bind()
            except OSError:
                if candidate == 0:
                    raise
            else:
                return

    def _end(self) -> float:
        return self.folder.open_until() + self.limits.grace

    def _end_for_good(self) -> bool:
        """Stop listening if no link is open. Under the folder's lock, so that none can be added meanwhile."""
        if not self.folder.home.is_dir():
            return True
        try:
            with self.folder.locked(wait=0):
                if time.time() < self._end():
                    return False
                self.server_close()
                return True
        except LockTimeout:
            return False
