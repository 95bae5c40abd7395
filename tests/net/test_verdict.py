"""Why no response came, and what a status means."""

import ssl

import httpcore2
import httpx2
import pytest

from alya_mcp.net.verdict import describe


def caused(by: Exception) -> httpx2.ConnectError:
    error = httpx2.ConnectError("x")
    middle = OSError("y")
    middle.__cause__ = by
    error.__cause__ = middle
    return error


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (httpx2.ConnectTimeout("x"), "can't be reached: connecting took too long"),
        (httpcore2.ConnectTimeout("x"), "can't be reached: connecting took too long"),
        (httpx2.ReadTimeout("x"), "fell silent before its answer was complete; call again later"),
        (caused(ssl.SSLError("bad")), "can't be reached: its certificate or its encryption isn't valid"),
        (caused(OSError("no route")), "can't be reached; check whether this machine is online"),
        (httpx2.DecodingError("x"), "answered something that can't be decompressed; call again later"),
        (httpx2.RemoteProtocolError("x"), "closed the connection; call again later"),
    ],
)
def test_each_failure_has_its_words(error: Exception, said: str) -> None:
    assert describe(error) == said
