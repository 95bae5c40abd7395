"""A home whose image worker stays, so that tests of what happens around a picture import torch once."""

import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from raw_client import RawClient, environment, expect_nothing_running

FIRST = {"prompt": "a red circle", "seed": 7, "steps": 8, "wait": 600}
PATIENCE = 180.0


@dataclass(frozen=True)
class Gallery:
    """A server that draws with the tiny model; others that use `home` draw with its worker.

    Many tests share it: each asks with seeds of its own (`seed`), looks only at what it did itself, and ends
    neither the server nor its worker.
    """

    home: Path
    model: str
    client: RawClient
    first: dict[str, Any]
    """The result of `FIRST`, for which the worker was started; its progress has the token "first"."""
    _seeds: Iterator[int] = field(default_factory=lambda: itertools.count(1_000_000))

    def seed(self) -> int:
        """A seed that nobody else has drawn with."""
        return next(self._seeds)

    def variables(self, **more: str) -> dict[str, str]:
        """What another process needs in its environment to draw with the same worker."""
        return {"ALYA_HOME": str(self.home), "ALYA_IMAGE_MODEL": self.model, **more}


@contextmanager
def opened(model: str, folder: Path) -> Iterator[Gallery]:
    """A gallery in `folder`, under a policy that allows everything; afterwards nothing of it still runs."""
    home = folder / "home"
    home.mkdir(mode=0o700)
    (home / "policy.json").write_text(json.dumps({"version": "1", "default": "allow"}))
    with RawClient(environment(home, ALYA_IMAGE_MODEL=model), folder / "stderr") as client:
        client.initialize()
        call = {"name": "image_gen", "arguments": FIRST, "_meta": {"progressToken": "first"}}
        first = client.answer(client.post("tools/call", call), PATIENCE)["result"]
        assert not first.get("isError"), first
        yield Gallery(home, model, client, first)
    expect_nothing_running(home)
