"""Measures the image engine beside plain diffusers: a real worker, a real store, on this machine."""
