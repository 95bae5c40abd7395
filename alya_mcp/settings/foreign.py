"""Variables of the libraries below that alya-mcp knows of: credentials, and what stands in links."""

from typing import Final

from alya_mcp.settings.setting import Foreign, Offer

FOREIGN: Final = (
    Foreign(
        variable="AWS_ACCESS_KEY_ID",
        sensitive=True,
        shown_by_links=True,
        offer=Offer(
            "The bucket's access key id. Empty: the credentials that your AWS configuration has.",
            "Access key id",
        ),
    ),
    Foreign(
        variable="AWS_SECRET_ACCESS_KEY",
        secret=True,
        offer=Offer("The secret that belongs to the access key id.", "Secret access key"),
    ),
    Foreign(variable="AWS_SESSION_TOKEN", sensitive=True),
    Foreign(variable="AWS_ENDPOINT_URL", shown_by_links=True),
    Foreign(variable="AWS_ENDPOINT_URL_S3", shown_by_links=True),
    Foreign(
        variable="HF_TOKEN",
        secret=True,
        read_by=("image worker", "fetcher"),
        offer=Offer("A token that may download FLUX.1-schnell."),
    ),
    Foreign(variable="HUGGING_FACE_HUB_TOKEN", secret=True, read_by=("image worker", "fetcher")),
)
