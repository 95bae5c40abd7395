"""The gate as the design describes it: slow, obvious, and written without a look at the real one.

It keeps plain lists of everything that happened (attempts, amounts taken, places held, answers of a person)
and asks them anew each time. Times and amounts are exact fractions. What a document's words mean is said here
once more, from the document itself, so that the gate's compiler is judged too.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal, NamedTuple

Outcome = Literal["ok", "error", "timeout", "cancelled", "crash"]
Person = Literal["accept", "decline", "cancel"]
How = Literal["live", "resume", "kept"]
"""How a question is put: while the call waits, sealed for the client to bring back, kept in the state."""

WINDOWS = {"minute": 60, "hour": 3600, "day": 86400}
ABSENT = object()


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A call. `fits` says whether the arguments fit the schema; `filled` are they with its defaults."""

    tool: str
    arguments: Any
    session: str
    grant: str | None = "local"
    known: bool = True
    category: str | None = None
    price: Fraction = Fraction(0)
    fits: bool = True
    filled: Mapping[str, Any] | None = None

    @property
    def judged(self) -> Any:
        return self.arguments if self.filled is None or not self.fits else self.filled

    def subject(self, scope: str) -> str:
        return {"session": self.session, "grant": self.grant or "", "host": ""}[scope]


class Said(NamedTuple):
    """What the model says to a call; `wait` in seconds; `shadow` are the rules that would have refused.

    A call that asks puts `question` to the user in one of the ways of `How`.
    """

    decision: Literal["allow", "deny", "ask"]
    rule: str = ""
    wait: Fraction | None = None
    shadow: tuple[str, ...] = ()
    question: "Question | None" = None
    how: "How | None" = None


class Counter(NamedTuple):
    """What is counted, and for whom: `name` begins with the tool, or nothing where all count together."""

    name: tuple[str, ...]
    scope: str
    subject: str


@dataclass(eq=False)
class Taken:
    """An amount that a call took from a counter, until it is given back."""

    counter: Counter
    amount: Fraction
    at: Fraction
    money: bool = False
    given_back: bool = False


@dataclass(eq=False)
class Running:
    """An admitted call whose handler has not ended. `shadow` are the rules that would have refused it."""

    taken: list[Taken]
    places: list[Counter]
    shadow: tuple[str, ...] = ()


@dataclass(eq=False)
class Question:
    """What the user is asked: a call under the policy that asks. `said` is the answer to a kept one; `open`
    is whether one that isn't kept is before the user."""

    call: Asked
    document: Mapping[str, Any]
    until: Fraction
    said: Literal["yes", "no"] | None = None
    used: bool = False
    open: bool = True


@dataclass
class Yes:
    """A person's yes to every call of a tool in a session."""

    question: Question
    until: Fraction


@dataclass
class Limit:
    rule: str
    counter: Counter
    amount: Fraction | None
    most: Fraction
    window: Fraction
    money: bool
    shadow: bool


@dataclass
class Model:
    """The whole state of one host: every session, every grant."""

    document: Mapping[str, Any]
    stopped: bool = False
    attempts: list[Taken] = field(default_factory=list[Taken])
    taken: list[Taken] = field(default_factory=list[Taken])
    running: list[Running] = field(default_factory=list[Running])
    kept: list[Question] = field(default_factory=list[Question])
    live: list[Question] = field(default_factory=list[Question])
    sealed: list[Question] = field(default_factory=list[Question])
    keepers: list[tuple[str, Question]] = field(default_factory=list[tuple[str, Question]])
    put: list[tuple[str, Fraction]] = field(default_factory=list[tuple[str, Fraction]])
    yeses: list[Yes] = field(default_factory=list[Yes])

    def reload(self, document: Mapping[str, Any]) -> None:
        """Another policy holds from the next call on. Nothing that was counted is forgotten."""
        self.document = document

    def decide(self, call: Asked, now: Fraction) -> Said:
        """What `call` would be told; nothing is counted."""
        before = list(self.attempts)
        again = self._is_again(call, now)
        if not again:
            self._attempt(call, now)
        said = self._judge(self.document, call, now, again)
        self.attempts = before
        return said

    def begin(self, call: Asked, now: Fraction, way: How) -> Said | Running:
        """A call comes in; where the user has to be asked, its client could do so in that `way`."""
        again = self._is_again(call, now)
        if not again:
            self._attempt(call, now)
        said = self._judge(self.document, call, now, again)
        if said.decision == "ask":
            return self._ask(call, said, now, way)
        if said.decision == "deny":
            return said
        return self._run(call, now, said.shadow)

    def _ask(self, call: Asked, said: Said, now: Fraction, way: How) -> Said:
        approval = self._approval(self.document, call)
        question = Question(call, self.document, now + self._expires(self.document, call))
        way = "kept" if approval.get("ask") == "command" else way
        waiting = self._waiting(question, now)
        if waiting is not None and (way == "kept" or (call.session, waiting) in self.keepers):
            return self._keep(question, said, now)
        if self._open(question, now) >= approval.get("max_open", 5):
            return said._replace(decision="deny")
        times = sorted(at for session, at in self.put if session == call.session and now - 3600 < at)
        most = approval.get("max_per_hour", 20)
        if len(times) >= most:
            return said._replace(decision="deny", wait=times[-most] + 3600 - now)
        self.put.append((call.session, now))
        if way == "kept":
            return self._keep(question, said, now)
        (self.live if way == "live" else self.sealed).append(question)
        return said._replace(question=question, how=way)

    def _open(self, question: Question, now: Fraction) -> int:
        """How many other questions of the session are open: each that a call waits with; of the others those
        to which one answer is good count once."""
        session = question.call.session
        count = sum(now < each.until for each in self.live if each.open and each.call.session == session)
        others = [
            *(
                each
                for each in self.sealed
                if each.open and now < each.until and each.call.session == session
            ),
            *(
                kept
                for keeper, kept in self.keepers
                if keeper == session and kept.said is None and now < kept.until
            ),
        ]
        distinct: list[Question] = [question]
        for each in others:
            if not any(self._same_question(each, seen) for seen in distinct):
                distinct.append(each)
        return count + len(distinct) - 1

    def answered(self, question: Question, person: Person, now: Fraction) -> Said | Running:
        """The user answers while the call waits. All is decided anew, by the policy of now."""
        call, document = question.call, self.document
        question.open = False
        said = self._judge(document, call, now, again=True)
        action = (
            f"{self._entry(document if self._asks(document, call) else question.document, call)[0]}/action"
        )
        if person == "decline":
            self._decline(question, now)
            return said if said.decision == "deny" else Said("deny", action, None, said.shadow)
        if said.decision == "deny":
            return said
        in_time = now < question.until
        if person == "accept" and in_time and self._asks(document, call) and self._is_about(question, call):
            self._agree(question, now)
            return self._start(document, call, now, said.shadow)
        if said.decision == "allow":
            return self._run(call, now, said.shadow)
        if person == "accept":
            return Said("deny", action, None, said.shadow)
        return self._keep(self._anew(call, now), said, now)

    def retried(
        self, question: Question | None, call: Asked, person: Person, now: Fraction
    ) -> Said | Running:
        """The call comes again with what the user said. It is the same call, and no attempt more, if the
        answer is to this very question, not expired and not used before, and needed: under a session's yes
        it is neither needed nor used. A no holds against a yes that stands. None is a question of before a
        restart, which nobody remembers."""
        fresh = question is not None and not question.used and now < question.until
        fits = question is not None and fresh and self._is_about(question, call)
        yes = self._open_yes(call, now)
        again = (fits and not isinstance(yes, Yes)) or self._is_again(call, now)
        if not again:
            self._attempt(call, now)
        said = self._judge(self.document, call, now, again)
        declined = yes is not None and person == "decline"
        if said.decision == "deny":
            return said
        if said.decision == "allow" and not declined:
            return self._run(call, now, said.shadow)
        if question is not None and fresh:
            question.used = True
            for each in self.sealed:
                same_session = each.call.session == question.call.session
                each.open = each.open and not (same_session and self._same_question(each, question))
        if question is None or not fits or person == "decline":
            if question is not None and fits:
                self._decline(self._anew(call, now), now)
            return Said("deny", f"{self._entry(self.document, call)[0]}/action", None, said.shadow)
        if person == "accept":
            self._agree(question, now)
            return self._start(self.document, call, now, said.shadow)
        return self._keep(self._anew(call, now), said, now)

    def _anew(self, call: Asked, now: Fraction) -> Question:
        return Question(call, self.document, now + self._expires(self.document, call))

    def _keep(self, question: Question, said: Said, now: Fraction) -> Said:
        """The question waits in the state for the user; the same one as long as it can be answered."""
        kept = self._kept(question, now)
        if kept is None:
            kept = question
            self.kept.append(kept)
        self.keepers.append((question.call.session, kept))
        return said._replace(question=kept, how="kept")

    def _decline(self, question: Question, now: Fraction) -> None:
        """The no is kept as long as a yes would hold, and ends a yes that stood."""
        self.yeses = [yes for yes in self.yeses if not self._same_question(yes.question, question)]
        kept = self._kept(question, now)
        if kept is None:
            kept = Question(question.call, question.document, now)
            self.kept.append(kept)
        kept.said = "no"
        kept.until = now + self._expires(question.document, question.call)

    def _run(self, call: Asked, now: Fraction, shadow: tuple[str, ...]) -> Running:
        if self._asks(self.document, call):
            self._use_yes(call, now)
        return self._start(self.document, call, now, shadow)

    def tell(self, question: Question, yes: bool, now: Fraction) -> bool:
        """A person answers a kept question; False when it can't be answered any more."""
        if question.used or now >= question.until:
            return False
        question.said = "yes" if yes else "no"
        question.until = now + self._expires(question.document, question.call)
        return True

    def end(self, running: Running, outcome: Outcome) -> None:
        """A handler ended. Money is charged for success alone; calls and counted amounts stay counted."""
        self.running.remove(running)
        for taken in running.taken:
            if taken.money and outcome != "ok":
                taken.given_back = True

    # The way of a call, in the order of the design.

    def _judge(self, document: Mapping[str, Any], call: Asked, now: Fraction, again: bool) -> Said:
        shadow: list[str] = []
        for rule, shadowed, wait, decision in self._refusals(document, call, now, again):
            if shadowed:
                shadow.append(rule)
            else:
                return Said(decision, rule, wait, tuple(shadow))
        return Said("allow", shadow=tuple(shadow))

    def _refusals(
        self, document: Mapping[str, Any], call: Asked, now: Fraction, again: bool
    ) -> Iterator[tuple[str, bool, Fraction | None, Literal["deny", "ask"]]]:
        """Every rule that would refuse, in order: its id, whether it is shadowed, when to come again, how.

        With `again` the call is one that the loop cap has let pass already, and that comes with its yes.
        """
        if not isinstance(call.arguments, Mapping):
            yield "(invalid arguments)", False, None, "deny"
            return
        if not call.known:
            yield "(unknown tool)", False, None, "deny"
        if call.grant is not None and self._hidden(document, call.tool):
            yield "(hidden)", False, None, "deny"
        if call.grant is None:
            yield "(no policy)", False, None, "deny"
            return
        if self.stopped:
            yield "(stopped)", False, None, "deny"
            return
        pointer, entry, listed = self._entry(document, call)
        shadowed = self._mode(document, entry) == "shadow"
        if not listed and document["default"] == "deny":
            yield "(default deny)", self._mode(document) == "shadow", None, "deny"
        if entry.get("action") == "deny":
            yield f"{pointer}/action", shadowed, None, "deny"
        if not call.fits:
            yield "(invalid arguments)", False, None, "deny"
            return
        for condition in entry.get("require", []):
            if not holds(condition, call.judged):
                yield f"{pointer}/require/{named(condition)}", shadowed, None, "deny"
        for index, rule in enumerate(entry.get("deny_if", [])):
            if all(refuses(condition, call.judged) for condition in rule["conditions"]):
                name = deny_if_name(entry["deny_if"], index)
                yield f"{pointer}/deny_if/{name}", self._mode(document, entry, rule) == "shadow", None, "deny"
        for rule, in_shadow, wait in () if again else self._repeated(document, call, now):
            yield rule, in_shadow, wait, "deny"
        for rule, in_shadow, wait in self._full(document, call):
            yield rule, in_shadow, wait, "deny"
        for rule, in_shadow, wait in self._spent(document, call, now):
            yield rule, in_shadow, wait, "deny"
        if entry.get("action") == "require_approval" and (shadowed or self._open_yes(call, now) is None):
            no = not shadowed and self._answered(call, now, "no") is not None
            yield f"{pointer}/action", shadowed, None, "deny" if no else "ask"

    def _start(
        self, document: Mapping[str, Any], call: Asked, now: Fraction, shadow: tuple[str, ...]
    ) -> Running:
        counted = {
            limit.counter: Taken(limit.counter, limit.amount, now, limit.money)
            for limit in self._limits(document, call)
            if limit.amount is not None and not (limit.shadow and self._wait(limit, now) is not False)
        }
        taken = [*counted.values()]
        places = [
            place
            for _, place, most, shadowed in self._caps(document, call)
            if not (shadowed and self._held(place) >= most)
        ]
        self.taken += taken
        running = Running(taken, places, shadow)
        self.running.append(running)
        return running

    # What a document says of a call.

    def _hidden(self, document: Mapping[str, Any], tool: str) -> bool:
        return "*" in document.get("hide", []) or tool in document.get("hide", [])

    def _entry(self, document: Mapping[str, Any], call: Asked) -> tuple[str, Mapping[str, Any], bool]:
        """The tool's own entry, else its category's: pointer, rules, and whether there is one."""
        if call.tool in document.get("tools", {}):
            return f"/tools/{escaped(call.tool)}", document["tools"][call.tool], True
        if call.category is not None and call.category in document.get("categories", {}):
            return f"/categories/{escaped(call.category)}", document["categories"][call.category], True
        return f"/tools/{escaped(call.tool)}", {}, False

    def _mode(self, document: Mapping[str, Any], *inner: Mapping[str, Any]) -> str:
        """The nearest `mode`, the innermost object last."""
        return next((each["mode"] for each in (*reversed(inner), document) if "mode" in each), "enforce")

    def _places(self, document: Mapping[str, Any], call: Asked) -> list[tuple[str, Mapping[str, Any], str]]:
        """The objects whose counting rules apply, in order: pointer, rules, whose calls they count."""
        pointer, entry, _ = self._entry(document, call)
        return [(pointer, entry, call.tool), ("/all_tools", document.get("all_tools", {}), "")]

    def _limits(self, document: Mapping[str, Any], call: Asked) -> list[Limit]:
        found: list[Limit] = []
        for pointer, entry, whose in self._places(document, call):
            if rule := entry.get("rate_limit"):
                found.append(self._limit(document, call, f"{pointer}/rate_limit", entry, rule, whose))
            for rule in entry.get("limits", []):
                at = f"{pointer}/limits/{escaped(rule['counter'])}"
                found.append(self._limit(document, call, at, entry, rule, whose))
            if rule := entry.get("budget"):
                found.append(self._limit(document, call, f"{pointer}/budget", entry, rule, whose))
        return found

    def _limit(
        self,
        document: Mapping[str, Any],
        call: Asked,
        pointer: str,
        entry: Mapping[str, Any],
        rule: Mapping[str, Any],
        whose: str,
    ) -> Limit:
        money = "max_usd" in rule
        scope = rule.get("scope", "session" if pointer.endswith("/rate_limit") else "grant")
        what = "price" if money else rule.get("amount", "call")
        amount = Fraction(1) if what == "call" else call.price if what == "price" else None
        if amount is None:
            number = found_at(call.judged, what)
            if isinstance(number, int | float) and not isinstance(number, bool) and number >= 0:
                amount = exact(number)
        return Limit(
            pointer,
            Counter(
                (whose, "budget") if money else (whose, rule.get("counter", ""), what),
                scope,
                call.subject(scope),
            ),
            amount,
            exact(rule["max_usd"] if money else rule["max"]),
            seconds(rule["window"]),
            money,
            self._mode(document, entry, rule) == "shadow",
        )

    def _caps(self, document: Mapping[str, Any], call: Asked) -> list[tuple[str, Counter, int, bool]]:
        found: list[tuple[str, Counter, int, bool]] = []
        for pointer, entry, whose in self._places(document, call):
            rule = entry.get("max_concurrent")
            if rule is not None:
                whole = rule if isinstance(rule, Mapping) else {"max": rule}
                scope = whole.get("scope", "session")
                place = Counter((whose, "max_concurrent"), scope, call.subject(scope))
                shadowed = self._mode(document, entry, whole) == "shadow"
                found.append((f"{pointer}/max_concurrent", place, whole["max"], shadowed))
        return found

    # What was counted.

    def _attempt(self, call: Asked, now: Fraction) -> None:
        """A well-formed attempt of a known caller counts, whatever comes of it, but while all is stopped."""
        well_formed = isinstance(call.arguments, Mapping) and call.known and call.grant is not None
        if well_formed and not self.stopped and not self._hidden(self.document, call.tool):
            loops = self._loops(self.document, call)
            self.attempts += [Taken(counter, Fraction(1), now) for counter, _, _, _, _ in loops]

    def _loops(
        self, document: Mapping[str, Any], call: Asked
    ) -> Iterator[tuple[Counter, str, int, Fraction, bool]]:
        for pointer, entry, whose in self._places(document, call):
            if rule := entry.get("max_repeats"):
                scope = rule.get("scope", "session")
                name = (whose, "max_repeats", call.tool, same(call.judged))
                shadowed = self._mode(document, entry, rule) == "shadow"
                counter = Counter(name, scope, call.subject(scope))
                yield counter, f"{pointer}/max_repeats", rule["max"], seconds(rule["window"]), shadowed

    def _repeated(
        self, document: Mapping[str, Any], call: Asked, now: Fraction
    ) -> Iterator[tuple[str, bool, Fraction | None]]:
        """This attempt is among those counted, so it may be one too many; another one may come when one fewer
        than `max` count."""
        for counter, rule, most, window, shadowed in self._loops(document, call):
            ats = [each.at for each in self.attempts if each.counter == counter and now - window < each.at]
            if len(ats) > most:
                yield rule, shadowed, sorted(ats)[-most] + window - now

    def _held(self, place: Counter) -> int:
        return sum(place in each.places for each in self.running)

    def _full(self, document: Mapping[str, Any], call: Asked) -> Iterator[tuple[str, bool, Fraction | None]]:
        for rule, place, most, shadowed in self._caps(document, call):
            if self._held(place) >= most:
                yield rule, shadowed, None

    def _spent(
        self, document: Mapping[str, Any], call: Asked, now: Fraction
    ) -> Iterator[tuple[str, bool, Fraction | None]]:
        """Limits that the call doesn't fit into: all shadowed ones, then the enforced ones. One that can't
        count its argument comes before those that are spent, as waiting doesn't help there."""
        limits = self._limits(document, call)
        limits.sort(key=lambda limit: (not limit.shadow, limit.amount is not None))
        for limit in limits:
            wait = None if limit.amount is None else self._wait(limit, now)
            if wait is not False:
                yield limit.rule, limit.shadow, wait

    def _wait(self, limit: Limit, now: Fraction) -> Fraction | Literal[False] | None:
        """False: the amount fits now. Otherwise after how many seconds it does; None: never."""
        assert limit.amount is not None
        counted = sorted(
            (each.at, each.amount)
            for each in self.taken
            if each.counter == limit.counter and not each.given_back and now - limit.window < each.at
        )
        if limit.amount == 0 or sum(amount for _, amount in counted) + limit.amount <= limit.most:
            return False
        for index, (at, _) in enumerate(counted):
            if sum(amount for _, amount in counted[index + 1 :]) + limit.amount <= limit.most:
                return at + limit.window - now
        return None

    # A person's yes.

    def _asks(self, document: Mapping[str, Any], call: Asked) -> bool:
        _, entry, _ = self._entry(document, call)
        return entry.get("action") == "require_approval" and self._mode(document, entry) != "shadow"

    def _approval(self, document: Mapping[str, Any], call: Asked) -> Mapping[str, Any]:
        return self._entry(document, call)[1].get("approval", {})

    def _expires(self, document: Mapping[str, Any], call: Asked) -> Fraction:
        return exact(self._approval(document, call).get("expires", 600))

    def _is_about(self, question: Question, call: Asked) -> bool:
        """Whether a yes to the question is one to `call` now: same policy, tool, caller, and the arguments
        or, with `who` `session`, the session."""
        return question.document == self.document and self._same_call(question, call)

    def _same_question(self, one: Question, other: Question) -> bool:
        return one.document == other.document and self._same_call(one, other.call)

    def _same_call(self, question: Question, call: Asked) -> bool:
        asked = question.call
        if asked.tool != call.tool or asked.grant != call.grant:
            return False
        if self._approval(question.document, call).get("who") == "session":
            return asked.session == call.session
        return same(asked.judged) == same(call.judged)

    def _agree(self, question: Question, now: Fraction) -> None:
        if self._approval(question.document, question.call).get("who") == "session":
            self.yeses.append(Yes(question, now + self._expires(question.document, question.call)))

    def _kept(self, question: Question, now: Fraction) -> Question | None:
        """The kept question that waits, or whose answer holds and isn't used."""
        for kept in self.kept:
            if not kept.used and now < kept.until and self._same_question(kept, question):
                return kept
        return None

    def _waiting(self, question: Question, now: Fraction) -> Question | None:
        kept = self._kept(question, now)
        return kept if kept is not None and kept.said is None else None

    def _answered(self, call: Asked, now: Fraction, said: str) -> Question | None:
        for kept in self.kept:
            in_time = now < kept.until
            if kept.said == said and not kept.used and in_time and self._is_about(kept, call):
                return kept
        return None

    def _open_yes(self, call: Asked, now: Fraction) -> Question | Yes | None:
        if not isinstance(call.arguments, Mapping) or not self._asks(self.document, call):
            return None
        if self._answered(call, now, "no") is not None:
            return None
        for yes in self.yeses:
            if now < yes.until and self._is_about(yes.question, call):
                return yes
        return self._answered(call, now, "yes")

    def _is_again(self, call: Asked, now: Fraction) -> bool:
        """Whether the call is one that was asked for and now has its own yes. A session's yes makes no call
        the same as another."""
        return isinstance(self._open_yes(call, now), Question)

    def _use_yes(self, call: Asked, now: Fraction) -> None:
        """A kept yes is used up by one call; if it was one for the session it goes on for that."""
        yes = self._open_yes(call, now)
        if isinstance(yes, Question):
            yes.used = True
            self._agree(yes, now)


def seconds(window: Any) -> Fraction:
    return Fraction(WINDOWS[window]) if isinstance(window, str) else exact(window)


def exact(number: float) -> Fraction:
    """The number as it is written: 0.1 is a tenth."""
    return Fraction(repr(number))


def escaped(name: str) -> str:
    """A name in a JSON Pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")


def named(condition: Mapping[str, Any]) -> str:
    return escaped(f"{condition['path']}-{condition['op']}")


def deny_if_name(rules: Sequence[Mapping[str, Any]], index: int) -> str:
    """`<path>-<op>` with one condition, the index otherwise or where two would be the same."""
    names = [named(rule["conditions"][0]) if len(rule["conditions"]) == 1 else None for rule in rules]
    name = names[index]
    return str(index) if name is None or names.count(name) > 1 else name


def found_at(arguments: Mapping[str, Any], path: str) -> Any:
    """What stands at `args.a.b`; a missing or null one is `ABSENT`."""
    node: Any = arguments
    for name in path.split(".")[1:]:
        if not isinstance(node, Mapping) or name not in node:
            return ABSENT
        node = node[name]
    return ABSENT if node is None else node


def holds(condition: Mapping[str, Any], arguments: Mapping[str, Any]) -> bool:
    """Whether a condition holds. An absent value makes it false, and so does one of another type, with the
    exception of `neq` and `not_in`, which a value of another type fulfils."""
    seen, operator, value = found_at(arguments, condition["path"]), condition["op"], condition["value"]
    if operator == "exists":
        return (seen is not ABSENT) == value
    if seen is ABSENT:
        return False
    if operator in {"eq", "neq"}:
        return (same(seen) == same(value)) == (operator == "eq")
    if operator in {"in", "not_in"}:
        return any(same(seen) == same(each) for each in value) == (operator == "in")
    if operator == "regex":
        return isinstance(seen, str) and re.search(value, seen) is not None
    if operator == "contains":
        if isinstance(seen, str):
            return isinstance(value, str) and value in seen
        return isinstance(seen, list) and any(same(each) == same(value) for each in seen)
    if isinstance(seen, bool) or not isinstance(seen, int | float):
        return False
    return {"lt": seen < value, "lte": seen <= value, "gt": seen > value, "gte": seen >= value}[operator]


def refuses(condition: Mapping[str, Any], arguments: Mapping[str, Any]) -> bool:
    """Whether a condition of a refusal holds. What is in doubt counts against the call: a value of another
    type, also one on the way to it, always holds; an absent one does for `neq` and `not_in`, or as `missing`
    says."""
    operator, value = condition["op"], condition["value"]
    node: Any = arguments
    for name in condition["path"].split(".")[1:]:
        if not isinstance(node, Mapping):
            return operator != "exists" or not value
        node = node.get(name)
        if node is None:
            break
    if operator == "exists":
        return (node is not None) == value
    if node is None:
        return condition.get("missing", "deny" if operator in {"neq", "not_in"} else "pass") == "deny"
    if operator in {"lt", "lte", "gt", "gte"}:
        alike = [0]
    elif operator == "regex":
        alike = [""]
    elif operator == "contains":
        if isinstance(node, list):
            return any(json_type(each) != json_type(value) or same(each) == same(value) for each in node)
        alike = [""] if isinstance(value, str) else []
    else:
        alike = value if operator in {"in", "not_in"} else [value]
    return json_type(node) not in {json_type(each) for each in alike} or holds(condition, arguments)


def json_type(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return str(type(value))
    if isinstance(value, int | float):
        return "number"
    return "string" if isinstance(value, str) else "list" if isinstance(value, list) else "object"


def same(value: Any) -> str:
    """One text for equal JSON values: key order is free, 1 equals 1.0, true isn't 1, list order matters."""
    if isinstance(value, bool) or value is None:
        return str(value)
    if isinstance(value, int | float):
        return str(exact(value))
    if isinstance(value, str):
        return repr(value)
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key!r}:{same(value[key])}" for key in sorted(value)) + "}"
    return "[" + ",".join(same(each) for each in value) + "]"
