"""Steps 1 and 2 of a call: one check, and a description of each step, for deciding and explaining alike."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from alya_mcp.gate.call import Call
from alya_mcp.gate.decision import (
    HIDDEN,
    INVALID_ARGUMENTS,
    NO_POLICY,
    STOPPED,
    UNKNOWN_TOOL,
    Decision,
    shown,
)
from alya_mcp.gate.policy import Policy
from alya_mcp.gate.switch import Switch


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionStep:
    """What is asked. `holds` and `fails` say what was seen; `refusal` is what the caller is told."""

    rule: str
    asks: str
    holds: str
    fails: str
    refusal: str

    def deny(self, call: Call, policy: Policy) -> Decision:
        """The denial of a call that doesn't pass."""
        text = self.refusal.format(tool=shown(call.tool))
        return Decision("deny", self.rule, text, None, policy.digest)


WELL_FORMED: Final = AdmissionStep(
    rule=INVALID_ARGUMENTS,
    asks="the arguments are an object",
    holds="an object",
    fails="not an object",
    refusal="{tool}: the arguments aren't an object",
)
KNOWN: Final = AdmissionStep(
    rule=UNKNOWN_TOOL,
    asks="the tool is known",
    holds="known",
    fails="unknown",
    refusal="Unknown tool: {tool}",
)
VISIBLE: Final = AdmissionStep(
    rule=HIDDEN,
    asks="the tool is not hidden",
    holds="not hidden",
    fails="hidden",
    refusal="Unknown tool: {tool}",
)
KNOWN_CALLER: Final = AdmissionStep(
    rule=NO_POLICY,
    asks="the caller is known",
    holds="known",
    fails="unknown",
    refusal="{tool}: the caller's grant is wrong or revoked; a person can renew it",
)
RUNNING: Final = AdmissionStep(
    rule=STOPPED,
    asks="calls are not stopped",
    holds="not stopped",
    fails="stopped",
    refusal="{tool}: the user stopped all calls; none runs until they run `alya-mcp resume`",
)
READABLE: Final = AdmissionStep(
    rule=NO_POLICY,
    asks="the policy can be read",
    holds="it was read",
    fails="it can't be read",
    refusal="{tool}: the policy can't be read, so every call is denied; `alya-mcp doctor` tells the user why",
)
ADMISSION: Final = (WELL_FORMED, KNOWN, VISIBLE, KNOWN_CALLER, RUNNING, READABLE)
"""In the order in which `refusing` asks them."""


def refusing(call: Call, policy: Policy, switch: Switch | None) -> AdmissionStep | None:
    """The first step that refuses the call. Unrolled, as every call goes through it."""
    if not isinstance(call.arguments, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        return WELL_FORMED
    if not call.known:
        return KNOWN
    if call.grant is None:
        return KNOWN_CALLER
    if policy.hides(call.tool):
        return VISIBLE
    if switch is not None and switch.is_stopped():
        return RUNNING
    return None if policy.is_available else READABLE
