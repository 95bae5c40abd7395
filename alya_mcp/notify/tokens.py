"""One-time tokens: each stands for one answer to one question, and only this state can issue them.

A token is a letter for the answer, the question's id and a keyed digest of all that a yes is bound to: the
binding (tool and its definition, policy, caller, words, arguments), how long it holds, the way it was sent by
and the answer. It is good while the question waits, and the first answer to a question is the last.
"""

import base64
import hmac
from typing import Final

from alya_mcp.gate.approvals import KeptQuestion, Unanswerable, Way, YesOrNo
from alya_mcp.gate.state import State

LENGTH: Final = 1 + 8 + 24
"""Characters of a token: letters, digits, hyphens and underscores. Telegram takes 64."""

_LETTERS: Final[dict[str, YesOrNo]] = {"y": "yes", "n": "no"}
_BYTES: Final = 18


def token(state: State, asked: KeptQuestion, way: Way, answer: YesOrNo) -> str:
    """The token that answers `asked`; `StateError` when the state's key can't be read."""
    facts = ("alya-answer-1", way, answer, asked.id, asked.binding, str(asked.hold_ns))
    digest = hmac.digest(state.key, "\n".join(facts).encode(), "sha256")[:_BYTES]
    return f"{answer[0]}{asked.id}{base64.urlsafe_b64encode(digest).decode('ascii')}"


def redeem(state: State, way: Way, given: str) -> tuple[KeptQuestion, YesOrNo] | None:
    """Apply the answer of a token; None, without effect, for an invalid one.

    Raises:
        StateError: the state can't be read or written.
    """
    answer = _LETTERS.get(given[:1])
    if answer is None or len(given) != LENGTH or not given.isascii():
        return None
    approvals = state.approvals
    try:
        asked, _ = approvals.find(given[1:9])
        # The id as the state spells it, and the digest, in one comparison: one spelling is good.
        if not hmac.compare_digest(given, token(state, asked, way, answer)):
            return None
        return approvals.answer(asked.id, answer, way, first=True)[0], answer
    except Unanswerable:
        return None
