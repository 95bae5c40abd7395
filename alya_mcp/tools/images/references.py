"""The references of a call: its own earlier pictures by key, others by https address."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urljoin, urlsplit

import anyio

from alya_mcp.errors import Failure, InvalidInput, Unavailable
from alya_mcp.images.families import FLUX1, SCHNELL, family_of, known
from alya_mcp.images.following import require_follows
from alya_mcp.images.models import SKETCH
from alya_mcp.images.reference import LARGEST, Reference
from alya_mcp.net.answers import SourceFailed, SourceRefused
from alya_mcp.net.urls import shown
from alya_mcp.runtime.paths import expanded
from alya_mcp.settings.providers import Source
from alya_mcp.toolkit.tool import Context
from alya_mcp.tools.images.making import TOTAL
from alya_mcp.tools.images.owned import OwnPicture, owned_pictures
from alya_mcp.tools.images.request import ImageRequest, is_address

if TYPE_CHECKING:
    from alya_mcp.toolkit.services import Hub

_MOST_REDIRECTS: Final = 5
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_SECONDS: Final = 30.0
_ACCEPT: Final = "image/png, image/jpeg, image/webp"


@dataclass(frozen=True, slots=True)
class Address:
    """An https address; `plain` is without its query, which may contain secrets."""

    url: str

    @property
    def plain(self) -> str:
        """The address without query and fragment."""
        parts = urlsplit(self.url)
        return f"https://{parts.netloc}{parts.path}"


def about_references(arguments: ImageRequest, hub: "Hub", grant: str) -> Mapping[str, Any]:
    """Descriptions of a call's references, for the question to the user.

    Raises:
        Failure: one of them can't be used.
    """
    if not arguments.references:
        return {}
    return {"references": [_words(each) for each in resolve(arguments.references, hub, grant)]}


async def references_for(
    arguments: ImageRequest, model: str | None, context: Context
) -> tuple[Reference, ...]:
    """The files of a call's references, if its model supports them.

    Raises:
        InvalidInput: it doesn't, or one of them can't be used.
        Unavailable: one can't be fetched now.
    """
    hub = context.hub
    require_taken(arguments, model or hub.settings.image_model)
    if not arguments.references:
        return ()
    await context.progress(0, TOTAL, "getting the references")
    named = await anyio.to_thread.run_sync(resolve, arguments.references, hub, context.grant)
    return await bring(named, hub)


def resolve(references: Sequence[str], hub: "Hub", grant: str) -> list[OwnPicture | Address]:
    """Resolve each of `references` to a picture of `grant` or an address, without fetching anything.

    Raises:
        InvalidInput: one is neither.
        Unavailable: a picture can't be looked up.
    """
    return [_resolved(each, hub, grant) for each in references]


async def bring(named: Sequence[OwnPicture | Address], hub: "Hub") -> tuple[Reference, ...]:
    """The files of resolved references, in the same order.

    Raises:
        InvalidInput: one no longer exists, is too large or isn't a picture.
        Unavailable: the store or the address doesn't answer.
    """
    found: dict[int, Reference | Failure] = {}

    async def one(place: int, each: OwnPicture | Address) -> None:
        try:
            found[place] = await (_kept(each, hub) if isinstance(each, OwnPicture) else _fetched(each, hub))
        except Failure as failure:
            found[place] = failure

    async with anyio.create_task_group() as group:
        for place, each in enumerate(named):
            group.start_soon(one, place, each)
    references: list[Reference] = []
    for place in range(len(named)):
        answer = found[place]
        if isinstance(answer, Failure):
            raise answer
        references.append(answer)
    return tuple(references)


def require_taken(arguments: ImageRequest, model: str) -> None:
    """Check that a known model supports the references of a call, before they are fetched.

    Raises:
        InvalidInput: it doesn't; the text names models that do.
    """
    if not arguments.references and arguments.strength is None:
        return
    folder, chosen, blind = expanded(model), known(model), model == "sketch"
    if blind:
        name, family = SKETCH, FLUX1
    elif model == "auto":  # of the two that it may be, FLUX.1-schnell takes more
        name, family = SCHNELL.name, FLUX1
    elif chosen:
        name, family = chosen.name, chosen.family
    else:
        name, family = folder.name, family_of(folder) if folder.is_absolute() else None
    if family is not None:
        require_follows(name, family, len(arguments.references or ()), arguments.strength, blind=blind)


def _resolved(reference: str, hub: "Hub", grant: str) -> OwnPicture | Address:
    if is_address(reference):
        if reference.partition(":")[0].lower() != "https":
            raise InvalidInput(
                f"The reference {reference!r:.200} is no https address; it takes one such as "
                "https://pictures.example/a.png, or the key of an earlier picture"
            )
        if shown(reference) is None:
            raise InvalidInput(
                f"The reference {reference!r:.200} can't be fetched: it takes an https address on the public "
                "internet, without name and password, of at most 2000 characters"
            )
        _require_named(reference, reference, hub)
        return Address(reference)
    own = owned_pictures(hub).find(grant, reference)
    if own is None:
        raise _not_there(reference)
    return own


async def _kept(picture: OwnPicture, hub: "Hub") -> Reference:
    data = await hub.store.read(picture.key, largest=LARGEST)
    if data is None:
        raise _not_there(picture.key)
    return Reference(name=picture.key, data=data)


async def _fetched(address: Address, hub: "Hub") -> Reference:
    url = address.url
    for _ in range(_MOST_REDIRECTS + 1):
        parts = urlsplit(url)
        source = Source(key=f"picture:{parts.netloc}", title=parts.netloc[:80], url=f"https://{parts.netloc}")
        rest = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            answer = await hub.http.exchange(
                source, "GET", rest, headers={"Accept": _ACCEPT}, deadline=_SECONDS, largest=LARGEST
            )
        except SourceRefused as refused:
            raise InvalidInput(f"The reference {address.plain!r:.200} can't be fetched: {refused}") from None
        except SourceFailed as failed:
            raise Unavailable(f"The reference {address.plain!r:.200} can't be fetched: {failed}") from None
        if answer.status not in _REDIRECTS or "location" not in answer.headers:
            return _picture(address, answer.status, answer.body)
        url = urljoin(url, answer.headers["location"])
        if not url.startswith("https://") or shown(url) is None:
            raise InvalidInput(
                f"The reference {address.plain!r:.200} redirects to what is no https address on the "
                "public internet, which isn't followed. Give the picture's own address"
            )
        _require_named(url, address.plain, hub)
    raise InvalidInput(
        f"The reference {address.plain!r:.200} redirects more than {_MOST_REDIRECTS} times. Give the "
        "picture's own address"
    )


def _require_named(url: str, reference: str, hub: "Hub") -> None:
    """Check that the user allowed the host, as a request carries whatever an agent put into the address.

    Raises:
        InvalidInput: the user didn't.
    """
    host = (urlsplit(url).hostname or "").rstrip(".")
    named = hub.settings.image_references_from
    if host not in named and not any(f"*.{host[at + 1 :]}" in named for at, c in enumerate(host) if c == "."):
        raise InvalidInput(
            f"The reference {reference!r:.200} leads to {host!r:.80}, from where the user hasn't allowed "
            "pictures to be fetched. They can, with ALYA_IMAGE_REFERENCES_FROM; or give the `key` of an "
            "earlier answer"
        )


def _picture(address: Address, status: int, body: bytes) -> Reference:
    if status == HTTPStatus.OK:
        return Reference(name=address.plain, data=body)
    said = f"The reference {address.plain!r:.200} can't be fetched: its host answers {status}"
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
        raise Unavailable(f"{said}; call again later")
    raise InvalidInput(f"{said}. Give an address that opens without signing in")


def _not_there(key: str) -> InvalidInput:
    """The same error for an unknown key, another caller's key, and a picture that no longer exists."""
    return InvalidInput(
        f"The reference {key!r:.200} names no picture of yours that is in the store; it takes the `key` of "
        "an earlier answer of image_gen, or an https address"
    )


def _words(named: OwnPicture | Address) -> str:
    if isinstance(named, Address):
        return f"{named.plain}, fetched from {urlsplit(named.url).hostname}"
    made = datetime.fromtimestamp(named.at, UTC)
    return f"{named.key}, {named.width}x{named.height}, drawn by {named.model} on {made:%Y-%m-%d %H:%M} UTC"
