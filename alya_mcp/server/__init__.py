"""Protocol in, gate, protocol out: the only package that knows the MCP SDK's server.

`session` passes lines between the wire and the SDK as `messages`; the SDK hands a `tools/call` to the
`dispatcher`, that asks the gate to admit, run and settle the tool; `answers` makes the outcome a result.
"""

from alya_mcp.server.session import serve

__all__ = ["serve"]
