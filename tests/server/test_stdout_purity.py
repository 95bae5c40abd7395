"""Nothing but protocol reaches standard output, whatever an import or a handler prints."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

from raw_client import SERVER, RawClient, environment
from scene import ODD_SERVER

LOUD = """
import os, sys
print("printed at import")
print("printed and flushed at import", flush=True)
os.write(1, b"written to descriptor 1 at import\\n")
if sys.__stdout__ is not None:
    sys.__stdout__.write("written to sys.__stdout__ at import\\n")
os.system("echo printed by a child at import")
"""


def loud_module(folder: Path, name: str, real: str) -> None:
    """A module `name` that prints at import and then becomes the real one."""
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.py").write_text(LOUD + real)


def test_a_dependency_that_prints_at_import_is_not_heard(alya_home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "loud"
    real = f"""
import importlib.machinery, importlib.util
path = [entry for entry in sys.path if entry != {str(folder)!r}]
spec = importlib.machinery.PathFinder.find_spec(__name__, path)
module = importlib.util.module_from_spec(spec)
sys.modules[__name__] = module
spec.loader.exec_module(module)
"""
    for name in ("mcp", "anyio", "pydantic", "platformdirs"):
        loud_module(folder, name, real)
    env = environment(alya_home, PYTHONPATH=str(folder))
    with RawClient(env, tmp_path / "stderr", SERVER) as client:
        client.initialize()
        assert not client.call("alya_status")["result"].get("isError")
        assert client.stderr().count("written to descriptor 1 at import") >= 3
        client.check_purity()


def test_a_handler_and_its_children_that_print_are_not_heard(start_odd: Callable[..., RawClient]) -> None:
    with start_odd() as client:
        answer = client.call("chatter")
        # The child saw an empty standard input: it can't eat the protocol either.
        assert answer["result"]["structuredContent"]["text"] == "''\n"
        client.close_stdin()
        assert client.exit_code() == 0
        client.check_purity()
        for words in (
            "printed by a handler",
            "written to descriptor 1",
            "written to sys.stdout",
            "printed by a child",
        ):
            assert words in client.stderr()


def test_what_a_handler_left_in_a_buffer_is_not_heard_at_the_exit(
    start_odd: Callable[..., RawClient],
) -> None:
    with start_odd() as client:
        client.post("tools/call", {"name": "chatter", "arguments": {}}, request_id="x")
        client.answer("x")
        client.process.terminate()
        client.exit_code()
        client.check_purity()


def test_an_unusable_log_folder_is_not_heard(alya_home: Path, start_odd: Callable[..., RawClient]) -> None:
    (alya_home / "logs").write_text("a file where the folder should be")
    with start_odd() as client:
        assert client.call("crash")["result"]["isError"]
        assert not client.call("echo", {"text": "x"})["result"].get("isError")


def test_the_odd_server_is_the_real_one_but_for_its_tools(start_odd: Callable[..., RawClient]) -> None:
    assert ODD_SERVER[0] == sys.executable
    with start_odd() as client:
        names = [tool["name"] for tool in client.request("tools/list")["result"]["tools"]]
        assert {"echo", "crash", "wait"} <= set(names)
        assert json.dumps(names)
