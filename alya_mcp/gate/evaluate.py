"""Steps 1 to 8 of a call: what the policy says of it, before anything is taken.

The first refusal by an enforced rule wins; what shadowed rules before it would have said is kept beside it.
"""

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from alya_mcp.gate import messages as wording
from alya_mcp.gate.admission import WELL_FORMED, refusing
from alya_mcp.gate.approvals import Approvals, Question, Standing
from alya_mcp.gate.call import Call
from alya_mcp.gate.canonical import NotCanonical, canonical
from alya_mcp.gate.charges import Counting, Held, Over, Uncountable
from alya_mcp.gate.decision import Decision
from alya_mcp.gate.errors import InvalidArguments
from alya_mcp.gate.policy import Policy
from alya_mcp.gate.policy.rules import Limit, Redact, Repeats, Rules
from alya_mcp.gate.state import State

NOTHING = Rules()

AskLimits = Callable[[Sequence[Limit], Call, Mapping[str, Any]], Over | None]


@dataclass(slots=True)
class Judged:
    """What was found out about a call so far.

    `arguments` are those that the handler would get. `question` is what the user has to say yes to, if
    anything; `standing` is an answer to it that holds, and `agreed` that this is a yes to be taken.
    """

    policy: Policy
    rules: Rules
    arguments: Mapping[str, Any]
    refusal: Decision | None = None
    shadow: tuple[Decision, ...] = ()
    question: Question | None = None
    standing: Standing | None = None
    agreed: bool = False

    @property
    def decision(self) -> Decision:
        """The decision, with what shadowed rules would have said."""
        decision = self.policy.allowed if self.refusal is None else self.refusal
        if not self.shadow:
            return decision
        return replace(decision, mode="shadow", shadow=self.shadow)

    def heard(self, decision: Decision) -> bool:
        """Take note of a rule's decision; whether it refuses the call."""
        if decision.mode == "shadow":
            # A limit is asked before a person is, and again after their yes.
            if all(each.rule != decision.rule for each in self.shadow):
                self.shadow += (decision,)
            return False
        self.refusal = decision
        return True


class Judge:
    """Asks the rules. The key of `state` is for the digests that tell equal arguments from others."""

    def __init__(self, counting: Counting, approvals: Approvals, state: State) -> None:
        self._counting = counting
        self._approvals = approvals
        self._state = state

    def judge(self, call: Call, policy: Policy, count: bool, resumed: bool = False) -> Judged:
        """Everything up to step 8, in order. With `count` the attempt counts for loop caps; a call that is
        `resumed` after the user was waited for counted before, and isn't held against itself.

        Raises:
            StateError: what is counted can't be read or kept.
            ValueError: the price is no sum of money; below 0 it would give a budget back.
        """
        judged = Judged(policy, NOTHING, call.arguments)
        # 1 and 2: well formed, known and not hidden; the caller is known and the policy can be read.
        step = refusing(call, policy)
        if step is not None:
            judged.refusal = step.deny(call, policy)
            if step is WELL_FORMED:
                judged.arguments = {}
            return judged
        if not 0 <= call.price < math.inf:
            raise ValueError(f"the price of {call.tool} is {call.price}; it takes a finite number from 0 on")
        judged.rules = rules = policy.rules(call.tool, call.category)
        judged.arguments, misfit = fit(call, rules.redact)
        over: list[tuple[Repeats, int | None]] = []
        if rules.repeats or rules.approval:
            try:
                over = self._attempt(call, judged, count, resumed)
            except NotCanonical as error:
                misfit = misfit or f"the arguments are not JSON: {error}"
        # 3: the policy allows the tool.
        judged.shadow = rules.shadow_denials
        if rules.denial is not None:
            judged.refusal = rules.denial
            return judged
        # 4: the arguments fit the input schema. From here on only those that were judged count.
        if misfit is not None:
            judged.refusal = wording.invalid(call, policy.digest, misfit)
            return judged
        # 5: conditions hold.
        if rules.tests and self._tested(call, judged):
            return judged
        # 6: loop cap and concurrency cap.
        for rule, wait_ns in over:
            if judged.heard(wording.repeated(call, policy.digest, rule, wait_ns)):
                return judged
        for cap in rules.concurrency:
            if self._counting.full(cap, call) and judged.heard(wording.full(call, policy.digest, cap)):
                return judged
        # 7: limits and budgets would hold. A call that needs no approval learns it when it takes them.
        learns_later = count and rules.approval is None
        if not learns_later and self._limited(call, judged, self._counting.over):
            return judged
        # 8: a required approval is there.
        if rules.approval is not None and not judged.agreed:
            if judged.standing is not None and judged.standing.said == "no":
                kept = judged.standing.id or ""
                judged.heard(wording.declined(call, policy.digest, rules.approval, kept))
            else:
                judged.heard(wording.asks(call, policy.digest, rules.approval, ""))
        return judged

    def digest(self, arguments: Mapping[str, Any]) -> str:
        """The same for equal arguments, and of no use without the key.

        Raises:
            NotCanonical: they are no JSON.
            StateError: the state's key can't be read.
        """
        return hashlib.blake2b(canonical(arguments), digest_size=16, key=self._state.key).hexdigest()

    def _attempt(
        self, call: Call, judged: Judged, count: bool, resumed: bool
    ) -> list[tuple[Repeats, int | None]]:
        """Prepare the question to the user, and count the attempt unless an answer makes it part of another.

        Raises:
            NotCanonical: the arguments are no JSON, which alone can be told from others.
        """
        rules = judged.rules
        if rules.approval is not None and not rules.approval.shadow:
            judged.question = self._approvals.question(
                call, judged.arguments, rules.approval, judged.policy.digest, rules.redact
            )
            judged.standing = standing = self._approvals.standing(judged.question)
            # A no to this very call holds against a yes that stands.
            declined = call.answer is not None and call.answer.verdict == "decline"
            judged.agreed = not declined and standing is not None and standing.said == "yes"
            if self._approvals.is_again(judged.question, call.answer, standing):
                return []
        if resumed or not rules.repeats:
            return []
        return self._counting.repeated(rules.repeats, call, self.digest(judged.arguments), count=count)

    def _tested(self, call: Call, judged: Judged) -> bool:
        for test in judged.rules.tests:
            if test.refuses(judged.arguments) and judged.heard(
                wording.failed(call, judged.policy.digest, test)
            ):
                return True
        return False

    def _limited(self, call: Call, judged: Judged, ask: AskLimits) -> bool:
        """Whether an enforced limit refuses the call; `ask` says which of those that go together is over."""
        digest = judged.policy.digest
        refused = False
        for limits in judged.rules.groups:  # the shadowed ones are heard also where an enforced one refuses
            try:
                over = ask(limits, call, judged.arguments)
            except Uncountable as error:
                refused |= judged.heard(wording.uncountable(call, digest, error))
            else:
                refused |= over is not None and judged.heard(wording.spent(call, digest, over))
        return refused

    def take(self, call: Call, judged: Judged, held: Held) -> bool:
        """Step 9: take all that the call needs into `held`; False, with the refusal, when that isn't there.

        What was taken until then stays in `held`, to be released.

        Raises:
            StateError: what is counted can't be read or kept.
        """
        for cap in judged.rules.concurrency:
            if not self._counting.enter(held, cap, call) and not cap.shadow:
                return not judged.heard(wording.full(call, judged.policy.digest, cap))
        return not self._limited(call, judged, partial(self._counting.reserve, held))


def fit(call: Call, redact: Redact) -> tuple[Mapping[str, Any], str | None]:
    """The arguments that the handler would get, and what is wrong with them if they don't fit the schema."""
    if call.validate is None:
        return call.arguments, None
    try:
        return call.validate(call.arguments), None
    except InvalidArguments as error:
        return call.arguments, error.unquoted if redact.arguments else str(error)
