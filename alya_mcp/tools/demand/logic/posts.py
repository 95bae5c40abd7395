"""Posts, and the demand signals found in them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from alya_mcp.tools.demand.logic.plain import Markup


class Kind(StrEnum):
    """What somebody says, the strongest first."""

    AMOUNT = "amount"
    PAYS = "pays"
    WOULD_PAY = "would_pay"
    MISSES = "misses"
    ASKS = "asks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """What somebody wrote somewhere; who isn't kept.

    `title` is that of the post, or of the thread that it replies to, without markup; `text` is what was
    written, with its markup. `reactions` are points and replies together.
    """

    venue: str
    url: str
    time: datetime
    title: str
    text: str
    markup: Markup
    reactions: int
    is_reply: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandSentence:
    """A sentence in which somebody says that they want something.

    `quote` stands like this in its post. `strength` is what `strength.strength` gives; `repeats` counts other
    sentences that say nearly the same.
    """

    quote: str
    kind: Kind
    amount: str | None
    strength: float
    post: Post
    repeats: int = 0
