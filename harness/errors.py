"""The two roots of errors: the caller's mistake, and the world's.

What the *guest* does wrong is never an exception: it is evidence in the journal, and the judge names it.
"""

from __future__ import annotations


class HarnessError(Exception):
    """Base of all errors that the harness raises on purpose.

    :param what: what happened, to which thing.
    :param hint: what to do next; shown on a line of its own.
    """

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint


class UsageError(HarnessError):
    """The caller asked for something that cannot be: unknown key, missing image, an option QEMU refuses. Exit code
    2.
    """


class LabError(HarnessError):
    """The host, the lab or the harness failed, not the guest. A run that ends so is INCONCLUSIVE."""


class TargetLost(LabError):
    """QEMU, the board or its port went away although nobody asked it to."""


class ProtocolError(LabError):
    """A peer (QMP, control channel) answered something that cannot be read."""


class ForgottenError(LabError):
    """A command was under way when its machine was started anew: it went with it, and no answer will come."""
