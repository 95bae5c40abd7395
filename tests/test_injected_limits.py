"""Tests hand limits in; they don't patch constants of modules."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parent
CONSTANT = re.compile(r"_*[A-Z][A-Z0-9_]+|__version__")
MAY_PATCH = re.compile(rf"setattr\(|\bpatch\b|(?m:^ *[\w.]+\.({CONSTANT.pattern})\b[^=\n]* = )")
"""Text without which a file patches nothing; parsing all files takes seconds."""

LEFT = {
    "images/test_image_engine.py": {"PACKAGES"},
    "images/test_image_environment.py": {"PACKAGES"},
    "images/test_image_health.py": {"_STATUS_LIMIT", "ALIVE", "_LOOK_LIMIT", "_GREETING_LIMIT"},
    "images/test_image_models.py": {"SKETCH_FOLDER"},
    "images/test_image_ray_cluster.py": {"_AWAY"},
    "images/test_image_ray_engine.py": {"_AWAY", "_PAUSES", "_LOOK_AGAIN", "BEAT", "_SILENCE", "_MAX_ANSWER"},
    "images/test_image_ray_replica.py": {"_STUCK"},
    "images/test_image_upgrade.py": {"PROTOCOL", "ALIVE"},
    "images/test_image_worker.py": {"_POLL"},
    "server/test_wire.py": {"LONGEST_LINE"},
    "support/staged_worker.py": {"MAX_UNREAD", "ALIVE", "GRACE"},
    "tools/youtube/conftest.py": {"PATIENCE"},
    "tools/youtube/test_video_preview.py": {"FRAMES"},
}
"""Constants of ours that tests still patch, by file. Take out what goes; add nothing."""


def patched(file: Path) -> Iterator[str]:
    """The constants of alya_mcp's modules that a file of tests sets, by `setattr`, `patch` or assignment."""
    text = file.read_text(encoding="utf-8")
    if not MAY_PATCH.search(text):
        return
    tree = ast.parse(text)
    ours = {
        alias.asname or alias.name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom | ast.Import)
        for alias in node.names
        if f"{getattr(node, 'module', '')}.{alias.name}".lstrip(".").startswith("alya_mcp")
    }
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(attr="setattr" | "patch" | "object"), args=[target, *rest]):
                if isinstance(target, ast.Constant) and str(target.value).startswith("alya_mcp"):
                    yield str(target.value).rpartition(".")[2]
                elif ast.unparse(target).partition(".")[0] in ours and rest:
                    yield str(getattr(rest[0], "value", ""))
            case ast.Attribute(value=owner, attr=name, ctx=ast.Store() | ast.Del()):
                if ast.unparse(owner).partition(".")[0] in ours:
                    yield name


def test_no_test_patches_a_constant_of_a_module() -> None:
    found: dict[str, set[str]] = {}
    for file in sorted(TESTS.rglob("*.py")):
        names = {name for name in patched(file) if CONSTANT.fullmatch(name)}
        if names:
            found[file.relative_to(TESTS).as_posix()] = names
    assert found == LEFT


def test_each_way_to_patch_is_seen(tmp_path: Path) -> None:
    file = tmp_path / "test_it.py"
    file.write_text(
        "import alya_mcp.app\nfrom alya_mcp.storage import s3_client as s3\nimport torch\n"
        "patch.setattr(s3, 'ONE', 1)\npatch.setattr('alya_mcp.storage.s3.TWO', 2)\ns3.THREE = 3\n"
        "mock.patch.object(alya_mcp.app, 'FOUR', 4)\nmock.patch('alya_mcp.app.FIVE', 5)\n"
        "patch.setattr(torch, 'NOT_OURS', 1)\n"
    )
    assert set(patched(file)) == {"ONE", "TWO", "THREE", "FOUR", "FIVE"}
