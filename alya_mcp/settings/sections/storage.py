"""The bucket for pictures."""

from dataclasses import dataclass
from typing import Annotated, Literal

from alya_mcp.settings import parsers
from alya_mcp.settings.setting import Offer, Setting

Encryption = Literal["AES256", "aws:kms"]


@dataclass(frozen=True, kw_only=True)
class StorageSettings:
    """The bucket for pictures."""

    s3_bucket: Annotated[
        str | None,
        Setting(
            meaning="the bucket for images; without one they stay on this machine",
            shown_by_links=True,
            offer=Offer("Where pictures go. Empty: they stay on this machine.", "S3 bucket"),
        ),
    ] = None
    s3_endpoint_url: Annotated[
        str | None,
        Setting(
            parse=parsers.web_address("https://s3.example.org"),
            meaning="any other S3 server",
            unset="AWS",
            shown_by_links=True,
            offer=Offer("For a store that isn't Amazon's, such as R2 or MinIO.", "S3 address"),
        ),
    ] = None
    s3_region: Annotated[
        str | None,
        Setting(
            meaning="the bucket's region",
            page="storage.md#amazon-s3",
            unset="as `AWS_REGION` or the profile says",
            offer=Offer("The bucket's region, such as eu-central-1.", "Region"),
        ),
    ] = None
    s3_prefix: Annotated[
        str,
        Setting(
            parse=parsers.key_prefix,
            meaning="put in front of every key; no segment `.` or `..`",
            shown_by_links=True,
        ),
    ] = ""
    s3_public_url: Annotated[
        str | None,
        Setting(
            parse=parsers.web_address("https://pictures.example.org"),
            meaning="the address that links show, where others reach the store by another one than this "
            "machine",
            unset="that of uploads",
            shown_by_links=True,
        ),
    ] = None
    s3_sse: Annotated[
        Encryption | None,
        Setting(
            parse=parsers.choice(Encryption),
            meaning="the encryption that uploads ask for: `AES256` or `aws:kms`",
        ),
    ] = None
    s3_kms_key: Annotated[
        str | None, Setting(meaning="the KMS key, with `aws:kms`", unset="the bucket's")
    ] = None
