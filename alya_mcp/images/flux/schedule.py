"""Denoising steps: how many a job takes, and how a scheduler shifts them."""

from typing import Any

from alya_mcp.images.engine import Job


def drawn_steps(job: Job) -> int:
    """How many of its steps `job` takes: with a reference, `strength` times them all."""
    if job.strength is None:
        return job.steps
    return job.steps - int(max(job.steps - min(job.steps * job.strength, job.steps), 0))


def dynamic_shift(config: Any, tokens: int) -> float:
    """The shift for a picture of so many tokens: linear between the two points of a scheduler's `config`."""
    few, many = config.get("base_image_seq_len", 256), config.get("max_image_seq_len", 4096)
    least, most = config.get("base_shift", 0.5), config.get("max_shift", 1.15)
    slope = (most - least) / (many - few)
    return tokens * slope + (least - slope * few)
