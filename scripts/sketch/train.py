"""Trains alya-sketch: first the parse of the text, then encoders and transformer together by rectified flow.

Keeps everything in a run folder: the latest checkpoint (written every minute, resumed from by itself), a log
and a sheet of samples. On a GPU every step sees whole pictures; on a CPU it sees a window or a random few of
their tokens. `python scripts/sketch/train.py --minutes 90`
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
from attention import MixedAttention
from data import Batch, batches
from drawing import MEAN, SPREAD
from model import GRID, Parts, parse_loss
from PIL import Image
from text import CLIP_LENGTH, T5_LENGTH, tokenizers
from torch import Tensor, nn
from torch.nn import functional
from vae import build

STEPS = (1.0, 0.75, 0.5, 0.25)
TOKENS = GRID * GRID


def default_folder() -> Path:
    """Where checkpoints go unless told otherwise: the user's cache folder."""
    return Path(os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))) / "alya-sketch"


def pack(latents: Tensor) -> Tensor:
    """(n, 16, 32, 32) cells to (n, 256, 64) tokens, as FluxPipeline does."""
    count = latents.shape[0]
    return latents.view(count, 16, GRID, 2, GRID, 2).permute(0, 2, 4, 1, 3, 5).reshape(count, TOKENS, 64)


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
    return ids.view(TOKENS, 3)


def standardise(pictures: Tensor) -> Tensor:
    """Latents of layered pictures, as `drawing.standardise`."""
    mean, spread = (torch.from_numpy(each).to(pictures.device)[:, None, None] for each in (MEAN, SPREAD))
    return (pictures - mean) / spread


def weights(pictures: Tensor) -> Tensor:
    """How much each number of a picture matters: fields near an edge most, colours of absent layers least."""
    result = torch.ones_like(pictures)
    for fields, colours, edge in (((3,), (4, 7), 3.5), ((7, 8), (9, 12), 9.0), ((12,), (13, 16), 6.0)):
        depth = pictures[:, list(fields)].amin(dim=1)
        for index in fields:
            near = torch.exp(-((pictures[:, index] / 0.5) ** 2)) * (depth > -0.8)
            result[:, index] = 0.5 + edge * near
        present = torch.where(depth > -0.72, 1.0, 0.08)
        result[:, colours[0] : colours[1]] = present[:, None]
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


class Means:
    """Averages of named numbers since they were last read, kept on the device until then."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, Tensor] = {}

    def add(self, values: dict[str, Tensor]) -> None:
        for name, value in values.items():
            known = ~torch.isnan(value)
            kept = torch.where(known, value.detach(), torch.zeros_like(value))
            self._sums[name] = self._sums.get(name, 0.0) + kept
            self._counts[name] = self._counts.get(name, 0.0) + known.float()

    def read(self) -> str:
        said = " ".join(
            f"{name} {float(total / self._counts[name].clamp(min=1.0)):.4f}"
            for name, total in self._sums.items()
        )
        self._sums, self._counts = {}, {}
        return said


class Trainer:
    """One run: its parts, its average weights, its folder."""

    def __init__(
        self, folder: Path, seconds: float, rate: float, batch: int, seed: int, workers: int
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.seconds, self.rate = folder, seconds, rate
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.whole = self.device.type == "cuda"
        self.clip_tokens, self.five_tokens = tokenizers()
        torch.manual_seed(seed)
        self.parts = Parts.new(len(self.five_tokens))
        self.step, self.samples, self.spent, self.parsed, self.laid = 0, 0, 0.0, 0, 0
        for module in self.parts.modules().values():
            module.to(self.device)
        self.average = {
            name: {key: value.clone() for key, value in module.state_dict().items()}
            for name, module in self.parts.modules().items()
        }
        self.optimisers = optimisers(self.parts)
        self.caught: tuple[Tensor, Tensor] | None = None
        self.parts.flow.transformer_blocks[-1].register_forward_hook(self._catch)
        path = folder / "checkpoint.pt"
        if path.exists():
            self._load(torch.load(path, map_location=self.device, weights_only=True))
        if self.whole:
            torch.set_float32_matmul_precision("high")
            for block in (*self.parts.flow.transformer_blocks, *self.parts.flow.single_transformer_blocks):
                # The forward alone, so that the hook stays outside of what is compiled.
                block.forward = torch.compile(block.forward, fullgraph=True, dynamic=False)
        else:
            self.parts.flow.set_attn_processor(MixedAttention())
        begun = seed + self.step + self.parsed
        self.rng = Random(begun)
        self.dice = torch.Generator(self.device).manual_seed(begun)
        torch.manual_seed(begun)
        self.batches = batches(batch, begun, workers, pinned=self.whole)
        self.places = places().to(self.device)

    def _catch(self, _module: Any, _arguments: Any, output: tuple[Tensor, Tensor]) -> None:
        self.caught = output

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

    def encode(self, five: Tensor, clip: Tensor) -> tuple[Tensor, Tensor]:
        """Text stream (n, length, 128) and pooled vector (n, 64)."""
        return self.parts.five(five)[0], self.parts.clip(clip).pooler_output

    def _next(self) -> Batch:
        return next(self.batches).to(self.device)

    def _set_rate(self, rate: float) -> None:
        for optimiser, factor in zip(self.optimisers, (1.6, 1.0), strict=True):
            for group in optimiser.param_groups:
                group["lr"] = rate * factor

    def parse(self, seconds: float) -> None:
        """Teach the encoders what captions say, before any picture."""
        begin = last = time.monotonic()
        means = Means()
        while (spent := time.monotonic() - begin) < seconds:
            self._set_rate(2e-3 * min(1.0, (self.parsed + 1) / 40) * (1.0 - 0.7 * spent / seconds))
            batch = self._next()
            encoded, pooled = self.encode(batch.five, batch.clip)
            loss, right = parse_loss(self.parts.heads, encoded, pooled, batch.labels)
            self._descend(loss)
            self.parsed += 1
            means.add({"loss": loss, "right": right})
            if time.monotonic() - last > 5.0:
                last = time.monotonic()
                self.log(f"parse {self.parsed} {means.read()}")
        self.save()

    def lay_out(self, seconds: float) -> None:
        """Teach the double blocks where a token is and, in the text's slots, what the noise decides."""
        begin = last = time.monotonic()
        flow, means = self.parts.flow, Means()
        while (spent := time.monotonic() - begin) < seconds:
            self._set_rate(self.rate * min(1.0, (self.laid + 1) / 40) * (1.0 - 0.5 * spent / seconds))
            batch = self._next()
            count, length = batch.five.shape
            tokens = self._some(TOKENS if self.whole else 41)
            encoded, pooled = self.encode(batch.five, batch.clip)
            with torch.autocast(self.device.type, torch.bfloat16):
                image = flow.x_embedder(pack(batch.noise)[:, tokens])
                moment = flow.time_text_embed(torch.full((count,), 1000.0, device=self.device), pooled)
                text = flow.context_embedder(encoded)
                ids = torch.cat((torch.zeros(length, 3, device=self.device), self.places[tokens]))
                turns = flow.pos_embed(ids)
                for block in flow.transformer_blocks:
                    text, image = block(
                        hidden_states=image, encoder_hidden_states=text, temb=moment, image_rotary_emb=turns
                    )
            said, right = parse_loss(self.parts.heads, encoded, pooled, batch.labels)
            slots, found = self._layout_losses(batch, tokens)
            self._descend(slots + 0.3 * found + 0.2 * said)
            self.laid += 1
            means.add({"slots": slots, "where": found, "parse": said, "right": right})
            if time.monotonic() - last > 5.0:
                last = time.monotonic()
                self.log(f"layout {self.laid} {means.read()}")
        self._follow(0.0)
        self.save()

    def _layout_losses(self, batch: Batch, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """How far the double blocks are from knowing each object's place and look, and each token's place."""
        assert self.caught is not None
        text, image = self.caught
        guess = self.parts.heads.decided(text[:, 1:4].float())
        there = batch.decided[..., :1]
        slots = ((guess - batch.decided[..., 1:]).square() * there).sum() / there.sum().clamp(min=1.0)
        where = self.parts.heads.where(image.float()).reshape(-1, 2 * GRID)
        rows = torch.div(tokens, GRID, rounding_mode="floor").repeat(len(guess))
        columns = (tokens % GRID).repeat(len(guess))
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
            now = {key: value for key, value in module.state_dict().items() if value.is_floating_point()}
            torch._foreach_lerp_([self.average[name][key] for key in now], list(now.values()), 1.0 - decay)

    def _some(self, count: int) -> Tensor:
        """That many image tokens, the first among them, in order."""
        if count >= TOKENS:
            return torch.arange(TOKENS, device=self.device)
        picked = sorted({0, *self.rng.sample(range(1, TOKENS), count - 1)})
        return torch.tensor(picked, device=self.device)

    def _tokens(self) -> Tensor:
        """Which image tokens this step looks at: all, or the first with a window, or a random few."""
        pick = self.rng.random()
        if self.whole or pick < 0.15:
            return self._some(TOKENS)
        if pick < 0.6:
            top, left = self.rng.randrange(GRID - 7), self.rng.randrange(GRID - 7)
            window = {row * GRID + column for row in range(top, top + 8) for column in range(left, left + 8)}
            return torch.tensor(sorted(window | {0}), device=self.device)
        return self._some(65)

    def _moments(self, count: int) -> Tensor:
        """Times to train at: mostly those at which four steps look, the start most of all."""
        kinds = torch.rand(count, generator=self.dice, device=self.device)
        stops = torch.tensor((0.75, 0.5, 0.25, 0.75, 0.5, 0.25, 0.875, 0.625), device=self.device)
        chosen = stops[torch.randint(8, (count,), generator=self.dice, device=self.device)]
        between = 0.04 + 0.96 * torch.rand(count, generator=self.dice, device=self.device)
        chosen = torch.where(kinds > 0.88, between, chosen)
        return torch.where(kinds < 0.36, torch.ones_like(chosen), chosen)

    def flow_step(self) -> dict[str, Tensor]:
        """One step of rectified flow on fresh scenes."""
        batch, tokens = self._next(), self._tokens()
        count, length = batch.five.shape
        weight = pack(weights(batch.pictures))[:, tokens]
        clean = pack(standardise(batch.pictures))[:, tokens]
        start = pack(batch.noise)[:, tokens]
        t = self._moments(count)
        mixed = (1 - t[:, None, None]) * clean + t[:, None, None] * start
        encoded, pooled = self.encode(batch.five, batch.clip)
        with torch.autocast(self.device.type, torch.bfloat16):
            velocity = self.parts.flow(
                hidden_states=mixed,
                encoder_hidden_states=encoded,
                pooled_projections=pooled,
                timestep=t,
                img_ids=self.places[tokens],
                txt_ids=torch.zeros(length, 3, device=self.device),
                return_dict=False,
            )[0].float()
        error = (velocity - (start - clean)).square() * weight
        flow = error.mean()
        said, right = parse_loss(self.parts.heads, encoded, pooled, batch.labels)
        slots, found = self._layout_losses(batch, tokens)
        self._descend(flow + 0.08 * said + 0.2 * slots + 0.03 * found)
        self.step += 1
        self.samples += count
        if self.step % 5 == 0:
            self._follow(min(0.94, self.step / (self.step + 40.0)))
        first = error.detach().mean(dim=(1, 2))[t == 1.0].mean()
        return {"flow": flow, "first": first, "parse": said, "right": right, "slots": slots, "where": found}

    def train(self) -> None:
        """Rectified flow until the run's time is spent."""
        self.log(
            f"flow from step {self.step}, {sum(p.numel() for p in self.parts.flow.parameters())} weights"
        )
        begin = last_log = last_save = last_sheet = time.monotonic()
        before, means, seen = self.spent, Means(), self.samples
        while self.spent < self.seconds:
            done = self.spent / self.seconds
            self._set_rate(
                self.rate * min(1.0, (self.step + 1) / 150) * max(min(1.0, 1.15 * (1.0 - done)), 0.01)
            )
            means.add(self.flow_step())
            now = time.monotonic()
            self.spent = before + now - begin
            if now - last_log > 10.0:
                speed = (self.samples - seen) / (now - last_log)
                self.log(
                    f"step {self.step} samples {self.samples} {speed:.1f}/s "
                    f"spent {self.spent / 60:.1f} min {means.read()}"
                )
                last_log, seen = now, self.samples
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
            name: {key: value.clone() for key, value in module.state_dict().items()}
            for name, module in self.parts.modules().items()
        }
        for name, module in self.parts.modules().items():
            module.load_state_dict(self.average[name])
        decoder = build()
        noise = torch.randn(len(SHEET), 16, 32, 32, generator=torch.Generator().manual_seed(5))
        latents = pack(noise).to(self.device)
        ids = {"padding": "max_length", "truncation": True, "return_tensors": "pt"}
        five = self.five_tokens(list(SHEET), max_length=T5_LENGTH, **ids).input_ids.to(self.device)
        clip = self.clip_tokens(list(SHEET), max_length=CLIP_LENGTH, **ids).input_ids.to(self.device)
        encoded, pooled = self.encode(five, clip)
        with torch.compiler.set_stance("force_eager"):
            for now, after in zip(STEPS, (*STEPS[1:], 0.0), strict=True):
                velocity = self.parts.flow(
                    hidden_states=latents,
                    encoder_hidden_states=encoded,
                    pooled_projections=pooled,
                    timestep=torch.full((len(SHEET),), now, device=self.device),
                    img_ids=self.places,
                    txt_ids=torch.zeros(T5_LENGTH, 3, device=self.device),
                    return_dict=False,
                )[0]
                latents = latents + (after - now) * velocity
        tiles: list[np.ndarray] = []
        for cells in unpack(latents).cpu():
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
    cores = os.cpu_count() or 1
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
    parser.add_argument(
        "--workers", type=int, default=max(1, cores - 2), help="processes that draw and caption scenes"
    )
    options = parser.parse_args()
    trainer = Trainer(
        options.run_dir, options.minutes * 60.0, options.rate, options.batch, options.seed, options.workers
    )
    if trainer.parsed == 0:
        trainer.parse(options.parse_seconds)
    if trainer.laid == 0:
        trainer.lay_out(options.layout_seconds)
    trainer.train()


if __name__ == "__main__":
    main()
