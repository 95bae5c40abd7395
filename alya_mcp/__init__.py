"""An MCP server whose every tool call passes a policy gate in the same process."""

__version__ = "0.1.0"
