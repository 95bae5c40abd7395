"""`alya-mcp doctor`: what it finds on a sound machine, on a broken one, and part by part."""

import json
import re
import resource
import socket
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from command_line import Run

from alya_mcp.app.client_configs.clients import CLIENTS, System
from alya_mcp.app.diagnostics import clients, gate, images, machine, state
from alya_mcp.app.diagnostics.check import Check
from alya_mcp.gate import SqliteState
from alya_mcp.gate.state import Charge
from alya_mcp.images.engine import EngineStatus
from alya_mcp.settings import Settings

SECRET = "wJalrXUtnFEMI-this-is-no-real-key"


def by_part(checks: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The checks by their part; of several, the worst."""
    order = ("ok", "warn", "fail")
    return {check["part"]: check for check in sorted(checks, key=lambda check: order.index(check["state"]))}


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port of the loopback interface that refuses connections."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


# -- the command ------------------------------------------------------------------------------------


def test_a_fresh_installation_has_nothing_that_fails(run: Run, alya_home: Path) -> None:
    ended = run("doctor", "--output", "json")
    assert (ended.code, ended.err) == (0, ""), ended.out
    assert ended.json["ok"] is True
    parts = by_part(ended.json["checks"])
    assert " ".join(sorted(part.replace(" ", "-") for part in parts)) == (
        "audit clients device home image-engine local-store model packages policy python s3-extra "
        "settings sketch state weights worker"
    )
    assert all((check["remedy"] is None) == (check["state"] == "ok") for check in ended.json["checks"])
    assert ended.json["settings"]["ALYA_HOME"] == str(alya_home)


def test_everything_that_is_wrong_is_found_at_once_with_what_to_do_and_no_secret(
    run: Run, alya_home: Path, person: Path, closed_port: int
) -> None:
    assert run("call", "alya_usage").code == 0
    (log,) = (alya_home / "audit").glob("*.jsonl")
    log.write_bytes(log.read_bytes().replace(b"allow", b"alloW", 1))
    (alya_home / "policy.json").write_text('{\n  "version": "1",\n  "default": "alow"\n}')
    configuration = person / ".config" / "Claude" / "claude_desktop_config.json"
    configuration.parent.mkdir(parents=True)
    configuration.write_text("{")
    ended = run(
        "doctor",
        ALYA_IMAGE_STEPS="4",
        ALYA_IMAGE_MODL="sketch",
        ALYA_GRANT=SECRET,
        ALYA_IMAGE_MODEL="/no/such/folder",
        ALYA_S3_BUCKET="pictures",
        ALYA_S3_ENDPOINT_URL=f"http://127.0.0.1:{closed_port}",
        AWS_ACCESS_KEY_ID="AKIDEXAMPLE",
        AWS_SECRET_ACCESS_KEY=SECRET,
        AWS_EC2_METADATA_DISABLED="true",
    )
    assert ended.code == 1
    assert SECRET not in ended.out + ended.err
    failed = {line[6:20].strip(): line for line in ended.out.splitlines() if line.startswith("fail")}
    assert failed.keys() >= {"grant", "policy", "audit", "model", "s3 store", "claude desktop"}
    assert "line 3, column 14" in failed["policy"]
    assert log.name in failed["audit"]
    assert "doesn't exist" in failed["model"]
    assert f"127.0.0.1:{closed_port}" in failed["s3 store"]
    assert "ALYA_IMAGE_MODL is set, but nothing reads it" in ended.out
    assert "-> Did you mean ALYA_IMAGE_MODEL?" in ended.out


def test_a_setting_that_cannot_be_used_fails_before_anything_else_is_looked_at(run: Run) -> None:
    ended = run("doctor", "--output", "json", ALYA_IMAGE_ENGINE="lokal", ALYA_IMAGE_WARM="perhaps")
    assert ended.code == 1
    parts = by_part(ended.json["checks"])
    assert parts.keys() == {"python", "packages", "settings"}
    assert parts["settings"]["id"] == "settings_invalid"
    for setting in ("ALYA_IMAGE_ENGINE is 'lokal'", "ALYA_IMAGE_WARM is 'perhaps'"):
        assert setting in parts["settings"]["fields"]["reason"]
        assert setting in parts["settings"]["detail"]


def test_placeholders_that_a_client_left_in_are_named(run: Run) -> None:
    unfilled = {"ALYA_GRANT": "${env:TOKEN}", "AWS_PROFILE": "${input:profile}"}
    checks = run("doctor", "--output", "json", **unfilled).json["checks"]
    (left,) = [check for check in checks if check["id"] == "placeholder"]
    assert (left["state"], left["fields"]) == (
        "warn",
        {"variable": "AWS_PROFILE", "placeholder": "${input:profile}"},
    )
    (refused,) = [check for check in checks if check["id"] == "settings_invalid"]
    assert "ALYA_GRANT" in refused["fields"]["reason"]


def test_every_command_works_without_the_extras(run: Run, without_extras: dict[str, str]) -> None:
    assert run("tools", **without_extras).code == 0
    assert run("call", "alya_status", **without_extras).code == 0
    image = run("call", "image_gen", "prompt=x", **without_extras)
    assert image.code == 1
    assert "alya-mcp engine install" in image.err
    bench = run("model", "bench", **without_extras)
    assert (bench.code, bench.out) == (1, "")
    assert "alya-mcp engine install" in bench.err
    ended = run("doctor", "--output", "json", **without_extras)
    parts = by_part(ended.json["checks"])
    assert parts["image engine"]["id"] == "image_packages_missing"
    assert parts["image engine"]["remedy"] == parts["image engine"]["fields"]["command"]
    assert parts["image engine"]["remedy"].endswith("alya-mcp engine install")
    assert "device" not in parts


def test_a_bucket_without_the_s3_extra_fails(run: Run, without_extras: dict[str, str]) -> None:
    ended = run("doctor", "--output", "json", ALYA_S3_BUCKET="pictures", **without_extras)
    assert ended.code == 1
    extra = by_part(ended.json["checks"])["s3 extra"]
    assert (extra["id"], "[s3" in extra["fields"]["advice"]) == ("s3_package_missing", True)


# -- its parts --------------------------------------------------------------------------------------


def test_a_torch_that_cannot_be_imported_is_one_failure_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, alya_home: Path
) -> None:
    (tmp_path / "torch.py").write_text("raise ImportError('libcudart.so.13: cannot open shared object file')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    check = next(images.drawing(Settings(home=alya_home)))
    assert (check.state, check.id) == ("fail", "device_unknown")
    assert "libcudart.so.13: cannot open shared object file" in str(check.fields["reason"])


@pytest.fixture
def snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where FLUX.1-schnell lies in a cache that names its commit, as soon as the folder is made."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    repository = tmp_path / "models--black-forest-labs--FLUX.1-schnell"
    for name, text in (("refs/main", "a" * 40), ("blobs/one", "x")):
        (repository / name).parent.mkdir(parents=True)
        (repository / name).write_text(text)
    return repository / "snapshots" / ("a" * 40)


def _flux_weights() -> Check:
    return next(check for check in images.weights() if check.part == "weights")


def test_weights_count_as_there_only_when_they_are_complete(snapshot: Path) -> None:
    absent = _flux_weights()
    assert (absent.state, absent.id) == ("ok", "weights_absent")
    assert "alya-mcp model pull" in absent.words.detail
    (snapshot / "vae").mkdir(parents=True)
    (snapshot / "model_index.json").write_text('{"_class_name": "FluxPipeline", "vae": ["diffusers", "A"]}')
    (snapshot / "vae" / "config.json").write_text("{}")
    partly = _flux_weights()
    assert (partly.state, partly.id, partly.fields["size"]) == ("warn", "weights_incomplete", 1)
    assert "alya-mcp model pull" in str(partly.words.remedy)
    (snapshot / "vae" / "model.safetensors").write_bytes(b"")
    whole = _flux_weights()
    assert (whole.state, whole.id, whole.fields["folder"]) == ("ok", "weights", snapshot.parents[1])


class _Engine:
    """An engine that only tells how it is."""

    def __init__(self, status: EngineStatus) -> None:
        self._status = status

    async def status(self) -> EngineStatus:
        return self._status

    async def aclose(self) -> None:
        pass


@pytest.mark.parametrize(
    ("changes", "state", "kind", "detail"),
    [
        (
            {},
            "ok",
            "worker",
            "idle: tiny is loaded and ready. Waiting: 0. Servers that share the worker: 1. Temperature",
        ),
        (
            {"last_error": "No room", "last_error_at": 1_700_000_000.0},
            "warn",
            "worker_failed_before",
            "Last error (2023-11-1",
        ),
        ({"state": "stuck", "why": "Says nothing"}, "fail", "worker_failing", "stuck: Says nothing"),
    ],
)
def test_the_worker_is_shown_with_its_plan_and_its_last_failure(
    monkeypatch: pytest.MonkeyPatch,
    alya_home: Path,
    changes: dict[str, Any],
    state: str,
    kind: str,
    detail: str,
) -> None:
    known: dict[str, Any] = {"state": "idle", "pid": 12, "model": "tiny", "device": "cuda"}
    status = EngineStatus(**{**known, "clients": 1, "plan": "bf16, in short", "temperature": 41, **changes})
    monkeypatch.setattr("alya_mcp.images.open_engine", lambda settings: _Engine(status))
    worker = next(check for check in images.drawing(Settings(home=alya_home)) if check.part == "worker")
    assert (worker.state, worker.id, worker.fields["status"]) == (state, kind, status)
    assert detail in worker.words.detail
    told = worker.as_json()
    assert (told["fields"]["status"]["temperature"], told["remedy"] is None) == (41, state == "ok")


def test_a_home_that_is_no_folder_or_that_others_can_change_fails(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (check,) = machine.home(Settings(home=tmp_path / "file" / "home"))
    assert (check.state, check.id, check.fields) == (
        "fail",
        "home_not_a_folder",
        {"path": tmp_path / "file"},
    )
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    found = [(check.state, check.id) for check in machine.home(Settings(home=shared))]
    assert found == [("ok", "home"), ("fail", "home_open_to_others")]


def test_a_home_that_does_not_exist_yet_is_not_made(tmp_path: Path) -> None:
    (check,) = machine.home(Settings(home=tmp_path / "a" / "b"))
    assert (check.state, check.id, check.fields["folder"]) == ("ok", "home_absent", tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def state_file(tmp_path: Path) -> Path:
    """The state of a home that was used."""
    file = Settings(home=tmp_path).state_file
    kept = SqliteState(file)
    kept.ledger.reserve([Charge("/all_tools/budget", "local", 1, 2, 1)])
    kept.close()
    return file


def test_a_state_that_can_be_read_and_written_is_well_and_none_is_made(
    state_file: Path, tmp_path: Path
) -> None:
    (check,) = state.state(Settings(home=tmp_path))
    assert (check.state, check.id, check.fields) == (
        "ok",
        "state",
        {"file": state_file, "size": state_file.stat().st_size},
    )
    (check,) = state.state(Settings(home=tmp_path / "new"))
    assert (check.state, check.id) == ("ok", "state_absent")
    assert [path.name for path in tmp_path.iterdir()] == [state_file.name]


@contextmanager
def locked(file: Path) -> Iterator[None]:
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


@contextmanager
def no_room(_: Path) -> Iterator[None]:
    """A limit on the size of files stands in for a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def damaged_inside(file: Path) -> Iterator[None]:
    data = bytearray(file.read_bytes())
    data[2 * 4096 : -4096] = bytes(len(data) - 3 * 4096)
    file.write_bytes(data)
    yield


@contextmanager
def no_database(file: Path) -> Iterator[None]:
    file.write_bytes(b"this was a state once, and something has written over it " * 100)
    yield


@contextmanager
def newer(file: Path) -> Iterator[None]:
    with closing(sqlite3.connect(file)) as other:
        other.execute("PRAGMA user_version = 99")
    yield


@contextmanager
def a_folder(file: Path) -> Iterator[None]:
    file.unlink()
    file.mkdir()
    yield


@pytest.mark.parametrize(
    ("happens", "detail", "remedy"),
    [
        (locked, "locked by another process", "End what holds it"),
        (no_room, "can't be used: disk I/O error", "has room"),
        (damaged_inside, "damaged", "move state.sqlite* away"),
        (no_database, "damaged", "move state.sqlite* away"),
        (newer, "schema 99", "Update this program"),
        (a_folder, "can't be", "that it is a file"),
    ],
)
def test_a_state_that_cannot_be_used_fails_with_what_to_do(
    state_file: Path,
    happens: Callable[[Path], AbstractContextManager[None]],
    detail: str,
    remedy: str,
) -> None:
    with happens(state_file):
        before = state_file.read_bytes() if state_file.is_file() else b""
        (check,) = state.state(Settings(home=state_file.parent))
        after = state_file.read_bytes() if state_file.is_file() else b""
    assert (check.state, check.id) == ("fail", "state_unusable")
    assert (detail in str(check.fields["reason"]), remedy in str(check.fields["remedy"])) == (True, True)
    assert after == before


def test_a_yaml_policy_where_only_json_is_looked_for_is_a_warning(alya_home: Path) -> None:
    unread = alya_home / "policy.yaml"
    unread.write_text('version: "1"\ndefault: deny\n')
    warned, used = gate.policy(Settings(home=alya_home))
    assert (warned.state, warned.id, warned.fields) == ("warn", "policy_not_read", {"file": unread})
    assert (used.state, used.id, used.fields["origin"]) == ("ok", "policy", "packaged")
    (named,) = gate.policy(Settings(home=alya_home, policy=unread))
    assert (named.state, named.fields["file"]) == ("ok", unread)


def test_the_policy_is_shown_with_what_it_says_of_how_many_tools(alya_home: Path) -> None:
    rules = {"tools": {"web_search": {"action": "deny"}}, "categories": {"Read": {}}, "hide": ["alya_usage"]}
    (alya_home / "policy.json").write_text(json.dumps({"version": "1", "default": "deny", **rules}))
    (found,) = gate.policy(Settings(home=alya_home))
    counts = found.as_json()["fields"]["tools"]
    assert (list(counts), counts["hidden"]) == (["allow", "deny", "hidden"], 1)
    assert re.search(r"tools: \d+ allow, \d+ deny, 1 hidden, digest", found.words.detail)


def test_a_rule_for_a_tool_that_does_not_exist_is_a_warning(alya_home: Path) -> None:
    rules = {"tools": {"imagegen": {}}, "hide": ["alya_usge"]}
    (alya_home / "policy.json").write_text(json.dumps({"version": "1", "default": "deny", **rules}))
    found = list(gate.policy(Settings(home=alya_home)))
    assert [(check.state, check.id) for check in found] == [
        ("ok", "policy"),
        *[("warn", "policy_unknown_tool")] * 2,
    ]
    pointers = [check.as_json()["fields"]["problem"]["pointer"] for check in found[1:]]
    assert pointers == ["/hide/0", "/tools/imagegen"]
    assert 'did you mean "alya_usage"?' in found[1].words.detail
    assert 'did you mean "image_gen"?' in found[2].words.detail
    (alya_home / "policy.json").write_text(json.dumps({"version": "1", "default": "allow", **rules}))
    wrong = [(check.state, check.id) for check in gate.policy(Settings(home=alya_home))]
    assert wrong == [("fail", "policy_invalid")] * 2


def test_a_server_that_keeps_its_state_elsewhere_is_told_with_what_finds_it(
    person: Path, tmp_path: Path
) -> None:
    system = System(sys.platform, {}, person)
    file = CLIENTS["claude-desktop"].places(system)[0]
    file.parent.mkdir(parents=True)
    other = tmp_path / "its state"
    server = {"command": sys.executable, "env": {"ALYA_HOME": str(other)}}
    file.write_text(json.dumps({"mcpServers": {"alya-mcp": server}}))
    found, state = clients.clients(tmp_path, system)
    assert (found.state, found.id) == ("ok", "client_starts")
    assert (state.state, state.id) == ("warn", "client_state_elsewhere")
    assert (state.fields["home"], state.fields["looked_at"]) == (other, tmp_path)
    assert f"ALYA_HOME='{other}'" in str(state.words.remedy)
    assert len(list(clients.clients(other, system))) == 1


@pytest.mark.parametrize(
    ("variables", "cache"),
    [
        ({"HF_HUB_CACHE": "/a", "HF_HOME": "/b"}, "/a"),
        ({"HF_HOME": "/b", "XDG_CACHE_HOME": "/c"}, "/b/hub"),
        ({"XDG_CACHE_HOME": "/c"}, "/c/huggingface/hub"),
        ({}, str(Path.home() / ".cache" / "huggingface" / "hub")),
    ],
)
def test_the_cache_of_models_is_looked_for_where_hugging_face_keeps_it(
    variables: dict[str, str], cache: str
) -> None:
    assert machine.hub_cache(variables) == Path(cache)
