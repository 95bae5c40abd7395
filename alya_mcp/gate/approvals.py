"""A person's yes to one call: what is asked, what a yes is bound to, and how it is used up.

A yes reaches the gate in one of three ways: over the client's own elicitation while the call waits
(`accepted`), with a retry that brings back a sealed state (`seal`, `redeem`), or from a person who answers a
question kept in the state (`pend`, `standing`, `consume`). Whatever isn't a yes, fresh, unused and to exactly
this question, is none.
"""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, Protocol, cast

from .call import Call, shown
from .canonical import canonical
from .clock import Clock
from .rules import SECOND, Approval, Redact

if TYPE_CHECKING:
    from .policy import Policy

Who = Literal["call", "session"]
Said = Literal["accept", "decline", "cancel"]
YesOrNo = Literal["yes", "no"]
Status = Literal["pending", "approved", "denied", "used", "expired"]

MASKED: Final = "(redacted)"
MOST_OPEN: Final = 100
"""Open questions of one grant; beyond them a call is denied rather than another one kept."""

_NONCE: Final = 16
_STAMP: Final = 8
_DIGEST: Final = 32
_SEALED: Final = _NONCE + _STAMP + _DIGEST + _DIGEST
_PURPOSE: Final = b"alya-mcp approval\x00"
_LONGEST_SHOWN: Final = 300
_LONGEST_KEPT: Final = 2000
_CUT: Final = "characters, cut here)"
_MOST_SHOWN: Final = 30
_SWEEP: Final = 256


@dataclass(frozen=True, slots=True)
class Question:
    """What a person is asked.

    `message` is the whole question in words, for the person. `expires` is in seconds: how long it can be
    answered, and how long a yes holds once it is given. `binding` is a keyed digest of what the yes is good
    for: the tool, its schema, the policy, the grant, and either the judged arguments or, with `who`
    `session`, the session. `arguments` are the judged ones with redacted fields masked.
    """

    tool: str
    rule: str
    message: str
    expires: float
    binding: str
    arguments: Mapping[str, Any]
    grant: str
    who: Who


class Answer(NamedTuple):
    """What a client's retry carries: the state as it came back, and what the person said."""

    state: str
    verdict: Said


@dataclass(frozen=True, slots=True)
class Asked:
    """A question kept for a person who isn't at the client; times in nanoseconds since 1970.

    `arguments` is JSON text of an object for reading, long values cut. `expires_ns` is when the question
    can no longer be answered or, once it is, when the answer ends, `hold_ns` after it was given. `used_ns`
    is when a call took the yes.
    """

    id: str
    tool: str
    grant: str
    rule: str
    who: Who
    message: str
    arguments: str
    binding: str
    created_ns: int
    expires_ns: int
    hold_ns: int
    answer: YesOrNo | None = None
    used_ns: int | None = None

    def status(self, now_ns: int) -> Status:
        """How it stands at `now_ns`."""
        if self.used_ns is not None:
            return "used"
        if now_ns >= self.expires_ns:
            return "expired"
        return "pending" if self.answer is None else "approved" if self.answer == "yes" else "denied"

    @classmethod
    def anew(cls, question: "Question", now_ns: int) -> "Asked":
        """`question`, asked at `now_ns`, under a new id."""
        hold_ns = round(question.expires * SECOND)
        return cls(
            new_id(),
            question.tool,
            question.grant,
            question.rule,
            question.who,
            question.message,
            kept_arguments(question.arguments),
            question.binding,
            now_ns,
            now_ns + hold_ns,
            hold_ns,
        )

    def answered(self, answer: YesOrNo, now_ns: int) -> "Asked":
        """This question with an answer given at `now_ns`.

        Raises:
            Unanswerable: a call has used the yes, or it is too late.
        """
        status = self.status(now_ns)
        if status == "used":
            raise Unanswerable(f"the yes to {self.id} was used by a call; nothing is left to answer")
        if status == "expired":
            raise Unanswerable(f"{self.id} has expired; the agent has to make the call again to ask anew")
        return replace(self, answer=answer, expires_ns=now_ns + self.hold_ns)


class Unanswerable(Exception):
    """There is no such question, or it can't be answered any more. The text is for the person."""

    @classmethod
    def unknown(cls, approval: str) -> "Unanswerable":
        """There is none with that id."""
        return cls(f"no question has the id {shown(approval, 40)!r}; `alya-mcp approvals list` shows all")


class TooManyOpen(Exception):
    """A grant has `MOST_OPEN` questions open; a person has to answer some first."""


class ApprovalStore(Protocol):
    """Questions that wait for a person, shared by all processes of a state; every method `StateError`."""

    @property
    def key(self) -> bytes:
        """32 random bytes, the same for all processes of the state."""
        ...

    def pend(self, question: Question) -> Asked:
        """Keep `question` and return it with its id: the one kept already while its binding is open.

        Raises:
            TooManyOpen: the grant has `MOST_OPEN` open questions.
        """
        ...

    def answered(self, binding: str) -> YesOrNo | None:
        """What a person said to the question with that binding, while it holds and isn't used."""
        ...

    def take(self, binding: str) -> bool:
        """Use up the yes with that binding, once among all processes; False when there is none (left)."""
        ...

    def answer(self, approval: str, answer: YesOrNo) -> tuple[Asked, Status]:
        """Answer the question `approval`, also anew as long as a yes isn't used.

        Raises:
            Unanswerable: it is unknown, used or expired.
        """
        ...

    def find(self, approval: str) -> tuple[Asked, Status]:
        """The question `approval`, and how it stands now.

        Raises:
            Unanswerable: it is unknown.
        """
        ...

    def all(self) -> Sequence[tuple[Asked, Status]]:
        """Every question kept, the newest last, and how it stands now. They go a day after they expire."""
        ...


class Approvals:
    """Asks for a person's yes and checks it. `store` keeps the questions that wait for `alya-mcp approvals`.

    What a client is given to bring back is sealed with a key that ends with this object, so a state from
    before a restart is refused. Sealed states and a session's yes expire by the clock that never goes back.
    """

    def __init__(self, store: ApprovalStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._seal_key = secrets.token_bytes(32)
        self._used: dict[bytes, int] = {}
        self._agreed: dict[str, int] = {}

    def question(
        self,
        call: Call,
        arguments: Mapping[str, Any],
        approval: Approval,
        policy: "Policy",
        redact: Redact,
    ) -> Question:
        """What a person has to say yes to before `call` with the judged `arguments` may run.

        Raises:
            NotCanonical: the arguments are no JSON.
            StateError: the store's key can't be read.
        """
        grant = call.grant or ""
        bound = arguments if approval.who == "call" else call.session
        facts = [approval.who, approval.rule, call.tool, call.schema, policy.digest, grant, bound]
        binding = hmac.digest(self._store.key, canonical(facts), "sha256").hex()
        legible = cast("Mapping[str, Any]", _masked(arguments, redact.arguments))
        message = _message(call, approval, legible)
        return Question(
            call.tool, approval.rule, message, approval.expires, binding, legible, grant, approval.who
        )

    def standing(self, question: Question) -> bool:
        """Whether a yes is there to be taken: the session's, or one given to a kept question."""
        return self._holds(question) or self._store.answered(question.binding) == "yes"

    def declined(self, question: Question) -> bool:
        """Whether a person said no to this very question, kept in the store, and the no still holds."""
        return self._store.answered(question.binding) == "no"

    def consume(self, question: Question) -> bool:
        """Take the yes that `standing` saw, once among all processes; False when it is gone.

        A yes for the session stays until it expires.
        """
        if self._holds(question):
            return True
        taken = self._store.take(question.binding)
        if taken:
            self.accepted(question)
        return taken

    def accepted(self, question: Question) -> None:
        """Remember a yes that was given just now, if it is one for the session."""
        if question.who == "session":
            now = self._clock.monotonic_ns()
            _sweep(self._agreed, now)
            self._agreed[question.binding] = now + round(question.expires * SECOND)

    def pend(self, question: Question) -> str:
        """Keep the question for a person and return its id, for `alya-mcp approvals approve ID`.

        Raises:
            TooManyOpen: the grant has `MOST_OPEN` open questions.
        """
        return self._store.pend(question).id

    def seal(self, question: Question) -> str:
        """A state for the client to bring back with the answer: good once, until the question expires."""
        expires = self._clock.monotonic_ns() + round(question.expires * SECOND)
        body = secrets.token_bytes(_NONCE) + expires.to_bytes(_STAMP, "big") + bytes.fromhex(question.binding)
        return base64.urlsafe_b64encode(body + self._mac(body)).rstrip(b"=").decode("ascii")

    def redeem(self, question: Question, answer: Answer) -> str | None:
        """None when `answer` is a fresh yes to exactly this question, which it uses up; else why it isn't.

        A state is used up by the first answer that brings it, whatever that says.
        """
        sealed = self._opened(answer.state)
        if sealed is None:
            return (
                "the approval that came with the call was not asked for by this server since it started; "
                "make the call again without it"
            )
        now = self._clock.monotonic_ns()
        if now >= sealed.until_ns:
            return "the approval came too late; make the call again to be asked anew"
        if sealed.nonce in self._used:
            return "the approval was used before; make the call again to be asked anew"
        _sweep(self._used, now)
        self._used[sealed.nonce] = sealed.until_ns
        if not sealed.binds(question):
            return (
                "the approval was given to another call: the arguments, the tool, the caller or the policy "
                "differ; make the call again to be asked anew"
            )
        if answer.verdict == "accept":
            self.accepted(question)
            return None
        return "the person declined" if answer.verdict == "decline" else "the person didn't answer"

    def is_again(self, question: Question, answer: Answer | None) -> bool:
        """Whether a call is one that was asked for before: with a fresh answer to this very question, or with
        a yes to the question that was kept. A yes for the session makes no call the same as another.
        """
        if answer is not None and self._is_fresh(question, answer):
            return True
        return not self._holds(question) and self._store.answered(question.binding) == "yes"

    def _is_fresh(self, question: Question, answer: Answer) -> bool:
        sealed = self._opened(answer.state)
        if sealed is None or not sealed.binds(question):
            return False
        return self._clock.monotonic_ns() < sealed.until_ns and sealed.nonce not in self._used

    def _holds(self, question: Question) -> bool:
        until = self._agreed.get(question.binding)
        return until is not None and self._clock.monotonic_ns() < until

    def _opened(self, state: str) -> "_Sealed | None":
        """What was sealed; None for anything that this object didn't seal."""
        if len(state) != -(-_SEALED * 4 // 3) or not state.isascii():
            return None
        try:
            data = base64.b64decode(state + "=" * (-len(state) % 4), b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        body, mac = data[:-_DIGEST], data[-_DIGEST:]
        if len(data) != _SEALED or not hmac.compare_digest(mac, self._mac(body)):
            return None
        until = int.from_bytes(body[_NONCE : _NONCE + _STAMP], "big")
        return _Sealed(body[:_NONCE], until, body[_NONCE + _STAMP :])

    def _mac(self, body: bytes) -> bytes:
        return hmac.digest(self._seal_key, _PURPOSE + body, hashlib.sha256)


class _Sealed(NamedTuple):
    """What a state says that this process made: once, until when (monotonic), to which question."""

    nonce: bytes
    until_ns: int
    binding: bytes

    def binds(self, question: Question) -> bool:
        """Whether it was made for `question`."""
        return hmac.compare_digest(self.binding, bytes.fromhex(question.binding))


def new_id() -> str:
    """A name for a kept question: 8 characters that are easy to type, one of 2^40."""
    return base64.b32encode(secrets.token_bytes(5)).decode("ascii").lower()


def kept_arguments(arguments: Mapping[str, Any]) -> str:
    """What is kept of arguments for a person to read: ASCII JSON of an object, of bounded length."""
    kept: dict[str, Any] = {}
    for name, value in list(arguments.items())[:_MOST_SHOWN]:
        text = _value(value, _LONGEST_KEPT)
        kept[name[:_LONGEST_SHOWN]] = text if text.endswith(_CUT) else value
    if len(arguments) > _MOST_SHOWN:
        kept["…"] = f"{len(arguments) - _MOST_SHOWN} more arguments"
    return json.dumps(kept)


def readable(arguments: Mapping[str, Any], longest: int) -> list[str]:
    """Arguments for a person, each as one line of JSON, cut after `longest` characters."""
    return [f"{_name(name)}: {_value(value, longest)}" for name, value in arguments.items()]


def legible(text: str) -> str:
    """`text` as one line in which nothing is invisible or moves the cursor."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def _message(call: Call, approval: Approval, arguments: Mapping[str, Any]) -> str:
    lines = [f"An agent asks to call {shown(call.tool)} ({approval.rule})."]
    if approval.reason:
        lines.append(f"Why you are asked: {legible(approval.reason)}")
    some = dict(list(arguments.items())[:_MOST_SHOWN])
    lines += [f"  {line}" for line in readable(some, _LONGEST_SHOWN)]
    if len(some) < len(arguments):
        lines.append(f"  and {len(arguments) - len(some)} more arguments")
    span = f"{approval.expires:g} s"
    if approval.who == "session":
        lines.append(f"A yes holds for every call of this tool in this session, for {span}.")
    else:
        lines.append(f"A yes is good for one call with exactly these arguments, within {span}.")
    return "\n".join(lines)


def _name(name: str) -> str:
    return name if name.isidentifier() and name.isascii() else _value(name, _LONGEST_SHOWN)


def _value(value: Any, longest: int) -> str:
    cut = value[: longest + 1] if isinstance(value, str) else value
    text = legible(json.dumps(cut, ensure_ascii=False))
    if len(text) <= longest:
        return text
    whole = max(len(value), len(text)) if isinstance(value, str) else len(text)
    return f"{text[:longest]}… ({whole:,} {_CUT}"


def _masked(value: Any, names: frozenset[str]) -> Any:
    """`value` with every member of one of `names` replaced, at any depth; `value` itself without names."""
    if not names:
        return value
    if isinstance(value, Mapping):
        members = cast("Mapping[str, Any]", value).items()
        return {name: MASKED if name in names else _masked(item, names) for name, item in members}
    if isinstance(value, list | tuple):
        return [_masked(item, names) for item in cast("Sequence[Any]", value)]
    return value


def _sweep(until: dict[Any, int], now_ns: int) -> None:
    """Forget what has expired, each time that much has come."""
    if until and len(until) % _SWEEP == 0:
        for key in [key for key, expires in until.items() if expires <= now_ns]:
            del until[key]
