"""Loads a pipeline onto the device by a plan: precision, placement of the weights, attention."""

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, cast

import torch
from torch import nn

from alya_mcp.errors import NotConfigured
from alya_mcp.images.families import FAMILIES, Encoder, Family
from alya_mcp.images.flux.quantised import linears, quantised
from alya_mcp.images.plan import Plan
from alya_mcp.images.weights.folder import tensors_of
from alya_mcp.images.weights.parts import variant_in, variant_of
from alya_mcp.settings.precisions import ROUNDED, Precision

FillWeights = Callable[[nn.Module, torch.device], None]
"""Loads a module's weights onto a device, except those that are there already."""

_OF_DIFFUSERS: Final = ("transformer", "vae")
_SPARE: Final = 0.05
"""The share of an encoder's embeddings without a word; T5's are padded to a multiple of 128."""
_SPLIT: Final = ("to_q", "to_k", "to_v", "add_q_proj", "add_k_proj", "add_v_proj")


def load_pipeline(folder: Path, plan: Plan, device: str) -> Any:
    """The pipeline in `folder`, run by `plan`. Nothing but safetensors files of that folder is read.

    Raises:
        NotConfigured: weights of a part are missing, or a tokenizer doesn't match its encoder.
    """
    index = json.loads((folder / "model_index.json").read_bytes())
    family = FAMILIES[index["_class_name"]]
    for encoder in family.encoders:
        _require_encoder(folder, encoder, index[encoder.part][1])
    diffusers: Any = importlib.import_module("diffusers")
    whole = not (plan.rounded or plan.encoder_streamed)
    options: dict[str, Any] = {"device_map": device} if whole and device == "cuda" else {}
    dtype = torch.float32 if plan.precision == "fp32" else torch.bfloat16
    parts = {
        encoder.part: _shortened(folder, encoder, dtype=dtype, **options)
        for encoder in family.encoders
        if encoder.layers is not None
    }
    try:
        pipeline: Any = getattr(diffusers, family.pipeline).from_pretrained(
            folder,
            dtype=dtype,
            variant=variant_in(folder),
            use_safetensors=True,
            local_files_only=True,
            **options,
            **parts,
        )
        _require_vocabularies(pipeline, family)
        return settle(pipeline, plan, torch.device(device), _move)
    except (RuntimeError, NotImplementedError, ValueError):
        _name_lacking_weights(folder, diffusers)
        raise


def outline(folder: Path) -> Any:
    """The pipeline in `folder` with shapes only; reads no weights."""
    diffusers: Any = importlib.import_module("diffusers")
    transformers: Any = importlib.import_module("transformers")
    index = json.loads((folder / "model_index.json").read_bytes())
    family = FAMILIES[index["_class_name"]]
    encoders = {each.part: each for each in family.encoders}
    parts: dict[str, Any] = {}
    for name, entry in index.items():
        if not isinstance(entry, list) or None in entry:
            continue
        library, kind = cast("list[str]", entry)
        made = getattr(diffusers if library == "diffusers" else transformers, kind)
        if name in encoders:
            with torch.device("meta"):
                parts[name] = _shapes_of(folder, encoders[name], kind)
        elif name in _OF_DIFFUSERS:
            with torch.device("meta"):
                parts[name] = made.from_config(made.load_config(folder / name))
        else:
            parts[name] = made.from_pretrained(folder / name, local_files_only=True)
    return getattr(diffusers, family.pipeline)(**parts)


def _shapes_of(folder: Path, encoder: Encoder, named: str) -> Any:
    transformers: Any = importlib.import_module("transformers")
    kind = getattr(transformers, encoder.kind or named)
    module = kind(_config(folder, encoder) or kind.config_class.from_pretrained(folder / encoder.part))
    if encoder.layers is not None:
        module.norm = nn.Identity()
    return module


def _require_encoder(folder: Path, encoder: Encoder, named: str) -> None:
    """Check that no weight of a text encoder is missing: transformers initialises such weights at random.

    diffusers' parts with a missing weight fail to load.
    """
    # Only names and shapes are read.
    _, told = _read_encoder(folder, encoder, named, device_map="meta", output_loading_info=True)
    _require_all(encoder.part, set(told["missing_keys"]))


def _shortened(folder: Path, encoder: Encoder, **options: Any) -> Any:
    """A text encoder without the layers whose output isn't used, and so without its last norm."""
    module = _read_encoder(folder, encoder, "", **options)
    module.norm = nn.Identity()
    return module


def _read_encoder(folder: Path, encoder: Encoder, named: str, **options: Any) -> Any:
    """The used layers of a text encoder; `named` is its class if the family doesn't define one."""
    transformers: Any = importlib.import_module("transformers")
    if config := _config(folder, encoder):
        options["config"] = config
    return getattr(transformers, encoder.kind or named).from_pretrained(
        folder / encoder.part,
        use_safetensors=True,
        local_files_only=True,
        variant=variant_of(folder / encoder.part),
        **options,
    )


def _config(folder: Path, encoder: Encoder) -> Any:
    """The configuration of a shortened text encoder; None for a complete one."""
    if encoder.layers is None:
        return None
    transformers: Any = importlib.import_module("transformers")
    config = transformers.AutoConfig.from_pretrained(folder / encoder.part, local_files_only=True)
    config.num_hidden_layers = encoder.layers
    config.layer_types = config.layer_types[: encoder.layers]
    return config


def _name_lacking_weights(folder: Path, diffusers: Any) -> None:
    """If a part of diffusers failed to load because of missing weights, name them."""
    index = json.loads((folder / "model_index.json").read_bytes())
    for part in _OF_DIFFUSERS:
        kind = getattr(diffusers, index[part][1])
        with torch.device("meta"):
            wanted = set(kind.from_config(kind.load_config(folder / part)).state_dict())
        _require_all(part, wanted - tensors_of(folder / part))


def _require_all(part: str, missing: set[str]) -> None:
    if missing:
        raise NotConfigured(
            f"The model's {part} can't be loaded: its files lack {len(missing)} of its weights, such as "
            f"{min(missing)}. Copy it again, or download it again with: alya-mcp model pull"
        )


def _require_vocabularies(pipeline: Any, family: Family) -> None:
    """Check that each tokenizer's vocabulary has the size of its encoder's, some spare embeddings aside."""
    for name, encoder in ((each.tokenizer, each.part) for each in family.encoders):
        words, places = len(getattr(pipeline, name)), int(getattr(pipeline, encoder).config.vocab_size)
        if not places * (1 - _SPARE) <= words <= places:
            raise NotConfigured(
                f"The model's {name} has {words:,} words and its {encoder} {places:,}: they don't belong "
                "together, and a picture would ignore the prompt. Copy it again, or download it again with: "
                "alya-mcp model pull"
            )


def settle(pipeline: Any, plan: Plan, device: torch.device, fill: FillWeights) -> Any:
    """Move and convert the parts of `pipeline` as `plan` says; `fill` loads each module's values."""
    pipeline.set_progress_bar_config(disable=True)
    family = FAMILIES[type(pipeline).__name__]
    if plan.compiled:
        _fuse([getattr(pipeline.transformer, name) for name in family.fused])
    activations = device.type == "cuda"
    for name in family.blocks:
        group = getattr(pipeline.transformer, name)
        _narrow(group, plan.precision, device, fill, away=plan.transformer_streamed, activations=activations)
    encoder = getattr(pipeline, family.encoder.part)
    _narrow(encoder, plan.encoder, device, fill, away=plan.encoder_streamed, activations=False)
    for part, away in (
        (pipeline.transformer, plan.transformer_streamed),
        (encoder, plan.encoder_streamed),
        *((getattr(pipeline, small.part), False) for small in family.encoders[:-1]),
        (pipeline.vae, False),
    ):
        fill(part, torch.device("cpu") if away else device)
        part.requires_grad_(requires_grad=False)
        part.eval()
    if plan.encoder_streamed:
        stream(streamable(encoder, family), device)
    if plan.transformer_streamed:
        stream(pipeline.transformer, device)
    # PyTorch's too: a model without a choice of its own gets the last one that was set in the process.
    pipeline.transformer.set_attention_backend(plan.attention)
    return pipeline


def streamable(encoder: Any, family: Family) -> Any:
    """The module of the large text encoder that has its blocks."""
    return getattr(encoder, family.encoder.blocks_in) if family.encoder.blocks_in else encoder


def stream(module: nn.Module, device: torch.device) -> None:
    """Keep `module` in main memory; its blocks are copied to the device one after the other."""
    for tensor in (*module.parameters(), *module.buffers()):
        away = tensor.data.cpu()
        # Pinned one by one; the hooks would keep every tensor until the last one is pinned.
        tensor.data = away.pin_memory() if device.type == "cuda" else away
    hooks: Any = importlib.import_module("diffusers.hooks")
    hooks.apply_group_offloading(
        module,
        onload_device=device,
        offload_device=torch.device("cpu"),
        offload_type="block_level",
        num_blocks_per_group=1,
        use_stream=device.type == "cuda",
    )


def _fuse(groups: list[Any]) -> None:
    """Fuse each attention's three projections into one product, which uses the device better."""
    for group in groups:
        for block in group:
            block.attn.fuse_projections()
            for name in _SPLIT:
                if hasattr(block.attn, name):
                    delattr(block.attn, name)


def _narrow(
    module: nn.Module,
    precision: Precision,
    device: torch.device,
    fill: FillWeights,
    *,
    away: bool,
    activations: bool,
) -> None:
    """Replace the linear layers of `module` by ones in `precision`, one at a time on the device."""
    if precision not in ROUNDED:
        return
    for holder, name, linear in linears(module):
        fill(linear, device)
        narrow = quantised(linear, precision, activations=activations)
        setattr(holder, name, narrow.to("cpu") if away else narrow)


def _move(module: nn.Module, device: torch.device) -> None:
    module.to(device)
