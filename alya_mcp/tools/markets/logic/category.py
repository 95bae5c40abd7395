"""The categories that titles of markets are sorted into, and those that aren't taken for quality."""

from typing import Final, Literal

MarketCategory = Literal[
    "wc_future", "tail_safe_no", "geopolitics", "news_event", "nba", "nhl", "mlb", "ufc", "cs2_intraday",
    "la_liga_singlematch", "uncategorized",
]  # fmt: skip

BLOCKED: Final[dict[MarketCategory, str]] = {
    "cs2_intraday": "over within hours, decided by single maps, thin and quick: nothing to hold an edge in",
    "la_liga_singlematch": "a single match, priced by bookmakers as well as it can be",
    "uncategorized": "no rule knows it, so nothing is known of its quality",
}
"""The categories that aren't taken for quality, and why."""
