"""`alya-mcp youtube`: connect a channel, disconnect it, and bring figures of topics."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from alya_mcp.cli.csv_import import import_file
from alya_mcp.cli.grant_option import grant_option
from alya_mcp.cli.output import OutputFormat, output_option, say, show_json
from alya_mcp.settings import Settings

if TYPE_CHECKING:
    from alya_mcp.tools.youtube.connection import ChannelConnection
    from alya_mcp.tools.youtube.sources.google_oauth import DeviceCode
    from alya_mcp.tools.youtube.topics import TopicFigures

FAILED = 1
NOT_SET_UP = 2


@click.group(short_help="Connect a YouTube channel, and bring figures of topics.")
def youtube() -> None:
    """Connect the YouTube channel that youtube_upload_video uploads to, and bring figures of topics.

    docs/tools/youtube.md says how to get the OAuth client that it needs.
    """


@youtube.command(short_help="Connect a channel.")
@grant_option("channel it is")
@output_option
def connect(grant: str, output: OutputFormat) -> int:
    """Connect a channel: shows an address and a code, and waits until you have entered it there.

    The token is kept in ALYA_HOME/youtube/connections, mode 0600, and shown nowhere.

    Exit codes: 0 connected, 1 declined, expired or not reachable, 2 the OAuth client isn't set.
    """
    import anyio

    from alya_mcp.errors import Failure
    from alya_mcp.tools.youtube.connection import oauth_client

    settings = Settings.from_environment()
    try:
        client = oauth_client(settings)
    except Failure as failure:
        say(f"Error: {failure}")
        return NOT_SET_UP
    try:
        connection, notice = anyio.run(_connect, settings, grant, client)
    except Failure as failure:
        say(f"Error: {failure}")
        return FAILED
    if output == "json":
        show_json({**_described(connection, grant), "notice": notice})
    else:
        click.echo(f"connected: {connection.channel_title or 'a channel that YouTube did not name'}")
        say(notice)
    return 0


@youtube.command(short_help="Disconnect the channel.")
@grant_option("channel it is")
@output_option
def disconnect(grant: str, output: OutputFormat) -> int:
    """Revoke the connection at Google and remove its token from this machine.

    Exit codes: 0 disconnected, or nothing was connected; 1 the token is removed here, but Google didn't
    confirm that it is revoked, or it couldn't be removed.
    """
    import anyio

    from alya_mcp.errors import Failure
    from alya_mcp.tools.youtube.connection import Connections

    settings = Settings.from_environment()
    connections = Connections(settings.home, grant)
    revoked, problem = False, None
    try:
        held = connections.load_token()
        connections.forget()
    except Failure as failure:
        say(f"Error: {failure}")
        return FAILED
    if held is not None:
        try:
            anyio.run(_revoke, settings, held)
            revoked = True
        except Failure as failure:
            problem = (
                "The token is removed from this machine, but Google didn't confirm that it is revoked: "
                f"{failure} You can revoke it at https://myaccount.google.com/permissions."
            )
    if output == "json":
        show_json({"disconnected": held is not None, "revoked": revoked, "problem": problem})
    elif problem is None:
        click.echo("disconnected" if held is not None else "nothing was connected")
    if problem is not None:
        say(f"Error: {problem}")
        return FAILED
    return 0


@youtube.command("import", short_help="Add figures of topics from a CSV file.")
@click.argument("file", type=click.Path(path_type=Path))
@grant_option("channel it is")
@output_option
def import_(file: Path, grant: str, output: OutputFormat) -> int:
    """Add the topics of FILE, for youtube_find_opportunities without a key.

    Columns: topic, searchVolumeWeekly (searches a week), competition (0 to 1), locale (such as en-US, or
    empty for all). A topic that is there already gets the new figures.

    Exit codes: 0 all rows, 1 some were rejected and the others are in, 2 the file or the pipeline can't be
    used and nothing was added.
    """
    from alya_mcp.tools.youtube.database import YoutubeDatabase
    from alya_mcp.tools.youtube.topics import Topics, read_topics

    database = YoutubeDatabase(Settings.from_environment().home)

    def keep(rows: "Mapping[int, TopicFigures]") -> dict[int, str]:
        Topics(database, grant).keep(rows.values())
        return {}

    try:
        return import_file(file, output, noun="topic", read=read_topics, keep=keep)
    finally:
        database.close()


async def _connect(settings: Settings, grant: str, client: Any) -> tuple["ChannelConnection", str]:
    """Connect, and keep the connection with the name of its channel."""
    from alya_mcp.errors import Failure
    from alya_mcp.net.client import Http
    from alya_mcp.tools.youtube.api import PATIENCE, YoutubeApi
    from alya_mcp.tools.youtube.connection import Connections
    from alya_mcp.tools.youtube.database import YoutubeDatabase
    from alya_mcp.tools.youtube.quota import Quota
    from alya_mcp.tools.youtube.sign_in import may_caption, sign_in
    from alya_mcp.tools.youtube.upload import UNAUDITED

    http, database = Http(settings), YoutubeDatabase(settings.home)
    connections = Connections(settings.home, grant)
    notices = [UNAUDITED]
    try:
        connection = await sign_in(http, client, _tell)
        connections.save(connection)
        if not may_caption(connection):
            notices.append("Google didn't allow captions to be added; they are left out of uploads.")
        try:
            api = YoutubeApi(http, settings, Quota(database, settings), connections, patience=PATIENCE)
            channel = await api.own_channel()
        except Failure as failure:
            notices.append(f"The channel's name couldn't be asked for: {failure}")
        else:
            if channel is None:
                notices.append("The account has no YouTube channel yet; make one before uploading.")
            else:
                named = {"channel_id": channel.id, "channel_title": channel.snippet.title}
                connection = connection.model_copy(update=named)
                connections.save(connection)
    finally:
        database.close()
        await http.aclose()
    return connection, " ".join(notices)


def _tell(code: "DeviceCode") -> None:
    minutes = max(1, round(code.expires_in / 60))
    say(f"Open {code.address} and enter the code {code.user_code} (within {minutes} min).")


async def _revoke(settings: Settings, token: str) -> None:
    from alya_mcp.net.client import Http
    from alya_mcp.tools.youtube.sources.google_oauth import revoke

    http = Http(settings)
    try:
        await revoke(http, token)
    finally:
        await http.aclose()


def _described(connection: "ChannelConnection", grant: str) -> dict[str, Any]:
    return {
        "connected": True,
        "grant": grant,
        "channel": {"id": connection.channel_id, "title": connection.channel_title},
        "scopes": list(connection.scopes),
        "connectedAt": connection.connected_at.isoformat(timespec="seconds"),
    }
