"""Asks torch for the device, and which model would draw on it, in a process of its own (see `images`)."""

import json
import sys
from importlib.metadata import version


def main() -> None:
    """Print what was found for the model named by the one argument, as one JSON object on stdout."""
    from alya_mcp.failures import Failure
    from alya_mcp.images.models import choose
    from alya_mcp.images.plan import survey

    machine = survey()
    found: dict[str, object] = {
        "torch": version("torch"),
        "device": machine.device,
        "name": machine.name,
        "free": machine.free,
        "total": machine.total,
    }
    try:
        choice = choose(sys.argv[1], machine)
        found |= {"model": choice.name, "notice": choice.notice}
    except Failure as failure:
        found |= {"refusal": str(failure)}
    sys.stdout.write(json.dumps(found) + "\n")
