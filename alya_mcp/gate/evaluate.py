"""Steps 1 to 8 of a call: what the policy says of it, before anything is taken.

The first refusal by an enforced rule wins; what shadowed rules before it would have said is kept beside it.
"""

import hashlib
import math
from collections.abc import Container, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Final

from alya_mcp.gate.admission import WELL_FORMED, refusing
from alya_mcp.gate.approvals import Approvals
from alya_mcp.gate.audit import Audit
from alya_mcp.gate.call import Call
from alya_mcp.gate.canonical import NotCanonical, canonical
from alya_mcp.gate.charges import Counting, Held
from alya_mcp.gate.errors import InvalidArguments
from alya_mcp.gate.judged import Judged
from alya_mcp.gate.policy import Policy
from alya_mcp.gate.policy.rules import STEPS, Repeats, Rules, StepName
from alya_mcp.gate.redaction import loggable
from alya_mcp.gate.state import State
from alya_mcp.gate.steps import (
    ArgumentsFit,
    CallStep,
    ConcurrencyCap,
    ConditionsHold,
    LimitsHold,
    LoopCap,
    PolicyAllows,
    UserAgrees,
)
from alya_mcp.gate.switch import Switch
from alya_mcp.gate.trace import Step

_NO_RULES: Final = Rules()

LASTING: Final[Container[StepName]] = ("allowed", "arguments", "conditions")
"""The steps that a call must still pass when what came of it is delivered later."""


class WrongPrice(ValueError):
    """The price isn't a valid amount; a negative one would refund a budget."""


class Judge:
    """Takes calls through the steps. The key of `state` is for the digests that tell equal arguments apart
    from others; where there is an `audit`, the arguments have to be JSON.
    """

    def __init__(
        self,
        counting: Counting,
        approvals: Approvals,
        state: State,
        audit: Audit | None = None,
        switch: Switch | None = None,
    ) -> None:
        self.switch = switch
        self._counting = counting
        self._approvals = approvals
        self._state = state
        self._audit = audit
        self._concurrency = ConcurrencyCap(counting)
        self._limits = LimitsHold(counting)
        self._steps: Mapping[StepName, CallStep] = {
            "allowed": PolicyAllows(),
            "arguments": ArgumentsFit(),
            "conditions": ConditionsHold(),
            "repeats": LoopCap(),
            "concurrency": self._concurrency,
            "limits": self._limits,
            "approval": UserAgrees(),
        }
        self._refuses = {name: step.refuses for name, step in self._steps.items()}

    def judge(
        self,
        call: Call,
        policy: Policy,
        count: bool,
        resumed: bool = False,
        only: Container[StepName] = STEPS,
    ) -> Judged:
        """Judge a call: steps 1 to 8, in order. With `count` the attempt counts for loop caps; a call that is
        `resumed` after the user was waited for counted before, and isn't held against itself. Of steps 3 to 8
        `only` some may be taken.

        Raises:
            StateError: what is counted can't be read or kept.
            AuditError: the log can't be written.
            WrongPrice: the price isn't a finite number from 0 on.
        """
        call = policy.priced(call)
        # 1 and 2: well formed, known and not hidden; the caller is known, nobody has stopped all calls, and
        # the policy can be read.
        admission = refusing(call, policy, self.switch)
        if admission is not None:
            judged = Judged(call, policy, _NO_RULES, {} if admission is WELL_FORMED else call.arguments)
            judged.refusal = admission.deny(call, policy)
            if self._audit is not None:
                self._identify(judged, self._audit, count)
            return judged
        if not 0 <= call.price < math.inf:
            raise WrongPrice(f"the price of {call.tool} is {call.price}; it takes a finite number from 0 on")
        rules = policy.rules(call.tool, call.category)
        judged = Judged(call, policy, rules, call.arguments)
        # What the steps ask about: the arguments, the attempt, and the answer that stands.
        if call.validate is not None:
            try:
                judged.arguments = call.validate(call.arguments)
            except InvalidArguments as error:
                judged.misfit = error.unquoted if rules.redact.arguments else str(error)
        if call.priced_per is not None and judged.misfit is None:
            judged.call = call = _for_each(call, judged.arguments.get(call.priced_per))
        if call.collects is not None and judged.misfit is None:
            try:
                began = call.collects(judged.arguments, policy.digest)
            except InvalidArguments as error:
                judged.misfit = error.unquoted if rules.redact.arguments else str(error)
            else:
                if began is not None:
                    judged.collects, judged.covered = True, began == policy.digest
                    judged.call = call = replace(call, price=0.0, units=0)
        if rules.approval is not None and call.about is not None and judged.misfit is None:
            try:
                judged.about = call.about(judged.arguments)
            except InvalidArguments as error:
                judged.misfit = error.unquoted if rules.redact.arguments else str(error)
        if rules.repeats or rules.approval:
            try:
                judged.over = self._attempt(judged, count, resumed)
            except NotCanonical as error:
                judged.not_json = f"the arguments are not JSON: {error}"
        if self._audit is not None:
            self._identify(judged, self._audit, count or resumed)
        # A call that needs no approval learns that a limit is spent when it takes what it needs.
        judged.takes_later = count and rules.approval is None
        # 3 to 8.
        for name in rules.steps:
            if name in only and self._refuses[name](judged):
                break
        return judged

    def trace(self, judged: Judged) -> Iterator[Step]:
        """Steps 3 to 8 of an admitted call: what each requires, what it saw, whether it held."""
        for name in STEPS:
            yield from self._steps[name].trace(judged)

    def holds(self, judged: Judged, policy: Policy) -> bool:
        """Whether the judgement of a call that waited still holds: same policy, calls not stopped."""
        return judged.policy is policy and (self.switch is None or not self.switch.is_stopped())

    def take(self, judged: Judged, held: Held, patience: float) -> bool:
        """Step 9: reserve everything the call needs in `held`; False, with the refusal, if that fails.

        What was reserved until then stays in `held`, to be released.

        Raises:
            StateBusy: others have been writing to the state for `patience` seconds.
            StateError: what is counted can't be read or kept.
        """
        return self._concurrency.take(judged, held) and self._limits.take(judged, held, patience)

    def _identify(self, judged: Judged, audit: Audit, recorded: bool) -> None:
        """The digest for the log, if the call is `recorded`; else only whether there is one."""
        redact = judged.rules.redact
        try:
            if recorded:
                judged.digest = audit.arguments(judged.arguments, redact)
            else:
                canonical(loggable(judged.arguments, redact.arguments))
        except NotCanonical as error:
            judged.not_json = f"the arguments are not JSON: {error}"

    def _attempt(self, judged: Judged, count: bool, resumed: bool) -> tuple[tuple[Repeats, int | None], ...]:
        """Prepare the question to the user, and count the attempt unless an answer makes it part of another.

        Raises:
            NotCanonical: the arguments are not JSON, which alone can be told from others.
        """
        call, rules = judged.call, judged.rules
        if rules.approval is not None and not rules.approval.shadow:
            judged.question = self._approvals.question(
                call, judged.arguments, rules.approval, judged.policy.digest, rules.redact, judged.about
            )
            judged.standing = standing = self._approvals.standing(judged.question)
            # A no for the session that was given since holds against the yes to the earlier call.
            if judged.covered and (standing is None or standing.said == "yes"):
                judged.question = judged.standing = None
                judged.agreed = True
                return self._count_attempt(judged, count, resumed)
            # A no to this very call holds against a yes that stands.
            declined = call.answer is not None and call.answer.verdict == "decline"
            judged.agreed = not declined and standing is not None and standing.said == "yes"
            if self._approvals.is_again(judged.question, call.answer, standing):
                return ()
        judged.agreed |= judged.covered and rules.approval is not None and rules.approval.shadow
        return self._count_attempt(judged, count, resumed)

    def _count_attempt(
        self, judged: Judged, count: bool, resumed: bool
    ) -> tuple[tuple[Repeats, int | None], ...]:
        """Count the attempt for loop caps, with `count`, and return those that it is over."""
        call, rules = judged.call, judged.rules
        if resumed or not rules.repeats:
            return ()
        digest = hashlib.blake2b(canonical(judged.arguments), digest_size=16, key=self._state.key).hexdigest()
        return tuple(self._counting.repeated(rules.repeats, call, digest, count=count))


def _for_each(call: Call, asked: object) -> Call:
    """`call` at the price of as many things as it asks for; at that of one where it doesn't say."""
    if not isinstance(asked, int) or isinstance(asked, bool) or asked <= 1:
        return call
    return replace(call, units=asked, price=float(Decimal(repr(call.price)) * asked))
