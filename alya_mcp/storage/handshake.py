"""How a starter and the store process know each other over a port that any program could have taken.

A starter asks with a fresh nonce; only a process that holds the folder's key can answer it. An order to end
is signed too, and names the one run of the process that it is for.
"""

import hashlib
import hmac
from dataclasses import dataclass

NONCE = "[0-9a-f]{32}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What a store process says of itself."""

    port: int
    instance: str
    version: str
    pid: int


def health_proof(secret: bytes, nonce: str, health: Health) -> str:
    """What shows that `health` was said by a holder of `secret`, in answer to `nonce`."""
    return _keyed(
        secret, f"health\n{nonce}\n{health.port}\n{health.instance}\n{health.version}\n{health.pid}"
    )


def stop_proof(secret: bytes, instance: str) -> str:
    """What shows that a holder of `secret` wants the run named `instance` to end."""
    return _keyed(secret, f"stop\n{instance}")


def _keyed(secret: bytes, text: str) -> str:
    return hmac.new(secret, f"alya-control-1\n{text}".encode(), hashlib.sha256).hexdigest()
