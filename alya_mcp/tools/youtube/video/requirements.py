"""What the video extra brings: checked before any work is done."""

from importlib.util import find_spec

from alya_mcp.errors import NotInstalled


def require_parts() -> None:
    """Check that a video can be made here.

    Raises:
        NotInstalled: Pillow or ffmpeg is missing.
    """
    from alya_mcp.tools.youtube.video.ffmpeg import executable

    if find_spec("PIL") is None:
        raise NotInstalled("youtube_generate_video", "video")
    executable()
