"""Checks that an address is public, and a transport that connects to exactly the address it checked.

A name can resolve to one address when it is checked and to another when it is connected to (DNS rebinding).
So look-up, check and connection are one step here, below TLS: the certificate is still checked against the
name.
"""

import socket
import ssl
from collections.abc import AsyncIterator, Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any, cast

import anyio
import httpcore2
import httpx2

from alya_mcp.runtime.threads import run_abandonable

_NAT64 = ip_network("64:ff9b::/96")
_MOST_TRIED = 4
_PER_ADDRESS = 3.0
IPAddress = IPv4Address | IPv6Address


class ForbiddenAddress(Exception):
    """A request would have gone to an address that isn't public."""


def is_public(address: IPAddress) -> bool:
    """Whether `address` is on the public internet.

    Private, loopback, link-local, multicast, shared and reserved ones aren't, nor IPv6 ones that carry such
    an IPv4 address inside (mapped, NAT64, 6to4, Teredo).
    """
    if isinstance(address, IPv6Address):
        if address in _NAT64:
            return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
        inside = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address.is_site_local or not all(is_public(each) for each in inside if each is not None):
            return False
    return address.is_global and not (address.is_multicast or address.is_reserved)


async def public_addresses(host: str, port: int) -> list[str]:
    """The addresses of `host`, a name or a literal address, in the order to try them.

    Raises:
        ForbiddenAddress: one of them isn't public.
        OSError: the name can't be resolved.
    """
    found = await run_abandonable(lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for address in addresses:
        if not is_public(ip_address(address)):
            raise ForbiddenAddress(f"{host} leads to {address}")
    return addresses


class _PublicNetwork(httpcore2.AsyncNetworkBackend):
    """Opens connections to public addresses only."""

    def __init__(self) -> None:
        self._network = cast("httpcore2.AsyncNetworkBackend", httpcore2.AnyIOBackend())

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the interface's own
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        try:
            with anyio.fail_after(timeout):
                addresses = await public_addresses(host, port)
        except TimeoutError:
            raise httpcore2.ConnectTimeout(f"the look-up of {host} takes too long") from None
        except (OSError, UnicodeError) as error:
            raise httpcore2.ConnectError(f"the name {host} can't be found") from error
        failed: httpcore2.ConnectError | httpcore2.ConnectTimeout | None = None
        for address in addresses[:_MOST_TRIED]:
            try:
                return await self._network.connect_tcp(
                    address, port, min(timeout or _PER_ADDRESS, _PER_ADDRESS), local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failed = error
        raise failed or httpcore2.ConnectError(f"the name {host} leads nowhere")

    async def sleep(self, seconds: float) -> None:
        await anyio.sleep(seconds)


class PublicTransport(httpx2.AsyncBaseTransport):
    """Sends requests to public addresses only. Raises httpcore2's errors, and `ForbiddenAddress`."""

    def __init__(self, context: ssl.SSLContext, *, connections: int) -> None:
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=context, max_connections=connections, network_backend=_PublicNetwork()
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request; the body is streamed."""
        url = request.url
        answer = await self._pool.handle_async_request(
            httpcore2.Request(
                method=request.method,
                url=httpcore2.URL(
                    scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
                ),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx2.Response(answer.status, headers=answer.headers, stream=_Body(answer))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._pool.aclose()


class _Body(httpx2.AsyncByteStream):
    def __init__(self, answer: httpcore2.Response) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._answer.aiter_stream():
            yield chunk

    async def aclose(self) -> None:
        await self._answer.aclose()
