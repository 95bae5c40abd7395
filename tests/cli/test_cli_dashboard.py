"""`alya-mcp dashboard` as a process: its link, a second start, the port, its end."""

import http.client
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from command_line import COMMAND, Run
from raw_client import PATIENCE


@contextmanager
def served(env: dict[str, str], *words: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A running dashboard and the link that it printed."""
    command = [*COMMAND, "dashboard", "--no-open", *words]
    process = subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler) and None,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=PATIENCE)
        assert "Traceback" not in errors


def ask(link: str, **headers: str) -> tuple[int, str, str]:
    """The status, the cookie that was set and the text of an answer."""
    parts = urlsplit(link)
    connection = http.client.HTTPConnection(parts.netloc, timeout=PATIENCE)
    try:
        connection.request("GET", parts.path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.getheader("set-cookie", "").partition(";")[0], answer.read().decode()
    finally:
        connection.close()


def test_a_browser_signs_in_by_the_link_and_a_second_start_gives_another(
    cli_env: dict[str, str], run: Run, alya_home: Path
) -> None:
    with served(cli_env) as (process, link):
        status, cookie, text = ask(link)
        assert status == 200
        base = re.search(r'url=(/[^/"]+/)', text)
        assert base is not None
        page = f"http://{urlsplit(link).netloc}{base[1]}"
        assert ask(page)[0] == 403
        status, _, text = ask(page, Cookie=cookie)
        assert status == 200
        assert "Waiting for you" in text
        assert ask(page, Cookie=cookie, Host="evil.example")[0] == 421
        assert ask(link)[0] == 403
        again = run("dashboard", "--no-open", "--output", "json")
        assert again.code == 0
        assert again.json["port"] == urlsplit(link).port
        assert ask(again.json["url"])[0] == 200
        taken = run("dashboard", "--no-open", "--port", str(urlsplit(link).port), ALYA_HOME=f"{alya_home}-2")
        assert (taken.code, taken.out) == (2, "")
        assert "can't be used" in taken.err
    assert process.returncode == 130
    assert not (alya_home / "dashboard" / "server.json").exists()
    for file in (alya_home / "dashboard").rglob("*"):
        assert file.stat().st_mode & 0o077 == 0, file


def test_a_home_that_cannot_be_written_is_told(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ended = run("dashboard", "--no-open", ALYA_HOME=str(tmp_path / "file" / "home"))
    assert (ended.code, ended.out) == (2, "")
    assert "can't be used" in ended.err
