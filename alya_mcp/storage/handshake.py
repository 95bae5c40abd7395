"""The handshake with the store process, over a port that any other program could have taken.

The launcher sends a fresh nonce; only a process that holds the folder's key can answer it. An order to stop
is signed too, and names the run of the process that it is for.
"""

from dataclasses import dataclass
from typing import Final

NONCE: Final = "[0-9a-f]{32}"
_PURPOSE: Final = "alya-control-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreHealth:
    """The identity of a running store process."""

    port: int
    instance: str
    version: str
    pid: int


def health_words(nonce: str, health: StoreHealth) -> tuple[str, ...]:
    """The words that a holder of the key signs in answer to `nonce`."""
    return (_PURPOSE, "health", nonce, str(health.port), health.instance, health.version, str(health.pid))


def stop_words(instance: str) -> tuple[str, ...]:
    """The words that a holder of the key signs to stop the run named `instance`."""
    return (_PURPOSE, "stop", instance)
