"""The Python environment that draws: this process's own, or one that `alya-mcp engine install` makes.

PyTorch and what it brings take gigabytes, so the base package and the one binary come without them.
`packages` says where they are and starts what needs them there; `install` makes the environment, by `uv`, in
`folder`.
"""
