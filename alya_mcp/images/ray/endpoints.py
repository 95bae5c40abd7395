"""The addresses of the Ray application.

A `DrawRequest` is posted to PICTURES; the response is a stream of frames, of which the first is the sign
`accepted` or a failure. The response of STATUS is the frame of an `EngineStatus`. Both require the token.
"""

from typing import Final

from alya_mcp.images.wire.messages import PROTOCOL

PICTURES: Final = f"/v{PROTOCOL}/pictures"
STATUS: Final = f"/v{PROTOCOL}/status"
MEDIA_TYPE: Final = "application/vnd.alya-mcp.frames"
