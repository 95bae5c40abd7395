"""Image files: what opens, what is equal, and that nothing is in them that shouldn't be."""

import hashlib
import io
import random
import struct
import zlib
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from alya_mcp.images.encode import PROVENANCE, Format, encode, encode_with_preview, preview
from alya_mcp.images.engine import Picture

RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
FORMATS: tuple[Format, ...] = ("png", "webp", "jpeg")
SAID = {"model": "FLUX.1-schnell", "seed": "7", "steps": "4", "software": "alya-mcp 0.1.0"}


def picture(width: int = 320, height: int = 256, *, noise: int = 8) -> Picture:
    y, x = np.mgrid[:height, :width]
    levels = np.stack((x * 255 // width, y * 255 // height, (x + y) * 255 // (width + height)), axis=2)
    grain = np.random.default_rng(1).integers(noise, size=levels.shape)
    return Picture(
        pixels=np.minimum(levels + grain, 255).astype(np.uint8).tobytes(),
        width=width,
        height=height,
        seed=7,
        steps=4,
        model="FLUX.1-schnell",
        notice="a notice",
        timings={},
        ignored=("private",),
    )


def pixels_of(width: int, height: int, pixels: bytes) -> Picture:
    return Picture(
        pixels=pixels, width=width, height=height, seed=1, steps=1, model="m", notice=None, timings={}
    )


def chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """Kind and content of every chunk of a PNG file, whose checksums are right."""
    found, at = [], 8
    while at < len(data):
        (size,) = struct.unpack_from(">I", data, at)
        (checksum,) = struct.unpack_from(">I", data, at + 8 + size)
        assert checksum == zlib.crc32(data[at + 4 : at + 8 + size])
        found.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + size]))
        at += size + 12
    return found


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def xmp_of(image: Image.Image) -> dict[str, str]:
    """Every property that the XMP of `image` states, by its local name."""
    (description,) = ElementTree.fromstring(image.info["xmp"]).iter(f"{RDF}Description")
    assert not list(description)
    return {name.rpartition("}")[2]: value for name, value in description.items() if name != f"{RDF}about"}


@pytest.mark.parametrize(
    ("file_format", "kind", "content_type", "suffix"),
    [
        ("png", "PNG", "image/png", "png"),
        ("webp", "WEBP", "image/webp", "webp"),
        ("jpeg", "JPEG", "image/jpeg", "jpg"),
    ],
)
def test_each_format_opens_as_what_it_says_it_is(
    file_format: Format, kind: str, content_type: str, suffix: str
):
    drawn = picture()
    file = encode(drawn, file_format, SAID)
    image = opened(file.data)
    assert (image.format, image.size, image.mode) == (kind, (320, 256), "RGB")
    assert (file.content_type, file.suffix) == (content_type, suffix)


def test_png_keeps_every_pixel():
    drawn = picture()
    assert opened(encode(drawn, "png", SAID).data).tobytes() == drawn.pixels


@pytest.mark.parametrize(
    ("width", "height"),
    [(1, 1), (1, 7), (7, 1), (333, 257), (1024, 1024), (2048, 64), (64, 2048), (3, 30_000)],
)
@pytest.mark.parametrize("kind", ["noise", "flat"])
def test_png_keeps_every_pixel_of_any_size(width: int, height: int, kind: str):
    size = width * height * 3
    pixels = random.Random(2).randbytes(size) if kind == "noise" else b"\xc8" * size
    image = opened(encode(pixels_of(width, height, pixels), "png", SAID).data)
    assert image.size == (width, height)
    assert image.tobytes() == pixels


def test_the_compressed_data_of_a_png_is_one_whole_zlib_stream():
    drawn = picture(333, 700)
    data = b"".join(content for kind, content in chunks(encode(drawn, "png", SAID).data) if kind == b"IDAT")
    stream = zlib.decompressobj()
    assert len(stream.decompress(data)) == 700 * (333 * 3 + 1)
    assert stream.eof  # reached only with the right checksum
    assert stream.unused_data == b""


def test_a_png_is_the_same_file_on_any_number_of_cores(monkeypatch: pytest.MonkeyPatch):
    drawn = picture(500, 500)
    files = []
    for cores in (1, 2, 7, None):
        monkeypatch.setattr("os.cpu_count", lambda cores=cores: cores)
        files.append(encode(drawn, "png", SAID))
    assert all(file == files[0] for file in files)


@pytest.mark.parametrize("noise", [2, 8, 64])
def test_a_png_is_hardly_larger_than_one_of_pillow_s_level_1(noise: int):
    drawn = picture(512, 512, noise=noise)
    theirs = io.BytesIO()
    Image.frombytes("RGB", (512, 512), drawn.pixels).save(theirs, "PNG", compress_level=1)
    assert len(encode(drawn, "png", {}).data) <= 1.1 * theirs.tell()


def test_pixels_that_do_not_fill_the_picture_are_an_error():
    with pytest.raises(ValueError, match="reshape"):
        encode(pixels_of(4, 4, bytes(47)), "png", {})


@pytest.mark.parametrize("file_format", ["webp", "jpeg"])
def test_lossy_formats_stay_close_to_the_picture(file_format: Format):
    drawn = picture()
    pairs = zip(opened(encode(drawn, file_format, SAID).data).tobytes(), drawn.pixels, strict=True)
    assert sum(abs(one - other) for one, other in pairs) / len(drawn.pixels) < 4


@pytest.mark.parametrize("file_format", FORMATS)
def test_equal_input_gives_equal_bytes_whose_checksum_is_theirs(file_format: Format):
    one, other = (
        encode(picture(), file_format, SAID),
        encode(picture(), file_format, dict(reversed(SAID.items()))),
    )
    assert one == other
    assert one.sha256 == hashlib.sha256(one.data).hexdigest()


def test_png_says_its_provenance_in_text_chunks_and_holds_no_other_chunk():
    data = encode(picture(), "png", SAID).data
    assert opened(data).text == {name.capitalize(): value for name, value in SAID.items()}
    kinds = [kind for kind, _ in chunks(data)]
    assert set(kinds) == {b"IHDR", b"iTXt", b"IDAT", b"IEND"}
    assert kinds.count(b"iTXt") == len(SAID)


def test_webp_says_it_as_xmp_and_holds_no_other_chunk():
    data = encode(picture(), "webp", SAID).data
    assert xmp_of(opened(data)) == SAID
    kinds, at = [], 12
    while at < len(data):
        (size,) = struct.unpack_from("<I", data, at + 4)
        kinds.append(data[at : at + 4])
        at += 8 + size + size % 2
    assert kinds == [b"VP8X", b"VP8 ", b"XMP "]


def test_jpeg_says_it_as_xmp_and_holds_no_other_segment_for_words():
    data = encode(picture(), "jpeg", SAID).data
    assert xmp_of(opened(data)) == SAID
    kinds, at = [], 2
    while data[at + 1] != 0xDA:
        (size,) = struct.unpack_from(">H", data, at + 2)
        kinds.append(data[at + 1])
        at += 2 + size
    # JFIF and XMP; then quantisation, frame and Huffman tables.
    assert kinds[:2] == [0xE0, 0xE1]
    assert set(kinds[2:]) == {0xDB, 0xC0, 0xC4}


@pytest.mark.parametrize("file_format", FORMATS)
def test_without_provenance_a_file_says_nothing(file_format: Format):
    data = encode(picture(), file_format, {}).data
    assert not any(value.encode() in data for value in SAID.values() if len(value) > 1)


@pytest.mark.parametrize("file_format", FORMATS)
def test_awkward_values_come_through_unharmed(file_format: Format):
    value = 'a "quoted" <model> & ünïcode'
    image = opened(encode(picture(), file_format, {"model": value}).data)
    assert (image.text["Model"] if file_format == "png" else xmp_of(image)["model"]) == value


@pytest.mark.parametrize("key", ["prompt", "user", "notice", "Seed"])
def test_anything_beyond_provenance_is_refused(key: str):
    with pytest.raises(ValueError, match=key):
        encode(picture(), "png", {**SAID, key: "something"})
    assert key not in PROVENANCE


@pytest.mark.parametrize(("size", "shown"), [((1568, 672), (1024, 439)), ((320, 256), (320, 256))])
def test_a_preview_is_a_jpeg_of_the_same_shape_without_metadata(
    size: tuple[int, int], shown: tuple[int, int]
):
    image = opened(preview(picture(*size)))
    assert (image.format, image.size) == ("JPEG", shown)
    assert not image.getexif()


def test_a_file_and_its_preview_are_made_together():
    drawn = picture()
    assert encode_with_preview(drawn, "jpeg", SAID) == (encode(drawn, "jpeg", SAID), preview(drawn))


def test_a_preview_is_as_good_as_its_limit_allows_and_whole_even_for_pure_noise():
    noise = pixels_of(1024, 1024, random.Random(1).randbytes(1024 * 1024 * 3))
    data = preview(noise)
    assert len(data) <= 256_000
    assert opened(data).size == (1024, 1024)
    assert len(preview(noise, limit=8_000)) <= 8_000
    calm = preview(picture(1024, 1024))
    quantisers = opened(calm).quantization, opened(data).quantization
    assert sum(quantisers[0][0]) < sum(quantisers[1][0]) / 3


def test_a_limit_that_no_preview_can_keep_is_an_error():
    with pytest.raises(ValueError, match=r"\b10\b"):
        preview(picture(), limit=10)
