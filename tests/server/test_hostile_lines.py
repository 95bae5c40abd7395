"""Hostile lines on standard input cost nothing: each valid request between them is answered."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from raw_client import RawClient, Servers, envelope, environment, expect_nothing_running

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS = -32700, -32600, -32601, -32602


def request(method: bytes, params: bytes = b"{}", request_id: bytes = b'"hostile"') -> bytes:
    return b'{"jsonrpc":"2.0","id":%b,"method":%b,"params":%b}' % (request_id, method, params)


def call(arguments: bytes, request_id: bytes = b'"hostile"') -> bytes:
    return request(b'"tools/call"', b'{"name":"alya_usage","arguments":%b}' % arguments, request_id)


def cancelled(request_id: bytes) -> bytes:
    return b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":%b}}' % request_id


PING = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'
LINES = {
    "not JSON": b"hello",
    "cut short": b'{"jsonrpc":"2.0","id":1,"method":"to',
    "trailing comma": b'{"jsonrpc":"2.0","id":1,"method":"ping",}',
    "two messages on one line": PING + PING,
    "batch": b"[" + PING + b"," + PING + b"]",
    "empty batch": b"[]",
    "null": b"null",
    "number": b"7",
    "NaN alone": b"NaN",
    "string": b'"ping"',
    "empty object": b"{}",
    "no version": b'{"id":1,"method":"ping"}',
    "version 1": b'{"jsonrpc":"1.0","id":1,"method":"ping"}',
    "version as number": b'{"jsonrpc":2.0,"id":1,"method":"ping"}',
    "method as number": b'{"jsonrpc":"2.0","id":1,"method":7}',
    "method null": b'{"jsonrpc":"2.0","id":1,"method":null}',
    "params as array": b'{"jsonrpc":"2.0","id":1,"method":"ping","params":[1]}',
    "params as string": b'{"jsonrpc":"2.0","id":1,"method":"ping","params":"x"}',
    "NaN in params": call(b'{"x":NaN}'),
    "Infinity in params": call(b'{"x":-Infinity}'),
    "number beyond a double": call(b'{"x":1e999}'),
    "number of 5000 digits": call(b'{"x":' + b"9" * 5000 + b"}"),
    "id of 5000 digits": call(b"{}", b"9" * 5000),
    "name of 1 MB": call(b'{"' + b"n" * 1_000_000 + b'":1}'),
    "string of 1 MB": call(b'{"x":"' + b"s" * 1_000_000 + b'"}'),
    "method of 1 MB": request(b'"' + b"m" * 1_000_000 + b'"'),
    "nested 10,000 deep": call(b'{"x":' + b"[" * 10_000 + b"]" * 10_000 + b"}"),
    "nested 10,000 deep, objects": call(b'{"x":' + b'{"x":' * 10_000 + b"1" + b"}" * 10_000 + b"}"),
    "opened 1,000,000 times": b"[" * 1_000_000,
    "nested 150 deep": call(b'{"x":' + b"[" * 150 + b"]" * 150 + b"}"),
    "escaped lone surrogate": call(b'{"x":"\\ud800"}'),
    "escaped lone surrogate as a name": call(b'{"\\udfff":1}'),
    "escaped lone surrogate as the method": request(b'"\\ud800"'),
    "escaped lone surrogate as the id": call(b"{}", b'"\\ud800"'),
    "escaped lone surrogate as the tool": request(b'"tools/call"', b'{"name":"\\ud800"}'),
    "raw lone surrogate": call(b'{"x":"\xed\xa0\x80"}'),
    "invalid UTF-8": call(b'{"x":"\xff\xfe"}'),
    "overlong UTF-8": call(b'{"x":"\xc0\x80"}'),
    "raw NUL": call(b'{"x":"\x00"}'),
    "escaped NUL": call(b'{"x":"\\u0000"}'),
    "NUL bytes alone": b"\x00" * 100,
    "UTF-16": PING.decode().encode("utf-16-le"),
    "byte order mark": b"\xef\xbb\xbf" + PING,
    "line separators": call('{"x":"\u2028\u2029\x85"}'.encode()),
    "the same key twice": b'{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}',
    "response to nothing": b'{"jsonrpc":"2.0","id":99,"result":{}}',
    "response with a huge id": b'{"jsonrpc":"2.0","id":' + b"9" * 400 + b',"result":{}}',
    "error to nothing": b'{"jsonrpc":"2.0","id":99,"error":{"code":1,"message":"x"}}',
    "error without an id": b'{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"x"}}',
    "result and method": b'{"jsonrpc":"2.0","id":98,"result":{},"method":"ping"}',
    "unknown notification": b'{"jsonrpc":"2.0","method":"notifications/nothing","params":{"x":1}}',
    "cancelled nothing": cancelled(b'"nothing"'),
    "cancelled wrong": cancelled(b"[1]"),
    "cancelled digits": cancelled(b'"' + b"9" * 5000 + b'"'),
    "cancelled without params": b'{"jsonrpc":"2.0","method":"notifications/cancelled"}',
    "progress of nothing": b'{"jsonrpc":"2.0","method":"notifications/progress","params":'
    b'{"progressToken":1,"progress":1e999}}',
    "progress token an object": request(b'"tools/call"', b'{"name":"x","_meta":{"progressToken":{"a":1}}}'),
    "meta a string": request(b'"tools/call"', b'{"name":"alya_usage","_meta":"x"}'),
    "task of the past": request(b'"tools/call"', b'{"name":"alya_usage","task":{"ttl":1}}'),
    "logging level": request(b'"logging/setLevel"', b'{"level":"debug"}'),
    "cursor": request(b'"tools/list"', b'{"cursor":"made up"}'),
    "blanks": b"   \t  ",
    "empty": b"",
    "carriage return": b"\r",
}  # fmt: skip


def _is_not_mine(message: dict[str, Any]) -> bool:
    """Whether a message answers no request that the client numbered itself."""
    return not (isinstance(message.get("id"), int) and message["id"] > 1000)


UNANSWERED = {
    name for name in LINES if name.startswith(("response", "error", "unknown n", "cancelled", "progress of"))
}
UNANSWERED |= {"blanks", "empty", "carriage return"}


@pytest.fixture(scope="module")
def uninitialised(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RawClient]:
    folder = tmp_path_factory.mktemp("uninitialised")
    home = folder / "home"
    home.mkdir(mode=0o700)
    with RawClient(environment(home), folder / "stderr") as client:
        assert client.request("ping")["result"] == {}
        yield client
        client.initialize()
        assert client.alive()
    expect_nothing_running(home)


@pytest.mark.parametrize("name", LINES)
def test_a_hostile_line_after_initialize_costs_nothing_but_its_answer(shared: RawClient, name: str) -> None:
    before = len(shared.messages)
    shared.send(LINES[name] + b"\n")
    assert shared.alive()
    if name in UNANSWERED:
        assert [m for m in shared.messages[before:] if "error" in m] == []
    else:
        # The line may be answered after the request behind it: each request is its own task.
        shared.wait(
            lambda m: any(m is each for each in shared.messages[before:]) and _is_not_mine(m), "an answer"
        )


@pytest.mark.parametrize("name", LINES)
def test_a_hostile_line_before_initialize_costs_nothing_but_its_answer(
    uninitialised: RawClient, name: str
) -> None:
    uninitialised.send(LINES[name] + b"\n")
    assert uninitialised.request("ping")["result"] == {}
    assert uninitialised.process.poll() is None


@pytest.mark.parametrize(
    "name", ["cut short", "batch", "escaped lone surrogate as the id", "nested 10,000 deep"]
)
def test_a_hostile_first_line_does_not_decide_the_era(start_server: Servers, name: str) -> None:
    with start_server() as client:
        client.send(LINES[name] + b"\n")
        assert client.request("server/discover", {"_meta": envelope()})["result"]["resultType"] == "complete"


def test_all_hostile_lines_at_once_leave_every_request_between_them_answered(shared: RawClient) -> None:
    ids: list[str] = []
    lines: list[bytes] = []
    for number, line in enumerate(LINES.values()):
        ids.append(f"between-{number}")
        lines += [line, json.dumps({"jsonrpc": "2.0", "id": ids[-1], "method": "ping"}).encode()]
    shared.send(b"\n".join(lines) + b"\r\n\n")
    for each in ids:
        assert shared.answer(each)["result"] == {}


@pytest.mark.parametrize(
    ("line", "code", "request_id"),
    [
        (b"hello", PARSE_ERROR, None),
        (b'{"jsonrpc":"2.0","id":"p","method":"x"', PARSE_ERROR, None),
        (b'[{"jsonrpc":"2.0","id":"q","method":"ping"}]', INVALID_REQUEST, None),
        (b'{"jsonrpc":"2.0","id":"wrong-method","method":7}', INVALID_REQUEST, "wrong-method"),
        (b'{"jsonrpc":"2.0","id":"no-method"}', INVALID_REQUEST, "no-method"),
        (b'{"jsonrpc":"2.0","id":"array","method":"ping","params":[]}', INVALID_REQUEST, "array"),
        (b'{"jsonrpc":"2.0","id":null,"method":"ping"}', INVALID_REQUEST, None),
        (b'{"jsonrpc":"2.0","id":true,"method":"ping"}', INVALID_REQUEST, None),
        (b'{"jsonrpc":"2.0","id":1.5,"method":"ping"}', INVALID_REQUEST, None),
        (b'{"jsonrpc":"2.0","id":[1],"method":"ping"}', INVALID_REQUEST, None),
        (b'{"jsonrpc":"2.0","id":{"a":1},"method":"ping"}', INVALID_REQUEST, None),
        (b'{"jsonrpc":"2.0","id":NaN,"method":"ping"}', INVALID_REQUEST, None),
        (b'{"jsonrpc":"2.0","id":"unknown","method":"no/such"}', METHOD_NOT_FOUND, "unknown"),
        (b'{"jsonrpc":"2.0","id":"prompts","method":"prompts/list"}', METHOD_NOT_FOUND, "prompts"),
        (b'{"jsonrpc":"2.0","id":"nameless","method":"tools/call","params":{}}', INVALID_PARAMS, "nameless"),
        (request(b'"tools/list"', b'{"cursor":"x"}', b'"page 2"'), INVALID_PARAMS, "page 2"),
        (b'{"jsonrpc":"2.0","id":"half","method":"ping","params":{"x":"\\ud800"}}', PARSE_ERROR, "half"),
        (request(b'"ping"', b'{"x":' + b"9" * 5000 + b"}", b'"digits"'), PARSE_ERROR, "digits"),
        (b'{"jsonrpc":"2.0","id":"half a response","result":7}', INVALID_REQUEST, None),
        (request(b'"tools/call"', b'{"name":7}', b'"named 7"'), INVALID_PARAMS, "named 7"),
    ],
)  # fmt: skip
def test_what_is_no_request_is_answered_with_the_code_that_says_why(
    shared: RawClient, line: bytes, code: int, request_id: str | None
) -> None:
    before = len(shared.messages)
    shared.send(line + b"\n")
    answer = shared.wait(
        lambda m: any(m is each for each in shared.messages[before:]) and "id" in m and m["id"] == request_id,
        f"{line!r}",
    )
    assert answer["error"]["code"] == code
    assert len(answer["error"]["message"]) < 300


@pytest.mark.parametrize(
    "request_id",
    [
        "",
        " ",
        "0",
        "-1",
        0,
        -1,
        2**53 + 1,
        2**63,
        2**70,
        -(2**70),
        "x" * 100_000,
        "\u202e\u0000\n",
        "💥",
        "null",
    ],
)
def test_an_odd_but_valid_id_comes_back_as_it_was(shared: RawClient, request_id: Any) -> None:
    assert shared.request("ping", request_id=request_id)["result"] == {}
    assert not shared.request(
        "tools/call", {"name": "alya_usage", "arguments": {}}, request_id=f"{request_id}?"
    )["result"].get("isError")


def test_an_id_used_twice_at_once_is_answered_twice(shared: RawClient) -> None:
    line = json.dumps(
        {
            "jsonrpc": "2.0",
            "id": "twin",
            "method": "tools/call",
            "params": {"name": "alya_usage", "arguments": {}},
        }
    )
    before = len(shared.messages)
    shared.send((line + "\n" + line + "\n").encode())
    seen = 0
    while seen < 2:
        shared.wait(
            lambda m, seen=seen: sum(each.get("id") == "twin" for each in shared.messages[before:]) > seen,
            "twin",
        )
        seen = sum(each.get("id") == "twin" for each in shared.messages[before:])
    assert shared.alive()


def test_lines_may_end_in_carriage_return_and_newline(shared: RawClient) -> None:
    shared.send(b'{"jsonrpc":"2.0","id":"crlf","method":"ping"}\r\n\r\n\n\r\n')
    assert shared.answer("crlf")["result"] == {}


def test_a_message_may_come_byte_by_byte(shared: RawClient) -> None:
    for byte in b'{"jsonrpc":"2.0","id":"slowly","method":"ping"}\n':
        shared.send(bytes([byte]))
    assert shared.answer("slowly")["result"] == {}


def test_a_line_of_more_than_16_mib_is_skipped_and_said(start_server: Servers) -> None:
    with start_server() as client:
        client.initialize()
        client.send(
            b'{"jsonrpc":"2.0","id":"huge","method":"ping","params":{"x":"' + b"h" * (17 << 20) + b'"}}\n'
        )
        assert client.request("ping")["result"] == {}
        client.send(b"[" * (40 << 20) + b"\n")
        assert client.alive()
        assert client.stderr().count("16 MiB") == 2
        assert not [m for m in client.messages if m.get("id") == "huge"]


def test_a_line_of_just_under_16_mib_is_read(start_server: Servers) -> None:
    with start_server() as client:
        client.initialize()
        head, tail = b'{"jsonrpc":"2.0","id":"large","method":"ping","params":{"_meta":{"x":"', b'"}}}\n'
        client.send(head + b"l" * ((16 << 20) - len(head) - len(tail)) + tail)
        assert client.answer("large")["result"] == {}


@settings(
    max_examples=150, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(noise=st.lists(st.binary(max_size=300), max_size=5))
def test_random_bytes_never_end_the_server(shared: RawClient, noise: list[bytes]) -> None:
    shared.send(b"\n".join(noise) + b"\n")
    assert shared.request("ping")["result"] == {}


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(st.characters(codec=None), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
_PARAMS = {
    "name": st.sampled_from(["alya_usage", "alya_status", "nothing"]) | _JSON,
    "arguments": _JSON,
    "_meta": _JSON,
    "requestId": _JSON,
}
_METHODS = st.sampled_from(
    ["ping", "tools/call", "tools/list", "initialize", "server/discover", "notifications/cancelled"]
)


@settings(
    max_examples=250, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(
    message=st.fixed_dictionaries(
        {"jsonrpc": st.just("2.0")},
        optional={
            "id": _JSON,
            "method": _METHODS | _JSON,
            "params": st.fixed_dictionaries({}, optional=_PARAMS) | _JSON,
            "result": _JSON,
            "error": _JSON,
        },
    )
)  # fmt: skip
def test_messages_that_are_nearly_right_never_end_the_server(
    shared: RawClient, message: dict[str, Any]
) -> None:
    shared.send(json.dumps(message).encode() + b"\n")
    assert shared.request("ping")["result"] == {}


def test_hostile_lines_pour_in_while_nobody_reads_standard_error(alya_home: Path, tmp_path: Path) -> None:
    import subprocess

    with RawClient(environment(alya_home), tmp_path / "unused", stderr=subprocess.PIPE) as client:
        client.initialize()
        for _ in range(20):
            client.send(b"\n".join(line for line in LINES.values() if len(line) < 10_000) + b"\n")
            assert client.request("ping")["result"] == {}
        assert client.alive()
