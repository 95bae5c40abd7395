"""alya_ask: who answers, from what, and that nothing is invented."""

import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import tiny_chat
import web_answers as answers
from jsonschema import Draft202012Validator
from loopback_source import BAD_DAYS, LoopbackSource, Reply
from moved import SECRET, Ask, Clock, moved_here, settings_here

from alya_mcp.errors import NotConfigured, NotInstalled
from alya_mcp.gate import Call, Decision, Gate, MemoryState, Policy, Refused
from alya_mcp.llm import Message
from alya_mcp.llm.local import LocalModel
from alya_mcp.net.answers import SourceFailed
from alya_mcp.text.words import Language
from alya_mcp.toolkit.services import Hub
from alya_mcp.tools import load_catalogue
from alya_mcp.tools.hub.ask import alya_ask as tool
from alya_mcp.tools.hub.knowledge import facts
from alya_mcp.tools.hub.status import alya_status, alya_usage

pytestmark = pytest.mark.anyio
POLICY = {
    "version": "1",
    "default": "deny",
    "hide": ["alya_weather_now"],
    "tools": {
        "image_gen": {"rate_limit": {"max": 10, "window": 60}},
        "alya_status": {"action": "require_approval"},
    },
}


@pytest.fixture
async def hub(tmp_path: Path, source: LoopbackSource, clock: Clock) -> Any:
    """A hub without an A2A agent or a model; what was refused and used is of the session `test`."""
    settings = settings_here(tmp_path, source)
    del settings.source_urls["a2a"]
    hub = Hub(settings, Gate(Policy.parse(POLICY)))
    hub.__dict__["http"] = moved_here(tmp_path, source, clock)
    yield hub
    await hub.aclose()


def change(hub: Hub, source: LoopbackSource, **values: Any) -> None:
    for name, value in values.items():
        object.__setattr__(hub.settings, name, value)
    source.on("/chat/completions", answers.openai("Ask a person to add it [1]. Nonsense [9]."))


async def refuse(hub: Hub, tool: str, session: str = "test") -> None:
    async def handler(arguments: Any) -> None:
        raise AssertionError("it must not run")

    with pytest.raises(Refused):
        await hub.gate.call(Call(tool=tool, arguments={}, session=session), handler)


async def test_it_knows_why_the_last_call_was_refused(hub: Hub, ask: Ask) -> None:
    answer = await ask(tool, question="Why was my last call denied?")
    Draft202012Validator(tool.output_schema).validate(answer)
    assert answer["answer"] == "No call of this session was refused. [1]"
    await refuse(hub, "alya_usage", session="another")
    assert (await ask(tool, question="Why was my last call denied?"))["answer"] == answer["answer"]
    await refuse(hub, "alya_usage")
    english = await ask(tool, question="why was I refused?")
    assert english["answer"].startswith(
        "The last refused call was of alya_usage, by the rule (default deny). "
    )
    assert (english["mode"], english["language"], english["answered"]) == ("retrieval", "en", True)
    turkish = await ask(tool, question="Son çağrım neden reddedildi?")
    assert turkish["answer"].startswith("Son reddedilen çağrı alya_usage. Kural: (default deny).")
    assert turkish["language"] == "tr"


async def test_it_knows_what_was_used_and_is_left(hub: Hub, ask: Ask) -> None:
    async def handler(arguments: Any) -> None:
        pass

    await hub.gate.call(Call(tool="image_gen", arguments={}, session="test", price=0.001), handler)
    answer = await ask(tool, question="How much have I used?")
    assert answer["answer"] == (
        "In this session 1 call ran, at a price of 0.001 USD. image_gen: 9 of 10 calls are left. [1]"
    )
    assert answer["tool"] == "alya_usage"
    await refuse(hub, "alya_usage")
    assert (
        "1 more was denied before running." in (await ask(tool, question="How much have I used?"))["answer"]
    )
    assert "10 çağrı sınırından 9 kaldı" in (await ask(tool, question="kaç çağrı hakkım kaldı?"))["answer"]


@pytest.mark.parametrize(
    ("question", "holds"),
    [
        ("What does the policy say about image_gen?", "The policy says: allowed. 10 calls in 60 s, 10 left."),
        ("Is alya_status allowed?", "a person has to say yes first (/tools/alya_status/action)"),
        ("Is alya_usage allowed?", "The policy says: denied (default deny)."),
        ("alya_status izinli mi?", "önce bir insanın onayı gerekir"),
        ("image_gen'in ücreti ne kadar?", "Çağrısı"),
        ("Tell me the price of `image_gen`.", "A call is metered at"),
        (
            "Which policy is in force?",
            "a tool that it doesn't list is denied. It lists: alya_status, image_gen.",
        ),
        ("Which tools are there?", "The tools of this hub are: image_gen, "),
    ],
)
async def test_it_knows_the_tools_and_the_policy(ask: Ask, question: str, holds: str) -> None:
    answer = await ask(tool, question=question)
    assert holds in answer["answer"]
    assert "alya_weather_now" not in str(answer)


NEVER = {"rules": [{"name": "never", "action": "deny", "on_deny": "not here"}]}
STEPS = {"path": "args.steps", "op": "gt", "value": 4}
MANY: dict[str, Any] = {
    "require": [STEPS | {"op": "gte"}],
    "max_repeats": {"max": 1, "window": 60},
    "max_concurrent": 2,
    "budget": {"max_usd": 0.5, "window": "day", "mode": "shadow"},
    "timeout": 30,
}


@pytest.mark.parametrize(
    ("tool_rules", "says", "turkish"),
    [
        (
            NEVER,
            "denied (/tools/image_gen/rules/never): not here.",
            "reddedilir (/tools/image_gen/rules/never): not here.",
        ),
        (
            {"deny_if": [{"conditions": [STEPS]}]},
            "allowed, not if args.steps gt 4 (/tools/image_gen/deny_if/args.steps-gt).",
            "izinli, args.steps gt 4 ise reddedilir (/tools/image_gen/deny_if/args.steps-gt).",
        ),
        (
            {"action": "deny", "mode": "shadow"},
            "allowed, although a rule in shadow mode says otherwise (/tools/image_gen/action).",
            "izinli, gölge kipindeki bir kural aksini söylese de (/tools/image_gen/action).",
        ),
        (
            MANY,
            (
                "allowed, only if args.steps gte 4 (/tools/image_gen/require/args.steps-gte). "
                "1 call with the same arguments in 60 s. 2 calls at once. "
                "0.5 USD in 86400 s, 0.5 left (shadow mode, not enforced). 30 s per call."
            ),
            (
                "izinli, yalnızca args.steps gte 4 ise (/tools/image_gen/require/args.steps-gte). "
                "60 saniyede aynı parametrelerle 1 çağrı. aynı anda 2 çağrı. "
                "86400 saniyede 0.5 usd, 0.5 kaldı (gölge kipinde, uygulanmaz). çağrı başına 30 saniye."
            ),
        ),
    ],
)
async def test_it_says_of_a_tool_what_its_policy_does(
    ask: Ask, hub: Hub, tool_rules: dict[str, Any], says: str, turkish: str
) -> None:
    hub.gate = Gate(Policy.parse({"version": "1", "default": "allow", "tools": {"image_gen": tool_rules}}))
    assert f"The policy says: {says}" in (await ask(tool, question="Is image_gen allowed?"))["answer"]
    assert f"Politika: {turkish}" in (await ask(tool, question="image_gen izinli mi?"))["answer"]


async def test_the_status_counts_what_the_policy_says_of_the_tools_that_exist_for_the_caller(
    ask: Ask, hub: Hub
) -> None:
    policy = {"version": "1", "default": "allow", "hide": ["web_search"], "tools": {"image_gen": NEVER}}
    hub.gate = Gate(Policy.parse(policy))
    parts = {part["part"]: part for part in (await ask(alya_status))["parts"]}
    others = len(load_catalogue()) - 2
    assert parts["policy"]["detail"].endswith(f", allow by default, tools: {others} allow, 1 deny")


async def test_the_status_names_a_models_folder_without_its_path(hub: Hub, ask: Ask, tmp_path: Path) -> None:
    object.__setattr__(hub.settings, "image_model", str(tmp_path / "my-flux"))
    parts = {part["part"]: part for part in (await ask(alya_status))["parts"]}
    assert "'my-flux'" in parts["model"]["detail"]
    assert str(tmp_path) not in str(parts)


async def test_a_hidden_tools_limits_are_not_told(ask: Ask, hub: Hub) -> None:
    limited = {"rate_limit": {"max": 1, "window": 60}}
    tools = {"image_gen": limited, "web_search": limited}
    hub.gate = Gate(
        Policy.parse({"version": "1", "default": "allow", "hide": ["web_search"], "tools": tools})
    )
    rows = (await ask(alya_usage))["limitsLeft"]
    assert [row["rule"] for row in rows] == ["/tools/image_gen/rate_limit"]


async def test_the_price_of_a_tool_is_the_policys(ask: Ask, hub: Hub) -> None:
    hub.gate = Gate(Policy.parse({"version": "1", "default": "allow", "prices": {"image_gen": 0.0215}}))
    answer = await ask(tool, question="What is image_gen?")
    assert "0.0215 USD" in answer["answer"]


async def test_usage_of_a_tool_that_is_hidden_now_counts_as_unknown(ask: Ask, hub: Hub) -> None:
    async def handler(arguments: Any) -> None:
        pass

    document = {"version": "1", "default": "allow"}
    state = MemoryState()
    before = Gate(Policy.parse(document), state)
    for name in ("web_search", "image_gen", "image_gen"):
        await before.call(Call(tool=name, arguments={}, session="test", grant="local", price=0.007), handler)
    hub.gate = Gate(Policy.parse({**document, "hide": ["web_search"]}), state)
    answer = await ask(alya_usage)
    assert [(row["tool"], row["calls"]) for row in answer["rows"]] == [("(unknown)", 1), ("image_gen", 2)]
    assert answer["totals"]["usd"] == 0.021
    assert (await ask(alya_usage, tool="web_search"))["rows"] == []
    assert (await ask(alya_usage, tool="image_gen"))["totals"]["usd"] == 0.014


async def test_it_quotes_its_documentation_word_for_word(ask: Ask) -> None:
    answer = await ask(tool, question="how long is the audit log kept")
    assert (answer["mode"], answer["tool"]) == ("retrieval", "alya_ask")
    held = [each["text"] for each in answer["sources"]]
    for part in answer["answer"].split("]")[:-1]:
        sentence, _, number = part.rpartition("[")
        assert " ".join(sentence.split()) in " ".join(held[int(number) - 1].split())


async def test_a_hidden_tool_is_not_told_of(ask: Ask) -> None:
    answer = await ask(tool, question="What is alya_weather_now?")
    assert "the tool alya_weather_now" not in [each["source"] for each in answer["sources"]]


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("What is the capital of France?", "I found nothing"),
        ("en iyi pizza?", "bulamadım"),
        ("What time is it?", "I found nothing"),
    ],
)
async def test_where_nothing_is_found_nobody_is_asked_to_invent(
    hub: Hub, ask: Ask, source: LoopbackSource, question: str, said: str
) -> None:
    change(hub, source, llm_model="m")
    answer = await ask(tool, question=question)
    assert said in answer["answer"]
    assert (answer["answered"], answer["tool"], answer["sources"], source.asked) == (False, None, [], [])


async def test_a_language_models_answer_rests_on_what_the_hub_knows(
    hub: Hub, ask: Ask, source: LoopbackSource
) -> None:
    await refuse(hub, "alya_usage")
    change(hub, source, llm_model="m")
    answer = await ask(tool, question="Why was my last call denied?")
    assert (answer["answer"], answer["mode"], answer["model"]) == (
        "Ask a person to add it [1].",
        "model",
        "m",
    )
    assert (answer["removed"], answer["untrusted"]) == (1, False)
    assert "(default deny)" in str(source.asked[0].json)
    source.on("/chat/completions", BAD_DAYS["500"])
    fallen = await ask(tool, question="Why was my last call denied?")
    assert (fallen["mode"], fallen["answer"][:21]) == ("retrieval", "The last refused call")
    assert "answers 500" in fallen["notice"]


MESSAGE = {"message": {"messageId": "1", "role": "ROLE_AGENT", "parts": [{"text": "I am Alya."}]}}
TASK = {
    "task": {
        "id": "t",
        "status": {"state": "TASK_STATE_COMPLETED"},
        "artifacts": [{"parts": [{"text": "Done."}]}],
    }
}
OLD = {"kind": "message", "role": "agent", "messageId": "1", "parts": [{"kind": "text", "text": "Older."}]}
OLD_TASK = {"kind": "task", "id": "t", "status": {"state": "completed", "message": OLD}}


def rpc(result: Any = None, code: int = 0) -> dict[str, Any]:
    answer = {"error": {"code": code, "message": "no"}} if code else {"result": result}
    return {"jsonrpc": "2.0", "id": 1, **answer}


@pytest.mark.parametrize(
    ("replies", "text", "methods"),
    [
        ([rpc(MESSAGE)], "I am Alya.", ["SendMessage"]),
        ([rpc(TASK)], "Done.", ["SendMessage"]),
        ([rpc(code=-32601), rpc(OLD)], "Older.", ["SendMessage", "message/send"]),
        ([rpc(code=-32600), rpc(OLD)], "Older.", ["SendMessage", "message/send"]),
        ([Reply(rpc(code=-32602), 400), rpc(OLD_TASK)], "Older.", ["SendMessage", "message/send"]),
    ],
)
async def test_the_persons_own_agent_is_asked_first_in_the_protocol_that_it_speaks(
    hub: Hub, ask: Ask, source: LoopbackSource, replies: list[Any], text: str, methods: list[str]
) -> None:
    hub.settings.source_urls["a2a"] = source.url  # type: ignore[index]
    source.on("", *replies)
    source.on("/", *replies)
    answer = await ask(tool, question="Who are you?")
    assert (answer["answer"], answer["mode"], answer["untrusted"]) == (text, "model", True)
    assert "nothing of them was checked" in answer["notice"]
    assert datetime.fromisoformat(answer["fetchedAt"]).tzinfo is not None
    assert [asked.json["method"] for asked in source.asked] == methods
    first, last = source.asked[0], source.asked[-1]
    assert (first.headers["a2a-version"], first.headers["authorization"]) == ("1.0", f"Bearer {SECRET}")
    assert first.json["params"]["message"]["role"] == "ROLE_USER"
    if len(methods) > 1:
        assert last.json["params"]["message"]["parts"] == [{"kind": "text", "text": "Who are you?"}]


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (
            rpc({"task": {"id": "t", "status": {"state": "TASK_STATE_INPUT_REQUIRED"}}}),
            "wants to be told more",
        ),
        (rpc({"task": {"id": "t", "status": {"state": "TASK_STATE_FAILED"}}}), "didn't finish its task"),
        (rpc({"message": {"role": "ROLE_AGENT", "parts": [{"data": {}}]}}), "answers without words"),
        (rpc({"odd": 1}), "changed its shape: field result.status"),
        (rpc(code=-32000), "JSON-RPC error -32000"),
        (BAD_DAYS["reset"], "closed the connection"),
    ],
)
async def test_when_the_agent_fails_the_next_answers_and_it_is_said(
    hub: Hub, ask: Ask, source: LoopbackSource, reply: Any, why: str
) -> None:
    hub.settings.source_urls["a2a"] = source.url  # type: ignore[index]
    source.on("", reply)
    source.on("/", reply)
    answer = await ask(tool, question="Which tools are there?")
    assert answer["mode"] == "retrieval"
    assert why in answer["notice"]


async def test_a_model_of_this_machine_that_says_nothing_carried_gives_way(
    hub: Hub, ask: Ask, source: LoopbackSource, tmp_path: Path
) -> None:
    change(hub, source, ask_model=tiny_chat.build(tmp_path / "chat", ends=True))
    answer = await ask(tool, question="Which tools are there?")
    assert (answer["mode"], answer["answered"]) == ("retrieval", True)
    assert "chat said nothing that the sources carry" in answer["notice"]


async def test_a_model_of_this_machine_answers_whole_or_not_at_all(tmp_path: Path) -> None:
    asked = [Message("user", "Who?")]
    ending = LocalModel(tiny_chat.build(tmp_path / "ending", ends=True))
    first = await ending.answer("Be brief.", asked)
    assert first
    assert await ending.answer("Be brief.", asked) == first
    with pytest.raises(SourceFailed, match="gave no whole answer"):
        await LocalModel(tiny_chat.build(tmp_path / "endless", ends=False)).answer("Be brief.", asked)
    small = LocalModel(tiny_chat.build(tmp_path / "small", ends=True, positions=330))
    with pytest.raises(SourceFailed, match="330"):
        await small.answer("Be brief.", asked)


async def test_what_a_model_of_this_machine_lacks_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NotConfigured, match=r"config\.json") as failed:
        await LocalModel(tmp_path / "none").answer("", [])
    assert str(tmp_path) not in str(failed.value)
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "config.json").write_text('{"model_type": "nonsense"}')
    with pytest.raises(NotConfigured, match="can't be loaded") as failed:
        await LocalModel(tmp_path / "odd").answer("", [])
    assert str(tmp_path) not in str(failed.value)
    torn = tiny_chat.build(tmp_path / "torn", ends=True) / "model.safetensors"
    torn.write_bytes(torn.read_bytes()[:100])
    with pytest.raises(NotConfigured, match="can't be loaded"):
        await LocalModel(tmp_path / "torn").answer("", [])
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(NotInstalled, match=r"\[image"):
        await LocalModel(tmp_path / "odd").answer("", [])


@pytest.mark.parametrize(("language", "words"), [("en", "in 1 s."), ("tr", " 1 saniye sonra")])
def test_the_wait_after_a_refusal_is_rounded_up(language: Language, words: str) -> None:
    refusal = Decision("deny", "/tools/t/rate_limit", "Enough.", 0.2, "")
    assert words in facts.of_refusal(("t", refusal), language).text
