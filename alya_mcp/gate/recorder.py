"""Records decisions and outcomes, and turns errors in the gate into denials."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, Literal

from alya_mcp.gate.audit import Audit
from alya_mcp.gate.call import Call
from alya_mcp.gate.clock import Clock
from alya_mcp.gate.decision import AUDIT, GATE_ERROR, HIDDEN, UNKNOWN_TOOL, Decision, shown
from alya_mcp.gate.errors import AuditError, GateError
from alya_mcp.gate.judged import Judged
from alya_mcp.gate.policy.rules import Redact
from alya_mcp.gate.policy.source import PolicySource
from alya_mcp.gate.refused import Refused
from alya_mcp.gate.state import State

Outcome = Literal["ok", "error", "timeout", "cancelled", "crash"]

_NAME: Final = 128
_SESSIONS: Final = 64
_NO_REDACTION: Final = Redact()


class Recorder:
    """Owns the audit log, the usage counts, and the newest refusal of each session.

    `trouble` is why the last call couldn't be recorded; None when it was.
    """

    def __init__(self, source: PolicySource, state: State, audit: Audit | None, clock: Clock) -> None:
        self.trouble: GateError | None = None
        self._source = source
        self._state = state
        self._audit = audit
        self._clock = clock
        self._refused: dict[str, tuple[str, Decision]] = {}

    def last_refusal(self, session: str) -> tuple[str, Decision] | None:
        """The tool and the decision of the session's newest call that was refused; None when none was."""
        return self._refused.get(session)

    def decided(self, judged: Judged) -> int:
        """Record the decision on a call, before it takes effect. Returns the record's number.

        Raises:
            GateError: nothing was recorded.
        """
        number = self._write(judged.call, judged.decision, judged.digest, judged.rules.redact)
        self.trouble = None
        return number

    def settled(
        self, call: Call, number: int, outcome: Outcome, ms: float, origin: Mapping[str, Any]
    ) -> None:
        """Record the outcome of the call whose decision is record `number`.

        Raises:
            GateError: the outcome wasn't recorded.
        """
        ok = outcome == "ok"
        usd = call.price if ok else 0.0
        now = self._clock.time_ns()
        self._state.note_settled(call.grant or "", call.session[:_NAME], call.tool, now, ok, usd)
        if self._audit is not None:
            self._audit.settled(call, number, outcome, ms, usd, origin)

    def refused(self, call: Call, error: Exception) -> Refused:
        """The refusal of a call that ended with `error`, kept as its session's newest.

        A refusal is recorded already. Any other error becomes a denial, which is recorded if possible;
        without arguments, as what to redact may be unknown.
        """
        if isinstance(error, Refused):
            refusal = error
        else:
            refusal = Refused(self.denial(call, error))
            if not isinstance(error, AuditError):
                try:
                    self._write(replace(call, arguments={}), refusal.decision, None, _NO_REDACTION)
                except Exception:  # noqa: BLE001, S110 - the denial stands; why it isn't kept is logged
                    pass
        if refusal.decision.rule not in {UNKNOWN_TOOL, HIDDEN}:
            self._refused.pop(call.session, None)
            self._refused[call.session] = (call.tool, refusal.decision)
            if len(self._refused) > _SESSIONS:
                del self._refused[next(iter(self._refused))]
        return refusal

    def denial(self, call: Call, error: Exception, ran: bool = False) -> Decision:
        """The denial of a call that the gate can't judge or record because of `error`.

        The details are for the server's log. `ran`: the handler ran, so its result is withheld.
        """
        if not isinstance(error, GateError):
            self._log_error(call, error)
            text = f"{shown(str(call.tool))}: denied by an error of the gate; the server's log says which"
            return Decision("deny", GATE_ERROR, text, None, "")
        if self.trouble is None or str(self.trouble) != str(error):
            _log().error("calls are denied: %s", error)
        self.trouble = error
        rule, what = (AUDIT, "audit log") if isinstance(error, AuditError) else (GATE_ERROR, "state")
        did = "ran, but its result is withheld: what came of it" if ran else "did not run: the call"
        text = f"{shown(call.tool)} {did} can't be recorded ({what}); the server's log tells a person why"
        return Decision("deny", rule, text, None, self._source.current().digest)

    def _write(self, call: Call, decision: Decision, digest: str | None, redact: Redact) -> int:
        self._state.ready()
        number = 0
        if self._audit is not None:
            number = self._audit.decided(call, decision, digest, redact)
        if decision.decision == "deny":
            exists = call.known and decision.rule != HIDDEN
            tool = call.tool if exists else "(unknown)"  # the caller may read what was counted
            self._state.note_denied(call.grant or "", call.session[:_NAME], tool, self._clock.time_ns())
        return number

    def _log_error(self, call: Call, error: Exception) -> None:
        what = "a call was denied by an error of the gate"
        if self._redacts(call):  # the error's own words may quote an argument
            import traceback

            where = "".join(traceback.format_tb(error.__traceback__))
            _log().error("%s\n%s%s: (redacted)", what, where, type(error).__name__)
        else:
            _log().error(what, exc_info=error)

    def _redacts(self, call: Call) -> bool:
        try:
            redact = self._source.current().rules(call.tool, call.category).redact
        except Exception:  # noqa: BLE001 - nobody can say
            return True
        return bool(redact.arguments or redact.results)


def _log() -> Any:
    import logging

    return logging.getLogger("alya_mcp.gate")
