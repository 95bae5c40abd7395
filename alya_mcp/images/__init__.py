"""Prompt to pixels: what tools call (`engine`), the process that owns the GPU (`worker`), the renderer."""
