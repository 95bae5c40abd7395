"""What a session learns of its client's patience, as hosts of November 2026 run out of it."""

import pytest

from alya_mcp.server.patience import Patience

DRAW = ("image_gen", {"prompt": "a boat", "seed": 1})


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("reason", "listens", "abandoned", "learned"),
    [
        ("timed out after 5.0s", False, True, 4),  # the Python SDK, in openai-agents and ADK
        ("timed out after 10s", True, True, 8),  # the same under fastmcp, in agno
        ("timed out after 0.1s", True, True, 3.2),
        ("timed out after 1.2.3s", True, True, 8),
        ("McpError: MCP error -32001: Request timed out", False, True, 8),  # the TypeScript SDK
        ("AbortError: The operation was aborted.", True, False, None),  # a user who stops
        ("AbortError: The operation was aborted.", False, True, None),
        (None, True, False, None),
        (7, False, True, None),
    ],
)
def test_a_client_that_gives_a_call_up_has_run_out_of_patience_or_means_it(
    reason: object, listens: bool, abandoned: bool, learned: float | None
) -> None:
    clock = Clock()
    patience = Patience(clock)
    patience.began(1, *DRAW, listens=listens)
    clock.now += 10
    assert (patience.abandoned(1), patience.seconds) == (False, None)
    patience.cancelled(1, reason)
    assert patience.abandoned(1) is abandoned
    assert patience.seconds == learned
    patience.ended(1)
    assert not patience.abandoned(1)


def test_the_same_call_again_says_that_the_first_was_given_up_unless_both_come_at_once() -> None:
    clock = Clock()
    patience = Patience(clock)
    patience.began(1, *DRAW, listens=False)
    clock.now += 1
    patience.began(2, *DRAW, listens=False)
    assert not patience.abandoned(1)
    clock.now += 4
    patience.began(3, "image_gen", {"prompt": "a boat", "seed": 2}, listens=False)
    assert not patience.abandoned(1)
    patience.began("4", "image_gen", {"seed": 1, "prompt": "a boat"}, listens=False)
    assert [patience.abandoned(each) for each in (1, 2, 3, "4")] == [True, True, False, False]
    assert patience.seconds == pytest.approx(3.2)


def test_a_client_that_says_how_long_it_waited_is_believed_of_a_call_that_did_not_begin() -> None:
    patience = Patience(Clock())
    patience.cancelled(1, "timed out after 5s")
    assert patience.seconds == 4


def test_what_is_unknown_or_over_teaches_nothing_else() -> None:
    patience = Patience(Clock())
    patience.began(1, *DRAW, listens=False)
    patience.ended(1)
    for request in (1, 2, None, {}, True):
        patience.cancelled(request, "timed out")
    assert patience.seconds is None
