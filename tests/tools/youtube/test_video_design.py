"""How a video looks and speaks: colours, lines, backgrounds, fonts, and the choice of a voice."""

import sys
import wave
from pathlib import Path

import pytest

from alya_mcp.settings import Settings
from alya_mcp.tools.youtube.video import backgrounds
from alya_mcp.tools.youtube.video.fonts import Fonts
from alya_mcp.tools.youtube.video.frame import VideoFrame
from alya_mcp.tools.youtube.video.palette import palette_for, rgb
from alya_mcp.tools.youtube.video.typesetting import fitted
from alya_mcp.tools.youtube.video.voices.choice import choose
from alya_mcp.tools.youtube.video.voices.command import CommandVoice
from alya_mcp.tools.youtube.video.voices.voice import VoiceFailed

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("frame", [VideoFrame(64, 36), VideoFrame(36, 64)], ids=["landscape", "vertical"])
def test_every_motif_is_drawn_on_both_shapes_and_differs_from_the_plain_ground(frame: VideoFrame) -> None:
    palette = palette_for("bridges")
    for seed in range(len(backgrounds.MOTIFS)):
        drawn = backgrounds.designed(frame, palette, seed)
        assert drawn.size == (frame.width, frame.height)
        assert drawn.tobytes() != backgrounds.plain(frame, palette, seed).tobytes()
    covered = backgrounds.pictured(drawn.resize((100, 100)), frame, palette)
    assert covered.size == (frame.width, frame.height)


@pytest.mark.parametrize(
    ("colours", "dark"),
    [(["#000000"], True), (["#ffffff", "#fefefe"], False), (["#101010", "#111111", "#00ff00"], True)],
)
def test_the_colours_of_a_channel_are_moved_until_they_can_be_seen(colours: list[str], dark: bool) -> None:
    palette = palette_for("tea", colours)
    assert palette.ground == rgb(colours[0])
    assert palette.dark is dark
    assert palette.accent != palette.ground != palette.text
    with pytest.raises(ValueError, match="#12"):
        rgb("#12")


def test_a_text_that_fits_at_no_size_is_cut_in_its_last_line() -> None:
    fonts = Fonts()
    words = "Why the bridges of Istanbul carry more weight than anybody thinks " * 3
    block = fitted(words, fonts, "text", width=120, lines=2, largest=20, smallest=16)
    assert len(block.lines) == 2
    assert block.lines[-1].endswith("\u2026")
    assert block.width <= 120
    (word,) = fitted("W" * 40, fonts, "text", width=60, lines=1, largest=16, smallest=16).lines
    assert word.endswith("\u2026")
    assert fitted("short", fonts, "display", width=400, lines=1, largest=20, smallest=16).font.size == 20


def test_characters_that_no_font_draws_are_left_out_and_told() -> None:
    fonts = Fonts()
    assert fonts.shown("tea \u8336\u200b time") == "tea time"
    (told,) = fonts.told()
    assert "\u8336" in told


def test_voices_are_chosen_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(VoiceFailed):
        choose(Settings(home=tmp_path, video_voice="off"), "en")
    with pytest.raises(VoiceFailed, match="piper"):
        choose(Settings(home=tmp_path, video_voice="de.onnx"), "de")
    piper = tmp_path / "piper"
    piper.write_text("#!/bin/sh\n")
    piper.chmod(0o700)
    assert choose(Settings(home=tmp_path, video_voice="de.onnx"), "de").name == "Piper"
    own = Settings(home=tmp_path, video_voice="de.onnx", video_voice_command="say")
    assert choose(own, "de").name == "the program of ALYA_VIDEO_VOICE_COMMAND"


def sound(file: Path, *, width: int = 2, rate: int = 16_000, frames: int = 4) -> Path:
    with wave.open(str(file), "wb") as made:
        made.setnchannels(1)
        made.setsampwidth(width)
        made.setframerate(rate)
        made.writeframes(bytes(width * frames))
    return file


@pytest.mark.parametrize(
    "broken",
    [{"width": 1}, {"rate": 4000}, {"frames": 0}],
    ids=["8 bits", "too low", "empty"],
)
async def test_a_sound_that_no_video_can_use_is_refused(broken: dict[str, int], tmp_path: Path) -> None:
    file = sound(tmp_path / "sound.wav", **broken)
    with pytest.raises(VoiceFailed, match="16-bit"):
        await CommandVoice("it", ["cat", str(file)]).speak("Hello.")


async def test_a_voice_speaks_to_stdout_or_into_the_file_that_is_named(tmp_path: Path) -> None:
    file = sound(tmp_path / "sound.wav")
    for command in (["cat", str(file)], ["cp", str(file), "{file}"]):
        spoken = await CommandVoice("it", command).speak("Hello.")
        assert (spoken.samples, spoken.rate) == (bytes(8), 16_000)
    for command in ([str(tmp_path / "none")], [sys.executable, "-S", "-c", "raise SystemExit(3)"]):
        with pytest.raises(VoiceFailed):
            await CommandVoice("it", command).speak("Hello.")
