"""Writes a run's average weights as a FluxPipeline folder, ready to ship: `python
scripts/sketch/export.py`.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from diffusers import FlowMatchEulerDiscreteScheduler, FluxPipeline
from model import Parts
from text import known_words, save_words, tokenizers
from train import default_folder
from vae import build

PACKAGE = Path(__file__).resolve().parents[2] / "alya_mcp" / "images" / "sketch"


def pipeline(folder: Path) -> FluxPipeline:
    """The pipeline of a run's latest checkpoint, with average weights, in float32."""
    clip_tokens, five_tokens = tokenizers()
    parts = Parts.new(len(five_tokens))
    state = torch.load(folder / "checkpoint.pt", map_location="cpu", weights_only=True)
    for name, module in parts.modules().items():
        module.load_state_dict(state["average"][name])
        module.eval()
    return FluxPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(
            num_train_timesteps=1000, shift=1.0, use_dynamic_shifting=False
        ),
        vae=build(),
        text_encoder=parts.clip,
        tokenizer=clip_tokens,
        text_encoder_2=parts.five,
        tokenizer_2=five_tokens,
        transformer=parts.flow,
    )


def export(folder: Path, target: Path) -> int:
    """Save the pipeline and the vocabulary to `target`; trained weights as float16. Returns the size in
    bytes.
    """
    pipe = pipeline(folder)
    for part in (pipe.transformer, pipe.text_encoder, pipe.text_encoder_2):
        part.half()
    pipe.save_pretrained(target, safe_serialization=True)
    for name in ("text_encoder", "text_encoder_2"):
        path = target / name / "config.json"
        config = json.loads(path.read_text(encoding="utf-8"))
        config.pop("torch_dtype", None)
        config["dtype"] = "float32"
        path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    index_path = target / "model_index.json"
    index = json.loads(index_path.read_text(encoding="utf-8"))
    for name in ("tokenizer", "tokenizer_2"):
        index[name] = ["transformers", "PreTrainedTokenizerFast"]
    index_path.write_text(json.dumps(index, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    for path in target.rglob("*.safetensors"):
        path.chmod(0o644)
    save_words(known_words(), target / "vocabulary.json")
    return sum(path.stat().st_size for path in target.rglob("*") if path.is_file())


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run-dir", type=Path, default=default_folder())
    parser.add_argument("--target", type=Path, default=PACKAGE)
    options = parser.parse_args()
    size = export(options.run_dir, options.target)
    print(f"{options.target}: {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
