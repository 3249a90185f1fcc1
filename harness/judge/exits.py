"""What it means that the guest or QEMU went away: as the scenario wanted, the guest's fault, or the lab's."""

from __future__ import annotations

import signal

from harness.evidence.journal import Event
from harness.judge.facts import GuestFacts
from harness.judge.verdict import Finding
from harness.scenario.steps import ExpectExit, Shutdown
from harness.verdicts import Verdict

_HOST_REASONS = frozenset({"host-qmp-quit", "host-signal", "host-ui", "host-error"})


def leaves(event: Event) -> bool:
    """Whether a QMP event says that the guest left or died."""
    if event.data.get("name") == "GUEST_PANICKED":
        return True
    reason = (event.data.get("data") or {}).get("reason")
    return event.data.get("name") == "SHUTDOWN" and reason not in _HOST_REASONS


def shutdown_finding(event: Event, wanted: ExpectExit | Shutdown | None, where: str) -> Finding | None:
    """Judge the QMP event with which the guest left; None if the scenario wanted just that."""
    expected = {wanted.reason} if isinstance(wanted, ExpectExit) and wanted.code is None else set()
    if event.data.get("name") == "GUEST_PANICKED":
        if "guest-panic" in expected:
            return None
        return Finding(
            Verdict.CRASH, "guest-panicked", f"the guest reported a panic through pvpanic {where}", event.seq
        )
    reason = str((event.data.get("data") or {}).get("reason", "unknown"))
    if isinstance(wanted, Shutdown):
        expected = {"guest-shutdown"}
    if reason in expected:
        return None
    if reason == "guest-reset":
        return Finding(Verdict.CRASH, "guest-reset", f"the guest reset itself {where}", event.seq)
    if reason == "guest-panic":
        return Finding(Verdict.CRASH, "guest-panicked", f"the guest panicked {where}", event.seq)
    return Finding(Verdict.FAIL, "guest-shutdown", f"the guest powered itself off {where} ({reason})", event.seq)


def exit_finding(event: Event, facts: GuestFacts, wanted: ExpectExit | Shutdown | None, where: str) -> Finding | None:
    """Judge the end of the target's process or port that nobody asked for."""
    code = event.data.get("returncode")
    stderr = str(event.data.get("stderr") or "").strip()
    tail = f": {stderr.splitlines()[-1]}" if stderr else ""
    if code is None:
        what = stderr or "the console's other end went away"
        return Finding(Verdict.INCONCLUSIVE, "port-lost", f"{what} {where}", event.seq)
    if code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
        return Finding(Verdict.INCONCLUSIVE, "qemu-killed", f"QEMU was killed by {name} {where}{tail}", event.seq)
    if facts.exit_device and code % 2 == 1:
        value = code >> 1
        if isinstance(wanted, ExpectExit) and wanted.code == value:
            return None
        expected = f", expected {wanted.code}" if isinstance(wanted, ExpectExit) and wanted.code is not None else ""
        return Finding(
            Verdict.FAIL,
            "exit-code",
            f"the guest left through isa-debug-exit with {value}{expected} {where}",
            event.seq,
        )
    return Finding(
        Verdict.INCONCLUSIVE, "qemu-exited", f"QEMU exited with status {code} {where}, unasked{tail}", event.seq
    )
