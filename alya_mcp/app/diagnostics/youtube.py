"""The check of the YouTube connection; there is none until the user starts to set one up."""

from collections.abc import Iterator

from alya_mcp.app.diagnostics.check import Check, fail, ok, warn
from alya_mcp.app.diagnostics.words import integrations as words
from alya_mcp.settings import Settings


def channel(settings: Settings) -> Iterator[Check]:
    """Whether the caller's channel is connected and its token can be renewed. Google isn't asked."""
    from alya_mcp.errors import Failure
    from alya_mcp.gate import StateError
    from alya_mcp.toolkit.caller import LOCAL, calling_grant
    from alya_mcp.tools.youtube.connection import Connections, oauth_client

    try:
        grant = calling_grant(settings)
    except StateError:  # the check of the state says so
        return
    try:
        held = Connections(settings.home, LOCAL if grant is None else grant.label).load()
    except Failure as failure:
        yield fail("youtube", words.youtube_unreadable, reason=str(failure))
        return
    try:
        client = oauth_client(settings)
    except Failure as failure:
        if held is not None:
            yield warn("youtube", words.youtube_unusable, reason=str(failure))
        return
    if held is None:
        yield warn("youtube", words.youtube_not_connected)
    elif held.client_id != client.id:
        yield warn("youtube", words.youtube_other_client)
    else:
        yield ok("youtube", words.youtube, channel=held.channel_title)
