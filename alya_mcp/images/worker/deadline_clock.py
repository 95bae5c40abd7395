"""The clock of the pictures' deadlines."""

import time


class WorkClock:
    """A clock in seconds that is paused while a model is downloaded or loaded."""

    def __init__(self) -> None:
        self._stood = 0.0
        self._stopped: float | None = None

    @property
    def stands(self) -> bool:
        """Whether the clock is paused."""
        return self._stopped is not None

    def now(self) -> float:
        """Seconds since some moment in the past."""
        return (time.monotonic() if self._stopped is None else self._stopped) - self._stood

    def stop(self) -> None:
        """Pause the clock."""
        if self._stopped is None:
            self._stopped = time.monotonic()

    def go(self) -> None:
        """Resume the clock."""
        if self._stopped is not None:
            self._stood += time.monotonic() - self._stopped
            self._stopped = None
