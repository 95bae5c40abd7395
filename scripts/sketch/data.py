"""Training batches without end, drawn and captioned by other processes while the model learns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Self

import captions
import numpy as np
import torch
from drawing import draw, targets
from meaning import labels, random_scene
from text import CLIP_LENGTH, T5_LENGTH, tokenizers
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info


@dataclass
class Batch:
    """Scenes as tensors, first axis the scene.

    `five` (n, 48) and `clip` (n, 40) are the captions' tokens, `labels` their parse (`meaning.labels`),
    `noise` and `pictures` (n, 16, 32, 32) in float16, `decided` (n, 3, 7) where and what each object is.
    """

    five: Tensor
    clip: Tensor
    labels: Tensor
    noise: Tensor
    pictures: Tensor
    decided: Tensor

    def to(self, device: torch.device) -> Self:
        """The same on another device, numbers in float32."""
        moved = {name: tensor.to(device, non_blocking=True) for name, tensor in vars(self).items()}
        return type(self)(
            **{
                name: tensor.float() if tensor.is_floating_point() else tensor
                for name, tensor in moved.items()
            }
        )

    def pin_memory(self) -> Self:
        """The same in memory from which a GPU reads at full speed."""
        return type(self)(**{name: tensor.pin_memory() for name, tensor in vars(self).items()})


class Scenes(IterableDataset[Batch]):
    """Batches of `count` random scenes; each worker has random numbers of its own."""

    def __init__(self, count: int, seed: int) -> None:
        self.count, self.seed = count, seed

    def __iter__(self) -> Iterator[Batch]:
        worker = get_worker_info()
        seed = self.seed * 1000 + (0 if worker is None else worker.id)
        rng, random = Random(seed), np.random.default_rng(seed)
        torch.set_num_threads(1)
        clip_tokens, five_tokens = tokenizers()
        while True:
            scenes = [random_scene(rng) for _ in range(self.count)]
            texts = [captions.caption(rng, scene) for scene in scenes]
            noise = random.standard_normal((self.count, 16, 32, 32), dtype=np.float32).astype(np.float16)
            exact = noise.astype(np.float32)
            pairs = list(zip(scenes, exact, strict=True))
            tokens = {"padding": "max_length", "truncation": True, "return_tensors": "pt"}
            yield Batch(
                five=five_tokens(texts, max_length=T5_LENGTH, **tokens).input_ids,
                clip=clip_tokens(texts, max_length=CLIP_LENGTH, **tokens).input_ids,
                labels=torch.tensor([labels(scene) for scene in scenes]),
                noise=torch.from_numpy(noise),
                pictures=torch.from_numpy(np.stack([draw(*pair) for pair in pairs]).astype(np.float16)),
                decided=torch.from_numpy(np.stack([targets(*pair) for pair in pairs])),
            )


def batches(count: int, seed: int, workers: int, *, pinned: bool) -> Iterator[Batch]:
    """Batches of `count` scenes, made by `workers` processes."""
    loader = DataLoader(
        Scenes(count, seed), batch_size=None, num_workers=workers, pin_memory=pinned, prefetch_factor=2
    )
    return iter(loader)
