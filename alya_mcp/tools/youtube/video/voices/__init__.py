"""Voices that speak a script: Kokoro (the voices extra), a Piper voice or a command of the user's own."""

from alya_mcp.tools.youtube.video.voices.choice import choose
from alya_mcp.tools.youtube.video.voices.voice import Spoken, Voice, VoiceFailed

__all__ = ["Spoken", "Voice", "VoiceFailed", "choose"]
