"""The process that owns the GPU, and what finds, starts and talks to it."""
