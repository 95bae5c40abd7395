"""`alya-mcp install` and `uninstall`, as a user runs them, and doctor, which reads the same places back."""

import json
import os
import pty
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from command_line import COMMAND, Run
from raw_client import PATIENCE

from alya_mcp.app.client_configs.clients import CLIENTS, System
from alya_mcp.app.client_configs.documents import load
from alya_mcp.app.diagnostics import clients
from alya_mcp.app.diagnostics.check import Check
from alya_mcp.install import installer

SCRIPT = str(Path(sys.executable).with_name("alya-mcp"))
ALL = sorted(CLIENTS)


def place(client: str, person: Path) -> Path:
    return CLIENTS[client].places(System(sys.platform, {}, person))[0]


def everything(folder: Path) -> dict[str, bytes]:
    return {str(each): each.read_bytes() for each in folder.rglob("*") if each.is_file()}


@pytest.mark.parametrize("client", ALL)
def test_a_client_without_a_configuration_gets_one_and_loses_it_again(
    run: Run, person: Path, client: str
) -> None:
    file = place(client, person)
    done = run("install", client, "--env", "ALYA_S3_BUCKET=a b", "--output", "json")
    assert (done.code, done.json) == (
        0,
        {"client": client, "file": str(file), "backup": None, "changed": True},
    )
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    launch = CLIENTS[client].launch(load(CLIENTS[client], file).servers["alya-mcp"])
    assert launch is not None
    assert (launch.command, launch.arguments, launch.environment) == (SCRIPT, (), {"ALYA_S3_BUCKET": "a b"})
    before = file.read_bytes()
    assert run("install", client, "--output", "json").json["changed"] is False
    assert file.read_bytes() == before
    removed = run("uninstall", client)
    assert removed.code == 0
    assert CLIENTS[client].gone in removed.err
    assert list(person.rglob("*")) == []
    again = run("uninstall", client, "--output", "json")
    assert (again.code, again.json["changed"]) == (0, False)


OLD = {
    "json": b'\xef\xbb\xbf{\r\n\t// mine\r\n\t"KEY": {\r\n\t\t"other": {"command": "npx"},\r\n\t},\r\n}',
    "toml": b'model = "m"\r\n[KEY.other] # mine\r\ncommand = "npx"\r\n[tui]\r\nx = 1',
    "yaml": b"# mine\r\nKEY:\r\n  other:\r\n    cmd: npx # mine\r\n\r\nGOOSE_MODEL: m",
}


@pytest.mark.parametrize("client", ALL)
def test_a_configuration_keeps_its_bytes_and_gets_the_old_ones_back(
    run: Run, tmp_path: Path, client: str
) -> None:
    which = CLIENTS[client]
    old = OLD[which.format].replace(b"KEY", which.key.encode())
    target = tmp_path / "dotfiles" / "config"
    target.parent.mkdir()
    target.write_bytes(old)
    target.chmod(0o640)
    file = tmp_path / "config"
    file.symlink_to(target)
    done = run("install", client, "--config", str(file), "--output", "json")
    new = file.read_bytes()
    at = next(at for at in range(len(old) + 1) if new[at : at + 1] != old[at : at + 1])
    assert new.endswith(old[at:])
    assert new.count(b"\n") == new.count(b"\r\n")
    assert Path(done.json["backup"]).read_bytes() == old
    assert stat.S_IMODE(Path(done.json["backup"]).stat().st_mode) == 0o600
    assert list(load(which, file).servers) in (["other", "alya-mcp"], ["alya-mcp", "other"])
    assert run("install", client, "--config", str(file), "--env", "A=1").code == 0
    assert run("uninstall", client, "--config", str(file)).code == 0
    assert target.read_bytes() == old
    assert (file.is_symlink(), stat.S_IMODE(target.stat().st_mode)) == (True, 0o640)


def test_what_changed_since_stays_when_the_server_is_taken_out(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "mcp.json"
    assert run("install", "cursor", "--config", str(file)).code == 0
    held = json.loads(file.read_text())
    held["mcpServers"]["mine"] = {"command": "x"}
    file.write_text(json.dumps(held, indent=4))
    assert run("uninstall", "cursor", "--config", str(file)).code == 0
    assert json.loads(file.read_text()) == {"mcpServers": {"mine": {"command": "x"}}}


def test_an_entry_that_is_there_is_corrected_and_keeps_what_the_user_wrote(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "mcp.json"
    entry = {"command": "/old/alya-mcp", "timeout": 9, "env": {"KEPT": "1", "ALYA_S3_BUCKET": "old"}}
    file.write_text(json.dumps({"mcpServers": {"alya-mcp": entry, "alya": {"command": "alya-mcp"}}}))
    done = run("install", "cursor", "--config", str(file), "--env", "ALYA_S3_BUCKET=new")
    found = json.loads(file.read_text())["mcpServers"]["alya-mcp"]
    env = {"KEPT": "1", "ALYA_S3_BUCKET": "new"}
    assert found == {"command": SCRIPT, "timeout": 9, "env": env, "args": []}
    assert "as alya too" in done.err
    assert run("uninstall", "cursor", "--config", str(file)).code == 0
    assert list(json.loads(file.read_text())["mcpServers"]) == ["alya"]


def test_no_other_variable_is_copied_and_those_that_choose_the_state_are_named(
    run: Run, tmp_path: Path
) -> None:
    file = tmp_path / "mcp.json"
    done = run("install", "cursor", "--config", str(file), AWS_SECRET_ACCESS_KEY="not-to-be-copied")
    assert "env" not in json.loads(file.read_text())["mcpServers"]["alya-mcp"]
    assert "ALYA_HOME is set here" in done.err


def test_print_shows_the_file_as_it_would_be_and_writes_nothing(
    run: Run, person: Path, alya_home: Path
) -> None:
    before = everything(alya_home)
    printed = run("install", "codex", "--print")
    as_json = run("install", "codex", "--print", "--output", "json").json
    assert (everything(person), everything(alya_home)) == ({}, before)
    assert as_json["changed"] is False
    assert run("install", "codex").code == 0
    assert place("codex", person).read_text() == printed.out == as_json["text"]


HALF = b'{"mcpServers": {"alya-mcp": {"command": "x", "note": "\\ud800"}}}'


@pytest.mark.parametrize(
    "content", [b'{"mcpServers": [', b"[]", b"\xff\xfe{}", b'{"mcpServers": 1}', HALF, None]
)
def test_a_file_that_cannot_be_used_is_named_and_stays_as_it_is(
    run: Run, tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "mcp.json"
    file.mkdir() if content is None else file.write_bytes(content)
    for command in ("install", "uninstall") if content != HALF else ("install",):
        done = run(command, "claude-desktop", "--config", str(file), "--output", "json")
        assert (done.code, done.out) == (1, "")
        assert str(file) in done.err
    assert content is None or file.read_bytes() == content


def test_a_backup_that_cannot_be_kept_leaves_the_file_as_it_is(run: Run, tmp_path: Path) -> None:
    file, home = tmp_path / "mcp.json", tmp_path / "no-folder"
    file.write_text("{}")
    home.write_text("")
    done = run("install", "cursor", "--config", str(file), ALYA_HOME=str(home))
    assert (done.code, file.read_text()) == (1, "{}")


def test_a_file_that_cannot_be_written_is_not_counted_as_changed(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, *_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    file = tmp_path / "mcp.json"
    file.write_text('{"mcpServers": {}}')
    monkeypatch.setattr(installer, "write_whole", full)
    done = run("install", "cursor", "--config", str(file))
    assert (done.code, "No space left" in done.err, file.read_text()) == (1, True, '{"mcpServers": {}}')
    monkeypatch.undo()
    entry = {"mcpServers": {"alya-mcp": {"command": SCRIPT, "args": []}}}
    file.write_text(json.dumps(entry))  # somebody else's work: taken out by itself, not by an old record
    assert run("uninstall", "cursor", "--config", str(file)).code == 0
    assert json.loads(file.read_text()) == {"mcpServers": {}}


@pytest.mark.parametrize(
    "words",
    [
        ("install", "clod"),
        ("uninstall", "clod"),
        ("install",),
        ("install", "cursor", "--env", "novalue"),
        ("install", "cursor", "--env", "A=1", "--env", "A=2"),
        ("install", "cursor", "--env", "ALYA_HOME=relative"),
        ("install", "zed", "--link"),
    ],
)
def test_wrong_usage_ends_with_2_and_writes_nothing(run: Run, person: Path, words: tuple[str, ...]) -> None:
    done = run(*words)
    assert (done.code, done.out, everything(person)) == (2, "", {})


def test_a_value_that_is_not_utf_8_is_refused(run: Run, person: Path) -> None:
    """As Python has the byte 0xFF of a command line."""
    done = run("install", "cursor", "--env", "A=" + chr(0xDCFF))
    assert (done.code, everything(person)) == (2, {})
    assert "UTF-8" in done.err


def test_a_link_is_printed_and_nothing_is_written(run: Run, person: Path) -> None:
    done = run("install", "cursor", "--link", "--output", "json")
    assert done.json["link"].startswith("cursor://")
    assert done.json["link"] == run("install", "cursor", "--link").out.strip()
    assert everything(person) == {}


@pytest.mark.parametrize(("answer", "changed"), [(b"y\n", True), (b"\n", False)])
def test_on_a_terminal_the_change_is_shown_and_asked_for(
    cli_env: dict[str, str], tmp_path: Path, answer: bytes, changed: bool
) -> None:
    file = tmp_path / "mcp.json"
    file.write_text('{\n  "mcpServers": {}\n}\n')
    ours, theirs = pty.openpty()
    command = [*COMMAND, "install", "cursor", "--config", str(file), "--output", "json"]
    with subprocess.Popen(
        command, env=cli_env, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs
    ) as process:
        os.close(theirs)
        shown = b""
        while b"[y/N]" not in shown:
            shown += os.read(ours, 4096)
        os.write(ours, answer)
        assert process.stdout
        told: Any = json.loads(process.stdout.read())
        assert process.wait(PATIENCE) == 0
    os.close(ours)
    assert b'+    "alya-mcp": {' in shown
    assert told["changed"] is changed
    assert ("alya-mcp" in file.read_text()) is changed


# -- doctor -----------------------------------------------------------------------------------------


def test_doctor_finds_what_install_wrote_in_the_same_places(
    run: Run, person: Path, alya_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALYA_HOME", str(alya_home))
    system = System(sys.platform, {}, person)
    for client in ALL:
        assert run("install", client, "--env", f"ALYA_HOME={alya_home}").code == 0
    found = list(clients.clients(alya_home, system))
    assert [check.state for check in found] == ["ok"] * len(ALL), found
    assert {check.part for check in found} == {CLIENTS[name].title.lower() for name in ALL}


def checks(person: Path, home: Path, text: str) -> list[Check]:
    file = place("claude-desktop", person)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    found: list[Check] = list(clients.clients(home, System(sys.platform, {}, person)))
    assert all((check.words.remedy is None) == (check.state == "ok") for check in found)
    return found


@pytest.mark.parametrize(
    ("servers", "state", "kind"),
    [
        ({"alya": {"command": sys.executable, "args": ["-m", "alya_mcp"]}}, "ok", "client_starts"),
        ({"alya-mcp": {"command": "alya-mcp"}}, "warn", "client_command_not_a_path"),
        ({"alya-mcp": {"command": "/no/such/alya-mcp"}}, "fail", "client_command_missing"),
        ({"alya-mcp": {"args": []}}, "fail", "client_without_command"),
        ({"alya-mcp": None}, "fail", "client_without_command"),
        ({"other": {"command": "npx"}}, "warn", "clients_all_without"),
        ({}, "warn", "clients_all_without"),
    ],
)
def test_a_configuration_is_read_as_it_is(person: Path, servers: object, state: str, kind: str) -> None:
    home = person / ".local" / "share" / "alya-mcp"
    found = checks(person, home, json.dumps({"mcpServers": servers}))
    assert (state, kind) in [(check.state, check.id) for check in found], found


def test_a_configuration_that_its_client_cannot_read_is_found(person: Path) -> None:
    home = person / ".local" / "share" / "alya-mcp"
    unusable = checks(person, home, '{"mcpServers": [')[0]
    assert (unusable.state, unusable.id) == ("fail", "client_file_unusable")
    commented = f'{{"mcpServers": {{"alya-mcp": {{"command": "{sys.executable}"}}, /* mine */ }}}}'
    odd = checks(person, home, commented)[0]
    assert (odd.state, odd.id, "line 1" in str(odd.fields["what"])) == ("warn", "client_file_has", True)
