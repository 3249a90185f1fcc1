"""What a test does to a guest on purpose."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.errors import UsageError
from harness.pytest_plugin.guest import Guest
from harness.scenario.faulting import Fault

__tracebackhide__ = True  # pytest shows the line of the test that called


class Faults:
    """What is done to a guest on purpose; docs/faults.md has the kinds and their arguments."""

    def __init__(self, guest: Guest) -> None:
        if guest.booted:
            raise UsageError("faults are followed from the boot on", "ask for the fixture `faults` in the test")
        guest.injects = True
        self._guest = guest
        self._named = 0

    def inject(
        self,
        kind: str,
        *,
        name: str = "",
        until: Mapping[str, Any] | None = None,
        recover: Mapping[str, Any] | bool = False,
        **what: Any,
    ) -> None:
        """Do it now: `faults.inject("client-kill", id=2, recover=True)`. One that lasts does so *until*, or to the end.

        :param recover: the guest has to recover from it, as its kind does by itself or as the table says.
        """
        at = {"rendezvous": 1}  # a plan needs an instant; what counts is when it is given
        self._guest.inject(_fault(self._new(name, kind), at, {"kind": kind, **what}, until, recover))

    def plan(
        self,
        kind: str,
        *,
        when: Mapping[str, Any],
        name: str = "",
        until: Mapping[str, Any] | None = None,
        recover: Mapping[str, Any] | bool = False,
        **what: Any,
    ) -> None:
        """Before the boot: do it at the instant that *when* names."""
        if self._guest.booted:
            raise UsageError("a plan is made before the boot", "faults.inject(…) does something now")
        self._guest.faults(_fault(self._new(name, kind), when, {"kind": kind, **what}, until, recover))

    def recovered(self, ticks: int = 600) -> None:
        """Let the guest run, at most so many ticks, until it has recovered from everything so far."""
        self._guest.recover(ticks)

    def _new(self, name: str, kind: str) -> str:
        self._named += 1
        return name or f"{kind} {self._named}"


def _fault(
    name: str,
    when: Mapping[str, Any],
    do: Mapping[str, Any],
    until: Mapping[str, Any] | None,
    recover: Mapping[str, Any] | bool,
) -> Fault:
    """:raises UsageError: naming what is wrong with it."""
    from harness.scenario.plans import plan_from_words

    data: dict[str, Any] = {"name": name, "when": dict(when), "do": dict(do)}
    if until is not None:
        data["until"] = dict(until)
    if recover is not False:
        data["recover"] = {} if recover is True else dict(recover)
    (fault,) = plan_from_words({"version": 1, "fault": [data]}, "faults").fault
    return fault
