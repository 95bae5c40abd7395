"""Time as a picture's deadline counts it."""

import time


class WorkClock:
    """Seconds in which pictures could be drawn: it stands still while a model is downloaded or loaded."""

    def __init__(self) -> None:
        self._stood = 0.0
        self._stopped: float | None = None

    @property
    def stands(self) -> bool:
        """Whether it stands still."""
        return self._stopped is not None

    def now(self) -> float:
        """Seconds since some moment in the past."""
        return (time.monotonic() if self._stopped is None else self._stopped) - self._stood

    def stop(self) -> None:
        """Stand still from now on."""
        if self._stopped is None:
            self._stopped = time.monotonic()

    def go(self) -> None:
        """Go on."""
        if self._stopped is not None:
            self._stood += time.monotonic() - self._stopped
            self._stopped = None
