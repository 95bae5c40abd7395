"""The checks of `alya-mcp doctor`: one module per part of the machine, each a generator of checks."""
