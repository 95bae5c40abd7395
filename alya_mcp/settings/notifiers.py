"""The services that questions are sent by, and what each needs to be set: `ALYA_NOTIFY`."""

from collections.abc import Mapping, Sequence
from typing import Final, Literal

from alya_mcp.settings.providers import Source

NotifyName = Literal["desktop", "ntfy", "telegram", "slack", "webhook"]

NTFY: Final = Source(
    key="ntfy",
    title="ntfy",
    url="https://ntfy.sh",
    keys=("ALYA_NTFY_TOPIC", "ALYA_NTFY_TOKEN"),
    rate=2.0,
    asked_by="`ALYA_NOTIFY=ntfy`",
    about_keys="the topic, which is as good as a password, and a token where the server wants one",
    page="notify.md",
)
TELEGRAM: Final = Source(
    key="telegram",
    title="Telegram",
    url="https://api.telegram.org",
    keys=("ALYA_TELEGRAM_TOKEN",),
    asked_by="`ALYA_NOTIFY=telegram`",
    about_keys="a bot's token",
    page="notify.md",
)
SLACK: Final = Source(
    key="slack",
    title="Slack",
    url="https://slack.com/api",
    keys=("ALYA_SLACK_TOKEN",),
    rate=1.0,
    asked_by="`ALYA_NOTIFY=slack`",
    about_keys="a bot's token",
    page="notify.md",
)
WEBHOOK: Final = Source(
    key="webhook",
    title="the configured webhook",
    url="",
    keys=("ALYA_WEBHOOK_SECRET",),
    asked_by="`ALYA_NOTIFY=webhook`: an address of your own",
    about_keys="the secret that signs what the webhook gets",
    page="notify.md",
)
NOTIFIERS: Final = {source.key: source for source in (NTFY, TELEGRAM, SLACK, WEBHOOK)}
"""The services by their key."""

_NEEDS: Final[Mapping[NotifyName, tuple[str, ...]]] = {
    "desktop": (),
    "ntfy": ("ALYA_NTFY_TOPIC",),
    "telegram": ("ALYA_TELEGRAM_TOKEN", "ALYA_TELEGRAM_CHAT"),
    "slack": ("ALYA_SLACK_TOKEN", "ALYA_SLACK_CHANNEL", "ALYA_SLACK_USER"),
    "webhook": ("ALYA_WEBHOOK_URL", "ALYA_WEBHOOK_SECRET"),
}


def notify_problems(names: Sequence[NotifyName], environment: Mapping[str, str]) -> list[str]:
    """What the ways `names` lack in `environment`, and what is wrong with what they have there."""
    problems = [
        f"ALYA_NOTIFY names {name}, which needs {' and '.join(missing)} too"
        for name in names
        if (missing := [variable for variable in _NEEDS[name] if not environment.get(variable)])
    ]
    topic = environment.get("ALYA_NTFY_TOPIC", "") if "ntfy" in names else ""
    if topic and not (topic.replace("-", "").replace("_", "").isalnum() and topic.isascii()):
        problems.append(
            "ALYA_NTFY_TOPIC has a character that no topic has; it takes letters, digits, - and _"
        )
    if len(topic) > 55:
        problems.append("ALYA_NTFY_TOPIC is too long; it takes up to 55 characters")
    return problems
