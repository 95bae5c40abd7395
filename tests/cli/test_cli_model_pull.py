"""`alya-mcp model pull`: exit codes, output and endings, by real processes and a hub on this machine."""

import json
import os
import pty
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import COMMAND, Ended, Run, run_command
from loopback_hub import COMMIT, LARGE, Hub, pipeline, running, safetensors, sha256
from raw_client import PATIENCE, eventually, processes_of

from alya_mcp.cli.model.pull import DownloadPace
from alya_mcp.images.weights import PullProgress

WEIGHTS = "vae/model.safetensors"


@pytest.fixture
def hub() -> Iterator[Hub]:
    with running() as server:
        yield server


@pytest.fixture
def env(cli_env: dict[str, str], hub: Hub, tmp_path: Path) -> dict[str, str]:
    """What a person's environment holds who uses the hub on the loopback interface as a mirror."""
    home = str(tmp_path / "hf")
    return {**cli_env, "HF_HUB_OFFLINE": "0", "HF_ENDPOINT": hub.address, "HF_HOME": home}


@pytest.fixture
def pull(env: dict[str, str], tmp_path: Path) -> Run:
    """Runs `model pull`; keyword arguments are environment variables."""

    def pull(*words: str, **variables: str) -> Ended:
        return run_command(("model", "pull", *words), {**env, **variables}, tmp_path)

    return pull


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return tmp_path / "hf" / "hub" / "models--them--model"


# -- answers ----------------------------------------------------------------------------------------


def test_json_output_is_one_object_and_progress_stands_on_stderr(
    pull: Run, hub: Hub, repository: Path
) -> None:
    ended = pull("them/model", "--output", "json")
    names = ("model_index.json", "vae/config.json", WEIGHTS)
    size = sum(len(hub.files[name]) for name in names)
    assert ended.code == 0, ended.err
    assert ended.json == {
        "model": "them/model",
        "folder": str(repository / "snapshots" / COMMIT),
        "bytes": size,
        "downloadedBytes": size,
        "files": 3,
        "verified": True,
    }
    assert "Looking for them/model" in ended.err
    assert set(hub.served) == set(names)


def test_a_complete_model_is_checked_again_and_said_to_be_whole(pull: Run, hub: Hub) -> None:
    assert pull("them/model").code == 0
    hub.sent.clear()
    ended = pull("them/model")
    assert ended.code == 0, ended.err
    assert not hub.sent
    facts = dict(line.split("  ", 1) for line in ended.out.splitlines())
    assert "every file fits its checksum" in facts["checked"]
    assert "0 downloaded now" in ended.out
    assert "ALYA_IMAGE_MODEL=them/model" in ended.out


def test_the_model_of_the_settings_is_pulled_when_none_is_named(pull: Run, hub: Hub) -> None:
    assert pull("--output", "json", ALYA_IMAGE_MODEL="them/model").json["model"] == "them/model"
    ended = pull(CUDA_VISIBLE_DEVICES="")
    assert (ended.code, ended.out) == (1, "")
    before, _, after = ended.err.partition("Looking for FLUX.1-schnell")
    assert "The hub knows no model black-forest-labs/FLUX.1-schnell" in after
    assert "Warning: FLUX.1-schnell needs a GPU" in before


def test_without_network_a_complete_model_is_checked_and_said_so(pull: Run) -> None:
    assert pull("them/model").code == 0
    ended = pull("them/model", "--output", "json", HF_HUB_OFFLINE="1")
    assert (ended.code, ended.json["verified"]) == (0, True)
    assert "Note: HF_HUB_OFFLINE is set" in ended.err


# -- folders ----------------------------------------------------------------------------------------


def test_a_folder_is_checked_and_named_as_a_setting(pull: Run, tiny_model: str, hub: Hub) -> None:
    ended = pull(tiny_model)
    assert ended.code == 0, ended.err
    assert f"ALYA_IMAGE_MODEL={tiny_model}" in ended.out
    assert "no checksums to compare" in ended.out
    assert not hub.tokens


def test_a_folder_with_a_file_cut_short_ends_with_1_and_names_it(pull: Run, tmp_path: Path) -> None:
    files = pipeline(b"12345678")
    for name, data in files.items():
        (tmp_path / "model" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "model" / name).write_bytes(data[:-1] if name == WEIGHTS else data)
    ended = pull(str(tmp_path / "model"))
    assert (ended.code, ended.out) == (1, "")
    assert f"{WEIGHTS} has {len(files[WEIGHTS]) - 1} of {len(files[WEIGHTS])} bytes" in ended.err


def test_the_bundled_model_is_whole(pull: Run) -> None:
    ended = pull("sketch", "--output", "json")
    assert (ended.code, ended.json["model"]) == (0, "alya-sketch")


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("/no/such/folder", "there is no such folder"),
        ("/" + "a" * 300, "there is no such folder"),
        ("~no-such-user/model", "a folder's full path"),
        ("flux", "owner/name, or a folder's full path"),
        ("a/b/c", "it takes 'flux-schnell'"),
        ("--mirror", "No such option"),
    ],
)
def test_what_is_no_model_ends_with_2(pull: Run, word: str, message: str) -> None:
    ended = pull(word)
    assert (ended.code, ended.out) == (2, "")
    assert message in ended.err


def test_a_relative_folder_is_answered_with_its_full_path(pull: Run, tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    ended = pull("./here")
    assert ended.code == 2
    assert str(tmp_path / "here") in ended.err


# -- refusals ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("token", "status", "headers", "why"),
    [
        ("", 401, {"X-Error-Code": "GatedRepo"}, "HF_TOKEN is not set"),
        ("hf_x", 401, {"X-Error-Message": "Invalid credentials in Authorization header"}, "mistyped"),
        ("hf_x", 403, {"X-Error-Code": "GatedRepo"}, "hasn't accepted the terms"),
    ],
)
def test_a_gated_model_is_explained_step_by_step(
    pull: Run, hub: Hub, token: str, status: int, headers: dict[str, str], why: str
) -> None:
    hub.gate = (status, headers)
    ended = pull("them/model", HF_TOKEN=token)
    assert (ended.code, ended.out) == (1, "")
    error, *steps = [line for line in ended.err.splitlines() if line.startswith(("Error:", "  "))]
    assert why in error
    assert [step.split()[0] for step in steps] == ["1.", "2.", "3.", "4."]
    assert "https://huggingface.co/them/model" in steps[0]
    assert "https://huggingface.co/settings/tokens" in steps[1]
    assert "hf auth login" in steps[2]
    assert "alya-mcp model pull them/model" in steps[3]
    assert "hf_x" not in ended.err


def test_a_file_that_does_not_fit_its_checksum_ends_with_1_and_the_next_pull_mends_it(
    pull: Run, hub: Hub
) -> None:
    hub.swapped[WEIGHTS] = safetensors(os.urandom(200_000))
    ended = pull("them/model", "--output", "json")
    assert (ended.code, ended.out) == (1, "")
    assert f"{WEIGHTS} of them/model didn't fit the checksum" in ended.err
    assert "alya-mcp model pull" in ended.err
    hub.swapped.clear()
    assert pull("them/model").code == 0


def test_a_hub_that_cannot_be_reached_ends_with_1(pull: Run) -> None:
    ended = pull("them/model", HF_ENDPOINT="http://127.0.0.1:9")
    assert (ended.code, ended.out) == (1, "")
    assert "Error: The Hugging Face hub can't be reached" in ended.err


# -- endings ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_pull_that_is_ended_keeps_the_part_and_the_next_one_goes_on(
    pull: Run, hub: Hub, env: dict[str, str], tmp_path: Path, repository: Path, alya_home: Path, by: int
) -> None:
    hub.files, hub.stall = pipeline(os.urandom(LARGE)), WEIGHTS
    data = hub.files[WEIGHTS]
    part = repository / "blobs" / f"{sha256(data)}.incomplete"
    command = [*COMMAND, "model", "pull", "them/model"]
    with subprocess.Popen(
        command, env=env, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    ) as process:  # fmt: skip
        eventually(lambda: part.exists() and part.stat().st_size > 0, "a part on the disk")
        if by == signal.SIGINT:
            os.killpg(process.pid, by)  # as a terminal does: to everyone
        else:
            process.send_signal(by)
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (130 if by == signal.SIGINT else -by, "")
    assert "Traceback" not in err
    if by == signal.SIGINT:
        assert "What was downloaded is kept" in err
        assert "Stopped." in err
    eventually(lambda: not processes_of(alya_home), "the end of the download")
    here = part.stat().st_size
    hub.stall = None
    hub.sent.clear()
    ended = pull("them/model", "--output", "json")
    assert ended.code == 0, ended.err
    assert hub.sent[WEIGHTS] == len(data) - here
    assert ended.json["downloadedBytes"] == sum(hub.sent.values())


# -- progress ---------------------------------------------------------------------------------------


def test_speed_and_time_left_are_those_of_the_last_seconds() -> None:
    pace = DownloadPace()
    assert pace.words(PullProgress(phase="download", done=10**9, total=34 * 10**9), 0) == ""
    assert pace.words(PullProgress(phase="download", done=2 * 10**9, total=34 * 10**9), 10) == (
        ", 100.0 MB/s, 5 min left"
    )
    words = ""
    for second in range(11, 40):
        words = pace.words(
            PullProgress(phase="download", done=2 * 10**9 + second * 10**6, total=34 * 10**9), second
        )
    assert words == ", 1.0 MB/s, 8 h 53 min left"
    assert pace.words(PullProgress(phase="verify", done=0, total=34 * 10**9), 40) == ""
    assert (
        pace.words(PullProgress(phase="verify", done=17 * 10**9, total=34 * 10**9), 50)
        == ", 1700.0 MB/s, 10 s left"
    )


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(89, "89 s"), (100, "2 min"), (3_599, "1 h 0 min"), (7_190, "2 h 0 min"), (5_400, "1 h 30 min")],
)
def test_the_time_left_is_said_in_full_minutes_and_hours(seconds: int, words: str) -> None:
    pace = DownloadPace()
    pace.words(PullProgress(phase="download", done=0, total=seconds + 1), 0.0)
    assert pace.words(PullProgress(phase="download", done=1, total=seconds + 1), 1.0).endswith(
        f", {words} left"
    )


def test_on_a_terminal_a_bar_shows_bytes_and_is_wiped(env: dict[str, str], hub: Hub, tmp_path: Path) -> None:
    hub.files = pipeline(os.urandom(LARGE))
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "model", "pull", "them/model", "--output", "json"],
        env={**env, "TERM": "xterm", "COLUMNS": "120"}, cwd=tmp_path,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=theirs, text=True,
    )  # fmt: skip
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 4096):
            shown += piece
    except OSError:  # how Linux says that the other side is closed
        pass
    finally:
        os.close(ours)
    out, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert json.loads(out)["verified"] is True
    frames = shown.decode().split("\r\x1b[K")
    assert frames[-1] == ""
    assert any(frame.startswith("[####") and "Downloading them/model: " in frame for frame in frames)
    assert any("Checking them/model: 2.1 of 2.1 MB" in frame for frame in frames)
