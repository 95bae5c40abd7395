"""A notification on this machine's desktop. It tells; the answer is given in the dashboard or by a command.

Other users of the machine see what programs are started with, so it has no argument and no token in it.
"""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from functools import partial

import anyio
import anyio.to_thread

from alya_mcp.gate.approvals import Way
from alya_mcp.notify.notice import Notice
from alya_mcp.notify.way import CantNotify, Redeem

_SECONDS = 10


class Desktop:
    """Notifies with `notify-send` on Linux and `osascript` on macOS."""

    name: Way = "desktop"

    async def send(self, notice: Notice) -> None:
        """See `NotifyWay`."""
        text = f"{notice.caller} asks to call {notice.tool}. Answer in: alya-mcp dashboard"
        command = _command(f"Alya: {notice.tool} needs a yes", text)
        show = partial(
            subprocess.run,
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
        try:
            ended = await anyio.to_thread.run_sync(show)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise CantNotify(f"the desktop shows no notification: {error}") from None
        if ended.returncode:
            raise CantNotify("the desktop shows no notification; is somebody logged in to one?")

    async def listen(self, redeem: Redeem) -> None:
        """No answer comes this way."""
        del redeem
        await anyio.sleep_forever()

    async def settled(self, notice: Notice, words: str) -> None:
        """The notification disappears by itself."""


def _command(title: str, text: str) -> Sequence[str]:
    if sys.platform == "darwin":
        script = "on run {title, text}\ndisplay notification text with title title\nend run"
        return ["osascript", "-e", script, title, text]
    found = shutil.which("notify-send")
    if found is None:
        raise CantNotify(
            "notify-send isn't installed (Debian and Ubuntu: libnotify-bin), so no desktop shows it"
        )
    return [found, "--app-name=Alya", "--urgency=critical", "--", title, text]
