"""How requests to one source are spaced."""

import anyio
import pytest

from alya_mcp.net.rate_limiter import RateLimiter
from alya_mcp.settings.providers import Source

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("rate", "waits"),
    [(2.0, [0.5, 1.0]), (1.0, [1.0, 2.0, 3.0]), (0.25, [4.0, 8.0, 12.0])],
)
async def test_a_seconds_worth_goes_out_together_and_the_first_never_waits(
    rate: float, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(anyio, "sleep", sleep)
    limiter = RateLimiter(Source(key="s", title="S", url="http://s.invalid", rate=rate), lambda: 100.0)
    for _ in range(4):
        async with limiter.turn():
            pass
    assert slept == waits
