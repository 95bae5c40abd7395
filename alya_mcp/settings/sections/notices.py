"""The channels that waiting questions are sent to."""

from dataclasses import dataclass
from typing import Annotated

from alya_mcp.settings import parsers
from alya_mcp.settings.notifiers import NotifyName
from alya_mcp.settings.setting import Setting


@dataclass(frozen=True, kw_only=True)
class NoticeSettings:
    """The channels that waiting questions are sent to."""

    notify: Annotated[
        tuple[NotifyName, ...],
        Setting(
            parse=parsers.words_of(NotifyName),
            meaning="where questions that wait are sent: `desktop`, `ntfy`, `telegram`, `slack`, "
            "`webhook`, or several with spaces between",
            page="notify.md",
            read_by=("notifier",),
        ),
    ] = ()
    notify_arguments: Annotated[
        bool,
        Setting(
            parse=parsers.flag,
            meaning="`0` leaves the arguments out of what is sent",
            read_by=("notifier",),
        ),
    ] = True
    telegram_chat: Annotated[
        str | None, Setting(meaning="the id of your chat with the bot", read_by=("notifier",))
    ] = None
    slack_channel: Annotated[str | None, Setting(meaning="the channel's id", read_by=("notifier",))] = None
    slack_user: Annotated[
        str | None,
        Setting(meaning="the id of the one member whose answers count", read_by=("notifier",)),
    ] = None
