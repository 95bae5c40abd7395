"""Known models with random weights: real speed and memory without a download.

The pictures are noise, and say nothing about the quality of a precision.
"""

from typing import Any, Final

import torch
from torch import nn

from alya_mcp.images.families import Model
from alya_mcp.images.flux.loading import settle
from alya_mcp.images.flux.pipeline import artist_class
from alya_mcp.images.plan import Plan

_SPREAD: Final = 0.02


def random_pipeline(model: Model, plan: Plan, device: str) -> Any:
    """A pipeline with the shapes of `model`, run by `plan`."""
    torch.default_generator.manual_seed(0)
    pipeline = artist_class(model.family).full_size(model)
    return settle(pipeline, plan, torch.device(device), _fill)


@torch.no_grad()
def _fill(module: nn.Module, device: torch.device) -> None:
    for each in module.modules():
        own = [*each.parameters(recurse=False), *each.buffers(recurse=False)]
        if any(tensor.is_meta for tensor in own):
            each.to_empty(device=device, recurse=False)
            norm = "norm" in type(each).__name__.lower()
            for name, parameter in each.named_parameters(recurse=False):
                if parameter.ndim > 1:
                    parameter.normal_(0.0, _SPREAD)
                else:
                    parameter.fill_(1.0 if norm and name == "weight" else 0.0)
    module.to(device)
    # Modules that share numbers were given some each.
    share: Any = getattr(module, "tie_weights", None)
    if share is not None:
        share()
