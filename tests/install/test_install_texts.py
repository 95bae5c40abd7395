"""One server put into texts of every layout and taken out again: what stands around it stays."""

import json
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from alya_mcp.app.client_configs import jsonc
from alya_mcp.app.client_configs.clients import CLIENTS, Launch
from alya_mcp.app.client_configs.documents import ConfigFile, Unusable, parse
from alya_mcp.install import json_text, toml_text, yaml_text
from alya_mcp.install.change import with_server, without_server

ENTRY = {"command": "/opt/alya/bin/alya-mcp", "args": ["a b", 'ü\\"'], "env": {"KEY": "v#1"}}
LAUNCH = Launch("/opt/alya/bin/alya-mcp")

JSON = [
    '{}',
    '{ }\n',
    '{\n}\n',
    '{"mcpServers": {}}',
    '{\n  "mcpServers": {}\n}\n',
    '{\n  "mcpServers": {\n  }\n}\n',
    '{"mcpServers":{"a":{"command":"x"}}}',
    '{\n\t"mcpServers": {\n\t\t"a": {"command": "x"}\n\t},\n\t"z": 1\n}\n',
    '{\r\n    "z": [1, 2],\r\n    "mcpServers": {\r\n        "a": {"command": "x"}\r\n    }\r\n}\r\n',
    '{\n  "other": {"mcpServers": {"alya-mcp": 1}}\n}',
    '// first\n{\n  // servers\n  "mcpServers": { // s\n    "a": {"command": "x"}, // one\n  },\n}\n',
    '{\n  "mcpServers": {\n    "a": {"command": "x"} // no comma, "}" in it\n    /* end } */\n  }\n}\n',
    '{"mcpServers": {"a": {}, /* , */ }, }',
    '{\n  "mcpServers": {\n    // none yet\n  }\n}\n',
    '{"a": "\\u007b \\" // no comment", "mcpServers": {"x": {"args": ["/* nor this */"]}}}',
]  # fmt: skip
TOML = [
    '',
    'model = "x"',
    'model = "x"\r\n[mcp_servers.a]\r\ncommand = "c" # mine\r\n',
    '# only words\n',
    '[[profiles]]\nname = "p"\n\n[mcp_servers.a]\ncommand = """\n[mcp_servers.alya-mcp]\n"""\n',
    '[mcp_servers]\n\n[tui]\nx = 1\n',
    'mcp_servers.a.command = "x"\n',
]  # fmt: skip
YAML = [
    '',
    '# only words\n',
    'GOOSE_MODEL: x',
    'GOOSE_MODEL: x\r\nextensions:\r\n  a:\r\n    cmd: c # mine\r\n    args: []\r\nlast: 1\r\n',
    'extensions:\n  # all\n  a: {cmd: c}\n  b:\n    args:\n    - x\n# end\nlast: 1\n',
    'extensions: {}\n',
    'extensions: {a: {cmd: c}}\nz: 1\n',
    'extensions:\nlast: |\n  extensions:\n    alya-mcp: 1\n',
    '{extensions: {}, z: 1}\n',
    '{}\n',
]  # fmt: skip

CASES = [
    *((json_text, "mcpServers", text) for text in JSON),
    *((toml_text, "mcp_servers", text) for text in TOML),
    *((yaml_text, "extensions", text) for text in YAML),
]


def read(writer: ModuleType, text: str) -> dict[str, Any]:
    if writer is json_text:
        return jsonc.read(text).root.value if text.strip() else {}
    return tomllib.loads(text) if writer is toml_text else yaml.safe_load(text) or {}


def is_one_insertion(before: str, after: str) -> bool:
    ahead = next((at for at, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), len(before))
    behind = len(before) - ahead
    return len(after) > len(before) and (not behind or after.endswith(before[ahead:]))


@pytest.mark.parametrize(("writer", "key", "before"), CASES)
def test_a_server_is_one_insertion_and_everything_else_stays(
    writer: ModuleType, key: str, before: str
) -> None:
    after = writer.insert(before, key, "alya-mcp", ENTRY)
    assert is_one_insertion(before, after), after
    old, new = read(writer, before), read(writer, after)
    assert new[key] == {**(old.get(key) or {}), "alya-mcp": ENTRY}
    assert {**new, key: None} == {**old, key: None}
    assert after.count("\n") == after.count("\r\n") or "\r\n" not in before
    again = writer.replace(after, key, "alya-mcp", {"command": "y"})
    assert read(writer, again)[key]["alya-mcp"] == {"command": "y"}


@pytest.mark.parametrize(("writer", "key", "before"), CASES)
def test_a_server_is_taken_out_without_a_record_of_its_insertion(
    writer: ModuleType, key: str, before: str
) -> None:
    old = read(writer, before)
    after = writer.insert(before, key, "alya-mcp", ENTRY)
    if writer is yaml_text and before.startswith(("{", "extensions: {")):
        with pytest.raises(ValueError, match="by hand"):
            writer.remove(after, key, "alya-mcp", emptied=key not in old)
        return
    left = writer.remove(after, key, "alya-mcp", emptied=key not in old)
    new = read(writer, left)
    assert {**new, key: new.get(key) or None} == {**old, key: old.get(key) or None}
    assert "alya/bin" not in left
    if "//" not in before and "/*" not in before:
        assert "".join(left.split()) == "".join(before.split())


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
tables = st.dictionaries(st.text(max_size=6), values, max_size=4)
GAPS = st.sampled_from(["", " ", "\n", "\r\n  ", "\t", " // }, {\n", '/* " , */', "\n  // x\r\n  "])


@st.composite
def loose_json(draw: st.DrawFn, value: object) -> str:
    """A value as JSON with gaps, comments and trailing commas anywhere."""
    gap = lambda: draw(GAPS)  # noqa: E731
    if isinstance(value, dict):
        members = [
            f"{gap()}{json.dumps(k)}{gap()}:{gap()}{draw(loose_json(v))}{gap()}" for k, v in value.items()
        ]
        comma = "," + gap() if members and draw(st.booleans()) else gap()
        return "{" + ",".join(members) + comma + "}"
    if isinstance(value, list):
        return "[" + ",".join(gap() + draw(loose_json(each)) + gap() for each in value) + "]"
    return json.dumps(value)


@given(st.data(), tables, tables)
def test_json_of_any_layout_takes_the_server_and_gives_it_back(
    data: st.DataObject, servers: dict[str, Any], others: dict[str, Any]
) -> None:
    held = {**others, "mcpServers": servers} if data.draw(st.booleans()) else others
    held.pop("mcpServers", None) if held is others else None
    before = data.draw(GAPS) + data.draw(loose_json(held)) + data.draw(GAPS)
    config = ConfigFile(CLIENTS["cursor"], Path("mcp.json"), before.encode())
    servers.pop("alya-mcp", None) if held is not others else None
    try:
        if "alya-mcp" in config.servers:
            return
    except Unusable:
        return
    after = with_server(config, LAUNCH).after
    assert after is not None
    assert is_one_insertion(before, after.decode())
    changed = ConfigFile(config.client, config.file, after)
    left = without_server(changed, made_key="mcpServers" not in config.values, made_file=False).after
    assert left is not None
    assert jsonc.read(left.decode()).root.value == config.values
    assert [left.decode().count(mark) for mark in ("//", "/*")] == [
        before.count(mark) for mark in ("//", "/*")
    ]


@pytest.mark.parametrize(
    ("client", "text", "named"),
    [
        ("cursor", "{", "line 1, column 2"),
        ("cursor", "[]", "JSON"),
        ("cursor", '{"mcpServers": []}', "'mcpServers'"),
        ("cursor", '{"mcpServers": null}', "'mcpServers'"),
        ("cursor", '{"mcpServers": {}, "mcpServers": {}}', "'mcpServers'"),
        ("cursor", '{"a": 1,, }', "line 1, column 9"),
        ("cursor", '{"a": 1} x', "line 1, column 10"),
        ("cursor", '{"a" 1}', "line 1, column 6"),
        ("cursor", '{"a": 1 "b": 2}', "line 1, column 9"),
        ("cursor", '{"a":\n [1 2]}', "line 2, column 5"),
        ("cursor", '{"a": "x', "line 1, column 7"),
        ("cursor", '{"a": ?}', "line 1, column 7"),
        ("cursor", '{"a": 1 /* b}', "line 1, column 9"),
        ("cursor", "[" * 5000, "JSON"),
        ("cursor", '{"a": "\ud800"}'.encode("utf-8", "surrogatepass"), "UTF-8"),
        ("codex", "a = ", "TOML"),
        ("codex", 'mcp_servers = {a = {command = "x"}}', ""),
        ("codex", "mcp_servers = 1", "'mcp_servers'"),
        ("goose", "a: [", "YAML"),
        ("goose", "extensions: 3\n", "'extensions'"),
        ("goose", "a: 1\n...\n", ""),
        ("goose", "- a\n", "YAML"),
    ],
)
def test_a_text_that_takes_no_server_is_refused_with_what_is_wrong(
    client: str, text: str | bytes, named: str
) -> None:
    data = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(Unusable) as refused:
        with_server(ConfigFile(CLIENTS[client], Path("/x/config"), data), LAUNCH)
    assert "/x/config" in str(refused.value)
    assert named in str(refused.value)
    if not named:  # valid, and takes no single change: what to add by hand is shown
        which = CLIENTS[client]
        shown = parse(str(refused.value).partition(":\n")[2], which.format, Path())
        assert shown[which.key]["alya-mcp"] == which.entry(LAUNCH)


def test_a_number_and_a_comma_that_json_would_not_take_stay() -> None:
    text = f'{{"a": [{"9" * 5000}, 1,], "mcpServers": {{}}}}'
    after = with_server(ConfigFile(CLIENTS["cursor"], Path("/x/config"), text.encode()), LAUNCH).after
    assert after is not None
    assert is_one_insertion(text, after.decode())


HANDMADE = [
    (
        "codex",
        '[mcp_servers.alya-mcp]\ncommand = "x"\n\n[mcp_servers.alya-mcp.env]\nK = "v"\n# z\n[tui]\nx = 1\n',
        "\n# z\n[tui]\nx = 1\n",
    ),
    ("codex", 'x = [\n  [1],\n]\n[mcp_servers.alya-mcp]\ncommand = "x"\n', "x = [\n  [1],\n]\n"),
    (
        "goose",
        "extensions:\n  alya-mcp:\n    cmd: x\n    args:\n    - a\n    - b\n  b: {cmd: c}\n",
        "extensions:\n  b: {cmd: c}\n",
    ),
    (
        "cursor",
        '{"mcpServers": {"a": {}, /* , */ "alya-mcp": {}}}',
        '{"mcpServers": {"a": {} /* , */}}',
    ),
    (
        "cursor",
        '{"mcpServers": {"a": {} /* , */, /* , */ "alya-mcp": {}}}',
        '{"mcpServers": {"a": {} /* , */ /* , */}}',
    ),
]  # fmt: skip


@pytest.mark.parametrize(("client", "before", "left"), HANDMADE)
def test_a_server_that_the_user_put_in_is_taken_out(client: str, before: str, left: str) -> None:
    change = without_server(
        ConfigFile(CLIENTS[client], Path("/x/config"), before.encode()), made_key=False, made_file=False
    )
    assert change.after == left.encode()


@pytest.mark.parametrize(
    ("client", "text"),
    [
        ("codex", 'mcp_servers.alya-mcp.command = "x"\n'),
        ("goose", "a: &a\n  alya-mcp: {cmd: x}\nextensions:\n  <<: *a\n"),
        ("goose", "a: &a\n  alya-mcp: {cmd: x}\nextensions: *a\n"),
        ("goose", "extensions:\n  ? alya-mcp\n  : {cmd: x}\n"),
        ("goose", "extensions: {}\nextensions:\n  alya-mcp: {cmd: x}\n"),
    ],
)
def test_a_server_that_stands_in_no_lines_of_its_own_stays(client: str, text: str) -> None:
    config = ConfigFile(CLIENTS[client], Path("/x/config"), text.encode())
    assert "alya-mcp" in config.servers
    with pytest.raises(Unusable, match="/x/config"):
        without_server(config, made_key=False, made_file=False)


def test_values_of_every_kind_stay_when_the_server_is_written_again() -> None:
    kept = 'wait = 1.5\nsince = 2026-12-01\nat = 07:30:00\nmost = inf\nodd = [{}, true, "\\u007f"]\n'
    text = f'[mcp_servers.alya-mcp]\ncommand = "x"\n{kept}'
    change = with_server(ConfigFile(CLIENTS["codex"], Path("/x/config"), text.encode()), LAUNCH)
    assert change.after is not None
    server = tomllib.loads(change.after.decode())["mcp_servers"]["alya-mcp"]
    assert server.items() >= tomllib.loads(kept).items()
    assert server["command"] == LAUNCH.command


def test_a_key_that_begins_no_line_takes_no_server() -> None:
    config = ConfigFile(CLIENTS["goose"], Path("/x/config"), b"? extensions\n: a: {cmd: c}\n")
    with pytest.raises(Unusable, match="/x/config"):
        with_server(config, LAUNCH)


@pytest.mark.parametrize(("made_file", "after"), [(True, None), (False, b"{}")])
def test_a_file_that_was_made_for_the_server_goes_with_it(made_file: bool, after: bytes | None) -> None:
    config = ConfigFile(CLIENTS["cursor"], Path("/x/config"), b'{"mcpServers": {"alya-mcp": {}}}')
    assert without_server(config, made_key=True, made_file=made_file).after == after
