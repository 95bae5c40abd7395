"""Weights from a hub: a real HTTP server on the loopback interface stands for it and answers as it does."""

import errno
import json
import os
import resource
import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from loopback_hub import COMMIT, LARGE, Hub, pipeline, running, safetensors, sha256
from raw_client import eventually
from stage import a_job

from alya_mcp.errors import Failure, NotConfigured, NotInstalled, Unavailable
from alya_mcp.images.flux.renderer import FluxRenderer
from alya_mcp.images.renderer import RenderRequest
from alya_mcp.images.weights import Gated, Pulled, PullProgress, download, pull, require_whole
from alya_mcp.images.weights.refusals import explain

WEIGHTS = "vae/model.safetensors"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    for name in list(os.environ):
        if name.startswith(("HF_", "HUGGING_FACE_")):
            monkeypatch.delenv(name)
    with running() as server:
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
        monkeypatch.setenv("HF_ENDPOINT", server.address)
        yield server


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """The repository's folder in the cache."""
    return tmp_path / "hf" / "hub" / "models--them--model"


def quietly(share: float, message: str) -> None:
    del share, message


def pulled() -> Pulled:
    return pull("them/model", lambda step: None)


class Stop(Exception):
    pass


def stop_within_the_weights(hub: Hub, part: Path) -> int:
    """Kill a pull when some of the weights are on the disk; returns how many bytes."""
    hub.stall = WEIGHTS

    def report(step: PullProgress) -> None:
        if part.exists() and part.stat().st_size:
            raise Stop

    with pytest.raises(Stop):
        pull("them/model", report)
    hub.stall = None
    hub.sent.clear()
    return part.stat().st_size


def test_a_download_brings_the_pipelines_files_and_no_code_pickle_or_copy(hub: Hub):
    folder = download("them/model", quietly)
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert found == {"model_index.json", "vae/config.json", "vae/model.safetensors"}
    assert (folder / "vae" / "model.safetensors").read_bytes() == hub.files["vae/model.safetensors"]


def test_a_second_download_fetches_nothing_again(hub: Hub):
    download("them/model", quietly)
    hub.served.clear()
    download("them/model", quietly)
    assert "vae/model.safetensors" not in hub.served


@pytest.mark.parametrize(
    ("token", "words"),
    [(None, "HF_TOKEN is not set"), ("hf_" + "x" * 34, "The token in HF_TOKEN has no access")],
)
def test_a_gated_model_names_token_terms_and_the_other_ways(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, token: str | None, words: str
):
    if token:
        monkeypatch.setenv("HF_TOKEN", token)
    hub.refusal = (401 if token is None else 403, {"X-Error-Code": "GatedRepo"})
    with pytest.raises(NotConfigured) as raised:
        download("them/model", quietly)
    message = str(raised.value)
    assert words in message
    assert "https://huggingface.co/them/model" in message
    assert "local folder" in message
    assert "'sketch'" in message
    assert "xxxx" not in message


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_token_is_named_without_being_told(hub: Hub, monkeypatch: pytest.MonkeyPatch, status: int):
    monkeypatch.setenv("HF_TOKEN", "hf_" + "y" * 34)
    hub.refusal = (status, {"X-Error-Message": "Invalid credentials in Authorization header"})
    with pytest.raises(NotConfigured, match="HF_TOKEN") as raised:
        download("them/model", quietly)
    assert "yyyy" not in str(raised.value)
    assert any(token and "yyyy" in token for token in hub.tokens)


def test_a_model_that_does_not_exist_is_told(hub: Hub):
    with pytest.raises(NotConfigured, match="them/other"):
        download("them/other", quietly)


def test_a_repository_without_a_pipeline_is_told_before_anything_large_is_fetched(hub: Hub):
    del hub.files["model_index.json"]
    with pytest.raises(NotConfigured, match=r"model_index\.json"):
        download("them/model", quietly)
    assert not hub.served


def test_a_pipeline_of_another_kind_is_told_before_anything_large_is_fetched(hub: Hub):
    hub.files["model_index.json"] = json.dumps({"_class_name": "KandinskyPipeline"}).encode()
    with pytest.raises(NotConfigured, match="KandinskyPipeline"):
        download("them/model", quietly)
    assert hub.served == ["model_index.json"]


def test_code_of_a_repositorys_own_is_refused_before_anything_large_is_fetched(hub: Hub):
    index = {"_class_name": "FluxPipeline", "vae": ["own_code", "AutoencoderKL"]}
    hub.files |= {"model_index.json": json.dumps(index).encode(), "vae/own_code.py": b"raise SystemExit"}
    with pytest.raises(NotConfigured, match="'own_code'"):
        pulled()
    assert hub.served == ["model_index.json"]


def test_a_hub_in_trouble_is_unavailable(hub: Hub):
    hub.refusal = (418, {})
    with pytest.raises(Unavailable, match="418"):
        download("them/model", quietly)


@pytest.mark.parametrize("kind", ["socks5", "http"])
def test_a_proxy_on_the_way_to_the_hub_is_named_without_its_password(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, kind: str
):
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.invalid")
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("ALL_PROXY", f"{kind}://me:hunter2@127.0.0.1:9")
    with pytest.raises(Failure) as failed:
        download("them/model", quietly)
    assert f"{kind} proxy that ALL_PROXY names" in str(failed.value)
    assert "hunter2" not in str(failed.value)


def test_a_hub_that_cannot_be_reached_is_unavailable(hub: Hub, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(Unavailable, match="can't be reached"):
        download("them/model", quietly)


def test_offline_mode_is_named(hub: Hub, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(NotConfigured, match="HF_HUB_OFFLINE"):
        download("them/model", quietly)
    assert not hub.tokens


def test_a_disk_without_room_is_told_with_the_figures_before_the_download(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
):
    class Huge(bytes):
        def __len__(self) -> int:
            return 10**16

    hub.files[WEIGHTS] = Huge(b"small")
    with pytest.raises(NotConfigured, match=r"10000000\.0"):
        download("them/model", quietly)
    assert hub.served == ["model_index.json"]


def test_a_model_of_the_hub_is_downloaded_and_drawn_with(hub: Hub, tiny: Path):
    hub.files = {str(path.relative_to(tiny)): path.read_bytes() for path in tiny.rglob("*") if path.is_file()}
    messages: list[str] = []

    def report(phase: str, at: float, until: float, message: str, preview: bytes = b"", /) -> None:
        messages.append(message)

    request = RenderRequest(model="them/model", precision="auto", job=a_job())
    picture = FluxRenderer().render(request, a_job(), report)
    assert picture.model == "them/model"
    assert picture.notice == "Drawn with them/model, not with FLUX.1-schnell"
    assert any("Looking for them/model" in message for message in messages)


def test_stopping_a_download_ends_its_process_at_once(hub: Hub):
    hub.stall = "vae/model.safetensors"
    messages: list[str] = []

    def progress(share: float, message: str) -> None:
        messages.append(message)
        if hub.stalled.is_set():
            raise Stop

    with pytest.raises(Stop):
        download("them/model", progress)
    eventually(lambda: not _downloads(hub), "the end of the download")


def _downloads(hub: Hub) -> list[str]:
    found: list[str] = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if hub.address.encode() in (entry / "environ").read_bytes() and entry.name != str(os.getpid()):
                found.append(entry.name)
        except OSError:
            pass
    return found


# -- going on ---------------------------------------------------------------------------------------


def test_a_killed_pull_goes_on_in_the_middle_of_the_file_and_fetches_nothing_twice(
    hub: Hub, repository: Path
):
    hub.files = pipeline(os.urandom(LARGE))
    data = hub.files[WEIGHTS]
    part = repository / "blobs" / f"{sha256(data)}.incomplete"
    here = stop_within_the_weights(hub, part)
    assert 0 < here < len(data)
    result = pulled()
    assert hub.sent[WEIGHTS] == len(data) - here
    assert result.downloaded == sum(hub.sent.values())
    assert (result.folder / WEIGHTS).read_bytes() == data
    assert not list(repository.rglob("*.incomplete"))


def test_a_connection_that_is_reset_in_the_middle_goes_on_by_itself(hub: Hub):
    hub.files = pipeline(os.urandom(LARGE))
    hub.broken[WEIGHTS] = [LARGE * 3 // 4]
    result = pulled()
    assert (result.folder / WEIGHTS).read_bytes() == hub.files[WEIGHTS]
    assert hub.served.count(WEIGHTS) == 2


def test_a_connection_that_is_reset_before_anything_is_kept_is_tried_again(hub: Hub):
    hub.broken[WEIGHTS] = [100, 3000]
    assert pulled().verified
    assert hub.served.count(WEIGHTS) == 3


def test_a_hub_that_takes_the_call_and_never_answers_is_unavailable(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setenv("HF_HUB_ETAG_TIMEOUT", "1")
        with pytest.raises(Unavailable, match="can't be reached"):
            pulled()


def test_a_hub_without_ranges_sends_the_whole_file_again_and_it_is_whole(hub: Hub, repository: Path):
    hub.files = pipeline(os.urandom(LARGE))
    data = hub.files[WEIGHTS]
    stop_within_the_weights(hub, repository / "blobs" / f"{sha256(data)}.incomplete")
    hub.ranges = False
    assert (pulled().folder / WEIGHTS).read_bytes() == data


@pytest.mark.parametrize("way", ["early", "never"])
def test_a_body_that_ends_elsewhere_than_the_file_is_unavailable_and_never_gets_its_place(
    hub: Hub, repository: Path, way: str
):
    if way == "early":
        hub.cut[WEIGHTS] = 1000
    else:
        hub.swapped[WEIGHTS] = bytes(LARGE)
    with pytest.raises(Unavailable, match=r"broke off .* goes on where it stopped"):
        pulled()
    assert not (repository / "snapshots" / COMMIT / WEIGHTS).exists()
    assert not (repository / "refs").exists()
    parts = [part.stat().st_size for part in repository.rglob("*.incomplete")]
    assert all(part <= len(hub.files[WEIGHTS]) for part in parts)
    hub.cut.clear()
    hub.swapped.clear()
    assert pulled().verified


def test_a_hub_that_asks_for_a_pause_or_is_in_trouble_for_a_moment_is_asked_again(hub: Hub):
    hub.moods = [(429, {"Retry-After": "0"}), (503, {"Retry-After": "0"})]
    assert pulled().verified
    assert not hub.moods


@pytest.mark.parametrize("headers", [{"Retry-After": "86400"}, {"RateLimit": '"api";r=0;t=86400'}])
def test_a_pause_that_is_too_long_is_told_instead_of_kept(hub: Hub, headers: dict[str, str]):
    hub.gate = (429, headers)
    with pytest.raises(Unavailable, match="86,400"):
        pulled()


def test_a_file_that_the_hub_changed_in_the_meantime_is_begun_anew(hub: Hub, repository: Path):
    hub.files = pipeline(os.urandom(LARGE))
    stop_within_the_weights(hub, repository / "blobs" / f"{sha256(hub.files[WEIGHTS])}.incomplete")
    hub.files = pipeline(os.urandom(LARGE))
    assert (pulled().folder / WEIGHTS).read_bytes() == hub.files[WEIGHTS]


def test_two_pulls_at_once_fetch_once(hub: Hub):
    hub.files = pipeline(os.urandom(LARGE))
    results: list[Pulled] = []
    others = [threading.Thread(target=lambda: results.append(pulled())) for _ in range(2)]
    for other in others:
        other.start()
    for other in others:
        other.join()
    assert [result.verified for result in results] == [True, True]
    assert hub.sent[WEIGHTS] == len(hub.files[WEIGHTS])


def test_a_new_version_fetches_what_changed_and_is_published_when_it_is_whole(hub: Hub, repository: Path):
    pulled()
    hub.commit, hub.files["vae/config.json"] = "d" * 40, b'{"new": true}'
    hub.sent.clear()
    hub.gate = (503, {"Retry-After": "0"})
    with pytest.raises(Unavailable, match="503"):
        pulled()
    assert (repository / "refs" / "main").read_text() == COMMIT
    hub.gate = None
    assert pulled().downloaded == len(hub.files["vae/config.json"])
    assert hub.sent == {"vae/config.json": len(hub.files["vae/config.json"])}
    assert (repository / "refs" / "main").read_text() == "d" * 40


# -- checksums --------------------------------------------------------------------------------------


def test_bytes_that_do_not_fit_the_checksum_are_removed_and_named(hub: Hub, repository: Path):
    hub.swapped[WEIGHTS] = safetensors(os.urandom(200_000))
    with pytest.raises(Failure, match=WEIGHTS):
        pulled()
    assert not list(repository.glob(f"blobs/{sha256(hub.files[WEIGHTS])}*"))
    assert not (repository / "refs").exists()
    hub.swapped.clear()
    assert (pulled().folder / WEIGHTS).read_bytes() == hub.files[WEIGHTS]


def test_a_small_file_is_compared_with_its_git_checksum(hub: Hub):
    hub.swapped["vae/config.json"] = b"[]"
    with pytest.raises(Failure, match=r"vae/config\.json"):
        pulled()


def test_a_complete_model_is_checked_again_without_fetching(hub: Hub):
    first = pulled()
    hub.sent.clear()
    steps: list[PullProgress] = []
    again = pull("them/model", steps.append)
    assert (again.downloaded, again.verified, again.size) == (0, True, first.size)
    assert again.files == 3
    assert not hub.sent
    assert PullProgress(phase="verify", done=first.size, total=first.size) in steps


def test_a_byte_that_changed_on_the_disk_is_found_and_the_next_pull_mends_it(hub: Hub):
    weights = (pulled().folder / WEIGHTS).resolve()
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    with pytest.raises(Failure, match=WEIGHTS):
        pulled()
    assert not weights.exists()
    assert pulled().downloaded == len(data)


def test_a_file_that_was_cut_short_on_the_disk_is_fetched_again(hub: Hub):
    weights = (pulled().folder / WEIGHTS).resolve()
    os.truncate(weights, 5000)
    again = pulled()
    assert again.downloaded == len(hub.files[WEIGHTS])
    assert (again.folder / WEIGHTS).read_bytes() == hub.files[WEIGHTS]


def test_a_mirror_that_lists_names_only_is_asked_for_each_file(hub: Hub):
    hub.metadata = False
    assert pulled().verified


# -- without the hub --------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["offline", "unreachable", "in trouble"])
def test_a_complete_model_is_checked_by_the_caches_own_checksums(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, way: str
):
    weights = (pulled().folder / WEIGHTS).resolve()
    if way == "offline":
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    elif way == "unreachable":
        monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    else:
        hub.refusal = (500, {})
    again = pulled()
    assert again.verified
    assert again.notice is not None
    assert ("HF_HUB_OFFLINE is set" if way == "offline" else "can't be reached") in again.notice
    weights.write_bytes(safetensors(os.urandom(200_000)))
    with pytest.raises(NotConfigured, match=WEIGHTS):
        pulled()


@pytest.mark.skipif(not Path("/sys").is_dir(), reason="needs a folder that nobody can write to")
def test_a_complete_model_in_a_cache_that_cannot_be_written_is_checked(hub: Hub, tmp_path: Path):
    pulled()
    locks = tmp_path / "hf" / "hub" / ".locks" / "models--them--model"
    shutil.rmtree(locks)
    locks.symlink_to("/sys")
    again = pulled()
    assert again.verified
    assert "can't be written" in (again.notice or "")


@pytest.mark.parametrize("links", [True, False])
def test_a_cache_copied_from_another_machine_works(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
):
    pulled()
    shutil.copytree(tmp_path / "hf", tmp_path / "copy", symlinks=links)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "copy"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert pulled().verified is links
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    hub.sent.clear()
    assert pulled().verified
    assert not hub.sent


def test_a_cache_without_symbolic_links_holds_files(
    hub: Hub, repository: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HF_HUB_DISABLE_SYMLINKS", "1")
    hub.files["scheduler/config.json"] = hub.files["vae/config.json"]
    folder = pulled().folder
    assert not any(path.is_symlink() for path in folder.rglob("*"))
    assert not list((repository / "blobs").iterdir())
    assert pulled().downloaded == 0


# -- refusals ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("token", "status", "headers", "why"),
    [
        (None, 401, {"X-Error-Code": "GatedRepo"}, "HF_TOKEN is not set"),
        (
            "hf_x",
            401,
            {"X-Error-Message": "Invalid credentials in Authorization header"},
            "mistyped, expired",
        ),
        ("hf_x", 401, {"X-Error-Code": "GatedRepo"}, "mistyped, expired"),
        ("hf_x", 403, {"X-Error-Code": "GatedRepo"}, "hasn't accepted the terms"),
        (
            "hf_x",
            403,
            {"X-Error-Message": "Please enable access in your fine-grained token settings"},
            "it is fine-grained and lacks",
        ),
    ],
)
def test_what_is_missing_for_a_gated_model_is_told_apart(
    hub: Hub,
    monkeypatch: pytest.MonkeyPatch,
    token: str | None,
    status: int,
    headers: dict[str, str],
    why: str,
):
    if token:
        monkeypatch.setenv("HF_TOKEN", token)
    hub.gate = (status, headers)
    with pytest.raises(Gated) as raised:
        pulled()
    assert why in raised.value.why
    assert "hf_x" not in str(raised.value)


def test_the_token_of_a_login_is_sent_and_named(hub: Hub, tmp_path: Path):
    (tmp_path / "hf").mkdir()
    (tmp_path / "hf" / "token").write_text("hf_login")
    hub.gate = (403, {"X-Error-Code": "GatedRepo"})
    with pytest.raises(Gated, match="`hf auth login`"):
        pulled()
    assert "Bearer hf_login" in hub.tokens


def test_a_403_that_is_not_the_hubs_own_is_no_matter_of_terms(hub: Hub, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    with running() as storage:
        hub.storage, storage.refusal = storage.address, (403, {})
        with pytest.raises(Unavailable, match="403"):
            pulled()


@pytest.mark.parametrize("token", ["\u201chf_secret\u201d", "hf_secret hf_secret", "hf_sec\x01ret"])
def test_a_token_with_characters_that_no_token_has_is_named_before_it_is_sent(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, token: str
):
    monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(NotConfigured, match="HF_TOKEN") as raised:
        pulled()
    assert "sec" not in str(raised.value)
    assert not hub.tokens


def test_a_mirror_without_a_scheme_is_named(hub: Hub, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HF_ENDPOINT", "me:secret@mirror.example.org")
    with pytest.raises(NotConfigured, match="HF_ENDPOINT") as raised:
        pulled()
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("answer", ["echo", "trouble", "nobody"])
def test_a_token_is_in_no_word_and_no_log(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], answer: str
):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    if answer == "echo":
        hub.refusal = (401, {"X-Error-Message": "Bearer hf_secret is no token"})
    elif answer == "trouble":
        hub.gate = (500, {"X-Error-Message": "Bearer hf_secret", "Retry-After": "0"})
    else:
        monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(NotConfigured if answer == "echo" else Unavailable) as raised:
        pulled()
    assert "secret" not in str(raised.value) + "".join(capfd.readouterr())


def test_a_token_is_not_sent_to_where_large_files_are_stored(hub: Hub, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    with running() as storage:
        storage.files, hub.storage = hub.files, storage.address
        assert pulled().verified
        assert storage.served == [WEIGHTS]
        assert storage.tokens == {None}
    assert "Bearer hf_secret" in hub.tokens


@pytest.mark.parametrize(
    ("status", "words"), [(429, r"asks for a pause \(429\)"), (500, "status 500"), (404, "knows no model")]
)
def test_a_hub_that_says_no_is_told_with_its_answer(hub: Hub, status: int, words: str):
    hub.refusal = (status, {"X-Error-Code": "RepoNotFound"} if status == 404 else {})
    with pytest.raises(NotConfigured if status == 404 else Unavailable, match=words):
        pulled()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_disk_that_fills_up_during_the_download_is_told(hub: Hub, repository: Path):
    blobs = repository / "blobs"
    blobs.mkdir(parents=True)
    (blobs / f"{sha256(hub.files[WEIGHTS])}.incomplete").symlink_to("/dev/full")
    with pytest.raises(NotConfigured, match=r"disk filled up .* what is here is kept"):
        pulled()


def test_a_disk_that_takes_no_large_files_is_told_and_another_one_goes_on(hub: Hub):
    hub.files = pipeline(os.urandom(LARGE))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGE // 2, hard))
    try:
        with pytest.raises(NotConfigured, match="10"):
            pulled()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    hub.sent.clear()
    assert pulled().verified
    assert hub.sent[WEIGHTS] == len(hub.files[WEIGHTS]) - LARGE // 2


def test_a_cache_that_cannot_be_written_is_told(hub: Hub, tmp_path: Path):
    (tmp_path / "hf").write_text("a file where a folder should be")
    with pytest.raises(NotConfigured, match="cache can't be written"):
        pulled()


@pytest.mark.parametrize("name", ["../../../out/x.json", "/tmp/x/x.json", "vae\\x.json/y.json", "c:/x.json"])
def test_a_name_that_leads_out_of_the_folder_is_refused_before_anything_is_fetched(hub: Hub, name: str):
    hub.files[name] = b"{}"
    with pytest.raises(NotConfigured, match="leads out of its folder"):
        pulled()
    assert not hub.served


def test_a_part_without_weights_is_refused_after_the_download(hub: Hub, repository: Path):
    del hub.files[WEIGHTS]
    with pytest.raises(NotConfigured, match="vae"):
        pulled()
    assert not (repository / "refs").exists()


# -- a model's folder -------------------------------------------------------------------------------


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


WHOLE = pipeline(b"12345678")
CUT = WHOLE[WEIGHTS][:-3]


def weight_map(**shards: str) -> bytes:
    return json.dumps({"weight_map": shards}).encode()


SHARDS = weight_map(a="one.safetensors", b="two.safetensors")


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({WEIGHTS: CUT}, f"vae/model.safetensors has {len(CUT)} of {len(CUT) + 3} bytes"),
        ({WEIGHTS: WHOLE[WEIGHTS] + b"more"}, f"has {len(CUT) + 7} of {len(CUT) + 3} bytes"),
        ({WEIGHTS: WHOLE[WEIGHTS][:20]}, "ends within its header, after 20 bytes"),
        ({WEIGHTS: b"1234"}, "ends within its header, after 4 bytes"),
        ({WEIGHTS: b"PK\x03\x04 a pickle of PyTorch"}, "is not a safetensors file"),
        ({WEIGHTS: b"\x04" + bytes(7) + b"{a: "}, "has a header that can't be read"),
        ({WEIGHTS: b"\x04" + bytes(7) + b"[[]]"}, "has a header that can't be read"),
        ({"vae/model.safetensors.index.json": SHARDS}, "vae/one.safetensors isn't there; vae/two"),
        ({"vae/model.safetensors.index.json": b"[]"}, "vae/model.safetensors.index.json can't be read"),
        (
            {"vae/model.safetensors.index.json": weight_map(tensor="../x.safetensors")},
            "index.json can't be read",
        ),
        ({"vae/model.safetensors.index.json": weight_map(tensor="model.bin")}, "index.json can't be read"),
        (
            {
                "vae/model.safetensors.index.json": weight_map(
                    tensor="model.safetensors", b="model.safetensors"
                )
            },
            "vae/model.safetensors lacks 1 of the tensors that its index names",
        ),
        ({"vae/config.json": b'{"a": '}, "vae/config.json can't be read as JSON"),
        ({"model_index.json": b'{"_class_name": "FluxPipeline"}'}, "names no parts"),
        (
            {"model_index.json": b'{"_class_name": "FluxPipeline", "transformer": ["diffusers", "F"]}'},
            "transformer isn't there",
        ),
    ],
)
def test_a_folder_that_is_not_whole_is_refused_by_the_files_name(
    tmp_path: Path, files: dict[str, bytes], words: str
):
    with pytest.raises(NotConfigured, match="missing or damaged") as raised:
        require_whole(write(tmp_path / "model", {**WHOLE, **files}), "The model")
    assert words in str(raised.value)
    assert str(tmp_path) not in str(raised.value)


def test_a_whole_folder_is_taken(tmp_path: Path, tiny: Path):
    require_whole(write(tmp_path / "model", WHOLE), "The model")
    require_whole(tiny, "The model")


@pytest.mark.parametrize(
    ("gone", "words"),
    [
        ("vae/config.json", "vae/config.json isn't there"),
        ("vae/*", "vae isn't there"),
        (WEIGHTS, "vae has no weights as safetensors, and no other form of them is read"),
        ("vae/*.index.json", "vae has shards of weights and no *.safetensors.index.json"),
        ("vae/*-2-of-2*", "vae/model-2-of-2.safetensors isn't there"),
    ],
)
def test_a_folder_that_was_copied_in_part_is_refused_by_what_is_missing(
    tmp_path: Path, gone: str, words: str
):
    folder = write(tmp_path / "model", WHOLE)
    if "of" in gone or "index" in gone:
        (folder / WEIGHTS).unlink()
        shard = safetensors(b"12345678")
        shards = {f"vae/model-{number}-of-2.safetensors": shard for number in (1, 2)}
        index = weight_map(tensor="model-1-of-2.safetensors", other="model-2-of-2.safetensors")
        write(folder, {**shards, "vae/model.safetensors.index.json": index})
    for path in folder.glob(gone):
        path.unlink()
    with pytest.raises(NotConfigured) as raised:
        require_whole(folder, "The model")
    assert words in str(raised.value)


def test_links_without_what_they_lead_to_are_no_model(
    hub: Hub, repository: Path, monkeypatch: pytest.MonkeyPatch
):
    folder = pulled().folder
    shutil.rmtree(repository / "blobs")
    with pytest.raises(NotConfigured, match=r"model_index\.json"):
        pull(str(folder), lambda step: None)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(NotConfigured, match="not on this machine in full"):
        pulled()
    monkeypatch.delenv("HF_HUB_OFFLINE")
    assert pulled().downloaded == sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_a_missing_package_is_not_called_a_network_failure(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HTTPS_PROXY", "socks5://me:hunter2@127.0.0.1:9")
    failure = explain(ImportError("socksio"), "them/model")
    assert isinstance(failure, NotInstalled)
    assert "socks5 proxy that HTTPS_PROXY names needs the 'image' extra" in str(failure)


def test_a_folder_that_may_not_be_read_is_not_called_the_cache():
    failure = explain(PermissionError(errno.EACCES, "no"), "/models/flux")
    assert str(failure) == "The folder /models/flux can't be read (Permission denied)"
