"""What leaves the server: cleaned, bounded, and an error instead of an end (DESIGN.md section 3, step 12)."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from raw_client import RawClient, environment, expect_nothing_running
from scene import ALLOW_ALL, ODD_SERVER, SECRET, write_policy

LARGEST_RESULT = 1_048_576


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RawClient]:
    folder = tmp_path_factory.mktemp("odd")
    home = folder / "home"
    home.mkdir(mode=0o700)
    write_policy(home, ALLOW_ALL)
    env = environment(home, AWS_SECRET_ACCESS_KEY=SECRET)
    with RawClient(env, folder / "stderr", ODD_SERVER) as client:
        client.initialize()
        yield client
        assert client.alive()
    expect_nothing_running(home)


def test_a_lone_surrogate_is_replaced_and_the_rest_arrives(odd: RawClient) -> None:
    result = odd.call("surrogate")["result"]
    assert not result.get("isError"), result
    text = result["structuredContent"]["text"]
    assert text.startswith("before ")
    assert text.endswith(" after")
    assert "\ud800" not in text
    assert json.loads(result["content"][0]["text"]) == result["structuredContent"]


def test_not_a_number_never_leaves(odd: RawClient) -> None:
    answer = odd.call("not_a_number")
    assert "NaN" not in json.dumps(answer)
    assert answer["result"].get("isError") or answer["result"]["structuredContent"]["number"] is None


@pytest.mark.parametrize(
    "characters", [1000, 100_000, 200_000, 300_000, 500_000, 900_000, 2_000_000, 10_000_000]
)
def test_no_result_is_larger_than_clients_take(odd: RawClient, characters: int) -> None:
    result = odd.call("large", {"characters": characters})["result"]
    assert len(json.dumps(result, ensure_ascii=False)) <= LARGEST_RESULT
    if characters <= 100_000:
        assert result["structuredContent"]["text"] == '"' * characters
    if characters >= 500_000:
        assert result["isError"]
        assert "ask for less" in result["content"][0]["text"]


@pytest.mark.parametrize("characters", [90_000, 120_000, 600_000])
def test_a_long_list_is_cut_and_the_answer_says_by_how_much(odd: RawClient, characters: int) -> None:
    result = odd.call("many", {"characters": characters})["result"]
    sent = result["structuredContent"]
    assert json.loads(result["content"][0]["text"]) == sent
    assert len(result["content"][0]["text"]) <= 100_000
    cut = characters // 1000 - len(sent["texts"])
    assert sent.get("notShown", {}) == ({"texts": cut} if cut else {})
    assert bool(cut) is (characters > 100_000)
    assert len(sent["texts"]) > 80
    assert len(sent["few"]) == 3


@pytest.mark.parametrize("characters", [1000, 600_000, 900_000, 2_000_000])
def test_no_picture_is_larger_than_clients_take(odd: RawClient, characters: int) -> None:
    result = odd.call("large_picture", {"characters": characters})["result"]
    assert len(json.dumps(result)) <= LARGEST_RESULT
    assert bool(result.get("isError")) is (characters > 700_000)


def test_a_secret_of_the_environment_never_leaves(odd: RawClient) -> None:
    for tool in ("leak", "fail_with_leak"):
        answer = json.dumps(odd.call(tool))
        assert SECRET not in answer
        assert SECRET[4:] not in answer


def test_a_key_of_a_known_shape_never_leaves_in_a_result_a_link_a_refusal_or_progress(odd: RawClient) -> None:
    key = "ghp_" + "a1B2" * 9
    sent = [
        odd.call("echo", {"text": f"key {key}"}),
        odd.call("echo", {key: 1}),
        odd.call("address_with_leak", {"text": key}, _meta={"progressToken": "far"}),
    ]
    assert sent[0]["result"]["structuredContent"]["text"] == "key [secret]"
    assert sent[1]["result"]["isError"]
    assert not sent[2]["result"].get("isError"), sent[2]
    progress = odd.wait(lambda message: message.get("params", {}).get("progressToken") == "far", "progress")
    everything = json.dumps([*sent, progress])
    assert key not in everything
    assert "hunter2" not in everything
    assert "fetching [secret]" in everything


def test_a_path_of_the_person_never_leaves(odd: RawClient) -> None:
    answer = odd.call("echo", {"text": f"{Path.home()}/.ssh/id_ed25519 is there"})["result"]
    assert answer["structuredContent"]["text"] == "[private]/.ssh/id_ed25519 is there"
    assert str(Path.home()) not in json.dumps(answer)


def test_an_expected_failure_is_told_to_the_model_cleaned(odd: RawClient) -> None:
    result = odd.call("fail_with_leak")["result"]
    assert result["isError"]
    assert result["content"][0]["text"].startswith("can't use ")
    assert "\udfff" not in result["content"][0]["text"]


def test_an_expected_failure_of_any_length_fits(odd: RawClient) -> None:
    result = odd.call("fail_at_length", {"characters": 2_000_000})["result"]
    assert result["isError"]
    assert result["content"][0]["text"].startswith("the source said ")
    assert len(json.dumps(result)) <= LARGEST_RESULT


def test_an_unexpected_failure_tells_the_model_nothing_and_the_person_all(odd: RawClient) -> None:
    result = odd.call("crash")["result"]
    text = result["content"][0]["text"]
    assert result["isError"]
    assert "crash" in text
    assert "/private/place" not in text
    assert "Traceback" not in text
    reference = text.partition("reference ")[2].partition(")")[0]
    assert reference
    assert reference in odd.stderr()
    log = (odd.errors.parent / "home" / "logs" / "server.log").read_text()
    assert reference in log
    assert "the secret of /private/place" in log


def test_what_a_crash_says_stays_out_of_the_log_where_the_policy_redacts(
    start_odd: Callable[..., RawClient],
) -> None:
    redacting = {"version": "1", "default": "allow", "tools": {"crash": {"redact": {"results": ["text"]}}}}
    server = start_odd(redacting)
    text = server.call("crash")["result"]["content"][0]["text"]
    reference = text.partition("reference ")[2].partition(")")[0]
    log = (server.errors.parent / "home" / "logs" / "server.log").read_text()
    assert reference in log
    assert "in crash" in log
    assert "RuntimeError: (redacted)" in log
    assert "RuntimeError: the secret" not in log


def test_a_handler_that_exits_costs_one_call(odd: RawClient) -> None:
    assert odd.call("leave")["result"]["isError"]
    assert odd.alive()


def test_every_unicode_text_survives_the_way_there_and_back(odd: RawClient) -> None:
    text = 'a\u00e9\u4e2d\U0001f4a5\u2028\u2029"\\/ \t\n end'
    assert odd.call("echo", {"text": text})["result"]["structuredContent"]["text"] == text


def test_a_text_of_a_megabyte_goes_in(odd: RawClient) -> None:
    result = odd.call("echo", {"text": "x" * 1_000_000})["result"]
    assert result["isError"]
    assert "ask for less" in result["content"][0]["text"]


def test_the_log_of_crashes_is_private(odd: RawClient) -> None:
    odd.call("crash")
    log: Path = odd.errors.parent / "home" / "logs" / "server.log"
    assert log.stat().st_mode & 0o077 == 0


def test_a_hundred_calls_at_once_are_all_answered(odd: RawClient) -> None:
    ids = [odd.post("tools/call", {"name": "echo", "arguments": {"text": str(n)}}) for n in range(100)]
    texts = [odd.answer(each)["result"]["structuredContent"]["text"] for each in ids]
    assert texts == [str(n) for n in range(100)]


def test_a_policy_denial_of_an_odd_name_is_cleaned(start_odd: Callable[..., RawClient]) -> None:
    with start_odd({"version": "1", "default": "deny"}) as client:
        error = client.call("\u202ename\u0000\n" * 20)["error"]
        assert error["code"] == -32602
        assert len(error["message"]) < 200


def test_a_denial_is_told_in_whole_sentences(start_odd: Callable[..., RawClient]) -> None:
    with start_odd({"version": "1", "default": "deny"}) as client:
        text = client.call("large", {"characters": 1})["result"]["content"][0]["text"]
        assert text.endswith(". Tell the user instead of trying again.")
        assert not text.endswith(".. Tell the user instead of trying again.")
    with start_odd() as client:  # what the model can mend by itself is not the user's to know
        text = client.call("large", {"characters": "many"})["result"]["content"][0]["text"]
        assert "Tell the user" not in text
