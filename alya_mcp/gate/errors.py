"""Errors around a call: raised by handlers, by argument checks and by the gate itself."""


class ToolError(Exception):
    """A handler's own, expected failure. Its text is for the model; the call settles as `error`."""


class InvalidArguments(Exception):
    """The arguments don't fit the tool's schema. Raised by `Call.validate`; its text is for the model.

    `unquoted` is a text without any value of the arguments, for a tool whose policy redacts some.
    """

    def __init__(
        self, text: str = "", unquoted: str = "the arguments don't fit the tool's input schema"
    ) -> None:
        super().__init__(text)
        self.unquoted = unquoted


class TimedOut(Exception):
    """The handler ran past its deadline and was stopped. The call settles as `timeout`."""


class GateError(Exception):
    """A part that the gate stands on can't do its work; calls are denied until it can."""


class StateError(GateError):
    """The state can't be opened, read or written. The text is for the user; the file is kept as it is.

    `remedy` says what the user can do about it.
    """

    def __init__(self, what: str, remedy: str = "Try again; the server's log may say more.") -> None:
        super().__init__(what)
        self.remedy = remedy


class StateBusy(StateError):
    """Another process is writing to the state; a moment later it may be free."""


class AuditError(GateError):
    """The audit log can't be written or read. The text is for the user."""
