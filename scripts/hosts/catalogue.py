"""The hosts: what each is installed from, which driver runs it, and what its users have to know."""

from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """One host; `packages` are PyPI's or npm's, the one that names its version first.

    `limit` says how long it waits for a call and how to raise that, `approvals` what to set so that a
    question can be answered.
    """

    name: str
    title: str
    registry: Literal["pypi", "npm"]
    packages: tuple[str, ...]
    driver: str
    limit: str = ""
    approvals: str = ""


def _pypi(name: str, *packages: str, limit: str, approvals: str = "") -> Host:
    driver = f"{name.replace('-', '_')}_host.py"
    return Host(
        name=name, title=packages[0].partition("[")[0], registry="pypi", packages=packages, driver=driver,
        limit=limit, approvals=approvals,
    )  # fmt: skip


def _npm(name: str, title: str, *packages: str, driver: str, limit: str, approvals: str = "") -> Host:
    return Host(
        name=name, title=title, registry="npm", packages=packages, driver=driver, limit=limit,
        approvals=approvals,
    )  # fmt: skip


_COMMAND: Final = "nothing: the command is shown"

HOSTS: Final[tuple[Host, ...]] = (
    _pypi(
        "openai-agents", "openai-agents",
        limit="`MCPServerStdio(..., client_session_timeout_seconds=120)`", approvals=_COMMAND,
    ),
    _pypi("pydantic-ai", "pydantic-ai-slim[openai,mcp]", limit="none", approvals=_COMMAND),
    _pypi(
        "langchain", "langchain-mcp-adapters", "langchain", "langchain-openai",
        limit="none; `get_tools()` starts a server for each call, `client.session()` keeps one",
        approvals=_COMMAND,
    ),
    _pypi(
        "llama-index", "llama-index-tools-mcp", "llama-index-core", "llama-index-llms-openai-like",
        limit="`BasicMCPClient(..., timeout=120)`; it starts a server for each call",
        approvals=_COMMAND,
    ),
    _pypi(
        "agno", "agno", "openai", "mcp", "fastmcp", limit="`MCPTools(..., timeout_seconds=120)`",
        approvals=_COMMAND,
    ),
    _pypi("strands", "strands-agents[openai]", limit="none", approvals=_COMMAND),
    _pypi(
        "google-adk", "google-adk[mcp]", limit="`StdioConnectionParams(..., timeout=120)`",
        approvals=_COMMAND,
    ),
    _pypi(
        "autogen", "autogen-ext[openai,mcp]", "autogen-agentchat", "mcp<2",
        limit="`StdioServerParams(..., read_timeout_seconds=120)`", approvals=_COMMAND,
    ),
    _pypi("mcp-use", "mcp-use", "langchain-openai", limit="none", approvals=_COMMAND),
    _pypi(
        "haystack", "mcp-haystack", "haystack-ai", limit="`MCPToolset(..., invocation_timeout=120)`",
        approvals=_COMMAND,
    ),
    _pypi("semantic-kernel", "semantic-kernel[mcp]", limit="none", approvals=_COMMAND),
    _pypi("crewai", "crewai", "crewai-tools[mcp]", limit="none", approvals=_COMMAND),
    _pypi("smolagents", "smolagents[mcp,openai]", "mcp<2", "websockets", limit="none", approvals=_COMMAND),
    _pypi("dspy", "dspy", "mcp", limit="none", approvals=_COMMAND),
    _npm(
        "ai-sdk", "ai with @ai-sdk/mcp", "ai", "@ai-sdk/mcp", "@ai-sdk/openai-compatible", "zod",
        driver="ai_sdk.mjs", limit="none", approvals=_COMMAND,
    ),
    _npm(
        "langchain-js", "@langchain/mcp-adapters", "@langchain/mcp-adapters", "@langchain/core",
        "@langchain/openai", "langchain", driver="langchain_js.mjs", limit="`defaultToolTimeout: 120_000`",
        approvals=_COMMAND,
    ),
    _npm(
        "mastra", "@mastra/mcp", "@mastra/mcp", "@mastra/core", "@ai-sdk/openai-compatible", "zod",
        driver="mastra.mjs", limit="`new MCPClient({ ..., timeout: 120_000 })`", approvals=_COMMAND,
    ),
    _npm(
        "codex", "Codex CLI", "@openai/codex", driver="codex_cli.py",
        limit="`tool_timeout_sec` of the server",
        approvals="nothing: `codex exec` declines the form by itself, and the command is shown; the terminal "
        "program shows the form",
    ),
    _npm(
        "claude-code", "Claude Code", "@anthropic-ai/claude-code", driver="claude_code_cli.py",
        limit="`MCP_TOOL_TIMEOUT` (milliseconds)",
        approvals="nothing: `claude -p` cancels the form by itself, and the command is shown; an interactive "
        "session shows the form",
    ),
    _npm(
        "gemini", "Gemini CLI", "@google/gemini-cli", driver="gemini_cli.py",
        limit="`timeout` of the server (milliseconds)", approvals=_COMMAND,
    ),
    _npm(
        "opencode", "opencode", "opencode-ai", driver="opencode_cli.py",
        limit="`timeout` of the server (milliseconds)", approvals=_COMMAND,
    ),
    _npm(
        "cline", "Cline CLI", "cline", driver="cline_cli.py",
        limit="`timeout` of the server (seconds) in `cline_mcp_settings.json`", approvals=_COMMAND,
    ),
    _npm("continue", "Continue CLI", "@continuedev/cli", driver="continue_cli.py",
        limit="fixed", approvals=_COMMAND),
    _npm(
        "copilot", "Copilot CLI", "@github/copilot", driver="copilot_cli.py",
        limit="`timeout` of the server (milliseconds)",
        approvals="nothing: `copilot -p` declines the form by itself, and the command is shown; an "
        "interactive session shows the form",
    ),
)  # fmt: skip
