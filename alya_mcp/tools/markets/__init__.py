"""Prediction markets and the paper account: what moves, what a bet is worth, who earns, what one has."""

from .account import alpaca_paper_status
from .categorize import polymarket_categorize
from .edge import polymarket_edge
from .signals import polymarket_signals
from .traders import polymarket_top_traders

__all__ = [
    "alpaca_paper_status",
    "polymarket_categorize",
    "polymarket_edge",
    "polymarket_signals",
    "polymarket_top_traders",
]
