"""What goes wrong with S3: each is told in words that help, nothing is lost, and the next call works."""

import base64
import gc
import hashlib
import os
import re
import socket
import ssl
import sys
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import anyio
import botocore.compat
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pictures import fetch, kept, picture, settings_for
from raw_client import PATIENCE
from replay import Reply, Request, error, replay
from s3_servers import S3Server

from alya_mcp.errors import Failure, InvalidInput, NotConfigured, NotInstalled, Unavailable
from alya_mcp.runtime.installation import this_installation
from alya_mcp.settings import Settings, SettingsError
from alya_mcp.storage import open_store, s3_client
from alya_mcp.storage.s3 import S3Store
from alya_mcp.storage.status import BucketStatus, status_words
from alya_mcp.storage.store import Store

pytestmark = pytest.mark.anyio

KEY_ID, SECRET, TOKEN = "AKIDOFTHETEST", "secret/of+the+test/0123456789abcdef", "token-of-the-test-0123456789"
OTHER = "another/secret/0123456789abcdefghij"


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY_ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)


async def refused(
    settings: Settings, expected: type[Failure], *words: str, store: Store | None = None
) -> str:
    """The text of the failure to store a picture in a store of `settings`, which keeps it on this machine."""
    store = store or open_store(settings)
    upload = picture()
    try:
        with pytest.raises(expected) as caught:
            await store.put(upload, expires_in=60)
        status = await store.status()
    finally:
        await store.aclose()
    text = str(caught.value)
    for word in words:
        assert word in text
    assert f"kept as ALYA_HOME/images/{upload.key}" in text
    assert kept(settings.home, upload) == upload.data
    assert status.state == "failing" or expected is not NotConfigured
    for hidden in (KEY_ID, SECRET, OTHER, TOKEN, str(settings.home)):
        assert hidden not in text
        assert hidden not in status_words(status)
    return text


# On real servers


@pytest.mark.usefixtures("credentials")
async def test_a_wrong_secret_is_named_and_no_secret_is_told(
    s3_server: S3Server, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", OTHER)
    await refused(settings_for(s3_server, home), NotConfigured, "AWS_SECRET_ACCESS_KEY")


@pytest.mark.usefixtures("credentials")
async def test_an_unknown_access_key_is_named(
    s3_server: S3Server, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY_ID)
    await refused(settings_for(s3_server, home), NotConfigured, "AWS_")


@pytest.mark.usefixtures("credentials")
async def test_a_missing_bucket_is_named(s3_server: S3Server, home: Path) -> None:
    settings = Settings(
        home=home, s3_bucket="not-there", s3_endpoint_url=s3_server.url, s3_region=s3_server.region
    )
    await refused(settings, NotConfigured, "no bucket 'not-there'", "ALYA_S3_BUCKET")


@pytest.mark.usefixtures("credentials")
@pytest.mark.parametrize("bucket", ["s3://pictures", "pictures/cats", "Bild er", "x"])
async def test_what_can_not_be_a_bucket_is_named(s3_server: S3Server, home: Path, bucket: str) -> None:
    settings = Settings(
        home=home, s3_bucket=bucket, s3_endpoint_url=s3_server.url, s3_region=s3_server.region
    )
    await refused(settings, NotConfigured, repr(bucket), "ALYA_S3_BUCKET")


@pytest.mark.usefixtures("credentials")
async def test_after_a_bad_day_the_next_call_works(
    s3_server: S3Server, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(settings_for(s3_server, home))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", OTHER)
    with pytest.raises(NotConfigured):
        await store.put(picture(), expires_in=60)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3_server.secret_key)
    stored = await store.put(picture(), expires_in=60)
    await store.aclose()
    assert fetch(stored.url).body == picture().data


@pytest.fixture
def rclone_credentials(monkeypatch: pytest.MonkeyPatch, rclone: S3Server) -> None:
    for name, value in rclone.credentials().items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("rclone_credentials")
async def test_a_prefix_that_the_store_refuses_shows_before_an_upload(rclone: S3Server, home: Path) -> None:
    settings = Settings(home=home, s3_bucket=rclone.bucket, s3_endpoint_url=rclone.url, s3_prefix="a//b")
    store = open_store(settings)
    status = await store.status()
    await store.aclose()
    assert status.state == "failing"
    assert "ALYA_S3_PREFIX" in status_words(status)
    await refused(settings, NotConfigured, "ALYA_S3_PREFIX", f'"a//b/{picture().key}"')


@pytest.mark.usefixtures("rclone_credentials")
async def test_an_endpoint_may_end_in_the_bucket(rclone: S3Server, home: Path) -> None:
    settings = Settings(home=home, s3_bucket=rclone.bucket, s3_endpoint_url=f"{rclone.url}/{rclone.bucket}")
    store = open_store(settings)
    stored, status = await store.put(picture(), expires_in=60), await store.status()
    await store.aclose()
    assert stored.url.startswith(f"{rclone.url}/{rclone.bucket}/{picture().key}?")
    assert (fetch(stored.url).status, status.state) == (200, "ok")


@pytest.mark.usefixtures("rclone_credentials")
async def test_links_may_show_another_address_than_uploads_go_to(rclone: S3Server, home: Path) -> None:
    public = rclone.url.replace("127.0.0.1", "localhost")
    settings = Settings(home=home, s3_bucket=rclone.bucket, s3_endpoint_url=rclone.url, s3_public_url=public)
    store = open_store(settings)
    stored = await store.put(picture(), expires_in=60)
    await store.aclose()
    assert stored.url.startswith(f"{public}/{rclone.bucket}/")
    assert fetch(stored.url).body == picture().data


@pytest.fixture
def swift_credentials(monkeypatch: pytest.MonkeyPatch, swift: S3Server) -> None:
    for name, value in swift.credentials().items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("swift_credentials")
async def test_a_region_chosen_wrongly_is_noticed_before_a_link_is_given_away(
    swift: S3Server, home: Path
) -> None:
    """Uploads to a wrong region succeed, as botocore corrects them; links would be refused when opened."""
    settings = Settings(home=home, s3_bucket=swift.bucket, s3_endpoint_url=swift.url, s3_region="us-west-2")
    await refused(
        settings, NotConfigured, "is in eu-north-7", "'us-west-2'", "ALYA_S3_REGION to 'eu-north-7'"
    )


@pytest.mark.usefixtures("swift_credentials")
@pytest.mark.parametrize("variable", ["AWS_REGION", "AWS_DEFAULT_REGION"])
async def test_the_usual_variables_choose_the_region(
    swift: S3Server, home: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    settings = Settings(home=home, s3_bucket=swift.bucket, s3_endpoint_url=swift.url)
    monkeypatch.setenv(variable, "us-west-2")
    await refused(settings, NotConfigured, "'us-west-2'")
    monkeypatch.setenv(variable, swift.region)
    store = open_store(settings)
    assert fetch((await store.put(picture(), expires_in=60)).url).status == 200
    await store.aclose()


@pytest.mark.usefixtures("swift_credentials")
async def test_a_region_nobody_chose_is_learned_from_the_store(swift: S3Server, home: Path) -> None:
    store = open_store(Settings(home=home, s3_bucket=swift.bucket, s3_endpoint_url=swift.url))
    stored = [await store.put(picture(seed), expires_in=60) for seed in range(2)]
    status = await store.status()
    await store.aclose()
    assert isinstance(status, BucketStatus)
    assert status.region == swift.region
    assert swift.region in status_words(status)
    assert [fetch(each.url).body for each in stored] == [picture(seed).data for seed in range(2)]


@pytest.mark.usefixtures("swift_credentials")
async def test_the_endpoint_may_come_from_the_variable_of_aws(
    swift: S3Server, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", swift.url)
    store = open_store(Settings(home=home, s3_bucket=swift.bucket, s3_region=swift.region))
    stored = await store.put(picture(), expires_in=60)
    await store.aclose()
    assert stored.url.startswith(f"{swift.url}/{swift.bucket}/")
    assert fetch(stored.url).body == picture().data


@pytest.mark.usefixtures("swift_credentials")
async def test_a_link_is_not_promised_beyond_temporary_credentials(
    swift: S3Server, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=90)
    monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", end.isoformat())
    store = open_store(settings_for(swift, home))
    long, short = [await store.put(picture(), expires_in=seconds) for seconds in (3_600, 30)]
    status = await store.status()
    await store.aclose()
    assert long.expires_at <= end
    assert long.shortened
    assert not short.shortened
    assert isinstance(status, BucketStatus)
    assert (status.temporary, status.credentials_end) == (True, end)
    assert "links open no longer" in status_words(status)
    assert fetch(long.url).status == 200


@pytest.mark.usefixtures("swift_credentials")
async def test_credentials_that_have_expired_here_are_named(
    swift: S3Server, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", (datetime.now(UTC) - timedelta(hours=1)).isoformat())
    await refused(settings_for(swift, home), NotConfigured, "credentials have expired")


# On this side of the wire


@pytest.mark.usefixtures("keys")
async def test_a_store_that_can_not_be_reached_is_named(home: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nothing else can take the port
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        settings = Settings(home=home, s3_bucket="pictures", s3_endpoint_url=url)
        await refused(settings, Unavailable, url.removeprefix("http://"), "can't be reached")


@pytest.mark.usefixtures("keys")
async def test_a_host_that_does_not_exist_is_named(home: Path) -> None:
    settings = Settings(home=home, s3_bucket="pictures", s3_endpoint_url="https://s3.invalid")
    await refused(settings, Unavailable, "s3.invalid", "ALYA_S3_ENDPOINT_URL")


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "http_proxy"])
async def test_a_socks_proxy_is_refused_before_anything_is_sent(
    home: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    url = f"{variable[:-6].lower()}://s3.invalid"
    settings = Settings(home=home, s3_bucket="pictures", s3_endpoint_url=url)
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        proxy.setblocking(False)
        monkeypatch.setenv(variable, f"socks5h://me:hush@127.0.0.1:{proxy.getsockname()[1]}")
        text = await refused(settings, NotConfigured, variable.upper(), "SOCKS", "NO_PROXY")
        assert "hush" not in text
        with pytest.raises(BlockingIOError):
            proxy.accept()


@pytest.mark.usefixtures("keys")
async def test_a_proxy_in_all_proxy_is_not_used_and_named_where_the_store_is_out_of_reach(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as proxy, replay(accepting) as server:
        proxy.setblocking(False)
        monkeypatch.setenv("ALL_PROXY", f"socks5://me:hush@127.0.0.1:{proxy.getsockname()[1]}")
        reached = open_store(Settings(home=home, s3_bucket="pictures", s3_endpoint_url=server.url))
        await reached.put(picture(), expires_in=60)
        await reached.aclose()
        out_of_reach = Settings(home=home, s3_bucket="pictures", s3_endpoint_url="https://s3.invalid")
        assert "hush" not in await refused(out_of_reach, Unavailable, "ALL_PROXY", "HTTPS_PROXY")
        with pytest.raises(BlockingIOError):
            proxy.accept()


@pytest.mark.usefixtures("keys")
async def test_a_password_in_the_endpoint_is_not_told(home: Path) -> None:
    settings = Settings(home=home, s3_bucket="pictures", s3_endpoint_url="https://me:hush@s3.invalid")
    assert "hush" not in await refused(settings, Unavailable, "s3.invalid")


@pytest.mark.usefixtures("keys")
async def test_a_store_that_never_answers_is_given_up(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        settings = Settings(home=home, s3_bucket="pictures", s3_endpoint_url=url)
        store = S3Store(settings, "pictures", answer_seconds=0.2)
        await refused(settings, Unavailable, "didn't answer", store=store)


@pytest.mark.usefixtures("keys")
async def test_a_store_that_does_not_speak_tls_is_named(home: Path) -> None:
    with replay(lambda _: Reply(200)) as server:
        settings = Settings(
            home=home, s3_bucket="pictures", s3_endpoint_url=server.url.replace("http", "https")
        )
        await refused(settings, NotConfigured, "TLS", "ALYA_S3_ENDPOINT_URL")


def certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate for localhost that nobody knows, and what serves with it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "certificate.pem", folder / "key.pem"
    pem = serialization.Encoding.PEM
    public.write_bytes(signed.public_bytes(pem))
    private.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    return public, context


@pytest.mark.usefixtures("keys")
async def test_a_certificate_of_an_unknown_authority_is_named_and_can_be_made_known(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    public, tls = certificate(tmp_path)
    with replay(accepting, tls) as server:
        settings = Settings(home=home, s3_bucket="pictures", s3_endpoint_url=server.url)
        await refused(settings, NotConfigured, "certificate", "AWS_CA_BUNDLE")
        assert server.seen == []
        monkeypatch.setenv("AWS_CA_BUNDLE", str(public))
        store = open_store(settings)
        await store.put(picture(), expires_in=60)
        await store.aclose()
    assert [request.method for request in server.seen] == ["PUT", "GET"]


async def test_missing_credentials_are_named(home: Path) -> None:
    settings = Settings(home=home, s3_bucket="pictures", s3_endpoint_url="http://127.0.0.1:9")
    await refused(settings, NotConfigured, "No S3 credentials", "AWS_ACCESS_KEY_ID")


async def test_half_the_credentials_are_none(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY_ID)
    settings = Settings(home=home, s3_bucket="pictures", s3_endpoint_url="http://127.0.0.1:9")
    await refused(settings, NotConfigured, "AWS_SECRET_ACCESS_KEY")


async def test_a_profile_of_aws_login_names_the_extra(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if botocore.compat.HAS_CRT:
        pytest.skip("awscrt is installed")
    Path(os.environ["AWS_CONFIG_FILE"]).write_text(  # noqa: ASYNC240
        "[profile work]\nlogin_session = arn:aws:iam::111122223333:user/x\n"
    )
    monkeypatch.setenv("AWS_PROFILE", "work")
    await refused(Settings(home=home, s3_bucket="pictures"), NotConfigured, "aws-login")


@pytest.mark.parametrize("variable", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"])
@pytest.mark.usefixtures("keys")
async def test_a_credential_that_no_request_can_carry_is_named(
    home: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "half\r\nof it")
    await refused(Settings(home=home, s3_bucket="pictures"), NotConfigured, variable)


@pytest.mark.parametrize("prefix", [".", "..", "./images", "a/../b", "a/./b", "a/.."])
def test_a_prefix_that_browsers_shorten_is_refused(home: Path, prefix: str) -> None:
    with pytest.raises(SettingsError, match="ALYA_S3_PREFIX"):
        Settings.from_environment({"ALYA_HOME": str(home), "ALYA_S3_PREFIX": prefix})


@pytest.mark.parametrize("prefix", [".hidden", "..x", "a//b", "a.b/c."])
def test_any_other_prefix_stays_as_it_is(home: Path, prefix: str) -> None:
    assert Settings.from_environment({"ALYA_HOME": str(home), "ALYA_S3_PREFIX": prefix}).s3_prefix == prefix


async def test_an_unknown_profile_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "holiday")
    settings = Settings(home=home, s3_bucket="pictures", s3_endpoint_url="http://127.0.0.1:9")
    await refused(settings, NotConfigured, "AWS_PROFILE")


async def test_a_program_for_credentials_that_fails_is_named(home: Path) -> None:
    config = anyio.Path(os.environ["AWS_CONFIG_FILE"])
    await config.write_text("[default]\ncredential_process = false\n")
    settings = Settings(home=home, s3_bucket="pictures", s3_endpoint_url="http://127.0.0.1:9")
    await refused(settings, NotConfigured, "couldn't be fetched")


@pytest.mark.usefixtures("keys")
async def test_a_region_that_can_not_be_one_is_named(home: Path) -> None:
    settings = Settings(
        home=home, s3_bucket="pictures", s3_endpoint_url="http://127.0.0.1:9", s3_region="eu central!"
    )
    await refused(settings, NotConfigured, "'eu central!'", "ALYA_S3_REGION")


async def test_a_missing_extra_is_named_with_the_command_that_installs_it(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    text = await refused(
        Settings(home=home, s3_bucket="pictures"), NotConfigured, this_installation().command("s3")
    )
    assert text.startswith(str(NotInstalled("Uploading to S3", "s3")))


@pytest.mark.usefixtures("keys")
async def test_a_picture_that_can_not_be_kept_either_is_told(home: Path) -> None:
    await anyio.Path(home).write_bytes(b"a file where the folder should be")
    store = open_store(Settings(home=home, s3_bucket="pictures", s3_endpoint_url="http://127.0.0.1:9"))
    with pytest.raises(Unavailable, match="couldn't be kept on this machine either"):
        await store.put(picture(), expires_in=60)
    await anyio.Path(home).unlink()


# As AWS documents its errors

SKEWED = {"Date": format_datetime(datetime.now(UTC) + timedelta(hours=2), usegmt=True)}

HTML, PAGE = {"Content-Type": "text/html"}, b"<!doctype html><title>Console</title>"
MOVED = {"Location": "https://user:word@store.example.org/"}

DOCUMENTED: list[tuple[Reply, type[Failure], tuple[str, ...]]] = [
    (
        error(403, "InvalidAccessKeyId", "The key you provided does not exist."),
        NotConfigured,
        ("access key",),
    ),
    (error(403, "SignatureDoesNotMatch", "Check your key."), NotConfigured, ("AWS_SECRET_ACCESS_KEY",)),
    (error(400, "InvalidToken", "The token is malformed."), NotConfigured, ("AWS_SESSION_TOKEN",)),
    (error(400, "ExpiredToken", "The token has expired."), NotConfigured, ("credentials have expired",)),
    (
        error(403, "AccessDenied", "User: arn:aws:iam::1:user/me is not authorized"),
        NotConfigured,
        ("s3:PutObject",),
    ),
    (error(401, "Unauthorized", None), NotConfigured, ("s3:PutObject",)),
    (error(403, "RequestTimeTooSkewed", "", **SKEWED), NotConfigured, ("clock", "min (behind)")),
    (error(404, "NoSuchBucket", None), NotConfigured, ("no bucket 'pictures'",)),
    (error(400, "InvalidBucketName", None), NotConfigured, ("ALYA_S3_BUCKET",)),
    (error(400, "AuthorizationHeaderMalformed", "the region is wrong"), NotConfigured, ("ALYA_S3_REGION",)),
    (
        error(301, "PermanentRedirect", "", x_amz_bucket_region="eu-central-1"),
        NotConfigured,
        ("ALYA_S3_REGION to 'eu-central-1'",),
    ),
    (error(507, "InsufficientStorage", None), Unavailable, ("full",)),
    (error(400, "EntityTooLarge", None), InvalidInput, ("size",)),
    (error(503, "SlowDown", "Please reduce your request rate."), Unavailable, ("busy (SlowDown)",)),
    (error(500, "InternalError", None), Unavailable, ("busy (InternalError)",)),
    (Reply(502, b"<html>Bad gateway</html>"), Unavailable, ("busy (502)",)),
    (
        error(400, "AccessControlListNotSupported", "No ACLs here."),
        Unavailable,
        ("AccessControlListNotSupported",),
    ),
    (error(418, "Teapot", f"{SECRET} short and stout"), Unavailable, ("Teapot", "short and stout")),
    (error(418, "Teapot", None), Unavailable, ("Teapot",)),
    (Reply(403), NotConfigured, ("s3:PutObject",)),
    (Reply(400, b"{not xml"), NotConfigured, ("HTTP 400", "ALYA_S3_ENDPOINT_URL")),
    (Reply(200, PAGE, HTML), NotConfigured, ("HTTP 200", "ALYA_S3_ENDPOINT_URL")),
    (Reply(403, PAGE, HTML), NotConfigured, ("HTTP 403", "ALYA_S3_ENDPOINT_URL")),
    (Reply(407, PAGE, HTML), NotConfigured, ("proxy", "password")),
    *(
        (Reply(status, PAGE, HTML | MOVED), NotConfigured, ("redirects", "ALYA_S3_ENDPOINT_URL"))
        for status in (301, 302, 307, 308)
    ),
    (error(400, "InvalidRequest", "S3 API Requests must be made to API port."), NotConfigured, ("console",)),
    (
        error(
            403,
            "AccessDenied",
            "User: arn:aws:iam::1:user/me is not authorized to perform: s3:PutObject on "
            "resource: y with an explicit deny in a resource-based policy",
        ),
        NotConfigured,
        ("resource-based policy", "ALYA_S3_SSE"),
    ),
    (error(403, "AccessDenied", "Transaction cap exceeded."), NotConfigured, ("Transaction cap exceeded",)),
]


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize(
    ("reply", "expected", "words"),
    DOCUMENTED,
    ids=[f"{case[0].status}-{number}" for number, case in enumerate(DOCUMENTED)],
)
async def test_a_documented_error_is_explained(
    home: Path, reply: Reply, expected: type[Failure], words: tuple[str, ...]
) -> None:
    with replay(lambda _: reply) as server:
        settings = Settings(
            home=home, s3_bucket="pictures", s3_endpoint_url=server.url, s3_region="us-east-1"
        )
        text = await refused(settings, expected, *words)
    assert "None" not in text
    assert "arn:aws" not in text
    assert "user:word" not in text
    assert len(server.seen) <= 8


@pytest.mark.usefixtures("keys")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_redirect_that_trips_urllib3_up_is_explained(home: Path) -> None:
    """To a 303 urllib3 2.8 prepares a GET from botocore's headers, fails, and leaves its socket open."""
    with replay(lambda _: Reply(303, PAGE, HTML | MOVED)) as server:
        settings = Settings(home=home, s3_bucket="pictures", s3_endpoint_url=server.url)
        await refused(settings, NotConfigured, "redirects", "ALYA_S3_ENDPOINT_URL")
        assert [request.method for request in server.seen].count("PUT") == 1  # nothing is uploaded again
    gc.collect()


@pytest.mark.usefixtures("keys")
async def test_a_busy_store_is_tried_three_times(home: Path) -> None:
    with replay(lambda _: error(503, "SlowDown")) as server:
        store = open_store(Settings(home=home, s3_bucket="pictures", s3_endpoint_url=server.url))
        with pytest.raises(Unavailable):
            await store.put(picture(), expires_in=60)
        assert [request.method for request in server.seen] == ["PUT"] * 3
        await store.aclose()


def etag(data: bytes) -> dict[str, str]:
    return {"ETag": f'"{hashlib.md5(data).hexdigest()}"'}


def accepting(request: Request) -> Reply:
    return Reply(200, headers=etag(request.body))


@pytest.mark.usefixtures("keys")
async def test_an_upload_says_what_it_is_and_asks_for_nothing_stores_refuse(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", TOKEN)
    upload = picture()
    with replay(accepting) as server:
        store = open_store(Settings(home=home, s3_bucket="pictures", s3_endpoint_url=server.url))
        stored = await store.put(upload, expires_in=60)
        status = await store.status()
        await store.aclose()
    put = server.seen[0]
    assert put.headers["Content-MD5"] == base64.b64encode(hashlib.md5(upload.data).digest()).decode()
    names = {name.lower() for name in put.headers}
    assert (put.method, put.path, put.body) == ("PUT", f"/pictures/{upload.key}", upload.data)
    assert put.headers["Content-Type"] == "image/png"
    assert put.headers["Authorization"].startswith("AWS4-HMAC-SHA256 ")
    assert put.headers["Cache-Control"] == "private, max-age=604800, immutable"
    assert not {name for name in names if "acl" in name or "checksum" in name or "trailer" in name}
    assert f"X-Amz-Security-Token={TOKEN}" in stored.url
    assert isinstance(status, BucketStatus)
    assert (status.temporary, status.credentials_end) == (True, None)
    assert "links may end earlier" in status_words(status)


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize(
    ("asked", "headers"),
    [
        ({"s3_sse": "AES256"}, {"x-amz-server-side-encryption": "AES256"}),
        (
            {"s3_sse": "aws:kms", "s3_kms_key": "the-key"},
            {
                "x-amz-server-side-encryption": "aws:kms",
                "x-amz-server-side-encryption-aws-kms-key-id": "the-key",
            },
        ),
    ],
)
async def test_an_upload_asks_for_the_encryption_of_the_settings(
    home: Path, asked: dict[str, Any], headers: dict[str, str]
) -> None:
    with replay(accepting) as server:
        store = open_store(Settings(home=home, s3_bucket="pictures", s3_endpoint_url=server.url, **asked))
        await store.put(picture(), expires_in=60)
        await store.aclose()
    assert {name: server.seen[0].headers[name] for name in headers} == headers


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize(
    ("headers", "opens"),
    [
        ({}, True),
        ({"x-amz-storage-class": "GLACIER_IR"}, True),
        ({"x-amz-storage-class": "INTELLIGENT_TIERING"}, True),
        ({"x-amz-storage-class": "GLACIER"}, False),
        ({"x-amz-storage-class": "DEEP_ARCHIVE", "x-amz-restore": 'ongoing-request="true"'}, False),
        ({"x-amz-storage-class": "DEEP_ARCHIVE", "x-amz-restore": 'ongoing-request="false"'}, True),
        (
            {"x-amz-storage-class": "INTELLIGENT_TIERING", "x-amz-archive-status": "DEEP_ARCHIVE_ACCESS"},
            False,
        ),
    ],
)
async def test_an_archived_picture_is_not_linked_until_it_is_restored(
    home: Path, headers: dict[str, str], opens: bool
) -> None:
    """HEAD answers 200 for it; its link would answer 403 InvalidObjectState."""

    def stored(request: Request) -> Reply:
        return Reply(200, b"" if request.method == "HEAD" else b"x" * 9, {"Content-Length": "9"} | headers)

    with replay(stored) as server:
        store = open_store(Settings(home=home, s3_bucket="pictures", s3_endpoint_url=server.url))
        with anyio.move_on_after(PATIENCE):
            linked = await store.link(picture().key, size=9, filename="a.png", expires_in=60)
        await store.aclose()
    assert (linked is not None) is opens


@pytest.mark.usefixtures("keys")
async def test_a_damaged_upload_is_noticed(home: Path) -> None:
    def damaging(request: Request) -> Reply:
        return Reply(
            200,
            headers=etag(b"something else") | ({"Content-Length": "9"} if request.method == "HEAD" else {}),
        )

    with replay(damaging) as server:
        settings = Settings(home=home, s3_bucket="pictures", s3_endpoint_url=server.url)
        await refused(settings, Unavailable, "holds 9 bytes of an image of")


@pytest.mark.usefixtures("keys")
async def test_an_encrypting_store_with_etags_of_its_own_is_believed_by_the_length(home: Path) -> None:
    upload = picture()

    def encrypting(request: Request) -> Reply:
        length = {"Content-Length": str(len(upload.data))} if request.method == "HEAD" else {}
        return Reply(200, headers=etag(b"cipher") | length)

    with replay(encrypting) as server:
        store = open_store(Settings(home=home, s3_bucket="pictures", s3_endpoint_url=server.url))
        await store.put(upload, expires_in=60)
        await store.aclose()
    assert [request.method for request in server.seen] == ["PUT", "HEAD", "GET"]


@pytest.mark.usefixtures("keys")
async def test_credentials_that_may_write_and_not_read_are_noticed(home: Path) -> None:
    def write_only(request: Request) -> Reply:
        return accepting(request) if request.method == "PUT" else error(403, "AccessDenied")

    with replay(write_only) as server:
        store = open_store(Settings(home=home, s3_bucket="pictures", s3_endpoint_url=server.url))
        with pytest.raises(NotConfigured, match="s3:GetObject"):
            await store.put(picture(), expires_in=60)
        assert (await store.status()).state == "failing"
        await store.aclose()


@pytest.mark.usefixtures("keys")
async def test_a_bucket_that_can_not_be_listed_may_be_fine(home: Path) -> None:
    def no_list(request: Request) -> Reply:
        return error(403, "AccessDenied") if "list-type" in request.path else accepting(request)

    with replay(no_list) as server:
        store = open_store(Settings(home=home, s3_bucket="pictures", s3_endpoint_url=server.url))
        await store.put(picture(), expires_in=60)
        status = await store.status()
        await store.aclose()
    assert isinstance(status, BucketStatus)
    assert (status.state, status.listable) == ("ok", False)
    assert "can't be listed" in status_words(status)


@pytest.mark.usefixtures("keys")
async def test_only_the_first_link_is_tried(home: Path) -> None:
    with replay(accepting) as server:
        store = open_store(Settings(home=home, s3_bucket="pictures", s3_endpoint_url=server.url))
        for seed in range(3):
            await store.put(picture(seed), expires_in=60)
        await store.aclose()
    assert [request.method for request in server.seen] == ["PUT", "GET", "PUT", "PUT"]
    assert server.seen[1].headers["Range"] == "bytes=0-0"


@pytest.mark.usefixtures("keys")
async def test_a_link_that_ends_at_once_is_not_taken_for_a_refused_one(home: Path) -> None:
    """The store looks at the link that is tried only after the caller's has ended."""

    def late(request: Request) -> Reply:
        life = re.search(r"X-Amz-Expires=([0-9]+)", request.path)
        return error(403, "AccessDenied") if life and int(life[1]) < 60 else accepting(request)

    with replay(late) as server:
        store = open_store(Settings(home=home, s3_bucket="pictures", s3_endpoint_url=server.url))
        stored = await store.put(picture(), expires_in=1)
        await store.aclose()
    assert "X-Amz-Expires=1&" in stored.url


@pytest.mark.usefixtures("keys")
async def test_a_cancelled_upload_stops_sending_and_leaves_nothing(home: Path) -> None:
    """The server reads a little and stops; after the cancellation the rest never comes."""
    upload = picture(size=64_000_000)
    received: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        began, cancelled = threading.Event(), threading.Event()

        def read() -> None:
            connection, _ = listener.accept()
            with connection:
                head = b""
                while b"\r\n\r\n" not in head:
                    head += connection.recv(65_536)
                if b"100-continue" in head.lower():
                    connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                began.set()
                cancelled.wait(PATIENCE)
                total = 0
                try:
                    while piece := connection.recv(1_000_000):
                        total += len(piece)
                except ConnectionError:
                    pass
                received.append(total)

        reader = threading.Thread(target=read)
        reader.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        store = open_store(Settings(home=home, s3_bucket="pictures", s3_endpoint_url=url))
        async with anyio.create_task_group() as group:
            group.start_soon(lambda: store.put(upload, expires_in=60))
            await anyio.to_thread.run_sync(began.wait)
            group.cancel_scope.cancel()
        cancelled.set()
        await anyio.to_thread.run_sync(reader.join)
    assert received[0] < len(upload.data)
    assert kept(home, upload) is None
    await store.aclose()


@pytest.mark.parametrize(
    ("endpoint", "region", "shape"),
    [
        (None, None, r"https://pictures\.s3\.amazonaws\.com/2026.*us-east-1"),
        (None, "eu-central-1", r"https://pictures\.s3\.eu-central-1\.amazonaws\.com/2026.*eu-central-1"),
        (
            "https://acc.r2.cloudflarestorage.com",
            None,
            r"https://acc\.r2\.cloudflarestorage\.com/pictures/.*auto",
        ),
        ("https://s3.example.org:9000", None, r"https://s3\.example\.org:9000/pictures/2026.*us-east-1"),
    ],
)
@pytest.mark.usefixtures("keys")
async def test_links_are_signed_with_version_4_and_addressed_as_the_store_likes(
    home: Path, endpoint: str | None, region: str | None, shape: str
) -> None:
    settings = Settings(home=home, s3_bucket="pictures", s3_endpoint_url=endpoint, s3_region=region)
    connection = await anyio.to_thread.run_sync(s3_client.connect, settings, None, 30.0)
    url, _ = connection.presign("pictures", picture().key, 60)
    assert re.match(shape, url)
    assert "X-Amz-Signature=" in url
    assert "X-Amz-Algorithm=AWS4-HMAC-SHA256" in url


@pytest.mark.usefixtures("keys")
async def test_an_object_that_may_not_be_looked_at_is_not_linked(home: Path) -> None:
    with replay(lambda request: Reply(403) if request.method == "HEAD" else accepting(request)) as server:
        store = open_store(Settings(home=home, s3_bucket="pictures", s3_endpoint_url=server.url))
        linked = await store.link(picture().key, size=9, filename="a.png", expires_in=60)
        await store.aclose()
    assert linked is None


@pytest.mark.usefixtures("keys")
async def test_a_store_that_can_not_be_asked_for_an_object_is_a_failure(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    store = open_store(Settings(home=home, s3_bucket="pictures", s3_endpoint_url=url))
    with pytest.raises(Unavailable, match="can't be reached"):
        await store.link(picture().key, size=9, filename="a.png", expires_in=60)
    await store.aclose()


async def test_what_can_not_be_prepared_is_told_by_the_upload(home: Path) -> None:
    store = open_store(Settings(home=home, s3_bucket="pictures"))
    await store.prepare()
    with pytest.raises(NotConfigured, match="S3"):
        await store.put(picture(), expires_in=60)
    await store.aclose()
