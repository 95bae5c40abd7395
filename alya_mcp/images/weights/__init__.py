"""Weights: those already here, the download from the Hugging Face hub, what a model's folder must hold."""

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
