"""Weights from a hub: a real HTTP server on the loopback interface stands for it and answers as it does."""

import hashlib
import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from raw_client import eventually
from stage import a_job

from alya_mcp.failures import NotConfigured, Unavailable
from alya_mcp.images.fetch import download
from alya_mcp.images.flux import FluxRenderer
from alya_mcp.images.rendering import Request

COMMIT = "c" * 40


class Hub(ThreadingHTTPServer):
    """A hub with one repository, `them/model`, that can refuse, stall or break off."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.refusal: tuple[int, dict[str, str]] | None = None
        self.stall: str | None = None
        self.stalled = threading.Event()
        self.tokens: set[str | None] = set()
        self.served: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def _answer(self, *, body: bool) -> None:
        hub = self.server
        hub.tokens.add(self.headers.get("Authorization"))
        path = self.path.partition("?")[0]
        if hub.refusal is not None:
            status, headers = hub.refusal
            self._send(status, b"{}", headers, body=body)
        elif path.startswith("/api/models/them/model/revision/") or path == "/api/models/them/model":
            self._send(200, json.dumps(self._info()).encode(), {}, body=body)
        elif path.startswith("/api/models/them/model/tree/"):
            tree = [
                {"type": "file", "path": name, "size": len(data), "oid": _oid(data)}
                for name, data in hub.files.items()
            ]
            self._send(200, json.dumps(tree).encode(), {}, body=body)
        elif path.startswith("/them/model/resolve/"):
            self._file(path.split("/", 5)[5], body=body)
        else:
            self._send(404, b"{}", {"X-Error-Code": "RepoNotFound"}, body=body)

    def _info(self) -> dict[str, object]:
        siblings = [{"rfilename": name, "size": len(data)} for name, data in self.server.files.items()]
        return {"id": "them/model", "modelId": "them/model", "sha": COMMIT, "siblings": siblings}

    def _file(self, name: str, *, body: bool) -> None:
        hub = self.server
        data = hub.files.get(name)
        if data is None:
            self._send(404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT}, body=body)
            return
        if body:
            hub.served.append(name)
        if body and hub.stall == name:
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[: len(data) // 2])
            self.wfile.flush()
            hub.stalled.set()
            self.rfile.read(1)
            self.close_connection = True
            return
        headers = {"ETag": f'"{_oid(data)}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        self._send(200, data, headers, body=body)

    def _send(self, status: int, data: bytes, headers: dict[str, str], *, body: bool) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(data)

    def log_message(self, *args: object) -> None:
        pass


def _oid(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest()


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    server = Hub()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    for name in list(os.environ):
        if name.startswith(("HF_", "HUGGING_FACE_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_ENDPOINT", server.address)
    monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
    server.files = {
        "model_index.json": json.dumps({"_class_name": "FluxPipeline"}).encode(),
        "vae/config.json": b"{}",
        "vae/model.safetensors": os.urandom(200_000),
        "vae/model.bin": b"a pickle",
        "everything.safetensors": b"a copy in one file",
        "code.py": b"raise SystemExit",
    }
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def quietly(share: float, message: str) -> None:
    del share, message


def test_a_download_brings_the_pipelines_files_and_no_code_pickle_or_copy(hub: Hub):
    folder = download("them/model", quietly)
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert found == {"model_index.json", "vae/config.json", "vae/model.safetensors"}
    assert (folder / "vae" / "model.safetensors").read_bytes() == hub.files["vae/model.safetensors"]


def test_a_second_download_fetches_nothing_again(hub: Hub):
    download("them/model", quietly)
    hub.served.clear()
    download("them/model", quietly)
    assert "vae/model.safetensors" not in hub.served


@pytest.mark.parametrize(
    ("token", "words"),
    [(None, "HF_TOKEN is not set"), ("hf_" + "x" * 34, "The token in HF_TOKEN has no access")],
)
def test_a_gated_model_names_token_terms_and_the_other_ways(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, token: str | None, words: str
):
    if token:
        monkeypatch.setenv("HF_TOKEN", token)
    hub.refusal = (401 if token is None else 403, {"X-Error-Code": "GatedRepo"})
    with pytest.raises(NotConfigured) as raised:
        download("them/model", quietly)
    message = str(raised.value)
    assert words in message
    assert "https://huggingface.co/them/model" in message
    assert "local folder" in message
    assert "'sketch'" in message
    assert "xxxx" not in message


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_token_is_named_without_being_told(hub: Hub, monkeypatch: pytest.MonkeyPatch, status: int):
    monkeypatch.setenv("HF_TOKEN", "hf_" + "y" * 34)
    hub.refusal = (status, {"X-Error-Message": "Invalid credentials in Authorization header"})
    with pytest.raises(NotConfigured, match="HF_TOKEN") as raised:
        download("them/model", quietly)
    assert "yyyy" not in str(raised.value)
    assert any(token and "yyyy" in token for token in hub.tokens)


def test_a_model_that_does_not_exist_is_told(hub: Hub):
    with pytest.raises(NotConfigured, match="knows no model them/other"):
        download("them/other", quietly)


def test_a_repository_without_a_pipeline_is_told_before_anything_large_is_fetched(hub: Hub):
    del hub.files["model_index.json"]
    with pytest.raises(NotConfigured, match=r"no model_index\.json"):
        download("them/model", quietly)
    assert not hub.served


def test_a_pipeline_of_another_kind_is_told_before_anything_large_is_fetched(hub: Hub):
    hub.files["model_index.json"] = json.dumps({"_class_name": "KandinskyPipeline"}).encode()
    with pytest.raises(NotConfigured, match="holds a KandinskyPipeline"):
        download("them/model", quietly)
    assert hub.served == ["model_index.json"]


def test_a_hub_in_trouble_is_unavailable(hub: Hub):
    hub.refusal = (418, {})
    with pytest.raises(Unavailable, match="status 418"):
        download("them/model", quietly)


def test_a_hub_that_cannot_be_reached_is_unavailable(hub: Hub, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(Unavailable, match="can't be reached"):
        download("them/model", quietly)


def test_offline_mode_is_named(hub: Hub, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(NotConfigured, match="HF_HUB_OFFLINE forbids"):
        download("them/model", quietly)
    assert not hub.tokens


def test_a_disk_without_room_is_told_with_the_figures_before_the_download(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
):
    class Huge(bytes):
        def __len__(self) -> int:
            return 10**16

    hub.files["vae/model.safetensors"] = Huge(b"small")
    with pytest.raises(NotConfigured, match=r"needs 10000000\.0 GB more .* GB are free"):
        download("them/model", quietly)
    assert hub.served == ["model_index.json"]


def test_a_model_of_the_hub_is_downloaded_and_drawn_with(hub: Hub, tiny: Path):
    hub.files = {str(path.relative_to(tiny)): path.read_bytes() for path in tiny.rglob("*") if path.is_file()}
    messages: list[str] = []

    def report(phase: str, at: float, until: float, message: str) -> None:
        messages.append(message)

    request = Request(model="them/model", precision="auto", job=a_job())
    picture = FluxRenderer().render(request, a_job(), report)
    assert picture.model == "them/model"
    assert picture.notice == "Drawn with them/model, not with FLUX.1-schnell"
    assert any("Looking for them/model" in message for message in messages)


class Stop(Exception):
    pass


def test_stopping_a_download_ends_its_process_at_once(hub: Hub):
    hub.stall = "vae/model.safetensors"
    messages: list[str] = []

    def progress(share: float, message: str) -> None:
        messages.append(message)
        if hub.stalled.is_set():
            raise Stop

    with pytest.raises(Stop):
        download("them/model", progress)
    eventually(lambda: not _downloads(hub), "the end of the download")


def _downloads(hub: Hub) -> list[str]:
    found: list[str] = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if hub.address.encode() in (entry / "environ").read_bytes() and entry.name != str(os.getpid()):
                found.append(entry.name)
        except OSError:
            pass
    return found
