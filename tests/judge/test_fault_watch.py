"""The judgement of faults: fired, noticed, recovered in time, nobody else hurt, nothing unexplained."""

from __future__ import annotations

from typing import Any

import pytest

from harness.console.types import Chunk
from harness.evidence.journal import Event
from harness.judge.evaluator import Evaluator
from harness.judge.facts import GuestFacts
from harness.judge.verdict import CheckStatus, RunVerdict
from harness.markers.schema import PLAN
from harness.scenario.builder import ScenarioBuilder
from harness.scenario.fault_kinds import ClientHang, ClientKill, GuestCommand, Pause
from harness.scenario.faulting import Fault, Recovery, When
from harness.verdicts import Verdict

_KILL = Fault(name="kill", when=When(rendezvous=1), do=ClientKill(id=1), recover=Recovery())
_DIES = "RAYOS_FAILURE:DETECTED:killed:1"
_BACK = "RAYOS_FAILURE:RECOVERY_COMPLETE:1:success"


class _Run:
    """A run of one boot step, told by hand; its guest waits at the times that it is told to."""

    def __init__(self, *faults: Fault) -> None:
        scenario = ScenarioBuilder("s").boot("RAYOS_CONTROL:READY").faults(*faults).build()
        self.evaluator = Evaluator(scenario, GuestFacts(clock="virtual", reproducible=True), PLAN)
        self._seq = self._offset = 0
        self.event("step.begin", index=0, do="boot").ready(0)

    def event(self, kind: str, guest_us: int | None = None, **data: Any) -> _Run:
        self.evaluator.on_event(Event(self._seq, self._seq * 1000, kind, data, guest_us))
        self._seq += 1
        return self

    def prints(self, *lines: str) -> _Run:
        data = "".join(line + "\n" for line in lines).encode()
        self.event("serial", offset=self._offset, len=len(data))
        self.evaluator.on_chunk(Chunk(self._offset, data, self._seq * 1000))
        self._offset += len(data)
        return self

    def ready(self, us: int) -> _Run:
        return self.prints(f"RAYOS_CONTROL:READY:0:{us}")

    def injects(self, *said: str, name: str = "kill", n: int = 1, ids: tuple[int, ...] = (1,), us: int = 0) -> _Run:
        self.event("fault.begin", name=name, n=n, fault="x").prints(*said)
        return self.event("fault.injected", us, name=name, n=n, frame=0, done={"ids": list(ids)})

    def verdict(self) -> RunVerdict:
        return self.event("step.end", index=0, status="done").event("run.end").evaluator.result()


def _cause(verdict: RunVerdict) -> tuple[Verdict, str]:
    assert verdict.first_cause is not None
    return verdict.verdict, verdict.first_cause.cause


def test_a_fault_that_was_noticed_and_recovered_from_is_a_pass_with_its_row_in_the_table() -> None:
    verdict = _Run(_KILL).injects(_DIES, us=100).ready(200).prints(_BACK).ready(300).verdict()
    assert verdict.verdict is Verdict.PASS
    (row,) = verdict.faults
    assert (row["at"], row["detected"], row["recovered"], row["phase"]) == (100, 100, 300, "boot")
    assert row["evidence"] == [_DIES, _BACK]


def test_a_fault_that_never_fired_is_inconclusive() -> None:
    assert _cause(_Run(_KILL).verdict()) == (Verdict.INCONCLUSIVE, "fault-never-fired")


def test_a_fault_that_fired_less_often_than_planned_is_inconclusive() -> None:
    twice = Fault(name="kill", when=When(rendezvous=1, times=2, every=1), do=ClientKill(id=1), recover=Recovery())
    verdict = _Run(twice).injects(_DIES, _BACK).verdict()
    assert _cause(verdict) == (Verdict.INCONCLUSIVE, "fault-never-fired")
    assert "1 of 2 times" in verdict.findings[0].what


def test_a_fault_that_could_not_be_injected_is_inconclusive_with_the_reason() -> None:
    run = _Run(_KILL).event("fault.begin", name="kill", n=1, fault="x")
    verdict = run.event("fault.failed", name="kill", n=1, what="there is no client 1").verdict()
    assert _cause(verdict) == (Verdict.INCONCLUSIVE, "fault-impossible")
    assert "there is no client 1" in verdict.findings[0].what


def test_a_fault_that_stays_is_inconclusive() -> None:
    hang = Fault(name="hang", when=When(rendezvous=1), do=ClientHang(id=1))
    run = _Run(hang).injects(name="hang").event("fault.stuck", name="hang", n=1, what="QEMU is gone")
    assert _cause(run.verdict()) == (Verdict.INCONCLUSIVE, "fault-stuck")


def test_a_lasting_fault_that_was_never_taken_back_is_no_pass() -> None:
    hang = Fault(name="hang", when=When(rendezvous=1), do=ClientHang(id=1))
    assert _cause(_Run(hang).injects(name="hang").verdict()) == (Verdict.FAIL, "not-recovered")
    undone = _Run(hang).injects(name="hang").event("fault.undone", 5, name="hang", n=1, why="over")
    assert undone.verdict().verdict is Verdict.PASS


@pytest.mark.parametrize("said", [(), (_DIES,), (_BACK,), (_DIES, _BACK.replace("success", "timeout"))])
def test_what_is_missing_of_a_recovery_fails_the_run(said: tuple[str, ...]) -> None:
    assert _cause(_Run(_KILL).injects(*said).verdict()) == (Verdict.FAIL, "not-recovered")


def test_a_recovery_that_takes_too_long_fails_at_the_rendezvous_that_shows_it() -> None:
    run = _Run(_KILL).injects(_DIES, us=1_000).ready(5_000_900)
    assert run.evaluator.fatal is None
    run.ready(5_001_100)
    assert run.evaluator.fatal is not None
    assert "not seen within 5 s" in run.evaluator.fatal.what


def test_a_recovery_counts_from_the_end_of_a_lasting_fault() -> None:
    patient = Recovery(detected=(), markers=("RAYOS_FAILURE:RECOVERY_COMPLETE:{id}",), within=1.0)
    hang = Fault(name="hang", when=When(rendezvous=1), do=ClientHang(id=1), recover=patient)
    run = _Run(hang).injects(name="hang").ready(9_000_000)
    run.event("fault.undone", 9_000_000, name="hang", n=1, why="over").ready(9_900_000)
    assert run.evaluator.fatal is None
    assert run.prints(_BACK).ready(9_950_000).verdict().verdict is Verdict.PASS


def test_a_failure_that_nothing_provoked_fails_the_run() -> None:
    run = _Run(_KILL).prints("RAYOS_FAILURE:DETECTED:page_fault:2")
    assert _cause(run.verdict()) == (Verdict.FAIL, "unprovoked-failure")


def test_a_failure_of_another_client_than_the_victim_is_unprovoked() -> None:
    run = _Run(_KILL).injects(_DIES, "RAYOS_FAILURE:DETECTED:killed:2", _BACK)
    assert _cause(run.verdict()) == (Verdict.FAIL, "unprovoked-failure")


def test_a_neighbour_that_goes_too_fails_the_run_unless_the_scenario_ends_it() -> None:
    lost = _Run(_KILL).injects(_DIES).prints("RAYOS_SOAK:CLIENT_DESTROYED:2", _BACK).verdict()
    assert _cause(lost) == (Verdict.FAIL, "not-recovered")
    assert "client 2" in lost.findings[0].what
    ended = _Run(_KILL).injects(_DIES).event("control.send", cseq=1, payload="destroy id=2")
    assert ended.prints("RAYOS_SOAK:CLIENT_DESTROYED:2", _BACK).verdict().verdict is Verdict.PASS


def test_each_of_several_victims_has_to_come_back() -> None:
    two = Fault(name="kill", when=When(rendezvous=1), do=ClientKill(random=2), recover=Recovery())
    both = (_DIES, "RAYOS_FAILURE:DETECTED:killed:3")
    run = _Run(two).injects(*both, _BACK, ids=(1, 3))
    assert _cause(run.verdict()) == (Verdict.FAIL, "not-recovered")
    again = _Run(two).injects(*both, _BACK, _BACK.replace(":1:", ":3:"), ids=(1, 3))
    assert again.verdict().verdict is Verdict.PASS


def test_one_notice_is_not_the_notice_of_two_firings() -> None:
    seen = Recovery(detected=("RAYOS_FAILURE:DETECTED:*:{id}",), markers=())
    twice = Fault(name="kill", when=When(rendezvous=1, times=2, every=1), do=ClientKill(id=1), recover=seen)
    run = _Run(twice).injects().injects(n=2).prints(_DIES)
    assert _cause(run.verdict()) == (Verdict.FAIL, "not-recovered")
    assert _Run(twice).injects().injects(n=2).prints(_DIES, _DIES).verdict().verdict is Verdict.PASS


def test_a_right_frame_has_to_come_after_the_recovery() -> None:
    wanted = Fault(name="kill", when=When(rendezvous=1), do=ClientKill(id=1), recover=Recovery(frames=True))
    run = _Run(wanted).injects(_DIES)
    watch = run.evaluator.faults
    assert watch is not None
    watch.frame("too early")
    run.prints(_BACK)
    assert watch.missing() == "kill: a right frame"
    watch.frame("frame 9")
    assert watch.recovered
    assert run.ready(10).verdict().faults[0]["evidence"][-1] == "frame 9"


def test_acknowledged_records_that_are_not_on_the_disk_fail_the_run() -> None:
    wanted = Recovery(detected=(), markers=(), disk=True)
    cut = Fault(name="cut", when=When(rendezvous=1), do=GuestCommand(send=("x",)), recover=wanted)

    def run(lost: list[int]) -> RunVerdict:
        told = _Run(cut).injects(name="cut", ids=()).event("fault.undone", 1, name="cut", n=1, why="over")
        return told.event("disk.log", lost=lost, acknowledged=3).verdict()

    assert run([]).verdict is Verdict.PASS
    assert _cause(run([2])) == (Verdict.FAIL, "not-recovered")


def test_every_fault_is_a_check_of_its_own() -> None:
    other = Fault(name="other", when=When(rendezvous=9), do=ClientKill(id=2))
    verdict = _Run(_KILL, other).injects(_DIES, _BACK).verdict()
    states = {check.what.split(":")[0]: check.status for check in verdict.checks if check.kind == "fault"}
    assert states == {"kill": CheckStatus.MET, "other": CheckStatus.NOT_REACHED}


def test_what_was_injected_enters_the_fingerprint() -> None:
    def run(ids: tuple[int, ...]) -> str | None:
        return _Run(_KILL).injects(_DIES, _BACK, ids=ids).ready(10).verdict().fingerprint

    assert run((1,)) == run((1,))
    assert run((1,)) != run((1, 2))


def test_what_was_said_while_two_faults_were_under_way_is_held_until_both_are_done() -> None:
    pause = Fault(name="pause", when=When(symbol="x"), do=Pause())
    run = _Run(_KILL, pause).event("fault.begin", name="kill", n=1, fault="x").prints(_DIES)
    run.event("fault.begin", name="pause", n=1, fault="x")
    run.event("fault.injected", 0, name="pause", n=1, frame=0, done={}).prints(_BACK)
    run.event("fault.injected", 0, name="kill", n=1, frame=0, done={"ids": [1]})
    verdict = run.ready(50).verdict()
    assert verdict.verdict is Verdict.PASS, verdict.first_cause
    assert {row["name"]: row["evidence"] for row in verdict.faults} == {"pause": [], "kill": [_DIES, _BACK]}


def test_a_fault_of_the_boot_is_recovered_from_when_the_guest_first_tells_its_time() -> None:
    pause = Fault(name="pause", when=When(symbol="x"), do=Pause())
    scenario = ScenarioBuilder("s").boot("RAYOS_CONTROL:READY").faults(pause).build()
    evaluator = Evaluator(scenario, GuestFacts(clock="virtual", reproducible=True), PLAN)
    begun = {"name": "pause", "n": 1}
    evaluator.on_event(Event(0, 10, "step.begin", {"index": 0, "do": "boot"}))
    evaluator.on_event(Event(1, 10, "fault.begin", {**begun, "fault": "pause"}))
    evaluator.on_event(Event(2, 10**9, "fault.injected", {**begun, "frame": 0, "done": {}}, 0))
    evaluator.on_event(Event(3, 2 * 10**9, "serial", {"offset": 0, "len": 31}))
    evaluator.on_chunk(Chunk(0, b"RAYOS_CONTROL:READY:0:4000\n", 2 * 10**9))
    evaluator.on_event(Event(4, 2 * 10**9, "step.end", {"index": 0, "status": "done"}))
    evaluator.on_event(Event(5, 2 * 10**9, "run.end", {}))
    (row,) = evaluator.result().faults
    assert (row["at"], row["recovered"]) == (0, 4000)
