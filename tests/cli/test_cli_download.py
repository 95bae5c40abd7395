"""What `--save` fetches, and what it refuses to keep."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from loopback_source import LoopbackSource, Reply, running
from mcp_types import CallToolResult

from alya_mcp.cli.download import DownloadError, download

DATA = b"a picture"


@pytest.fixture
def source() -> Iterator[LoopbackSource]:
    with running() as source:
        source.on("/a", DATA)
        source.on("/gone", Reply("", 410))
        yield source


def result(**fields: Any) -> CallToolResult:
    return CallToolResult(content=[], structured_content=fields)


def test_each_of_several_files_has_a_name_of_its_own(source: LoopbackSource, tmp_path: Path) -> None:
    images = [
        {"url": f"{source.url}/a", "sha256": hashlib.sha256(DATA).hexdigest()},
        {"url": f"{source.url}/a"},
    ]
    saved = download(result(images=images), tmp_path / "fox.png")
    assert saved == [(tmp_path / "fox.png", len(DATA)), (tmp_path / "fox-2.png", len(DATA))]
    assert (tmp_path / "fox-2.png").read_bytes() == DATA


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({}, "--save"),
        ({"url": "file:///etc/passwd"}, "--save"),
        ({"url": "{source}/gone"}, "410"),
        ({"url": "http://127.0.0.1:1/a"}, "refused"),
        ({"url": "{source}/a", "sha256": "0" * 64}, "SHA-256"),
    ],
)
def test_what_is_not_the_file_is_not_saved(
    source: LoopbackSource, tmp_path: Path, fields: dict[str, str], named: str
) -> None:
    fields = {name: value.replace("{source}", source.url) for name, value in fields.items()}
    with pytest.raises(DownloadError, match=named):
        download(result(**fields), tmp_path / "fox.png")
    assert not any(tmp_path.iterdir())


def test_a_file_that_cannot_be_written_is_named(source: LoopbackSource, tmp_path: Path) -> None:
    target = tmp_path / "missing" / "fox.png"
    with pytest.raises(DownloadError, match=r"fox\.png"):
        download(result(url=f"{source.url}/a"), target)
    with pytest.raises(DownloadError):
        download(CallToolResult(content=[]), target)
