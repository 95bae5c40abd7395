"""Questions that go to where the user is: by each service, on good days and bad ones."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import notify_services as services
import pytest
from gate_support import a_call, echo, outcome_of, policy
from loopback_source import LoopbackSource, Reply, running

from alya_mcp.gate import ApprovalNeeded, Gate, SqliteState, StateError
from alya_mcp.net.client import Http
from alya_mcp.notify.notifier import Notifier, NotifierPace
from alya_mcp.notify.ntfy import Ntfy
from alya_mcp.notify.slack import Slack
from alya_mcp.notify.telegram import Telegram
from alya_mcp.notify.way import NotifyWay
from alya_mcp.notify.webhook import Webhook
from alya_mcp.settings import Settings

pytestmark = pytest.mark.anyio

QUICK = NotifierPace(look=0.01, linger=0.2, pauses=(0.01,))
RULES = {"draw": {"action": "require_approval", "reason": "It costs money"}}


@pytest.fixture
def source() -> Iterator[LoopbackSource]:
    with running() as source:
        yield source


@pytest.fixture
def state(tmp_path: Path) -> Iterator[SqliteState]:
    state = SqliteState(tmp_path / "state.sqlite")
    yield state
    state.close()


@pytest.fixture
async def http(source: LoopbackSource, tmp_path: Path) -> AsyncIterator[Http]:
    urls = dict.fromkeys(("ntfy", "telegram", "slack"), source.url) | {"webhook": f"{source.url}/hook"}
    http = Http(Settings(home=tmp_path, source_urls=urls))
    yield http
    await http.aclose()


async def asked(state: SqliteState, arguments: Any = None) -> str:
    """A question that waits; its id."""
    with pytest.raises(ApprovalNeeded) as needed:
        await Gate(policy(RULES), state).call(a_call(arguments=arguments or {"prompt": "a fox"}), echo)
    return needed.value.id or ""


async def soon(test: Callable[[], object]) -> None:
    with anyio.fail_after(30):
        while not test():  # noqa: ASYNC110 - what is waited for happens in a server's thread
            await anyio.sleep(0.01)


@asynccontextmanager
async def notifying(state: SqliteState, *ways: NotifyWay, arguments: bool = True) -> AsyncIterator[None]:
    """A notifier at work, which ends by itself when nothing waits."""
    async with anyio.create_task_group() as group:
        group.start_soon(Notifier(state, ways, arguments=arguments, pace=QUICK).run)
        yield


def status(state: SqliteState, question: str) -> tuple[str, str | None]:
    asked, how = state.approvals.find(question)
    return how, asked.way


async def test_a_tap_in_ntfy_approves_by_a_second_topic(
    state: SqliteState, http: Http, source: LoopbackSource
) -> None:
    phone = services.Ntfy(source)
    question = await asked(state, {"prompt": "a fox\u200b", "n": 1})
    async with notifying(state, Ntfy(http, services.TOPIC, f"{services.TOPIC}-answers", None, every=0.01)):
        await soon(lambda: phone.topics.get(services.TOPIC))
        (message,) = phone.topics[services.TOPIC]
        assert "It costs money" in message["message"]
        assert 'prompt: "a fox\\u200b"' in message["message"]
        phone.tap("Approve")
    assert status(state, question) == ("approved", "ntfy")
    assert (
        await outcome_of(Gate(policy(RULES), state), a_call(arguments={"prompt": "a fox\u200b", "n": 1}))
        == "ok"
    )


async def test_a_tap_in_telegram_denies_and_the_buttons_go(
    state: SqliteState, http: Http, source: LoopbackSource
) -> None:
    chat = services.Telegram(source)
    question = await asked(state)
    async with notifying(state, Telegram(http, services.BOT, str(services.CHAT), wait=0)):
        await soon(lambda: chat.messages)
        chat.tap("Approve", chat=services.CHAT + 1)  # forwarded into another chat
        await soon(lambda: chat.told)
        assert status(state, question)[0] == "pending"
        chat.tap("Deny")
    assert status(state, question) == ("denied", "telegram")
    assert chat.told == ["This button does nothing any more.", "Denied."]
    assert len(chat.edited) == 1
    assert chat.edited[0].endswith("Denied.")


async def test_one_person_answers_in_a_slack_thread(
    state: SqliteState, http: Http, source: LoopbackSource
) -> None:
    channel = services.Slack(source)
    question = await asked(state, {"prompt": "<!channel> & <@U1>"})
    way = Slack(http, "xoxb-test", services.CHANNEL, services.USER, every=0.01)
    async with notifying(state, way):
        await soon(lambda: channel.messages)
        text = channel.messages[0]["text"]
        assert "<" not in text
        yes = text.rpartition("alone:\n`")[2].partition("`")[0]
        channel.reply(yes, user="U999")
        channel.reply("yes")
        await anyio.sleep(0.1)
        assert status(state, question)[0] == "pending"
        channel.reply(f"`{yes}`")
    assert status(state, question) == ("approved", "slack")
    assert channel.messages[-1]["text"] == "Approved."


@pytest.mark.parametrize("at_once", [True, False])
async def test_a_webhook_answers_at_once_or_later_and_checks_the_signature(
    state: SqliteState, http: Http, source: LoopbackSource, at_once: bool
) -> None:
    hook = services.Webhook(source, at_once=at_once)
    question = await asked(state)
    async with notifying(state, Webhook(http, services.SECRET, every=0.01)):
        await soon(lambda: hook.questions)
        assert hook.questions[0]["tool"] == "draw"
        if not at_once:
            hook.decide("deny")
    assert status(state, question) == ("approved" if at_once else "denied", "webhook")


async def test_the_first_answer_of_several_ways_is_the_last(
    state: SqliteState, http: Http, source: LoopbackSource
) -> None:
    phone, chat = services.Ntfy(source), services.Telegram(source)
    question = await asked(state)
    ways = (
        Ntfy(http, services.TOPIC, f"{services.TOPIC}-answers", None, every=0.01),
        Telegram(http, services.BOT, str(services.CHAT), wait=0),
    )
    async with notifying(state, *ways):
        await soon(lambda: phone.topics.get(services.TOPIC) and chat.messages)
        (row,) = chat.messages[0]["reply_markup"]["inline_keyboard"]
        phone.answer(row[0]["callback_data"])  # a token of another way
        await anyio.sleep(0.1)
        assert status(state, question)[0] == "pending"
        phone.tap("Deny")
        await soon(lambda: status(state, question)[0] == "denied")
        chat.tap("Approve")
    assert status(state, question) == ("denied", "ntfy")


async def test_what_is_too_long_to_show_has_no_button_and_withheld_arguments_are_not_sent(
    state: SqliteState, http: Http, source: LoopbackSource
) -> None:
    phone, chat = services.Ntfy(source), services.Telegram(source)
    question = await asked(state, {"prompt": "ş" * 3000})
    ntfy = Ntfy(http, services.TOPIC, f"{services.TOPIC}-answers", None, every=0.01)
    async with notifying(state, ntfy, Telegram(http, services.BOT, str(services.CHAT), wait=0)):
        await soon(lambda: phone.topics.get(services.TOPIC) and chat.messages)
        (message,) = phone.topics[services.TOPIC]
        assert "actions" not in message
        assert question in message["message"]
        assert "ş" * 3000 in chat.messages[0]["text"]
        state.approvals.answer(question, "no")
    other = await asked(state, {"prompt": "a secret"})
    async with notifying(state, ntfy, arguments=False):
        await soon(lambda: len(phone.topics[services.TOPIC]) == 2)
        assert "secret" not in str(phone.topics[services.TOPIC][-1])
        assert "withheld" in phone.topics[services.TOPIC][-1]["message"]
        state.approvals.answer(other, "no")


async def test_nothing_that_is_sent_is_longer_than_its_service_takes(
    state: SqliteState, http: Http, source: LoopbackSource
) -> None:
    phone, chat, channel = services.Ntfy(source), services.Telegram(source), services.Slack(source)
    hook = services.Webhook(source)
    prompts = ["ş" * 1500, "🦊" * 1700, "&" * 4000]
    questions = [await asked(state, {"prompt": prompt}) for prompt in prompts]
    async with notifying(
        state,
        Ntfy(http, services.TOPIC, f"{services.TOPIC}-answers", None, every=0.01),
        Telegram(http, services.BOT, str(services.CHAT), wait=0),
        Slack(http, "xoxb-test", services.CHANNEL, services.USER, every=0.01),
        Webhook(http, services.SECRET, every=0.01),
    ):
        count = len(prompts)
        await soon(lambda: len(chat.messages) == len(channel.messages) == len(hook.questions) == count)
        await soon(lambda: len(phone.topics[services.TOPIC]) == count)
        for question in questions:
            state.approvals.answer(question, "no")
        await soon(lambda: len(chat.edited) == len(hook.settled) == len(channel.messages) - count == count)
    assert [*phone.refused, *chat.refused, *channel.refused] == []
    assert sorted(chat.edited) == sorted(f"{each['text']}\n\nDenied." for each in chat.messages)
    for messages, text, buttons, whole in (
        (chat.messages, "text", "reply_markup", 2),
        (phone.topics[services.TOPIC], "message", "actions", 1),
    ):
        shown = [each for each in messages if any(prompt in each[text] for prompt in prompts)]
        assert shown == [each for each in messages if buttons in each]
        assert len(shown) == whole
    assert sum(any(prompt in each["text"] for each in hook.questions) for prompt in prompts) == count


async def test_bad_days_of_a_service_lose_no_question_and_let_nothing_pass(
    state: SqliteState, http: Http, source: LoopbackSource
) -> None:
    chat = services.Telegram(source)
    chat.trouble = [
        *[Reply({"ok": False, "error_code": 503}, 503)] * 4,
        Reply({"ok": False, "error_code": 500}, 500),
        Reply("<html>gateway</html>", 502, content_type="text/html"),
        Reply(b"", length=10, then="reset"),
    ]
    question = await asked(state)
    async with notifying(state, Telegram(http, services.BOT, str(services.CHAT), wait=0)):
        await soon(lambda: chat.messages)
        chat.trouble = [
            Reply({"ok": False, "error_code": 409, "description": "Conflict"}, 409),
            Reply([1]),
            Reply(""),
        ]
        chat.updates.append({"update_id": 800, "message": {"text": "yes"}})
        chat.updates.append({"odd": True})
        chat.tap("Approve")
        chat.tap("Approve")
    assert status(state, question) == ("approved", "telegram")
    assert services.BOT not in str(chat.told)


async def test_a_question_that_nobody_answers_expires_and_the_notifier_ends(
    state: SqliteState, http: Http, source: LoopbackSource
) -> None:
    phone = services.Ntfy(source)
    rules = {"draw": {"action": "require_approval", "approval": {"expires": 4}}}
    gate = Gate(policy(rules), state)
    with pytest.raises(ApprovalNeeded):
        await gate.call(a_call(), echo)
    async with notifying(state, Ntfy(http, services.TOPIC, f"{services.TOPIC}-answers", None, every=0.01)):
        await soon(lambda: phone.topics.get(services.TOPIC))
    phone.tap("Approve")
    assert await outcome_of(gate, a_call()) == "/tools/draw/action"


async def test_a_question_that_was_answered_elsewhere_is_neither_sent_nor_settled_for_ever(
    state: SqliteState, http: Http, source: LoopbackSource
) -> None:
    chat = services.Telegram(source)
    source.on("/", Reply({"error": "forbidden"}, 403))
    question = await asked(state)
    ntfy = Ntfy(http, services.TOPIC, f"{services.TOPIC}-answers", None, every=0.01)
    with anyio.fail_after(60):
        async with notifying(state, ntfy, Telegram(http, services.BOT, str(services.CHAT), wait=0)):
            await soon(lambda: chat.messages and source.count("/") > 2)
            edit = f"/bot{services.BOT}/editMessageText"
            source.on(edit, Reply({"ok": False}, 400))
            state.approvals.answer(question, "no")
    assert source.count(edit) == 1
    assert status(state, question) == ("denied", "command")


class Broken:
    """A way with a bug."""

    name = "webhook"

    async def send(self, notice: object) -> None:
        """Send, and fail to read the answer."""

    async def listen(self, redeem: object) -> None:
        raise KeyError("a bug")

    async def settled(self, notice: object, words: str) -> None:
        """Nothing to take away."""


async def test_a_bug_in_one_way_costs_no_other_and_a_state_that_breaks_ends_the_notifier(
    state: SqliteState, http: Http, source: LoopbackSource
) -> None:
    chat = services.Telegram(source)
    question = await asked(state)
    broken: Any = Broken()
    async with notifying(state, broken, Telegram(http, services.BOT, str(services.CHAT), wait=0)):
        await soon(lambda: chat.messages)
        chat.tap("Approve")
    assert status(state, question) == ("approved", "telegram")
    state.close()
    state.path.write_bytes(b"this is no database, and long enough to be looked at" * 50)
    with pytest.raises(StateError):
        await Notifier(state, [broken], pace=QUICK).run()
