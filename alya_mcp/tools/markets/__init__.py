"""The market tools: signals, edges, categories, top traders, and the paper account."""

from alya_mcp.tools.markets.account import alpaca_paper_status
from alya_mcp.tools.markets.categorize import polymarket_categorize
from alya_mcp.tools.markets.edge import polymarket_edge
from alya_mcp.tools.markets.signals import polymarket_signals
from alya_mcp.tools.markets.traders import polymarket_top_traders

__all__ = [
    "alpaca_paper_status",
    "polymarket_categorize",
    "polymarket_edge",
    "polymarket_signals",
    "polymarket_top_traders",
]
