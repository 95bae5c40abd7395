"""The server's log messages about its policy and about tools that crash."""

import logging
import traceback
from collections.abc import Collection

from alya_mcp.gate import Call, Gate

logger = logging.getLogger(__name__)


class ServerLog:
    """Logs each state of the policy once, and crashes without the values that the policy redacts."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._wrong_policy: str | None = None
        self._warned_of: str | None = None

    def policy(self, tools: Collection[str]) -> None:
        """Log the policy's warnings and whether its file is in force, each state once.

        `tools` are the names that a policy may use.
        """
        policy = self._gate.policy
        if policy.digest != self._warned_of:
            self._warned_of = policy.digest
            for warning in policy.warnings(tools):
                logger.warning("the policy: %s", warning)
        error = self._gate.policy_error
        wrong = None if error is None else str(error)
        if wrong == self._wrong_policy:
            return
        self._wrong_policy = wrong
        if wrong is None:
            logger.warning("the policy file is in force again")
        else:
            logger.error("the policy file is wrong and not in force:\n%s", wrong)

    def crash(self, call: Call, reference: str, error: Exception) -> None:
        """Log a tool's crash, without the exception's text if the policy redacts anything of the tool."""
        redact = self._gate.policy.rules(call.tool, call.category).redact
        if redact.arguments or redact.results:
            where = "".join(traceback.format_tb(error.__traceback__))
            kind = type(error).__name__
            logger.error("%s failed (reference %s)\n%s%s: (redacted)", call.tool, reference, where, kind)
        else:
            logger.error("%s failed (reference %s)", call.tool, reference, exc_info=error)
