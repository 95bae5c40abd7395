"""What `alya-mcp doctor` looks at: one module per part of the machine, each a generator of checks."""
