"""How often Google is asked whether the user has entered the code."""

import pytest
from loopback_youtube import LoopbackYoutube

from alya_mcp.toolkit.services import Hub
from alya_mcp.tools.youtube.sign_in import sign_in
from alya_mcp.tools.youtube.sources.google_oauth import DeviceCode, OAuthClient, SignInRefused

pytestmark = pytest.mark.anyio
CLIENT = OAuthClient(id="client", secret="secret-of-the-client")


class Waits(list[float]):
    """A clock that the waits themselves move on."""

    async def sleep(self, seconds: float) -> None:
        self.append(seconds)

    def now(self) -> float:
        return sum(self)


async def test_slow_down_adds_five_seconds_and_a_failed_answer_doubles_the_wait(
    hub: Hub, youtube: LoopbackYoutube
) -> None:
    youtube.interval = 2
    youtube.token_answers = [(428, "authorization_pending"), (403, "slow_down"), (503, "x")]
    told, waits = list[DeviceCode](), Waits()
    connection = await sign_in(hub.http, CLIENT, told.append, sleep=waits.sleep, now=waits.now)
    assert connection.refresh_token == "refresh-token-secret"
    assert len(told) == 1
    assert waits == [2, 2, 7, 14]


async def test_a_code_that_nobody_enters_expires(hub: Hub, youtube: LoopbackYoutube) -> None:
    youtube.interval = 25
    youtube.token_answers = [(428, "authorization_pending")] * 10
    waits = Waits()
    with pytest.raises(SignInRefused) as caught:
        await sign_in(hub.http, CLIENT, lambda code: None, sleep=waits.sleep, now=waits.now)
    assert caught.value.error == "expired_token"
    assert waits == [25, 25]
