"""The services that questions are sent by, and what each needs to be set: `ALYA_NOTIFY`."""

from collections.abc import Mapping
from typing import Final, Literal, cast, get_args

from alya_mcp.settings.providers import Source

NotifyName = Literal["desktop", "ntfy", "telegram", "slack", "webhook"]

NTFY: Final = Source(
    key="ntfy", title="ntfy", url="https://ntfy.sh", keys=("ALYA_NTFY_TOPIC", "ALYA_NTFY_TOKEN"), rate=2.0
)
TELEGRAM: Final = Source(
    key="telegram", title="Telegram", url="https://api.telegram.org", keys=("ALYA_TELEGRAM_TOKEN",)
)
SLACK: Final = Source(
    key="slack", title="Slack", url="https://slack.com/api", keys=("ALYA_SLACK_TOKEN",), rate=1.0
)
WEBHOOK: Final = Source(key="webhook", title="the configured webhook", url="", keys=("ALYA_WEBHOOK_SECRET",))
NOTIFIERS: Final = {source.key: source for source in (NTFY, TELEGRAM, SLACK, WEBHOOK)}
"""The services by their key."""

_NEEDS: Final[Mapping[NotifyName, tuple[str, ...]]] = {
    "desktop": (),
    "ntfy": ("ALYA_NTFY_TOPIC",),
    "telegram": ("ALYA_TELEGRAM_TOKEN", "ALYA_TELEGRAM_CHAT"),
    "slack": ("ALYA_SLACK_TOKEN", "ALYA_SLACK_CHANNEL", "ALYA_SLACK_USER"),
    "webhook": ("ALYA_WEBHOOK_URL", "ALYA_WEBHOOK_SECRET"),
}


def notify_names(text: str, environment: Mapping[str, str], problems: list[str]) -> tuple[NotifyName, ...]:
    """The ways that `ALYA_NOTIFY` names, with spaces or commas between; adds to `problems` what is wrong."""
    known = get_args(NotifyName)
    found: list[NotifyName] = []
    for word in dict.fromkeys(text.replace(",", " ").split()):
        if word not in known:
            problems.append(f"ALYA_NOTIFY names {word!r:.40}; it takes {', '.join(known)}")
            continue
        name = cast("NotifyName", word)
        found.append(name)
        if missing := [variable for variable in _NEEDS[name] if not environment.get(variable)]:
            problems.append(f"ALYA_NOTIFY names {name}, which needs {' and '.join(missing)} too")
    topic = environment.get("ALYA_NTFY_TOPIC", "")
    if (
        "ntfy" in found
        and topic
        and not (topic.replace("-", "").replace("_", "").isalnum() and topic.isascii())
    ):
        problems.append(
            "ALYA_NTFY_TOPIC has a character that no topic has; it takes letters, digits, - and _"
        )
    if "ntfy" in found and len(topic) > 55:
        problems.append("ALYA_NTFY_TOPIC is too long; it takes up to 55 characters")
    return tuple(found)
