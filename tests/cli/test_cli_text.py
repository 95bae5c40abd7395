"""What people read: words instead of JSON, numbers in short, lines as wide as the terminal."""

from pathlib import Path
from typing import Any

import pytest
from command_line import Run, WritePolicy, run_on_terminal
from mcp_types import AudioContent, CallToolResult, ImageContent, TextContent

from alya_mcp.cli.present import show_result
from alya_mcp.cli.tables import wrapped
from alya_mcp.gate.numbers import plain, short, usd


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.6914668898241374, "0.691467"),
        (7 * 0.003, "0.021"),
        (10.0, "10"),
        (1_234_567.5, "1234568"),
        (2_592_000.0, "2592000"),
        (-0.25, "-0.25"),
        (0.0, "0"),
        (4_294_967_295, "4294967295"),
        (True, "yes"),
        (None, "-"),
        ([], "none"),
        (["a", "b"], "a, b"),
        ({"low": 0.5, "high": 1.0}, "low 0.5, high 1"),
        ({"a": {"b": 1}}, "a (b 1)"),
        ({"untrusted": True, "source": "example.org", "text": "hello"}, "hello (example.org)"),
    ],
)
def test_an_answer_is_words_and_not_json(capsys: pytest.CaptureFixture[str], value: Any, words: str) -> None:
    held: dict[str, Any] = {"each": value, "rows": [{"name": "n", "each": value}]}
    if value == []:
        del held["each"]  # an empty list is told under its name
    show_result(CallToolResult(content=[], structured_content=held))
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].split(maxsplit=1) == ["n", words]
    if "each" in held:
        assert lines[0].split(maxsplit=1) == ["each", words]


PICTURE: dict[str, Any] = {
    "url": "http://127.0.0.1:9/a.png", "model": "alya-sketch", "seed": 7, "steps": 4, "width": 64,
    "height": 32, "format": "png", "bytes": 1234, "expiresAt": "2026-12-01T00:00:00Z",
}  # fmt: skip


def test_pictures_end_with_their_urls(capsys: pytest.CaptureFixture[str]) -> None:
    one = {**PICTURE, "file": "/tmp/a.png", "notice": "for private use"}
    show_result(CallToolResult(content=[], structured_content=one))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[:-1]] == ["model", "seed", "size", "expires", "file", "notice"]
    assert lines[-1] == PICTURE["url"]
    several = {**PICTURE, "images": [{**one, "seed": seed, "url": f"http://x/{seed}"} for seed in (7, 8)]}
    show_result(CallToolResult(content=[], structured_content=several))
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2:] == ["http://x/7", "http://x/8"]
    assert [line.split()[0] for line in lines[:-2]].count("file") == 2


def test_an_answer_without_fields_is_its_blocks_one_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    blocks = [
        TextContent(type="text", text="hello"),
        ImageContent(type="image", data="QUJD", mime_type="image/png"),
        AudioContent(type="audio", data="QUJD", mime_type="audio/wav"),
    ]
    show_result(CallToolResult(content=blocks))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "hello"
    assert "image/png, 3 bytes" in lines[1]
    assert "AudioContent" in lines[2]
    show_result(CallToolResult(content=blocks[:1], is_error=True))
    assert capsys.readouterr() == ("", "Error: hello\n")
    show_result(CallToolResult(content=[], structured_content={"rows": [], "url": "http://x/"}))
    assert capsys.readouterr().out.splitlines()[-1] == "http://x/"


def test_money_is_told_to_the_billionth_that_budgets_count(capsys: pytest.CaptureFixture[str]) -> None:
    show_result(
        CallToolResult(content=[], structured_content={"priceUsd": 12.000000001, "left": 12.000000001})
    )
    assert capsys.readouterr().out.split() == ["priceUsd", "12.000000001", "left", "12"]
    assert usd(0.1 + 0.2) == "0.3 USD"
    assert (plain(1e-9), short(1e-12)) == ("0.000000001", "1e-12")


@pytest.mark.parametrize(
    ("words", "columns"),
    [
        (("tools", "image_gen"), 100),
        (("tools", "image_gen"), 30),
        (("policy", "explain", "image_gen", "prompt=x"), 80),
        (("call", "alya_usage"), 60),
        (("doctor",), 80),
    ],
)
def test_no_line_is_wider_than_the_terminal(
    cli_env: dict[str, str],
    without_extras: dict[str, str],
    tmp_path: Path,
    words: tuple[str, ...],
    columns: int,
) -> None:
    shown = run_on_terminal(words, cli_env | without_extras, tmp_path, columns)
    wider = [line for line in shown.splitlines() if len(line) > columns]
    # A long path or command stands whole at the end of its line, and the terminal breaks it as it likes.
    assert [line for line in wider if " " in line.split("  ")[-1].strip("`.,;")] == []
    assert shown.count("\n") > 5


def test_a_command_to_run_stays_on_one_line() -> None:
    text = "They can run: alya-mcp approvals approve 3kd5qv2a; then call it again. Or `a b c d e` is run"
    lines = wrapped(text, 30)
    assert "run: alya-mcp approvals approve 3kd5qv2a;" in lines
    assert " ".join(lines) == text
    assert any("`a b c d e`" in line for line in lines)


def test_output_that_no_terminal_reads_is_not_wrapped(run: Run) -> None:
    described = run("tools", "image_gen", COLUMNS="40").out
    assert "What the picture shows, in plain words. FLUX.1-schnell reads the first 256 tokens." in described


def test_a_tool_is_shown_with_its_parameters_and_what_the_policy_says(run: Run) -> None:
    ended = run("tools", "image_gen")
    assert ended.code == 0
    rows = {line.split("  ")[0]: line for line in ended.out.splitlines() if line}
    assert rows["price"].split()[1:3] == ["0.001", "USD"]
    assert rows["policy"].split() == ["policy", "allow"]
    assert rows["seed"].split()[1:6] == ["integer", "0", "to", "4294967295", "none"]
    assert rows["prompt"].split()[1:6] == ["string", "1", "to", "2000", "characters"]
    assert rows["format"].split()[1:6] == ["string", "png,", "webp,", "jpeg", "png"]
    assert "array of string" in run("tools", "polymarket_categorize").out
    in_json = run("tools", "image_gen", "--output", "json").json
    assert (in_json["name"], in_json["parameters"]["required"]) == ("image_gen", ["prompt"])


def test_a_long_window_and_a_small_price_have_no_exponent(run: Run, write_policy: WritePolicy) -> None:
    limit = {"rate_limit": {"max": 5, "window": 2_592_000}}
    document = {
        "version": "1",
        "default": "deny",
        "prices": {"image_gen": 1e-6},
        "tools": {"image_gen": limit},
    }
    shown = run("tools", "image_gen", "--policy", str(write_policy(document))).out
    assert "5 calls per 2592000 s" in shown
    assert "0.000001 USD" in shown


def test_an_unknown_tool_is_answered_with_the_nearest_name(run: Run) -> None:
    ended = run("tools", "imagegen")
    assert (ended.code, ended.out) == (2, "")
    assert "Did you mean 'image_gen'?" in ended.err
