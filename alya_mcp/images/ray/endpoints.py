"""The addresses of the Ray application.

A `DrawRequest` is posted to PICTURES and answered by a stream of frames, the first of them the sign
`accepted` or a failure. STATUS is answered by the frame of an `EngineStatus`. Both want the token.
"""

from typing import Final

from alya_mcp.images.wire.messages import PROTOCOL

PICTURES: Final = f"/v{PROTOCOL}/pictures"
STATUS: Final = f"/v{PROTOCOL}/status"
MEDIA_TYPE: Final = "application/vnd.alya-mcp.frames"
