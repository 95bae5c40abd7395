"""The local web page of `alya-mcp dashboard`: approvals, activity, spend, audit, policy and health.

`serving` is the process, `guard` admits only the user, `sign_in` has the one-time links and sessions,
`pages` a module per page. Pages are rendered here; a few kilobytes of script bring what changes.
"""
