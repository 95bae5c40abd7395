"""A connection to an S3 store: boto3 set up so that links open and uploads work with every S3 store.

boto3 is imported here when a connection is made, and nowhere else. It has no types: its objects are `Any`.
"""

import base64
import hashlib
import importlib
import os
import re
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from types import ModuleType
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from alya_mcp.errors import NotConfigured, NotInstalled
from alya_mcp.settings import Settings
from alya_mcp.storage.s3_answers import redirected, require_s3
from alya_mcp.storage.s3_errors import Target, is_303, socks_proxy
from alya_mcp.storage.store import MIN_EXPIRY

CONNECT_SECONDS: Final = 5
ANSWER_SECONDS: Final = 30
TRIES: Final = 3
_VERIFY_SECONDS: Final = 300
DEFAULT_REGION: Final = "us-east-1"
_LABELS_OF_A_STORE: Final = 3

_AWS_HOSTS = re.compile(r"(.*\.)?amazonaws\.com(\.cn)?|.*\.api\.aws")
_SIGNED_REGION = re.compile(r"Credential=[^/]+/[0-9]{8}/(?P<region>[^/]+)/s3/aws4_request")
_LINK_DATE = "%Y%m%dT%H%M%SZ"
_REFUSED = frozenset({400, 401, 403})


@dataclass(frozen=True, slots=True)
class Region:
    """The region that requests are signed for, and whether the user chose it."""

    name: str
    chosen: bool


class S3Connection:
    """One client with its credentials; its methods may be called from several threads."""

    def __init__(
        self, session: Any, client: Any, region: Region, links: Any, settings: Settings, answer_seconds: float
    ) -> None:
        """`links` is the client that signs links, for a public address where there is one."""
        self._answer_seconds = answer_seconds
        self.client = client
        self._links = links
        self._settings = settings
        self.region = region
        self._session = session
        self._credentials = session.get_credentials()
        self._link_opened = threading.Event()
        self._signed = threading.local()
        client.meta.events.register("before-send.s3", self._note_signed_region)
        # So written it comes before botocore's own handler, which makes a 500 of a page with status 200.
        client.meta.events.register_first("before-parse.*.*", self._require_s3)
        client.meta.events.register_first("needs-retry.s3", self._require_no_303)

    def target(self, bucket: str) -> Target:
        """Bucket, host and region, for error messages."""
        known = self._credentials.get_frozen_credentials() if self._credentials is not None else ()
        return Target(
            bucket=bucket,
            host=self.host,
            region=self.region.name,
            prefix=self._settings.s3_prefix,
            secrets=tuple(str(each) for each in known if each),
        )

    @property
    def encryption(self) -> dict[str, str]:
        """The parameters that ask the store to encrypt an upload, as the settings want it."""
        asked = {"ServerSideEncryption": self._settings.s3_sse, "SSEKMSKeyId": self._settings.s3_kms_key}
        return {name: value for name, value in asked.items() if value}

    def checksum(self, data: bytes) -> dict[str, str]:
        """The parameter with a checksum of `data` that buckets with Object Lock insist on.

        To AWS botocore sends a newer one by itself; many other stores know but this.
        """
        if self.client.meta.config.request_checksum_calculation == "when_supported":
            return {}
        return {"ContentMD5": base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()}

    @property
    def host(self) -> str:
        """The store's host name, with its port when it isn't the usual one."""
        return _host(str(self.client.meta.endpoint_url))

    @property
    def signed_region(self) -> str:
        """The region that this thread's last request was signed for: the bucket's, once the store told it."""
        return str(getattr(self._signed, "region", self.region.name))

    def presign(self, bucket: str, key: str, seconds: int) -> tuple[str, datetime]:
        """A link to an object and the moment (UTC) from which it no longer opens.

        A link dies with temporary credentials, so it is signed for no longer than they last.
        """
        credentials_end = self.credentials_end()
        if credentials_end is not None:
            remaining = int((credentials_end - datetime.now(UTC)).total_seconds())
            seconds = max(MIN_EXPIRY, min(seconds, remaining))
        url = str(
            self._links.generate_presigned_url(
                "get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=seconds
            )
        )
        query = parse_qs(urlsplit(url).query)
        signed_at = datetime.strptime(query["X-Amz-Date"][0], _LINK_DATE).replace(tzinfo=UTC)
        return url, datetime.fromtimestamp(signed_at.timestamp() + int(query["X-Amz-Expires"][0]), UTC)

    def verify_links(self, bucket: str, key: str) -> None:
        """Open a link to an object, once per connection: a store may take an upload and refuse every link.

        The link is one of its own that lives for minutes: the caller's may end before the store looks at it.
        An answer that says nothing of permissions, or none at all, is left for the next link to find out.

        Raises:
            NotConfigured: the store refuses the link.
        """
        if self._link_opened.is_set():
            return
        url, _ = self.presign(bucket, key, _VERIFY_SECONDS)
        status, code = self._open(url)
        if status in {200, 206}:
            self._link_opened.set()
        elif status in _REFUSED:
            raise NotConfigured(
                f"The S3 store at {self.host} took the image but refuses links to it (HTTP {status} {code}). "
                f"The credentials need s3:GetObject on the bucket {bucket!r} (and kms:Decrypt if a KMS key "
                f"encrypts it), and ALYA_S3_REGION, now {self.region.name!r}, has to be the bucket's."
            )

    @property
    def has_session_token(self) -> bool:
        """Whether the credentials are temporary ones, which limits how long links open."""
        return self._credentials is not None and bool(self._credentials.token)

    def credentials_end(self) -> datetime | None:
        """When temporary credentials expire; None if unknown."""
        if self._credentials is None:
            return None
        self._credentials.get_frozen_credentials()  # renews them when their end is near
        end = getattr(self._credentials, "_expiry_time", None)
        return end.astimezone(UTC) if isinstance(end, datetime) else None

    def _open(self, url: str) -> tuple[int, str]:
        """The HTTP status and error code of the first byte behind `url`; 0 when nothing answers."""
        http, requests = _module("botocore.httpsession"), _module("botocore.awsrequest")
        opener = http.URLLib3Session(
            verify=self._session.get_config_variable("ca_bundle") or True,
            proxies=_module("botocore.utils").get_environ_proxies(url),
            timeout=(CONNECT_SECONDS, self._answer_seconds),
        )
        try:
            request = requests.AWSRequest("GET", url, headers={"Range": "bytes=0-0"}).prepare()
            answer = opener.send(request)
        except _module("botocore.exceptions").BotoCoreError:
            return 0, ""
        finally:
            opener.close()
        code = (
            re.search(r"<Code>([A-Za-z]{1,60})</Code>", str(answer.text))
            if answer.status_code >= 400
            else None
        )
        return int(answer.status_code), code[1] if code else ""

    def close(self) -> None:
        """Close the connections; calls in flight aren't affected."""
        self.client.close()
        if self._links is not self.client:
            self._links.close()

    def _require_s3(self, response_dict: dict[str, Any], **_: Any) -> None:
        body = response_dict.get("body")
        require_s3(
            int(response_dict["status_code"]),
            response_dict["headers"],
            body if isinstance(body, bytes) else b"",
            self.host,
        )

    def _require_no_303(self, caught_exception: Exception | None = None, **_: Any) -> None:
        """Send nothing again to an address that answered 303, which botocore takes for a lost connection."""
        if caught_exception is not None and is_303(caught_exception):
            raise redirected(self.host, HTTPStatus.SEE_OTHER.value)

    def _note_signed_region(self, request: Any, **_: Any) -> None:
        authorization = request.headers.get("Authorization") or b""
        text = authorization.decode("latin-1") if isinstance(authorization, bytes) else str(authorization)
        signed = _SIGNED_REGION.search(text)
        if signed:
            self._signed.region = signed["region"]


def connect(settings: Settings, found_region: str | None, answer_seconds: float) -> S3Connection:
    """A new connection. `found_region` is the bucket's, as the store reports it if none is configured.

    A store that says nothing for `answer_seconds` is given up.

    Raises:
        NotInstalled: boto3 is missing.
        Exception: whatever botocore raises for unusable configuration; see `s3_errors`.
    """
    try:
        session = _module("botocore.session").get_session()
        boto = _module("boto3").Session(botocore_session=session)
    except ImportError as error:
        raise NotInstalled("Uploading to S3", "s3") from error
    credentials = session.get_credentials()
    if credentials is None:
        raise _module("botocore.exceptions").NoCredentialsError
    _require_sendable(credentials.get_frozen_credentials())
    chosen = settings.s3_region or os.environ.get("AWS_REGION") or session.get_config_variable("region")
    endpoint = _without_bucket(settings.s3_endpoint_url or _configured_endpoint(boto), settings.s3_bucket)
    region = Region(str(chosen or found_region or _usual_region(endpoint)), chosen=bool(chosen))

    def client(address: str | None) -> Any:
        return boto.client(
            "s3", region_name=region.name, endpoint_url=address, config=_config(address, answer_seconds)
        )

    made = client(endpoint)
    _require_http_proxy(str(made.meta.endpoint_url))
    public = settings.s3_public_url
    return S3Connection(session, made, region, client(public) if public else made, settings, answer_seconds)


def _require_sendable(credentials: Any) -> None:
    """See that the credentials hold nothing that a request can't carry; none of them is told.

    Raises:
        NotConfigured: one does.
    """
    named = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    for variable, text in zip(named, credentials, strict=False):
        if text and not re.fullmatch(r"[!-~]+", text):
            raise NotConfigured(
                f"{variable} (or the profile's entry in its place) holds a blank, a line end or another "
                "character that no key has. The user can copy it again."
            )


def _require_http_proxy(url: str) -> None:
    """See that the proxy on the way to `url` isn't a SOCKS one: botocore would take "socks5" for its host.

    Raises:
        NotConfigured: it is.
    """
    scheme = urlsplit(url).scheme
    proxy = str(_module("botocore.utils").get_environ_proxies(url).get(scheme, ""))
    if proxy.lower().startswith("socks"):
        raise socks_proxy(f"{scheme.upper()}_PROXY")


def _without_bucket(endpoint: str | None, bucket: str | None) -> str | None:
    """`endpoint` without the bucket at its end or before its host, as dashboards show it.

    A host is shortened only where three labels are left: `pictures.example.org` may be a store's own name.
    """
    if endpoint is None or not bucket:
        return endpoint
    parts = urlsplit(endpoint)
    path = parts.path.rstrip("/")
    if path == f"/{bucket}" or path.endswith(f"/{bucket}"):
        parts = parts._replace(path=path.removesuffix(f"/{bucket}"))
    rest = parts.netloc.removeprefix(f"{bucket}.")
    if rest != parts.netloc and rest.count(".") >= _LABELS_OF_A_STORE - 1 and not rest[0].isdigit():
        parts = parts._replace(netloc=rest)
    return parts.geturl()


def _configured_endpoint(boto: Any) -> str | None:
    """The endpoint that AWS's own variables or configuration file name, if it isn't AWS."""
    client = boto.client("s3", region_name=DEFAULT_REGION)
    endpoint = str(client.meta.endpoint_url)
    client.close()
    return None if _AWS_HOSTS.fullmatch(urlsplit(endpoint).hostname or "") else endpoint


def _usual_region(endpoint: str | None) -> str:
    host = urlsplit(endpoint or "").hostname or ""
    return "auto" if host.endswith(".r2.cloudflarestorage.com") else DEFAULT_REGION


def _config(endpoint: str | None, answer_seconds: float) -> Any:
    custom = endpoint is not None and not _AWS_HOSTS.fullmatch(urlsplit(endpoint).hostname or "")
    checksums = "when_required" if custom else "when_supported"
    return _module("botocore.config").Config(
        signature_version="s3v4",  # the default still presigns with version 2 in several regions
        s3={"addressing_style": "path" if custom else "virtual"},
        connect_timeout=CONNECT_SECONDS,
        read_timeout=answer_seconds,
        max_pool_connections=16,
        retries={"mode": "standard", "total_max_attempts": TRIES},
        request_checksum_calculation=checksums,  # many stores refuse the newer checksum headers
        response_checksum_validation=checksums,
    )


def _host(url: str) -> str:
    """The host and port of `url`, without a user name or password."""
    return urlsplit(url).netloc.rpartition("@")[2]


def _module(name: str) -> ModuleType:
    return importlib.import_module(name)
