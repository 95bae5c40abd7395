"""Explains errors of S3 stores: what to set, and where.

Errors are known by the names of their classes, so that nothing of boto3 is imported here. A store's own
message is quoted only for codes that aren't known, since it may hold account names.
"""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

from alya_mcp.errors import Failure, InvalidInput, NotConfigured, NotInstalled, Unavailable
from alya_mcp.gate.credentials import mask_credentials
from alya_mcp.storage.s3_answers import no_store

_REGION_CODES = frozenset(
    {
        "AuthorizationHeaderMalformed",
        "AuthorizationQueryParametersError",
        "PermanentRedirect",
        "TemporaryRedirect",
        "IllegalLocationConstraintException",
        "301",
        "307",
    }
)
_EXPIRED_CODES = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired"}
)
_KEY_CODES = frozenset({"InvalidAccessKeyId", "InvalidClientTokenId", "UnrecognizedClientException"})
_BUSY_CODES = frozenset(
    {
        "SlowDown",
        "ServiceUnavailable",
        "InternalError",
        "RequestTimeout",
        "Throttling",
        "ThrottlingException",
        "RequestLimitExceeded",
        "OperationAborted",
        "BadGateway",
        "500",
        "502",
        "503",
        "504",
    }
)
_FULL_CODES = frozenset({"QuotaExceeded", "XMinioStorageFull", "InsufficientStorage", "StorageFull", "507"})
_DENIED_CODES = frozenset({"AccessDenied", "AllAccessDisabled", "AccountProblem", "Forbidden", "403"})
_PLAIN_DENIAL = re.compile(r"access (is )?denied|not authorized|forbidden|permission", re.IGNORECASE)
_KEY_NAME_CODES = frozenset(
    {"InvalidArgument", "InvalidObjectName", "InvalidURI", "KeyTooLongError", "XMinioInvalidObjectName"}
)
_FORGOTTEN = (
    _EXPIRED_CODES | _KEY_CODES | {"SignatureDoesNotMatch", "InvalidToken", "AccessDenied", "Unauthorized"}
)
_STILL_EXPIRED = "refreshed credentials are still expired"  # botocore has no class for it
_ON_303 = "sequence item 0: expected str instance, bytes found"  # botocore 1.44 with urllib3 2.8
_NO_CREDENTIALS = frozenset({"NoCredentialsError", "PartialCredentialsError", "ProfileNotFound"})
_SIGN_IN_AGAIN = frozenset(
    {
        "SSOError",
        "UnauthorizedSSOTokenError",
        "TokenRetrievalError",
        "SSOTokenLoadError",
        "LoginError",
        "CredentialRetrievalError",
        "MetadataRetrievalError",
        "RefreshWithMFAUnsupportedError",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What was talked to: the bucket, the store's host and the region that requests were signed for.

    `prefix` leads every key; `secrets` are the credentials, which no message may show.
    """

    bucket: str
    host: str
    region: str
    prefix: str = ""
    secrets: tuple[str, ...] = field(default=(), repr=False)


def code_of(error: BaseException) -> str:
    """The S3 error code that the store answered with, or an empty string."""
    return str(_answer(error).get("Error", {}).get("Code") or "")


def credentials_in_doubt(error: BaseException) -> bool:
    """Whether credentials should be read again before the next try."""
    doubtful = _class_names(error) & (_NO_CREDENTIALS | _SIGN_IN_AGAIN)
    return code_of(error) in _FORGOTTEN or bool(doubtful) or _STILL_EXPIRED in str(error)


def explain(error: Exception, target: Target) -> Failure:
    """The failure that `error` means, with what the user can do."""
    if isinstance(error, Failure):
        return error
    code = code_of(error)
    if code or "ClientError" in _class_names(error):
        return _explain_answer(error, code, target)
    return _explain_silence(error, target)


def wrong_region(target: Target, actual: str | None) -> NotConfigured:
    """The failure for a bucket that isn't in the configured region."""
    where = f"is in {actual}" if actual else "is in another region"
    return NotConfigured(
        f"The bucket {target.bucket!r} {where}, and requests were signed for {target.region!r}. "
        f"The user can set ALYA_S3_REGION to {repr(actual) if actual else 'the region of the bucket'}."
    )


def _explain_answer(error: Exception, code: str, target: Target) -> Failure:
    message = str(_answer(error).get("Error", {}).get("Message") or "")
    if code == "RequestTimeTooSkewed" or "difference between the request time" in message:
        return _clock(error, target)
    if code in _EXPIRED_CODES:
        return _expired()
    if code in _KEY_CODES:
        return NotConfigured(
            f"The S3 store at {target.host} doesn't know the access key. "
            "The user can check AWS_ACCESS_KEY_ID (or AWS_PROFILE), and that it belongs to this store."
        )
    if code == "SignatureDoesNotMatch":
        return NotConfigured(
            f"The S3 store at {target.host} refused the signature: the secret key is not "
            "that of the access key. The user can check AWS_SECRET_ACCESS_KEY."
        )
    if code in {"InvalidToken", "InvalidSecurity"}:
        return NotConfigured(
            f"The S3 store at {target.host} refused the session token. The user can check "
            "AWS_SESSION_TOKEN: it belongs to temporary keys only, and to exactly one pair of them."
        )
    if code in _REGION_CODES:
        return wrong_region(target, _region_in(error))
    if code in {"NoSuchBucket", "404"}:
        return NotConfigured(
            f"There is no bucket {target.bucket!r} at {target.host}. "
            "The user can create it, or correct ALYA_S3_BUCKET or ALYA_S3_ENDPOINT_URL."
        )
    if code == "InvalidBucketName":
        return _bucket_name(target)
    if code in _DENIED_CODES or code == "Unauthorized":
        return _denied(message, target)
    if "must be made to API port" in message:
        return no_store(target.host, "MinIO's console answers")
    if code in _KEY_NAME_CODES and target.prefix:
        return NotConfigured(
            f"The S3 store at {target.host} refuses keys that begin with ALYA_S3_PREFIX, now "
            f"{target.prefix!r:.200}: {code}{_quoted(message, target)}. The user can set another prefix."
        )
    if code in _FULL_CODES:
        return Unavailable(
            f"The S3 store at {target.host} is full or a quota of the bucket {target.bucket!r} is spent."
        )
    if code == "EntityTooLarge":
        return InvalidInput(f"The S3 store at {target.host} doesn't take an object of this size.")
    if code in _BUSY_CODES:
        return Unavailable(
            f"The S3 store at {target.host} is busy ({code}), after three tries. Try again later."
        )
    return Unavailable(
        f"The S3 store at {target.host} refused the request: {code or 'no code'}{_quoted(message, target)}."
    )


def socks_proxy(variable: str) -> Failure:
    """The failure for a SOCKS proxy in `variable`."""
    return NotConfigured(
        f"{variable} names a SOCKS proxy, which boto3 can't use. The user can name an HTTP proxy there, or "
        "the S3 store in NO_PROXY."
    )


def _unused_proxy() -> str:
    """A sentence on ALL_PROXY, which boto3 doesn't know; nothing where it isn't set."""
    from urllib.request import getproxies_environment  # brings http.client

    if "all" not in getproxies_environment():
        return ""
    return " boto3 doesn't use ALL_PROXY: if the store needs a proxy, name an HTTP one in HTTPS_PROXY."


def _explain_silence(error: Exception, target: Target) -> Failure:
    names = _class_names(error)
    if _STILL_EXPIRED in str(error):
        return _expired()
    if names & _NO_CREDENTIALS:
        return NotConfigured(
            "No S3 credentials were found. The user can set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
            "or AWS_PROFILE, in the environment of the server."
        )
    if names & _SIGN_IN_AGAIN:
        return NotConfigured(
            f"The S3 credentials couldn't be fetched ({type(error).__name__}). "
            "The user may have to sign in again, for instance with `aws sso login` or `aws login`."
        )
    if "MissingDependencyException" in names:
        return NotInstalled("An AWS profile that was made by `aws login`", "aws-login")
    if "ParamValidationError" in names:
        return _bucket_name(target)
    if "SSLError" in names:
        return NotConfigured(
            f"The certificate of {target.host} isn't trusted, or it doesn't speak TLS. "
            "The user can check ALYA_S3_ENDPOINT_URL (http or https), and AWS_CA_BUNDLE if the certificate "
            "comes from an authority of their own."
        )
    if "ProxyConnectionError" in names and "socks" in str(error):
        return socks_proxy("HTTPS_PROXY or HTTP_PROXY")
    if "ProxyConnectionError" in names and "407" in str(error):
        return NotConfigured(
            f"The proxy on the way to {target.host} wants a user name and a password (HTTP 407). The user "
            "can set them in HTTPS_PROXY."
        )
    if "ProxyConnectionError" in names:
        return Unavailable(
            f"The proxy on the way to {target.host} doesn't answer. Check HTTPS_PROXY and NO_PROXY."
        )
    if "ConnectTimeoutError" in names:
        return Unavailable(
            f"The S3 store at {target.host} can't be reached: no connection within 5 s, three times."
            f"{_unused_proxy()}"
        )
    if "ReadTimeoutError" in names:
        return Unavailable(
            f"The S3 store at {target.host} took the image but didn't answer within 30 s, three times."
        )
    if names & {"EndpointConnectionError", "ConnectionError", "HTTPClientError"}:
        return Unavailable(
            f"The S3 store at {target.host} can't be reached. Check the network and ALYA_S3_ENDPOINT_URL; "
            f"the same call may succeed later.{_unused_proxy()}"
        )
    if names & {"InvalidRegionError", "NoRegionError", "UnknownRegionError"}:
        return NotConfigured(
            f"The region {target.region!r} doesn't exist or isn't that of the bucket {target.bucket!r}. "
            "The user can set ALYA_S3_REGION to the region of the bucket."
        )
    if "ConfigParseError" in names or "ConfigNotFound" in names:
        return NotConfigured("The AWS configuration file can't be read. The user can check ~/.aws/config.")
    return Failure(f"The upload to {target.host} failed in an unexpected way ({type(error).__name__}).")


def is_303(error: Exception) -> bool:
    """Whether `error` is what botocore makes of an answer with status 303, whose address it can't take."""
    return _ON_303 in str(error)


def _expired() -> Failure:
    return NotConfigured(
        "The S3 credentials have expired. The user can renew them, for instance with `aws sso login`; "
        "new values in environment variables need a restart of the server."
    )


def _clock(error: Exception, target: Target) -> Failure:
    from email.utils import parsedate_to_datetime

    headers = cast("dict[str, str]", _answer(error).get("ResponseMetadata", {}).get("HTTPHeaders", {}))
    off = ""
    try:
        theirs = parsedate_to_datetime(headers["date"])
        seconds = (datetime.now(UTC) - theirs).total_seconds()
        off = f" by {abs(seconds) / 60:.0f} min ({'ahead' if seconds > 0 else 'behind'})"
    except (KeyError, ValueError, TypeError):
        pass
    return NotConfigured(
        f"The clock of this machine differs from that of {target.host}{off}, by more than signatures allow. "
        "The user can set it, for instance by turning on automatic time."
    )


def _bucket_name(target: Target) -> Failure:
    return NotConfigured(
        f"{target.bucket!r} can't be the name of a bucket. The user can correct ALYA_S3_BUCKET: "
        "3 to 63 lower-case letters, digits, dots and hyphens, without s3:// and without a path."
    )


def _region_in(error: BaseException) -> str | None:
    answer = _answer(error)
    headers = cast("dict[str, str]", answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}))
    region = answer.get("Error", {}).get("Region") or headers.get("x-amz-bucket-region")
    return str(region) if region else None


def _denied(message: str, target: Target) -> Failure:
    """Access denied: by a policy, for a reason that the store gives, or for lack of permissions."""
    told = f"The S3 store at {target.host} denied access to the bucket {target.bucket!r}"
    forbids = re.search(r"explicit deny in an? (?P<policy>[a-z -]{1,60}?(?:policy|boundary))", message)
    if forbids or "explicit deny" in message:
        policy = forbids["policy"] if forbids else "policy"
        return NotConfigured(
            f"{told}: a {policy} forbids it (explicit deny), which no further permission changes. It "
            "may demand that uploads ask for encryption, which ALYA_S3_SSE does (AES256 or aws:kms), or "
            "https, or a certain network. The owner of the bucket can say what."
        )
    if message and not _PLAIN_DENIAL.search(message):
        return NotConfigured(f"{told}. It says{_quoted(message, target) or ' no more'}.")
    return NotConfigured(
        f"{told}. The credentials need s3:PutObject and s3:GetObject on it, and kms:GenerateDataKey and "
        "kms:Decrypt if it is encrypted with a KMS key."
    )


def names_bucket(target: Target) -> NotConfigured:
    """The failure for an endpoint that leads into the bucket, whose name is then taken for an object's."""
    return NotConfigured(
        f"The S3 store at {target.host} takes {target.bucket!r} for an object, so ALYA_S3_ENDPOINT_URL seems "
        "to name the bucket itself. The user can take the bucket off that address."
    )


def _quoted(message: str, target: Target) -> str:
    for secret in target.secrets:
        message = message.replace(secret, "(hidden)")
    message = re.sub(r"\barn:[^\s,]+", "(hidden)", mask_credentials(message))
    words = re.sub(r"[^\x20-\x7e]+", " ", message).strip()
    return f" ({words[:200]})" if words else ""


def _answer(error: BaseException) -> dict[str, Any]:
    answer = getattr(error, "response", None)
    return cast("dict[str, Any]", answer) if isinstance(answer, dict) else {}


def _class_names(error: BaseException) -> set[str]:
    return {base.__name__ for base in type(error).__mro__}
