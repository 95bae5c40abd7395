"""The notifier's process: one per state, as long as questions wait."""

import sys

import anyio

from alya_mcp.gate import SqliteState, StateError
from alya_mcp.net.client import Http
from alya_mcp.notify.desktop import Desktop
from alya_mcp.notify.notifier import Notifier
from alya_mcp.notify.ntfy import Ntfy
from alya_mcp.notify.slack import Slack
from alya_mcp.notify.telegram import Telegram
from alya_mcp.notify.way import NotifyWay
from alya_mcp.notify.webhook import Webhook
from alya_mcp.runtime import logs
from alya_mcp.runtime.locks import FileLock
from alya_mcp.runtime.private_files import private_folder
from alya_mcp.settings import Settings, SettingsError, secret_words


def main() -> None:
    """Send the questions that wait, unless another process does."""
    try:
        settings = Settings.from_environment()
    except SettingsError as error:
        sys.exit(f"alya-mcp: {error}")
    logs.set_up(settings.home, secret_words())
    lock = FileLock(private_folder(settings.home / "notify") / "lock")
    state = SqliteState(settings.state_file)
    try:
        while lock.acquire():
            anyio.run(_run, settings, state)
            lock.release()
            # A question that came between the last look and the release found the lock taken.
            if not any(status == "pending" for _, status in state.approvals.all()):
                break
    except StateError as error:
        import logging

        logging.getLogger(__name__).error("questions can't be sent: %s", error)
    finally:
        lock.release()
        state.close()


def open_ways(settings: Settings, http: Http) -> list[NotifyWay]:
    """The channels that `settings` name."""
    of = settings.source_secrets
    found: list[NotifyWay] = []
    for name in settings.notify:
        match name:
            case "desktop":
                found.append(Desktop())
            case "ntfy":
                topic = of["ALYA_NTFY_TOPIC"]
                found.append(Ntfy(http, topic, f"{topic}-answers", of.get("ALYA_NTFY_TOKEN")))
            case "telegram":
                found.append(Telegram(http, of["ALYA_TELEGRAM_TOKEN"], settings.telegram_chat or ""))
            case "slack":
                channel, user = settings.slack_channel or "", settings.slack_user or ""
                found.append(Slack(http, of["ALYA_SLACK_TOKEN"], channel, user))
            case "webhook":
                found.append(Webhook(http, of["ALYA_WEBHOOK_SECRET"]))
    return found


async def _run(settings: Settings, state: SqliteState) -> None:
    http = Http(settings)
    try:
        ways = open_ways(settings, http)
        await Notifier(state, ways, arguments=settings.notify_arguments).run()
    finally:
        await http.aclose()
