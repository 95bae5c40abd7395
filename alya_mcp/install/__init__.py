"""Adds this server to the configurations of MCP clients, and removes it.

A change is one insertion into the bytes of the file. Every new text is read back before it is written, and
must hold what the old one held and the one entry more; otherwise nothing is written.
"""
