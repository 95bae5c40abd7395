"""Where the state is, which policy counts, and for whom."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from alya_mcp.settings import parsers
from alya_mcp.settings.setting import Offer, Setting


@dataclass(frozen=True, kw_only=True)
class StateSettings:
    """Where the state is, which policy counts, and for whom."""

    home: Annotated[
        Path,
        Setting(
            parse=parsers.path("an absolute path"),
            meaning="all state: policy, audit log, images, keys, logs; an absolute path",
            unset="the platform's data folder",
            governs=True,
            read_by=("image worker", "fetcher", "notifier"),
            offer=Offer("Folder of state, audit log and images; absolute."),
        ),
    ]
    policy: Annotated[
        Path | None,
        Setting(
            parse=parsers.path("an absolute path"),
            meaning="a policy file; looked for after `--policy` and before `ALYA_HOME/policy.json`",
            governs=True,
            offer=Offer(
                "A policy.json of your own. Empty: the one in the state folder, else the packaged one.",
                "Policy",
            ),
        ),
    ] = None
    grant: Annotated[
        str | None,
        Setting(
            meaning="the token of a grant; a wrong or revoked one denies every call. Without one the "
            "caller is `local`",
            page="cli.md#grants",
            secret=True,
            governs=True,
            offer=Offer("The token of the identity that calls are counted under."),
        ),
    ] = field(default=None, repr=False)
    audit_keep_days: Annotated[
        int | None,
        Setting(
            parse=parsers.days,
            meaning="whole days that an audit file is kept after its own (UTC), from 1 on; older ones go "
            "when a server begins a file",
            page="audit.md#how-long-it-is-kept",
            unset="all are kept",
        ),
    ] = None
