"""The addresses that requests may go to: a source's own, redirects, and those that it gives in an answer."""

from collections.abc import Mapping

import httpx2

from alya_mcp.net.answers import SourceFailed, SourceRefused
from alya_mcp.net.request import SourceRequest, SourceResponse
from alya_mcp.settings.providers import Source

Params = Mapping[str, str | int | float]


def address(source: Source, base: str, path: str, params: Params | None) -> httpx2.URL:
    """The address of `path` below `base`, with the query `params`.

    `path` may also be an address that the source gave in an earlier answer.

    Raises:
        SourceRefused: requests may not go there.
        SourceFailed: it is at another host.
    """
    try:
        if "://" in path:
            url = _further(source, httpx2.URL(base), path)
        else:
            url = httpx2.URL(base.rstrip("/") + path if path else base)
        if params:
            url = url.copy_merge_params({name: _plain(value) for name, value in params.items()})
    except (httpx2.InvalidURL, ValueError, TypeError):
        raise SourceRefused(
            source, "has an invalid address; it takes one such as https://a.example/b"
        ) from None
    _check_form(source, url)
    return url


def redirected(
    request: SourceRequest, url: httpx2.URL, answer: SourceResponse, headers: dict[str, str]
) -> tuple[httpx2.URL, dict[str, str]]:
    """The address that `answer` redirects to from `url`, and the headers that may be sent there.

    To another origin go only the headers that hold no secret.

    Raises:
        SourceFailed: the redirect isn't followed.
    """
    source = request.source
    try:
        target = url.join(answer.headers["location"])
    except (httpx2.InvalidURL, ValueError):
        raise SourceFailed(source, "redirects to something that is not an address") from None
    if request.method != "GET":
        raise SourceFailed(
            source, "redirects a request that isn't repeated elsewhere; its address may have changed"
        )
    if url.scheme == "https" and target.scheme != "https":
        raise SourceFailed(source, "redirects to an unencrypted address, which is not followed")
    _check_form(source, target)
    if origin(target) != origin(url):
        kept = {name.lower() for name in request.headers} | {"user-agent"}
        headers = {name: value for name, value in headers.items() if name.lower() in kept}
    return target, headers


def _further(source: Source, base: httpx2.URL, address: str) -> httpx2.URL:
    """`address`, which `source` at `base` gave for a further request, as a URL.

    Raises:
        SourceFailed: it isn't on the source's own host or, with https, on a sibling of it.
    """
    try:
        url = base.join(address)
    except (httpx2.InvalidURL, ValueError):
        raise SourceFailed(source, "gives an invalid address") from None
    _check_form(source, url)
    siblings = url.scheme == base.scheme == "https" and _parent(url.host) == _parent(base.host)
    if origin(url) != origin(base) and not siblings:
        raise SourceFailed(source, "gives an address at another host, which isn't asked")
    return url


def _check_form(source: Source, url: httpx2.URL) -> None:
    """Refuse an address that requests may not go to.

    Raises:
        SourceRefused: it isn't http or https, or has a name or password in it.
    """
    if url.scheme not in {"http", "https"} or not url.host:
        raise SourceRefused(source, "leads to something that is not a web address (http or https)")
    if url.userinfo:
        raise SourceRefused(source, "has a name or password in its address, which is not sent")


def origin(url: httpx2.URL) -> tuple[str, str, int]:
    """Scheme, host and port of `url`."""
    return url.scheme, url.host, url.port or (443 if url.scheme == "https" else 80)


def _parent(host: str) -> list[str]:
    """The last two labels of a host's name; nothing for an address or a name without dots."""
    labels = host.split(".")
    return labels[-2:] if len(labels) > 2 and not labels[-1].isdecimal() else [host]


def _plain(value: str | float) -> str:
    """A number without an exponent, which few sources read."""
    if isinstance(value, float):
        return f"{value:.10f}".rstrip("0").rstrip(".")
    return str(value)
