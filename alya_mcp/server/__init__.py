"""Protocol in, gate, protocol out: the only package that knows the MCP SDK's server."""
