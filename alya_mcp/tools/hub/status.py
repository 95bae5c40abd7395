"""The hub's own tools: its state, and the caller's usage."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AwareDatetime, Field, StringConstraints

from alya_mcp.errors import Failure, Unavailable
from alya_mcp.gate import StateError
from alya_mcp.runtime.paths import expanded
from alya_mcp.storage.status import status_words
from alya_mcp.toolkit.listing import in_words, verdicts, visible
from alya_mcp.toolkit.models import Input, NoArguments, Output
from alya_mcp.toolkit.tool import Context, tool
from alya_mcp.tools import tool_outlines

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from alya_mcp.gate import Policy
    from alya_mcp.gate.state.interface import Usage
    from alya_mcp.toolkit.tool import Tool
    from alya_mcp.tools import ToolOutline

PartState = Literal["ok", "busy", "off", "failing"]


class Part(Output):
    """One part of the hub."""

    part: str = Field(description="Which part: engine, model, storage, providers or policy.")
    state: PartState = Field(description="ok, busy, off (works when asked for), or failing.")
    detail: str = Field(description="What that means, and what to do if it is failing.")
    since: AwareDatetime | None = Field(description="Since when, where that is known (UTC).")


class HubStatus(Output, title="Status"):
    """The state of each part of the hub."""

    version: str = Field(description="Version of alya-mcp.")
    parts: list[Part] = Field(description="One entry per part.")


@tool(
    title="Status of the hub",
    category="Read",
    risk="Low",
    price=0.0,
    read_only=True,
    destructive=False,
    idempotent=True,
    open_world=False,
)
async def alya_status(arguments: NoArguments, context: Context) -> HubStatus:  # noqa: ARG001
    """Report how each part of this hub is: image engine, model, storage, providers and policy.

    Use it when a call failed or before a long job, to see whether images can be made here, by which model,
    and where they go. Use alya_usage for what was used and what is left. It starts nothing and changes
    nothing, costs nothing, and returns a state with a plain explanation per part. It does not list tools.
    """
    from alya_mcp import __version__

    return HubStatus(
        version=__version__, parts=[*await _engine(context), await _storage(context), *_rest(context)]
    )


async def _engine(context: Context) -> list[Part]:
    from alya_mcp.images.words import engine_words, error_words, model_words

    try:
        status = await context.hub.engine.status()
    except Failure as failure:
        return [Part(part="engine", state="failing", detail=str(failure), since=None)]
    states: dict[str, PartState] = {"stopped": "off", "busy": "busy"}
    state = "failing" if status.failing else states.get(status.state, "ok")
    since = None if status.since is None else datetime.fromtimestamp(status.since, UTC)
    said = (engine_words(status), error_words(status))
    engine = Part(part="engine", state=state, detail=". ".join(filter(None, said)), since=since)
    others = ", ".join(map(_asked, context.hub.settings.image_models))
    also = f". A call may choose with model: {others}" if others else ""
    if status.model is None:
        model = Part(
            part="model",
            state="off",
            detail=f"none is loaded; {_asked(context.hub.settings.image_model)} loads with the next image"
            + also,
            since=None,
        )
    else:
        model = Part(part="model", state="ok", detail=f"{model_words(status)}{also}", since=since)
    return [engine, model]


def _asked(model: str) -> str:
    """The model of a setting, without the path of its folder, which is private."""
    folder = expanded(model)
    return f"the local folder {folder.name!r}" if folder.is_absolute() else repr(model)


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


async def _storage(context: Context) -> Part:
    try:
        status = await context.hub.store.status()
    except Failure as failure:
        return Part(part="storage", state="failing", detail=str(failure), since=None)
    return Part(part="storage", state=status.state, detail=status_words(status), since=None)


def _providers(context: Context) -> Part:
    """The outcome of the last request to each outside source. It sends no request, so it costs nothing."""
    seen = context.hub.http.seen if "http" in context.hub.__dict__ else []
    if not seen:
        detail = "no outside source was asked yet in this session"
        return Part(part="providers", state="off", detail=detail, since=None)
    said = [
        f"{each.source.title}: {each.problem or 'answered'} ({_moment(each.at.timestamp())})" for each in seen
    ]
    state: PartState = "failing" if any(each.problem for each in seen) else "ok"
    return Part(part="providers", state=state, detail="; ".join(said), since=min(each.at for each in seen))


def _rest(context: Context) -> list[Part]:
    gate = context.hub.gate
    providers = _providers(context)
    in_force = _in_force(context)
    if gate.policy_error is None:
        detail = f"in force: {in_force}"
        return [providers, Part(part="policy", state="ok", detail=detail, since=context.hub.since)]
    if not gate.policy.is_available:
        detail = "the policy can't be read, so every call is denied; alya-mcp doctor tells the user why"
    else:
        detail = (
            f"the policy file has an error and is not in force, but {in_force}; "
            "alya-mcp doctor tells the user which"
        )
    return [providers, Part(part="policy", state="failing", detail=detail, since=None)]


def _existing(context: Context) -> "Mapping[str, ToolOutline | Tool]":
    """The tools that exist for this caller, by name, without importing all of them."""
    outlines = tool_outlines()
    known = {name: outlines.get(name) or context.catalogue[name] for name in context.catalogue}
    return visible(known, context.hub.gate, context.grant)


class _PolicyWords:
    """The description of one policy, computed once; a reload creates another policy object."""

    def __init__(self) -> None:
        self._policy: Policy | None = None
        self._words = ""

    def of(self, policy: "Policy", context: Context) -> str:
        """What `policy` says of the tools."""
        if policy is not self._policy:
            tools = in_words(verdicts(policy, _existing(context).values()))
            self._words = f"{policy.digest[:12]}, {policy.default} by default, tools: {tools}"
            self._policy = policy
        return self._words

    def close(self) -> None:
        """Nothing to close."""


def _in_force(context: Context) -> str:
    return context.hub.kept(_PolicyWords, _PolicyWords).of(context.hub.gate.policy, context)


class UsageRequest(Input):
    """Which span and tool to sum up."""

    window: Literal["session", "day", "month"] = Field(
        "session", description="This session, the last 24 hours, or the last 30 days."
    )
    tool: Annotated[str, StringConstraints(min_length=1, max_length=64)] | None = Field(
        None, description="Name of one tool; all tools when absent."
    )


class UsageRow(Output):
    """What one tool was used."""

    tool: str = Field(description="Name of the tool.")
    calls: int = Field(description="Calls that ran and have ended.")
    succeeded: int = Field(description="Of those, calls that succeeded.")
    failed: int = Field(description="Of those, calls that failed, timed out or were cancelled.")
    denied: int = Field(description="Calls that the policy denied.")
    usd: float = Field(description="Metered price of the successes, in USD.")


class LimitLeft(Output):
    """What is left of one limit or budget."""

    tool: str | None = Field(description="The tool it limits; null when it limits all tools together.")
    rule: str = Field(description="The rule, as a JSON Pointer into the policy.")
    scope: Literal["session", "grant", "host"] = Field(
        description="Whose calls count: this session's, this caller's, or everybody's on this machine."
    )
    unit: str = Field(description="What counts: calls, usd, or the argument that is added up.")
    max: float = Field(description="The most in one window, in that unit.")
    window_seconds: float = Field(description="Length of the window in seconds.")
    left: float = Field(description="What is left now, in that unit.")
    next_in_seconds: float = Field(
        description="Seconds until the oldest of what counts no longer does; 0 when nothing counts."
    )


class UsageReport(Output):
    """What this caller has used."""

    window: Literal["session", "day", "month"] = Field(description="The span that was summed up.")
    since: AwareDatetime | None = Field(description="Start of the span (UTC); null for the session.")
    rows: list[UsageRow] = Field(description="One row per tool that was used; (unknown) is the rest.")
    totals: UsageRow = Field(description="All rows added up; its tool is (all).")
    limits_left: list[LimitLeft] = Field(description="What is left of each limit and budget.")


_SPANS = {"day": timedelta(days=1), "month": timedelta(days=30)}


@tool(
    title="Usage of the hub",
    category="Read",
    risk="Low",
    price=0.0,
    read_only=True,
    destructive=False,
    idempotent=True,
    open_world=False,
)
async def alya_usage(arguments: UsageRequest, context: Context) -> UsageReport:
    """Report what this caller has used: calls, failures, denials and cost in USD per tool, and limits left.

    Use it before a batch of calls to see whether they fit, or after a denial to see when the next call
    passes. Use alya_status for the health of the hub. `session` is this connection; `day` and `month` add up
    every session of this caller. A call counts once it has ended. Costs nothing and changes nothing; it does
    not show other callers.
    """
    gate, session = context.hub.gate, context.session
    span = _SPANS.get(arguments.window)
    since = None if span is None else (datetime.now(UTC) - span).replace(second=0, microsecond=0)
    try:
        used = gate.usage(
            context.grant,
            since=0.0 if since is None else since.timestamp(),
            session=session if since is None else None,
        )
    except StateError as error:
        text = "the usage record can't be read now; alya-mcp doctor tells the user why"
        raise Unavailable(text) from error
    existing = _existing(context)
    tools = [(each.name, each.category) for each in existing.values()]
    rows = [row for row in _rows(used, existing) if arguments.tool in {None, row.tool}]
    return UsageReport(
        window=arguments.window,
        since=since,
        rows=rows,
        totals=_sum("(all)", rows),
        limits_left=[
            LimitLeft(
                tool=each.tool,
                rule=each.rule,
                scope=each.scope,
                unit=each.unit,
                max=each.max,
                window_seconds=each.window_s,
                left=each.left,
                next_in_seconds=each.resets_in,
            )
            for each in gate.limits(session, context.grant, tools)
            if arguments.tool is None or each.tool in {None, arguments.tool}
        ],
    )


def _rows(used: "Iterable[Usage]", existing: "Collection[str]") -> list[UsageRow]:
    """A row per tool; tools that don't exist for the caller share one row, (unknown)."""
    by_name: dict[str, list[UsageRow]] = {}
    for each in used:
        name = each.tool if each.tool in existing else "(unknown)"
        row = UsageRow(
            tool=name,
            calls=each.calls,
            succeeded=each.ok,
            failed=each.errors,
            denied=each.denied,
            usd=each.usd,
        )
        by_name.setdefault(name, []).append(row)
    return [_sum(name, by_name[name]) for name in sorted(by_name)]


def _sum(name: str, rows: list[UsageRow]) -> UsageRow:
    """`rows` added up under `name`."""
    return UsageRow(
        tool=name,
        calls=sum(row.calls for row in rows),
        succeeded=sum(row.succeeded for row in rows),
        failed=sum(row.failed for row in rows),
        denied=sum(row.denied for row in rows),
        usd=round(sum(row.usd for row in rows), 9),
    )
