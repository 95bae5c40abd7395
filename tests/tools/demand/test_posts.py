"""What each place that is searched for demand asks for itself: pauses, tokens, plain queries."""

import demand_answers as answers
import pytest
from loopback_source import LoopbackSource, Reply

from alya_mcp.net.answers import Fetched, SourceFailed, SourceRefused
from alya_mcp.net.client import Http
from alya_mcp.tools.demand.sources import posts, reddit, stack_exchange

pytestmark = pytest.mark.anyio


async def test_a_backoff_is_honoured(http: Http, source: LoopbackSource) -> None:
    source.on(answers.STACK_EXCHANGE, answers.questions(*answers.QUESTIONS, backoff=30))
    await stack_exchange.search(http, "invoicing")
    with pytest.raises(SourceFailed) as failed:
        await stack_exchange.search(http, "billing")
    assert failed.value.wait == pytest.approx(29, abs=1)
    assert len(source.asked) == 1


async def test_a_throttled_search_is_not_repeated_and_says_for_how_long(
    http: Http, source: LoopbackSource
) -> None:
    source.on(answers.STACK_EXCHANGE, answers.THROTTLED)
    with pytest.raises(SourceFailed) as failed:
        await stack_exchange.search(http, "invoicing")
    assert failed.value.wait == pytest.approx(77, abs=1)
    assert len(source.asked) == 1


async def test_another_refusal_of_stack_exchange_is_told_as_it_is(http: Http, source: LoopbackSource) -> None:
    source.on(answers.STACK_EXCHANGE, Reply({"error_id": 400, "error_name": "bad_parameter"}, 400))
    with pytest.raises(SourceRefused, match="400"):
        await stack_exchange.search(http, "invoicing")


@pytest.mark.parametrize(
    ("token", "path", "advice"),
    [
        (
            None,
            answers.REDDIT,
            r"refuses to be searched \(403\); the user can set a token in ALYA_REDDIT_TOKEN",
        ),
        ("t0ken-word", answers.REDDIT_OAUTH, r"\(403\); ALYA_REDDIT_TOKEN is wrong or has expired"),
    ],
)
async def test_a_refusal_of_reddit_says_what_helps(
    http: Http, source: LoopbackSource, token: str | None, path: str, advice: str
) -> None:
    source.on(path, Reply({"message": "Forbidden", "error": 403}, 403))
    with pytest.raises(SourceRefused, match=advice) as refused:
        await reddit.search(http, "invoicing", token=token)
    assert "t0ken-word" not in str(refused.value)
    assert len(source.asked) == 1


async def test_a_token_goes_to_reddit_alone(http: Http, source: LoopbackSource) -> None:
    answers.script(source)
    searched = await posts.about(http, "invoicing", reddit_token="t0ken-word")
    assert all(isinstance(each.answer, Fetched) for each in searched)
    with_token = {asked.path for asked in source.asked if "authorization" in asked.headers}
    assert with_token == {answers.REDDIT_OAUTH}
    assert source.count(answers.REDDIT) == 0


async def test_operators_of_a_search_language_are_plain_words(http: Http, source: LoopbackSource) -> None:
    answers.script(source)
    await posts.about(http, 'author:x OR ("c++" | -invoicing)')
    asked = {answers.query_of(each) for each in source.asked}
    assert asked == {"author x OR c++ -invoicing", "author x OR c++ -invoicing pay"}
