"""The configurations of MCP clients: where each one stands, its format, and how it starts a server."""
