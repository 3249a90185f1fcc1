"""Who is to blame that the guest or QEMU went away."""

from __future__ import annotations

from typing import Any

import pytest

from harness.evidence.journal import Event
from harness.judge.exits import exit_finding, leaves, shutdown_finding
from harness.judge.facts import GuestFacts
from harness.scenario.steps import ExpectExit, Shutdown
from harness.verdicts import Verdict

_FACTS = GuestFacts(exit_device=True)


def _qmp(name: str, **data: Any) -> Event:
    return Event(9, 0, "qmp.event", {"name": name, "data": data})


def _exit(**data: Any) -> Event:
    return Event(9, 0, "target.exit", {"asked": False, **data})


@pytest.mark.parametrize(
    ("reason", "wanted", "expected"),
    [
        ("guest-shutdown", Shutdown(), None),
        ("guest-shutdown", ExpectExit(), None),
        ("guest-shutdown", None, (Verdict.FAIL, "guest-shutdown")),
        ("guest-shutdown", ExpectExit(code=3), (Verdict.FAIL, "guest-shutdown")),
        ("guest-reset", None, (Verdict.CRASH, "guest-reset")),
        ("guest-reset", ExpectExit(reason="guest-reset"), None),
        ("guest-reset", Shutdown(), (Verdict.CRASH, "guest-reset")),
        ("guest-panic", None, (Verdict.CRASH, "guest-panicked")),
    ],
)
def test_a_shutdown_event_is_judged_by_what_was_wanted(
    reason: str, wanted: Any, expected: tuple[Verdict, str] | None
) -> None:
    finding = shutdown_finding(_qmp("SHUTDOWN", guest=True, reason=reason), wanted, "here")
    assert (None if finding is None else (finding.verdict, finding.cause)) == expected


def test_a_panic_told_through_pvpanic_is_a_crash_unless_it_was_wanted() -> None:
    panicked = _qmp("GUEST_PANICKED", data={"action": "pause"})
    assert shutdown_finding(panicked, ExpectExit(reason="guest-panic"), "here") is None
    for wanted in (None, Shutdown(), ExpectExit(), ExpectExit(code=3)):
        finding = shutdown_finding(panicked, wanted, "here")
        assert finding is not None
        assert (finding.verdict, finding.cause) == (Verdict.CRASH, "guest-panicked")


def test_only_a_guest_that_left_leaves() -> None:
    assert leaves(_qmp("SHUTDOWN", reason="guest-shutdown"))
    assert leaves(_qmp("GUEST_PANICKED", action="pause"))
    assert not leaves(_qmp("SHUTDOWN", reason="host-qmp-quit"))
    assert not leaves(_qmp("STOP"))


@pytest.mark.parametrize(
    ("returncode", "wanted", "expected"),
    [
        (-9, None, (Verdict.INCONCLUSIVE, "qemu-killed")),
        (-11, None, (Verdict.INCONCLUSIVE, "qemu-killed")),
        (0, None, (Verdict.INCONCLUSIVE, "qemu-exited")),
        (33, ExpectExit(code=16), None),
        (33, ExpectExit(code=17), (Verdict.FAIL, "exit-code")),
        (33, None, (Verdict.FAIL, "exit-code")),
        (None, None, (Verdict.INCONCLUSIVE, "port-lost")),
    ],
)
def test_an_exit_is_judged_by_its_status(
    returncode: int | None, wanted: Any, expected: tuple[Verdict, str] | None
) -> None:
    finding = exit_finding(_exit(returncode=returncode), _FACTS, wanted, "here")
    assert (None if finding is None else (finding.verdict, finding.cause)) == expected


def test_the_signal_is_named_and_the_last_words_are_kept() -> None:
    finding = exit_finding(_exit(returncode=-9, stderr="first\nqemu: last words\n"), _FACTS, None, "during step 2")
    assert finding is not None
    assert "SIGKILL" in finding.what
    assert "qemu: last words" in finding.what
