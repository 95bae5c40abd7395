"""Saving an edit of the policy: what the dashboard does with the text that it showed."""

from pathlib import Path

import pytest

from alya_mcp.app.policy_edit import NotSaved, policy_text, save_text
from alya_mcp.settings import Settings
from alya_mcp.tools import load_catalogue

_POLICY = b'{\r\n  "version": "1",\r\n  "default": "deny",\r\n  "tools": {}\r\n}\r\n'


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "with a byte order mark"])
def test_a_file_with_line_ends_of_windows_is_saved_unless_it_changed(tmp_path: Path, mark: bytes) -> None:
    file = tmp_path / "policy.json"
    file.write_bytes(mark + _POLICY)
    there = policy_text(Settings.from_environment({"HOME": str(tmp_path), "ALYA_HOME": str(tmp_path)}))
    edited = there.text.replace("\r\n", "\n").replace('"tools": {}', '"tools": {"alya_status": {}}')

    save_text(edited, there.path, there.digest, load_catalogue())

    assert file.read_bytes() == edited.encode()
    with pytest.raises(NotSaved, match="changed by somebody else"):
        save_text(edited, there.path, there.digest, load_catalogue())
