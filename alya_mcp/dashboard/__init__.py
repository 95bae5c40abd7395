"""The local page in which the user decides, watches and looks: `alya-mcp dashboard`.

`serving` is the process, `guard` lets nobody in but the user, `sign_in` has the one-time links and sessions,
`pages` a module per page. Pages are rendered here; a few kilobytes of script bring what changes.
"""
