"""`alya-mcp youtube`: the device flow through all its steps, the token never shown, and its end."""

import json
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

import loopback_youtube
import pytest
from command_line import Run
from loopback_youtube import LoopbackYoutube
from youtube_drafts import connect, make_draft_in

from alya_mcp.app.diagnostics.youtube import channel
from alya_mcp.settings import Settings
from alya_mcp.tools.youtube.connection import Connections

SECRETS = ("access-", "refresh-token-secret", "device-code-secret", "secret-of-the-client")


@pytest.fixture
def youtube() -> Iterator[LoopbackYoutube]:
    with loopback_youtube.running() as server:
        yield server


def test_a_channel_is_connected_through_pending_and_a_failed_answer(
    run: Run, youtube: LoopbackYoutube, alya_home: Path
) -> None:
    youtube.token_answers = [(428, "authorization_pending"), (503, "x"), (428, "authorization_pending")]
    done = run("youtube", "connect", "--output", "json", **youtube.environment)
    assert done.code == 0, done.err
    assert (done.json["connected"], done.json["channel"]) == (True, {"id": "UC_mine", "title": "Tea & more"})
    assert "https://www.google.com/device" in done.err
    assert "ABCD-EFGH" in done.err
    assert "locked private" in done.json["notice"]
    assert not any(secret in done.out + done.err for secret in SECRETS)
    assert youtube.count("POST /token") == 4
    (file,) = (alya_home / "youtube" / "connections").glob("*.json")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert json.loads(file.read_text())["refresh_token"] == "refresh-token-secret"
    assert youtube.forms[0]["scope"].split() == [
        "https://www.googleapis.com/auth/youtube", "https://www.googleapis.com/auth/youtube.force-ssl",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        ((403, "access_denied"), "declined"),
        ((400, "invalid_grant"), "expired"),
        ((401, "invalid_client"), "ALYA_YOUTUBE_CLIENT_ID"),
    ],
)
def test_a_connection_that_does_not_come_about_says_why_and_keeps_nothing(
    answer: tuple[int, str], word: str, run: Run, youtube: LoopbackYoutube, alya_home: Path
) -> None:
    youtube.token_answers = [answer]
    done = run("youtube", "connect", **youtube.environment)
    assert (done.code, done.out) == (1, "")
    assert word in done.err
    assert not any(secret in done.err for secret in SECRETS)
    assert Connections(alya_home, "local").load() is None


def test_a_client_that_may_not_ask_for_captions_connects_without_them(
    run: Run, youtube: LoopbackYoutube
) -> None:
    youtube.refuse("force-ssl", (400, "invalid_scope"))
    done = run("youtube", "connect", "--output", "json", **youtube.environment)
    assert (done.code, done.json["scopes"]) == (0, ["https://www.googleapis.com/auth/youtube"])
    assert "captions" in done.json["notice"]


def test_a_channel_that_can_not_be_named_is_connected_all_the_same(
    run: Run, youtube: LoopbackYoutube, alya_home: Path
) -> None:
    youtube.channel = None
    done = run("youtube", "connect", "--output", "json", **youtube.environment)
    assert (done.code, done.json["channel"]["id"]) == (0, None)
    assert "no YouTube channel yet" in done.json["notice"]
    assert Connections(alya_home, "local").load() is not None


def test_without_a_client_it_names_the_variables_and_asks_nobody(run: Run, youtube: LoopbackYoutube) -> None:
    env = {**youtube.environment, "ALYA_YOUTUBE_CLIENT_SECRET": ""}
    done = run("youtube", "connect", **env)
    assert done.code == 2
    assert "ALYA_YOUTUBE_CLIENT_SECRET is not set" in done.err
    assert youtube.log == []


def test_a_google_that_can_not_be_reached_is_told(run: Run, youtube: LoopbackYoutube) -> None:
    env = {**youtube.environment, "ALYA_GOOGLE_OAUTH_URL": "http://127.0.0.1:1"}
    done = run("youtube", "connect", **env)
    assert done.code == 1
    assert "Google sign-in can't be reached" in done.err


def test_disconnecting_revokes_and_removes(run: Run, youtube: LoopbackYoutube, alya_home: Path) -> None:
    connect(alya_home)
    connect(alya_home, grant="other")
    done = run("youtube", "disconnect", "--output", "json", **youtube.environment)
    assert (done.code, done.json["disconnected"], done.json["revoked"]) == (0, True, True)
    assert youtube.revoked == ["refresh-token-secret"]
    assert Connections(alya_home, "local").load() is None
    assert Connections(alya_home, "other").load() is not None
    again = run("youtube", "disconnect", "--output", "json", **youtube.environment)
    assert (again.code, again.json["disconnected"]) == (0, False)
    assert run("youtube", "disconnect", **youtube.environment).code == 0


def test_a_revocation_that_fails_removes_the_token_and_says_what_is_left(
    run: Run, youtube: LoopbackYoutube, alya_home: Path
) -> None:
    connect(alya_home)
    youtube.refuse("POST /revoke", (503, "backendError"))
    done = run("youtube", "disconnect", **youtube.environment)
    assert done.code == 1
    assert "myaccount.google.com/permissions" in done.err
    assert Connections(alya_home, "local").load() is None


def test_topics_are_imported_and_odd_rows_are_told(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "topics.csv"
    file.write_text(
        "topic,searchVolumeWeekly,competition,locale\n"
        "green tea,12000,0.4,en-US\nblack tea,9000,0.2,\nmatcha,many,0.2,\n,1,0,\nwhite tea,1,7,\n"
    )
    done = run("youtube", "import", str(file), "--output", "json")
    assert (done.code, done.json["imported"]) == (1, 2)
    assert [each["row"] for each in done.json["rejected"]] == [4, 5, 6]
    file.write_text("topic,searchVolumeWeekly,competition,locale\n" + ",1,0,\n" * 200)
    told = run("youtube", "import", str(file))
    assert told.code == 1
    assert "row 2" in told.err
    assert "row 201" not in told.err
    assert run("youtube", "import", str(tmp_path / "none.csv")).code == 2


def test_the_packaged_policy_asks_per_call_and_a_yes_for_private_is_none_for_publish(
    run: Run, youtube: LoopbackYoutube, alya_home: Path
) -> None:
    connect(alya_home)
    draft = make_draft_in(alya_home, 1000)
    call = ("call", "youtube_upload_video", f"tenantVideoId={draft}", "--output", "json")
    assert run(*call, **youtube.environment).code == 4
    (asked,) = run("approvals", "list", "--output", "json").json
    for shown in (draft, "Green tea in five minutes", '"private"', "0.0 MB (1,000 bytes)", "Tea & more"):
        assert shown in asked["message"]
    assert run("approvals", "approve", asked["id"]).code == 0
    assert run(*call[:3], "publish=true", *call[3:], **youtube.environment).code == 4
    assert youtube.log == []
    done = run(*call, **youtube.environment)
    assert (done.code, done.json["structuredContent"]["state"]) == (0, "uploaded")
    assert run(*call, **youtube.environment).code == 4
    assert len(youtube.videos) == 1


def test_doctor_says_whether_a_channel_is_connected(
    youtube: LoopbackYoutube, alya_home: Path, tmp_path: Path
) -> None:
    def found(**more: str) -> list[tuple[str, str, Mapping[str, object]]]:
        env = {"ALYA_HOME": str(alya_home), **more}
        checks = channel(Settings.from_environment(env))
        return [(check.state, check.id, check.fields) for check in checks]

    assert found() == []
    assert found(**youtube.environment) == [("warn", "youtube_not_connected", {})]
    connect(alya_home)
    assert found(**youtube.environment) == [("ok", "youtube", {"channel": "Tea & more"})]
    ((*unusable, fields),) = found()
    assert unusable == ["warn", "youtube_unusable"]
    assert "ALYA_YOUTUBE_CLIENT_ID" in str(fields["reason"])
    other = {**youtube.environment, "ALYA_YOUTUBE_CLIENT_ID": "another"}
    assert found(**other) == [("warn", "youtube_other_client", {})]
    (file,) = (alya_home / "youtube" / "connections").glob("*.json")
    file.write_text("{")
    assert found()[0][:2] == ("fail", "youtube_unreadable")
