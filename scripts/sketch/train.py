"""Trains alya-sketch: first the parse of the text, then encoders and transformer together by rectified flow.

Keeps everything in a run folder: vocabulary, the latest checkpoint (written every minute, resumed from by
itself), a log and a sheet of samples. `python scripts/sketch/train.py --minutes 90`
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from random import Random
from typing import Any

import captions
import numpy as np
import torch
from attention import MixedAttention
from drawing import draw, standardise, targets
from meaning import Scene, labels, random_scene
from model import GRID, Parts, parse_loss
from PIL import Image
from text import CLIP_LENGTH, T5_LENGTH, tokenizers
from torch import Tensor, nn
from torch.nn import functional
from vae import build

STEPS = (1.0, 0.75, 0.5, 0.25)


def default_folder() -> Path:
    """Where checkpoints go unless told otherwise: the user's cache folder."""
    return Path(os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))) / "alya-sketch"


def pack(latents: Tensor) -> Tensor:
    """(n, 16, 32, 32) cells to (n, 256, 64) tokens, as FluxPipeline does."""
    count = latents.shape[0]
    return latents.view(count, 16, GRID, 2, GRID, 2).permute(0, 2, 4, 1, 3, 5).reshape(count, GRID * GRID, 64)


def unpack(tokens: Tensor) -> Tensor:
    """The inverse of `pack`."""
    count = tokens.shape[0]
    return (
        tokens.view(count, GRID, GRID, 16, 2, 2)
        .permute(0, 3, 1, 4, 2, 5)
        .reshape(count, 16, 2 * GRID, 2 * GRID)
    )


def places() -> Tensor:
    """(256, 3) position ids of the image tokens."""
    ids = torch.zeros(GRID, GRID, 3)
    ids[..., 1] = torch.arange(GRID)[:, None]
    ids[..., 2] = torch.arange(GRID)[None, :]
    return ids.view(GRID * GRID, 3)


def weights(pictures: np.ndarray) -> np.ndarray:
    """How much each number of a picture matters: fields near an edge most, colours of absent layers least."""
    result = np.ones_like(pictures)
    for fields, colours, edge in (((3,), (4, 7), 3.5), ((7, 8), (9, 12), 9.0), ((12,), (13, 16), 6.0)):
        depth = pictures[:, list(fields)].min(axis=1, keepdims=True)
        for index in fields:
            result[:, index] = 0.5 + edge * np.exp(-((pictures[:, index] / 0.5) ** 2)) * (depth[:, 0] > -0.8)
        result[:, colours[0] : colours[1]] = np.where(depth > -0.72, 1.0, 0.08)
    return result


def optimisers(parts: Parts) -> tuple[torch.optim.Optimizer, torch.optim.Optimizer]:
    """Muon for the matrices of the blocks, AdamW for everything else."""
    matrices: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for module in parts.modules().values():
        for name, parameter in module.named_parameters():
            block = "transformer_blocks." in name or "encoder.block." in name
            if (
                block
                and parameter.ndim == 2
                and ".norm" not in name
                and "relative_attention_bias" not in name
            ):
                matrices.append(parameter)
            else:
                others.append(parameter)
    return (
        torch.optim.Muon(matrices, lr=1e-3, weight_decay=0.02, momentum=0.95, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr=1e-3, betas=(0.9, 0.98), weight_decay=0.01),
    )


class Trainer:
    """One run: its parts, its average weights, its folder."""

    def __init__(self, folder: Path, minutes: float, rate: float, batch: int, seed: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.seconds, self.rate, self.batch = folder, minutes * 60.0, rate, batch
        self.clip_tokens, self.five_tokens = tokenizers()
        self.parts = Parts.new(len(self.five_tokens))
        self.average = {
            name: {k: v.clone() for k, v in m.state_dict().items()}
            for name, m in self.parts.modules().items()
        }
        self.parts.flow.set_attn_processor(MixedAttention())
        self.optimisers = optimisers(self.parts)
        self.step, self.samples, self.spent, self.parsed, self.laid = 0, 0, 0.0, 0, 0
        self.pool: list[list[tuple[Scene, str]]] = []
        self.caught: dict[str, Tensor] = {}
        self.parts.flow.transformer_blocks[-1].register_forward_hook(self._catch)
        path = folder / "checkpoint.pt"
        if path.exists():
            self._load(torch.load(path, map_location="cpu", weights_only=True))
        self.rng = Random(seed + self.step + self.parsed)
        self.random = np.random.default_rng(seed + self.step)
        torch.manual_seed(seed + self.step)

    def _catch(self, _module: Any, _arguments: Any, output: tuple[Tensor, Tensor]) -> None:
        self.caught = {"text": output[0], "image": output[1]}

    def _load(self, state: dict[str, Any]) -> None:
        for name, module in self.parts.modules().items():
            module.load_state_dict(state["parts"][name])
        self.average = state["average"]
        for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        self.step, self.samples, self.spent = state["step"], state["samples"], state["spent"]
        self.parsed, self.laid = state["parsed"], state["laid"]

    def save(self) -> None:
        """Write the checkpoint so that an interruption leaves the old one or the new one."""
        state = {
            "parts": {name: module.state_dict() for name, module in self.parts.modules().items()},
            "average": self.average,
            "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
            "step": self.step,
            "samples": self.samples,
            "spent": self.spent,
            "parsed": self.parsed,
            "laid": self.laid,
        }
        part = self.folder / "checkpoint.part"
        torch.save(state, part)
        part.replace(self.folder / "checkpoint.pt")

    def log(self, line: str) -> None:
        """One line to the terminal and to the log."""
        stamped = f"{time.strftime('%H:%M:%S')} {line}"
        print(stamped, flush=True)
        with (self.folder / "train.log").open("a", encoding="utf-8") as out:
            out.write(stamped + "\n")

    def encode(self, texts: list[str], length: int) -> tuple[Tensor, Tensor]:
        """Text stream (n, length, 128) and pooled vector (n, 64)."""
        five = self.five_tokens(
            texts, padding="max_length", max_length=length, truncation=True, return_tensors="pt"
        )
        clip = self.clip_tokens(
            texts, padding="max_length", max_length=CLIP_LENGTH, truncation=True, return_tensors="pt"
        )
        encoded = self.parts.five(five.input_ids)[0]
        return encoded, self.parts.clip(clip.input_ids).pooler_output

    def _set_rate(self, rate: float) -> None:
        for optimiser, factor in zip(self.optimisers, (1.6, 1.0), strict=True):
            for group in optimiser.param_groups:
                group["lr"] = rate * factor

    def parse(self, seconds: float) -> None:
        """Teach the encoders what captions say, before any picture."""
        begin, last = time.process_time(), time.monotonic()
        rights: list[float] = []
        while (spent := time.process_time() - begin) < seconds:
            self._set_rate(2e-3 * min(1.0, (self.parsed + 1) / 40) * (1.0 - 0.7 * spent / seconds))
            scenes, texts, length = self._batch(64)
            encoded, pooled = self.encode(texts, length)
            loss, right = parse_loss(
                self.parts.heads, encoded, pooled, torch.tensor([labels(s) for s in scenes])
            )
            self._descend(loss)
            self.parsed += 1
            rights.append(right.item())
            if time.monotonic() - last > 15.0:
                last = time.monotonic()
                self.log(
                    f"parse {self.parsed} loss {loss.item():.3f} "
                    f"whole captions right {sum(rights) / len(rights):.3f}"
                )
                rights = []
        self.save()

    def _batch(self, count: int) -> tuple[list[Scene], list[str], int]:
        """Fresh scenes and captions of about the same length, and that length in tokens."""
        if not self.pool or len(self.pool[-1]) != count:
            pairs = [
                (scene := random_scene(self.rng), captions.caption(self.rng, scene)) for _ in range(6 * count)
            ]
            pairs.sort(key=lambda pair: len(self.five_tokens.tokenize(pair[1])))
            self.pool = [pairs[index : index + count] for index in range(0, len(pairs), count)]
            self.rng.shuffle(self.pool)
        pairs = self.pool.pop()
        texts = [text for _, text in pairs]
        longest = max(len(ids) for ids in self.five_tokens(texts).input_ids)
        length = T5_LENGTH if self.rng.random() < 0.2 else min(longest + self.rng.randrange(6), T5_LENGTH)
        return [scene for scene, _ in pairs], texts, length

    def lay_out(self, seconds: float) -> None:
        """Teach the double blocks where a token is and, in the text's slots, what the noise decides."""
        begin, last = time.process_time(), time.monotonic()
        flow = self.parts.flow
        while (spent := time.process_time() - begin) < seconds:
            self._set_rate(self.rate * min(1.0, (self.laid + 1) / 40) * (1.0 - 0.5 * spent / seconds))
            scenes, texts, length = self._batch(self.batch)
            noise = self.random.standard_normal((len(scenes), 16, 32, 32), dtype=np.float32)
            tokens = torch.tensor(sorted({0, *self.rng.sample(range(1, GRID * GRID), 40)}))
            encoded, pooled = self.encode(texts, length)
            with torch.autocast("cpu", torch.bfloat16):
                image = flow.x_embedder(pack(torch.from_numpy(noise))[:, tokens])
                moment = flow.time_text_embed(torch.full((len(scenes),), 1000.0), pooled)
                text = flow.context_embedder(encoded)
                turns = flow.pos_embed(torch.cat((torch.zeros(length, 3), places()[tokens])))
                for block in flow.transformer_blocks:
                    text, image = block(
                        hidden_states=image, encoder_hidden_states=text, temb=moment, image_rotary_emb=turns
                    )
            said, right = parse_loss(
                self.parts.heads, encoded, pooled, torch.tensor([labels(s) for s in scenes])
            )
            slots, found = self._layout_losses(scenes, noise, tokens)
            self._descend(slots + 0.3 * found + 0.2 * said)
            self.laid += 1
            if time.monotonic() - last > 15.0:
                last = time.monotonic()
                self.log(
                    f"layout {self.laid} slots {slots.item():.4f} where {found.item():.4f} "
                    f"parse {said.item():.3f} right {right.item():.3f}"
                )
        self._follow(0.0)
        self.save()

    def _layout_losses(self, scenes: list[Scene], noise: np.ndarray, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """How far the double blocks are from knowing each object's place and look, and each token's place."""
        decided = torch.from_numpy(np.stack([targets(s, n) for s, n in zip(scenes, noise, strict=True)]))
        guess = self.parts.heads.decided(self.caught["text"][:, 1:4].float())
        there = decided[..., :1]
        slots = ((guess - decided[..., 1:]).square() * there).sum() / there.sum().clamp(min=1.0)
        where = self.parts.heads.where(self.caught["image"].float()).reshape(-1, 2 * GRID)
        rows = torch.div(tokens, GRID, rounding_mode="floor").repeat(len(scenes))
        columns = (tokens % GRID).repeat(len(scenes))
        found = functional.cross_entropy(where[:, :GRID], rows) + functional.cross_entropy(
            where[:, GRID:], columns
        )
        return slots, found

    def _descend(self, loss: Tensor) -> None:
        for optimiser in self.optimisers:
            optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_([p for p in self.parts.parameters() if p.grad is not None], 1.0)
        for optimiser in self.optimisers:
            optimiser.step()

    @torch.no_grad()
    def _follow(self, decay: float) -> None:
        for name, module in self.parts.modules().items():
            for key, value in module.state_dict().items():
                if value.is_floating_point():
                    self.average[name][key].lerp_(value, 1.0 - decay)

    def _tokens(self) -> Tensor:
        """Which image tokens this step looks at: all, or the first with a window, or the first with a
        random few.
        """
        pick = self.rng.random()
        if pick < 0.15:
            return torch.arange(GRID * GRID)
        if pick < 0.6:
            top, left = self.rng.randrange(GRID - 7), self.rng.randrange(GRID - 7)
            window = {row * GRID + column for row in range(top, top + 8) for column in range(left, left + 8)}
        else:
            window = set(self.rng.sample(range(1, GRID * GRID), 64))
        return torch.tensor(sorted(window | {0}))

    def _choose(self, weight: Tensor, count: int) -> list[int]:
        """Scenes for a step, mostly those with many edges in the tokens at hand.

        A prompt and a noise have exactly one picture, so a choice among them moves no picture.
        """
        if self.rng.random() < 0.25:
            return list(range(count))
        score = weight.mean(dim=(1, 2)).double().numpy() ** 2
        return self.random.choice(len(score), count, replace=False, p=score / score.sum()).tolist()

    def flow_step(self) -> dict[str, float]:
        """One step of rectified flow on fresh scenes."""
        tokens = self._tokens()
        count = self.batch if len(tokens) < 100 else max(self.batch // 3, 1)
        scenes, texts, length = self._batch(int(self.batch * 2.5))
        noise = self.random.standard_normal((len(scenes), 16, 32, 32), dtype=np.float32)
        pictures = np.stack([draw(scene, one) for scene, one in zip(scenes, noise, strict=True)])
        weight = pack(torch.from_numpy(weights(pictures)))[:, tokens]
        chosen = self._choose(weight, count)
        scenes, texts = [scenes[index] for index in chosen], [texts[index] for index in chosen]
        noise, pictures, weight = noise[chosen], pictures[chosen], weight[chosen]
        clean = pack(torch.from_numpy(np.stack([standardise(picture) for picture in pictures])))[:, tokens]
        start = pack(torch.from_numpy(noise))[:, tokens]
        kinds = self.random.random(count)
        moments = np.where(
            kinds < 0.36, 1.0, self.random.choice((0.75, 0.5, 0.25, 0.75, 0.5, 0.25, 0.875, 0.625), count)
        )
        moments = np.where(kinds > 0.88, self.random.uniform(0.04, 1.0, count), moments).astype(np.float32)
        t = torch.from_numpy(moments)
        mixed = (1 - t[:, None, None]) * clean + t[:, None, None] * start
        encoded, pooled = self.encode(texts, length)
        with torch.autocast("cpu", torch.bfloat16):
            velocity = self.parts.flow(
                hidden_states=mixed,
                encoder_hidden_states=encoded,
                pooled_projections=pooled,
                timestep=t,
                img_ids=places()[tokens],
                txt_ids=torch.zeros(length, 3),
                return_dict=False,
            )[0].float()
        error = (velocity - (start - clean)).square() * weight
        flow = error.mean()
        said, right = parse_loss(self.parts.heads, encoded, pooled, torch.tensor([labels(s) for s in scenes]))
        slots, found = self._layout_losses(scenes, noise, tokens)
        self._descend(flow + 0.08 * said + 0.2 * slots + 0.03 * found)
        self.step += 1
        self.samples += count
        if self.step % 5 == 0:
            self._follow(min(0.94, self.step / (self.step + 40.0)))
        first = error.detach().mean(dim=(1, 2))[t == 1.0]
        return {
            "flow": flow.item(),
            "first": first.mean().item() if len(first) else float("nan"),
            "parse": said.item(),
            "right": right.item(),
            "slots": slots.item(),
            "where": found.item(),
        }

    def train(self) -> None:
        """Rectified flow until the run's time is spent."""
        self.log(
            f"flow from step {self.step}, {sum(p.numel() for p in self.parts.flow.parameters())} weights"
        )
        last_log = last_save = last_sheet = time.monotonic()
        sums: dict[str, list[float]] = {}
        seen = self.samples
        while self.spent < self.seconds:
            begin = time.monotonic()
            done = self.spent / self.seconds
            self._set_rate(
                self.rate * min(1.0, (self.step + 1) / 150) * max(min(1.0, 1.15 * (1.0 - done)), 0.01)
            )
            for name, value in self.flow_step().items():
                if value == value:
                    sums.setdefault(name, []).append(value)
            now = time.monotonic()
            self.spent += now - begin
            if now - last_log > 20.0:
                means = " ".join(f"{name} {sum(values) / len(values):.4f}" for name, values in sums.items())
                speed = (self.samples - seen) / (now - last_log)
                self.log(
                    f"step {self.step} samples {self.samples} {speed:.1f}/s "
                    f"spent {self.spent / 60:.1f} min {means}"
                )
                sums, last_log, seen = {}, now, self.samples
            if now - last_save > 60.0:
                self.save()
                last_save = time.monotonic()
            if now - last_sheet > 1200.0:
                self.sheet()
                last_sheet = time.monotonic()
        self.save()
        self.sheet()
        self.log("done")

    @torch.no_grad()
    def sheet(self) -> None:
        """Draw a few prompts with the average weights at 4 steps, small, beside the run."""
        kept = {
            name: {k: v.clone() for k, v in module.state_dict().items()}
            for name, module in self.parts.modules().items()
        }
        for name, module in self.parts.modules().items():
            module.load_state_dict(self.average[name])
        decoder = build()
        generator = torch.Generator().manual_seed(5)
        latents = pack(torch.randn(len(SHEET), 16, 32, 32, generator=generator))
        encoded, pooled = self.encode(list(SHEET), T5_LENGTH)
        for now, after in zip(STEPS, (*STEPS[1:], 0.0), strict=True):
            velocity = self.parts.flow(
                hidden_states=latents,
                encoder_hidden_states=encoded,
                pooled_projections=pooled,
                timestep=torch.full((len(SHEET),), now),
                img_ids=places(),
                txt_ids=torch.zeros(T5_LENGTH, 3),
                return_dict=False,
            )[0]
            latents = latents + (after - now) * velocity
        tiles: list[np.ndarray] = []
        for cells in unpack(latents):
            shown = decoder.decode(cells[None], return_dict=False)[0][0]
            tile = (shown / 2 + 0.5).clamp(0, 1).permute(1, 2, 0).mul(255).round().to(torch.uint8).numpy()
            tiles.append(np.asarray(Image.fromarray(tile).resize((320, 320), Image.Resampling.LANCZOS)))
        rows = [np.concatenate(tiles[index : index + 4], axis=1) for index in range(0, len(tiles), 4)]
        Image.fromarray(np.concatenate(rows)).save(self.folder / "sheet.png")
        for name, module in self.parts.modules().items():
            module.load_state_dict(kept[name])


SHEET = (
    "a red circle on a blue background",
    "a small red star on the left and a large blue circle on the right",
    "red star, left; big blue circle, right",
    "draw me a sunset over the sea",
    "three yellow stars on a black background",
    "a purple triangle on a white background",
    "a house on a green meadow under a blue sky",
    "a night sky with a moon and stars",
    "snowy mountains at night",
    "a green heart in the top left corner",
    "a boat on the sea at sunset",
    "a pink ring on yellow and white stripes",
    "a road",
    "rain over a meadow",
    "two orange squares on a gradient from purple to pink",
    "a large black star on a checkered pink and white background",
)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run-dir", type=Path, default=default_folder(), help="checkpoints, log and samples")
    parser.add_argument("--minutes", type=float, default=90.0, help="time for the rectified flow")
    parser.add_argument(
        "--parse-seconds", type=float, default=150.0, help="time for the text alone, at the start"
    )
    parser.add_argument(
        "--layout-seconds", type=float, default=120.0, help="time for the double blocks, after the text"
    )
    parser.add_argument("--rate", type=float, default=1.2e-3, help="peak learning rate")
    parser.add_argument("--batch", type=int, default=24, help="scenes per step")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    trainer = Trainer(options.run_dir, options.minutes, options.rate, options.batch, options.seed)
    if trainer.parsed == 0:
        trainer.parse(options.parse_seconds)
    if trainer.laid == 0:
        trainer.lay_out(options.layout_seconds)
    trainer.train()


if __name__ == "__main__":
    main()
