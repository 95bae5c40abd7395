"""The S3 store: pictures in a bucket, opened by presigned URLs."""

import hashlib
import io
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import urlsplit

import anyio
import anyio.to_thread

from alya_mcp.errors import Failure, NotConfigured, NotInstalled, Unavailable
from alya_mcp.runtime.threads import run_abandonable
from alya_mcp.settings import Settings
from alya_mcp.storage.folder import StoreFolder
from alya_mcp.storage.local import kept_at, write_picture
from alya_mcp.storage.s3_client import ANSWER_SECONDS, S3Connection, connect
from alya_mcp.storage.s3_errors import (
    Target,
    code_of,
    credentials_in_doubt,
    explain,
    names_bucket,
    wrong_region,
)
from alya_mcp.storage.status import BucketStatus
from alya_mcp.storage.store import MIN_EXPIRY, Stored, Upload, clamp_expiry, safe_filename

T = TypeVar("T")

_STATUS_SECONDS = 10
_NOT_SEEN = frozenset({"404", "NoSuchKey", "403", "AccessDenied"})
"""What a store says of an object that isn't there; 403 to those who may not list the bucket."""
_ARCHIVES = frozenset({"GLACIER", "DEEP_ARCHIVE"})
_PROBE = "1970-01-01/none.png"
"""An object that never exists; asked for, it shows whether the store takes such keys."""
_CACHE_CONTROL = "private, max-age=604800, immutable"


class S3Store:
    """Pictures in a bucket. One client serves all calls; boto3 runs in threads of its own."""

    name = "s3"

    def __init__(self, settings: Settings, bucket: str, *, answer_seconds: float = ANSWER_SECONDS) -> None:
        self._settings = settings
        self._answer_seconds = answer_seconds
        self._bucket = bucket
        self._lock = threading.Lock()
        self._connection: S3Connection | None = None
        self._found_region: str | None = None
        self._last_failure: Failure | None = None

    async def prepare(self) -> None:
        """Import boto3 and create the client, which takes half a second."""
        try:
            await run_abandonable(lambda: self._talk(lambda _: None))
        except Failure:
            pass  # told by the upload

    async def put(self, upload: Upload, *, expires_in: int) -> Stored:
        """Upload the picture and presign a link; see `Store.put`. What can't be uploaded is kept locally."""
        body = _Body(upload.data)
        try:
            stored = await run_abandonable(lambda: self._put(upload, body, expires_in))
        except Failure as failure:
            self._last_failure = failure
            kept = await anyio.to_thread.run_sync(self._keep, upload)
            kind = NotConfigured if isinstance(failure, NotInstalled) else type(failure)
            raise kind(f"{failure} {kept}") from failure
        finally:
            body.cancel()
        self._last_failure = None
        return stored

    async def link(self, key: str, *, size: int, filename: str, expires_in: int) -> Stored | None:
        """Presign a link if the bucket still has the object, which keeps its file name; see `Store.link`."""
        del filename
        return await run_abandonable(lambda: self._link_again(key, size, expires_in))

    async def read(self, key: str, *, largest: int) -> bytes | None:
        """The object's bytes; see `Store.read`."""

        def get(to: S3Connection) -> bytes | None:
            try:
                answer: dict[str, Any] = to.client.get_object(Bucket=self._bucket, Key=key)
            except Exception as error:
                if code_of(error) in _NOT_SEEN:
                    return None
                raise
            with answer["Body"] as body:
                data: bytes = body.read(largest + 1)
            return data if len(data) <= largest else None

        return await run_abandonable(lambda: self._talk(get))

    async def delete(self, key: str) -> None:
        """Delete the object; see `Store.delete`. A bucket with versions keeps the earlier one."""
        await run_abandonable(
            lambda: self._talk(lambda to: to.client.delete_object(Bucket=self._bucket, Key=key))
        )

    async def origin(self) -> str:
        """Where links point, by the region that is known: AWS has a name for each; an upload finds it out."""
        return await run_abandonable(lambda: self._talk(self._origin))

    async def status(self) -> BucketStatus:
        """Ask the bucket for one name, which shows connection, credentials and bucket."""
        with anyio.move_on_after(_STATUS_SECONDS):
            return await run_abandonable(self._status)
        late = f"The bucket {self._bucket!r} didn't answer within {_STATUS_SECONDS} s."
        return BucketStatus(state="failing", bucket=self._bucket, reason=late)

    async def aclose(self) -> None:
        """Close the connections to the store."""
        await run_abandonable(self._disconnect)

    def _put(self, upload: Upload, body: "_Body", expires_in: int) -> Stored:
        key = "/".join(filter(None, (self._settings.s3_prefix, upload.key)))

        def send(connection: S3Connection) -> None:
            answer = connection.client.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=body,
                ContentType=upload.content_type,
                ContentDisposition=f'inline; filename="{safe_filename(upload.filename)}"',
                CacheControl=_CACHE_CONTROL,
                **connection.encryption,
                **connection.checksum(upload.data),
            )
            _verify_upload(connection, self._bucket, key, upload.data, str(answer.get("ETag", "")))
            self._check_region(connection)

        self._talk(send)
        return self._link(key, expires_in)

    def _link_again(self, key: str, size: int, expires_in: int) -> Stored | None:
        def whole(connection: S3Connection) -> bool:
            try:
                answer: dict[str, Any] = connection.client.head_object(Bucket=self._bucket, Key=key)
            except Exception as error:
                if code_of(error) in _NOT_SEEN:
                    return False
                raise
            self._check_region(connection)
            return int(answer.get("ContentLength", -1)) == size and not _archived(answer)

        return self._link(key, expires_in) if self._talk(whole) else None

    def _link(self, key: str, expires_in: int) -> Stored:
        def presign(connection: S3Connection) -> tuple[str, datetime]:
            connection.verify_links(self._bucket, key)
            return connection.presign(self._bucket, key, clamp_expiry(expires_in))

        began = time.perf_counter()
        asked = datetime.now(UTC) + timedelta(seconds=expires_in)
        url, expires_at = self._talk(presign)
        shortened = (asked - expires_at).total_seconds() > 1
        signing = 1000 * (time.perf_counter() - began)
        return Stored(
            url=url, expires_at=expires_at, key=key, file=None, shortened=shortened, signing=signing
        )

    def _origin(self, connection: S3Connection) -> str:
        parts = urlsplit(connection.presign(self._bucket, _PROBE, MIN_EXPIRY)[0])
        return f"{parts.scheme}://{parts.netloc}"

    def _check_region(self, connection: S3Connection) -> None:
        """Make sure that links are signed for the bucket's region: botocore corrects uploads, not links."""
        actual = connection.signed_region
        if actual == connection.region.name:
            return
        if connection.region.chosen:
            raise wrong_region(connection.target(self._bucket), actual)
        self._found_region = actual
        self._disconnect()

    def _status(self) -> BucketStatus:
        try:
            return self._talk(self._look)
        except Failure as failure:
            return BucketStatus(state="failing", bucket=self._bucket, reason=str(failure))

    def _look(self, connection: S3Connection) -> BucketStatus:
        self._look_for_prefix(connection)
        try:
            connection.client.list_objects_v2(Bucket=self._bucket, MaxKeys=1)
        except Exception as error:
            if code_of(error) == "NoSuchKey":
                raise names_bucket(connection.target(self._bucket)) from error
            if code_of(error) != "AccessDenied":
                raise
            if self._last_failure:
                raise self._last_failure from error
            return BucketStatus(state="ok", bucket=self._bucket, host=connection.host, listable=False)
        self._check_region(connection)
        end = connection.credentials_end()
        return BucketStatus(
            state="ok",
            bucket=self._bucket,
            host=connection.host,
            region=self._found_region or None,
            temporary=end is not None or connection.has_session_token,
            credentials_end=end,
        )

    def _look_for_prefix(self, connection: S3Connection) -> None:
        """Ask for an object that isn't there: a store that refuses the prefix says so before an upload."""
        if not self._settings.s3_prefix:
            return
        try:
            connection.client.get_object(
                Bucket=self._bucket, Key=f"{self._settings.s3_prefix}/{_PROBE}", Range="bytes=0-0"
            )
        except Exception as error:
            if code_of(error) not in _NOT_SEEN:
                raise

    def _talk(self, work: Callable[[S3Connection], T]) -> T:
        """Run `work` with the connection, with every error explained."""
        endpoint = urlsplit(self._settings.s3_endpoint_url or "")
        target = Target(
            bucket=self._bucket, host=endpoint.hostname or "AWS", region=self._settings.s3_region or ""
        )
        try:
            connection = self._connect()
            target = connection.target(self._bucket)
            return work(connection)
        except Exception as error:
            if credentials_in_doubt(error):
                self._disconnect()
            raise explain(error, target) from error

    def _connect(self) -> S3Connection:
        with self._lock:
            if self._connection is None:
                self._connection = connect(self._settings, self._found_region, self._answer_seconds)
            return self._connection

    def _disconnect(self) -> None:
        """Make the next call reconnect; calls in flight aren't affected."""
        with self._lock:
            connection, self._connection = self._connection, None
        if connection:
            connection.close()

    def _keep(self, upload: Upload) -> str:
        """Save locally what couldn't be uploaded, and return a sentence that says where."""
        try:
            write_picture(StoreFolder(self._settings.home), upload)
        except Failure as failure:
            return f"It couldn't be kept on this machine either: {failure}"
        return kept_at(upload.key)


class _Body(io.BytesIO):
    """A picture on its way, whose sending can be ended from another thread.

    A store drops an object whose body ends early, so a cancelled upload leaves nothing.
    """

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """Make every later read fail."""
        self._cancelled.set()

    def read(self, size: int | None = -1, /) -> bytes:
        if self._cancelled.is_set():
            raise InterruptedError("the upload was cancelled")
        return super().read(size)


def _archived(answer: dict[str, Any]) -> bool:
    """Whether an object has to be restored before its link opens, which HEAD doesn't mind."""
    asleep = answer.get("StorageClass") in _ARCHIVES or bool(answer.get("ArchiveStatus"))
    return asleep and 'ongoing-request="false"' not in str(answer.get("Restore", ""))


def _verify_upload(connection: S3Connection, bucket: str, key: str, data: bytes, etag: str) -> None:
    """Make sure that the store has the whole picture.

    Raises:
        Unavailable: it has something else.
    """
    if etag.strip('"') == hashlib.md5(data, usedforsecurity=False).hexdigest():
        return
    try:
        answer: dict[str, Any] = connection.client.head_object(Bucket=bucket, Key=key)
    except Exception as error:
        if code_of(error) in {"403", "AccessDenied"}:
            return  # may not be looked at; whether its link opens is checked next
        raise
    if int(answer.get("ContentLength", -1)) != len(data):
        raise Unavailable(
            f"The S3 store at {connection.host} holds {answer.get('ContentLength')} bytes of an image "
            f"of {len(data)} bytes. Try again."
        )
