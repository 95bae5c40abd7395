"""What the suite's fixture tools need of the protocol beyond what the product's tools use."""

import base64
import hmac
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from hashlib import sha256
from typing import Any

import mcp_types as types
from mcp.shared.exceptions import MCPError

from alya_mcp.server.approvals import RequestContext
from alya_mcp.server.dispatcher import Dispatcher
from alya_mcp.server.tasks import Task
from alya_mcp.toolkit.models import Output
from alya_mcp.toolkit.reply import Reply
from alya_mcp.toolkit.tool import Context

MISSING_CAPABILITY = -32021
_KEY = os.urandom(32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wired(Context):
    """A handler's context with the request as the SDK has it."""

    request: RequestContext

    @property
    def answers(self) -> Mapping[str, Any]:
        """What the client answered to questions of an earlier round, by their keys."""
        given = (self.request.params or {}).get("inputResponses")
        return given if isinstance(given, Mapping) else {}

    @property
    def state(self) -> str | None:
        """The state that came back, its seal opened; None without one.

        Raises:
            Tampered: this server didn't seal it.
        """
        sealed = (self.request.params or {}).get("requestState")
        return None if sealed is None else unseal(str(sealed))

    def declares(self, capability: str) -> bool:
        """Whether the client declared a capability in this request or at its start."""
        declared = self.request.session.client_capabilities
        return declared is not None and getattr(declared, capability) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocks(Reply[Output]):
    """An answer made of content blocks of any kind; with `alone`, of these only."""

    blocks: Sequence[types.ContentBlock] = ()
    alone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Asks(Reply[Output]):
    """Questions to the client in place of an answer."""

    questions: types.InputRequiredResult


class Tampered(MCPError):
    """A state came back that this server didn't make."""

    def __init__(self) -> None:
        super().__init__(types.INVALID_PARAMS, "requestState is not this server's, or was changed")


class FixtureDispatcher(Dispatcher):
    """The product's dispatcher; only the form of the fixtures' answers is its own.

    `needs` names the capability or extension that a tool can't do without, `broken` the tools whose calls end
    in an error of the protocol.
    """

    def __init__(self, *given: Any, needs: Mapping[str, str], broken: Collection[str]) -> None:
        super().__init__(*given)
        self._needs = needs
        self._broken = broken

    async def call_tool(
        self, ctx: RequestContext, params: types.CallToolRequestParams
    ) -> types.CallToolResult | types.InputRequiredResult | dict[str, Any]:
        needed = self._needs.get(params.name)
        declared = ctx.session.client_capabilities
        has = declared is not None and (
            needed in (declared.extensions or {}) or getattr(declared, needed or "", None) is not None
        )
        if needed is not None and not has:
            message = f"{params.name} needs a client that declares {needed}"
            missing = {"extensions": {needed: {}}} if "/" in needed else {needed: {}}
            raise MCPError(MISSING_CAPABILITY, message, {"requiredCapabilities": missing})
        if params.request_state is not None:
            unseal(params.request_state)
        return await super().call_tool(ctx, params)

    async def _through_gate(
        self, ctx: RequestContext, params: types.CallToolRequestParams, task: Task | None
    ) -> types.CallToolResult | types.InputRequiredResult:
        result = await super()._through_gate(ctx, params, task)
        if params.name in self._broken:
            raise MCPError(types.INTERNAL_ERROR, f"{params.name} always ends so")
        return result

    def _context(self, ctx: RequestContext, caller: str | None, task: Task | None) -> Context:
        context = super()._context(ctx, caller, task)
        return Wired(**{each.name: getattr(context, each.name) for each in fields(context)}, request=ctx)

    def result(self, reply: Reply[Output]) -> types.CallToolResult:
        if isinstance(reply, Asks):
            return reply.questions  # type: ignore[return-value] - the gate hands it on as it is
        plain = super().result(reply)
        if isinstance(reply, Blocks):
            before = () if reply.alone else plain.content
            return plain.model_copy(update={"content": [*before, *reply.blocks]})
        return plain


def seal(state: str) -> str:
    """A state that `unseal` takes."""
    mac = hmac.digest(_KEY, state.encode(), sha256)
    return base64.urlsafe_b64encode(mac + state.encode()).decode()


def unseal(sealed: str) -> str:
    """What was sealed; `Tampered` for anything else."""
    try:
        data = base64.b64decode(sealed, b"-_", validate=True)
    except ValueError:
        raise Tampered from None
    if not hmac.compare_digest(data[:32], hmac.digest(_KEY, data[32:], sha256)):
        raise Tampered
    return data[32:].decode()
