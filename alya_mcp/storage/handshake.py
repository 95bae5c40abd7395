"""The handshake with the store process, over a port that any other program could have taken.

A starter asks with a fresh nonce; only a process that holds the folder's key can answer it. An order to end
is signed too, and names the one run of the process that it is for.
"""

from dataclasses import dataclass
from typing import Final

NONCE: Final = "[0-9a-f]{32}"
_PURPOSE: Final = "alya-control-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreHealth:
    """What a store process says of itself."""

    port: int
    instance: str
    version: str
    pid: int


def health_words(nonce: str, health: StoreHealth) -> tuple[str, ...]:
    """What a holder of the key proves in answer to `nonce`."""
    return (_PURPOSE, "health", nonce, str(health.port), health.instance, health.version, str(health.pid))


def stop_words(instance: str) -> tuple[str, ...]:
    """What a holder of the key proves to have the run named `instance` end."""
    return (_PURPOSE, "stop", instance)
