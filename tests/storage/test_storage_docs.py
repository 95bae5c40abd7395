"""docs/storage.md quotes the errors as they are."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_each_error_of_the_troubleshooting_table_exists() -> None:
    table = (ROOT / "docs" / "storage.md").read_text("utf-8").partition("| the error says |")[2]
    quoted = [part for row in table.splitlines()[2:] for part in re.findall(r"`([^`]+)`", row.split("|")[1])]
    sources = [*(ROOT / "alya_mcp" / "storage").glob("*.py"), ROOT / "alya_mcp" / "errors.py"]
    joined = "".join(re.sub(r'"\s*\n\s*f?"', "", source.read_text("utf-8")) for source in sources)
    text = re.sub(r"\{[^{}]*\}", "…", joined)
    assert len(quoted) > 15
    for error in quoted:
        parts = [part.strip() for part in error.replace("'s3'", "…").split("…")]
        if error.startswith("Uploading"):
            parts = ["Uploading to S3", "extra"]
        assert all(part in text for part in parts), error
