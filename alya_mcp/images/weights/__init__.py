"""Weights: the Hugging Face cache, downloads from the hub, and checks of a model's folder."""

from alya_mcp.images.weights.cache import cached
from alya_mcp.images.weights.folder import require_whole
from alya_mcp.images.weights.process import Pulled, PullProgress, describe, download, pull
from alya_mcp.images.weights.refusals import TOKENS, Gated, terms_page

__all__ = [
    "TOKENS",
    "Gated",
    "PullProgress",
    "Pulled",
    "cached",
    "describe",
    "download",
    "pull",
    "require_whole",
    "terms_page",
]
