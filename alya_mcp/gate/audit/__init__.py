"""The audit log: written by `log`, in the form of `record`, in the files of `folder`.

`verification` proves it whole, `retention` takes old files away so that this can still be proved, `newest`
and `reading` read it, `export` and `report` present it. A server that only writes loads `log` alone.
"""

from alya_mcp.gate.audit.log import Audit

__all__ = ["Audit"]
