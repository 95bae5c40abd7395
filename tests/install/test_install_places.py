"""Where each client keeps its configuration on three systems, which command it gets, and the links."""

import base64
import json
import os
import sys
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from alya_mcp.app.client_configs.clients import CLIENTS, NAME, Launch, System
from alya_mcp.install.command import NoCommand, launch
from alya_mcp.install.links import LINKED, NoLink, link

HOME = Path("/home/u")


def first(client: str, platform: str, home: Path = HOME, **variables: str) -> str:
    return CLIENTS[client].places(System(platform, variables, home))[0].as_posix()


@pytest.mark.parametrize(
    ("client", "linux", "macos", "windows"),
    [
        ("claude-desktop", "~/.config/Claude/claude_desktop_config.json",
         "~/Library/Application Support/Claude/claude_desktop_config.json",
         "/roaming/Claude/claude_desktop_config.json"),
        ("claude-code", "~/.claude.json", "~/.claude.json", "~/.claude.json"),
        ("cursor", "~/.cursor/mcp.json", "~/.cursor/mcp.json", "~/.cursor/mcp.json"),
        ("vscode", "~/.config/Code/User/mcp.json", "~/Library/Application Support/Code/User/mcp.json",
         "/roaming/Code/User/mcp.json"),
        ("windsurf", *["~/.codeium/windsurf/mcp_config.json"] * 3),
        ("zed", "~/.config/zed/settings.json", "~/.config/zed/settings.json", "/roaming/Zed/settings.json"),
        ("codex", *["~/.codex/config.toml"] * 3),
        ("gemini", *["~/.gemini/settings.json"] * 3),
        ("goose", "~/.config/goose/config.yaml", "~/.config/goose/config.yaml",
         "/roaming/Block/goose/config/config.yaml"),
        ("lm-studio", *["~/.lmstudio/mcp.json"] * 3),
    ],
)  # fmt: skip
def test_a_client_keeps_its_configuration_where_its_documentation_says(
    client: str, linux: str, macos: str, windows: str
) -> None:
    found = (first(client, "linux"), first(client, "darwin"), first(client, "win32", APPDATA="/roaming"))
    assert found == tuple(each.replace("~", str(HOME)) for each in (linux, macos, windows))


@pytest.mark.parametrize(
    ("client", "variables", "place"),
    [
        ("claude-code", {"CLAUDE_CONFIG_DIR": "/c"}, "/c/.claude.json"),
        ("claude-desktop", {"XDG_CONFIG_HOME": "/x"}, "/x/Claude/claude_desktop_config.json"),
        (
            "claude-desktop",
            {"XDG_CONFIG_HOME": "not/absolute"},
            "~/.config/Claude/claude_desktop_config.json",
        ),
        ("vscode", {"XDG_CONFIG_HOME": "/x"}, "/x/Code/User/mcp.json"),
        ("zed", {"XDG_CONFIG_HOME": "/x"}, "/x/zed/settings.json"),
        ("goose", {"XDG_CONFIG_HOME": "/x"}, "/x/goose/config.yaml"),
        ("codex", {"CODEX_HOME": "/o"}, "/o/config.toml"),
        ("gemini", {"GEMINI_CLI_HOME": "/g"}, "/g/.gemini/settings.json"),
    ],
)
def test_variables_move_the_configuration_of_those_that_obey_them(
    client: str, variables: dict[str, str], place: str
) -> None:
    assert first(client, "linux", **variables) == place.replace("~", str(HOME))


def test_claude_desktop_from_the_microsoft_store_goes_before_the_other(tmp_path: Path) -> None:
    package = tmp_path / "Packages" / "Claude_pzs8sxrjxfjjc"
    system = System("win32", {"APPDATA": "/roaming", "LOCALAPPDATA": str(tmp_path)}, HOME)
    usual = Path("/roaming/Claude/claude_desktop_config.json")
    assert list(CLIENTS["claude-desktop"].places(system)) == [usual]
    package.mkdir(parents=True)
    store = package / "LocalCache" / "Roaming" / "Claude" / "claude_desktop_config.json"
    assert list(CLIENTS["claude-desktop"].places(system)) == [store, usual]


def test_an_old_lm_studio_is_found_in_its_cache(tmp_path: Path) -> None:
    old = tmp_path / ".cache" / "lm-studio"
    old.mkdir(parents=True)
    assert first("lm-studio", "linux", tmp_path) == str(old / "mcp.json")
    (tmp_path / ".lmstudio").mkdir()
    assert first("lm-studio", "linux", tmp_path) == str(tmp_path / ".lmstudio" / "mcp.json")


# -- the command ------------------------------------------------------------------------------------


def installed(prefix: Path, mark: str | None = None) -> Path:
    script = prefix / "bin" / "alya-mcp"
    script.parent.mkdir(parents=True)
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    if mark:
        (prefix / mark).touch()
    return script


def test_a_tool_is_started_by_the_path_on_which_its_installer_exposed_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = installed(tmp_path / "tools" / "alya-mcp", "uv-receipt.toml")
    other = installed(tmp_path / "other")
    monkeypatch.setenv("PATH", str(other.parent))
    assert launch({}, script.parents[1]).command == str(script)
    exposed = tmp_path / "local" / "alya-mcp"
    exposed.parent.mkdir()
    exposed.symlink_to(script)
    monkeypatch.setenv("PATH", str(exposed.parent))
    assert launch({"A": "1"}, script.parents[1]) == Launch(str(exposed), (), {"A": "1"})


def test_an_environment_without_the_script_is_started_as_a_module(tmp_path: Path) -> None:
    assert launch({}, tmp_path) == Launch(sys.executable, ("-m", "alya_mcp"), {})


def test_what_lies_in_uvs_cache_is_started_by_uv_which_makes_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = installed(tmp_path / "cache" / "archive-v0" / "x1")
    monkeypatch.delenv("UV", raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(NoCommand, match=r"\buv\b"):
        launch({}, script.parents[1])
    uv = tmp_path / "uv"
    uv.touch(0o755)
    monkeypatch.setenv("UV", str(uv))
    found = launch({}, script.parents[1])
    assert (found.command, found.arguments[:3], found.arguments[-1]) == (
        str(uv),
        ("tool", "run", "--from"),
        NAME,
    )
    assert str(tmp_path / "cache") not in " ".join(found.arguments)
    made_of = Path(found.arguments[3].partition("[")[0])  # these tests run from a checkout
    assert (made_of / "pyproject.toml").is_file()


# -- links ------------------------------------------------------------------------------------------

LAUNCH = Launch("/opt/ä b/alya-mcp", ("--x", "y&z"), {"ALYA_S3_BUCKET": "a+b/c=="})


def decoded(client: str, address: str) -> object:
    parts = urlsplit(address)
    query = dict(parse_qs(parts.query, strict_parsing=client != "vscode"))
    if client == "vscode":
        return json.loads(unquote(parts.query))
    if client == "goose":
        return query
    assert query["name"] == [NAME]
    return json.loads(base64.b64decode(query["config"][0], validate=True))


def test_links_hold_the_same_entry_as_the_configuration() -> None:
    for client in ("cursor", "lm-studio"):
        assert decoded(client, link(CLIENTS[client], LAUNCH)) == CLIENTS[client].entry(LAUNCH)
    assert decoded("vscode", link(CLIENTS["vscode"], LAUNCH)) == {
        "name": NAME,
        **CLIENTS["vscode"].entry(LAUNCH),
    }
    assert {urlsplit(link(CLIENTS[c], LAUNCH)).scheme for c in ("cursor", "lm-studio", "vscode")} == {
        "cursor", "lmstudio", "vscode",
    }  # fmt: skip


def test_gooses_link_runs_uvx_and_asks_for_the_values_of_variables() -> None:
    with pytest.raises(NoLink, match="uvx"):
        link(CLIENTS["goose"], LAUNCH)
    run = Launch("/bin/uv", ("tool", "run", "--from", "alya-mcp[s3]==1.0", NAME), {"KEY": "secret"})
    query = decoded("goose", link(CLIENTS["goose"], run))
    assert isinstance(query, dict)
    assert (query["cmd"], query["arg"]) == (["uvx"], ["--from", "alya-mcp[s3]==1.0", NAME])
    assert (query["id"], query["env"]) == ([NAME], ["KEY=KEY"])


def test_a_client_without_links_says_so() -> None:
    for name in CLIENTS.keys() - set(LINKED):
        with pytest.raises(NoLink, match="has no links"):
            link(CLIENTS[name], LAUNCH)


def test_an_entry_is_read_back_as_it_was_written() -> None:
    for client in CLIENTS.values():
        assert client.launch(client.entry(LAUNCH)) == LAUNCH
        assert client.starts_us("x", client.entry(LAUNCH))
        assert not client.starts_us("x", {"command": os.devnull})
    zed = {"command": {"path": "/a", "args": ["b"], "env": {"C": "d"}}}
    assert CLIENTS["zed"].launch(zed) == Launch("/a", ("b",), {"C": "d"})
