"""The evaluator: same events, same verdict; the earliest finding is the first cause."""

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
from harness.scenario.steps import Count
from harness.verdicts import Verdict


class _Run:
    """A run told by hand."""

    def __init__(self, scenario: ScenarioBuilder, **facts: Any) -> None:
        self.evaluator = Evaluator(scenario.build(), GuestFacts(**facts), PLAN)
        self._steps = scenario.build().steps
        self._seq = 0
        self._offset = 0

    def event(self, kind: str, **data: Any) -> _Run:
        self.evaluator.on_event(Event(self._seq, self._seq * 1000, kind, data))
        self._seq += 1
        return self

    def begin(self, index: int) -> _Run:
        return self.event("step.begin", index=index, do=self._steps[index].do)

    def end(self, index: int, status: str = "done", **data: Any) -> _Run:
        return self.event("step.end", index=index, status=status, **data)

    def prints(self, text: str) -> _Run:
        data = text.encode()
        self.event("serial", offset=self._offset, len=len(data))
        self.evaluator.on_chunk(Chunk(self._offset, data, 0))
        self._offset += len(data)
        return self

    def verdict(self, *, ended: bool = True) -> RunVerdict:
        if ended:
            self.event("run.end")
        return self.evaluator.result()


def _cause(verdict: RunVerdict) -> tuple[Verdict, str | None]:
    return verdict.verdict, verdict.first_cause.cause if verdict.first_cause else None


def _waiting(*patterns: str) -> ScenarioBuilder:
    return ScenarioBuilder("x").boot().expect(*patterns)


def test_everything_met_is_a_pass_with_evidence() -> None:
    run = (
        _Run(_waiting("RAYOS_SOAK:START:*:60"))
        .begin(0)
        .prints("hello\n")
        .end(0)
        .begin(1)
        .prints("RAYOS_SOAK:START:4:60\n")
        .end(1)
    )
    verdict = run.verdict()
    assert _cause(verdict) == (Verdict.PASS, None)
    (check,) = verdict.checks
    assert check.status is CheckStatus.MET
    assert check.evidence[0]["text"] == "RAYOS_SOAK:START:4:60"


def test_what_came_during_the_action_before_counts() -> None:
    run = (
        _Run(ScenarioBuilder("x").boot().send("go").expect("went"))
        .begin(0)
        .prints("x\n")
        .end(0)
        .begin(1)
        .prints("went\n")
        .end(1)
        .begin(2)
        .end(2)
    )
    assert _cause(run.verdict())[0] is Verdict.PASS


def test_what_came_before_the_last_action_does_not_count() -> None:
    run = (
        _Run(ScenarioBuilder("x").boot().send("go").expect("went"))
        .begin(0)
        .prints("went\n")
        .end(0)
        .begin(1)
        .end(1)
        .begin(2)
    )
    verdict = run.end(2, "timeout", limit="host", seconds=1.0).verdict()
    assert verdict.verdict in {Verdict.HANG, Verdict.FAIL}
    assert verdict.checks[0].status is CheckStatus.BROKEN


def test_since_start_looks_back_to_the_start() -> None:
    scenario = ScenarioBuilder("x").boot().send("go").expect("early", since="start")
    run = _Run(scenario).begin(0).prints("early\n").end(0).begin(1).end(1).begin(2).end(2)
    assert _cause(run.verdict())[0] is Verdict.PASS


def test_since_boot_forgets_the_epoch_before() -> None:
    scenario = ScenarioBuilder("x").boot().reset().expect("early", since="boot")
    run = (
        _Run(scenario)
        .begin(0)
        .prints("nothing\n")
        .end(0)
        .begin(1)
        .prints("x\n")
        .event("epoch", number=1, why="reset")
        .end(1)
        .begin(2)
    )
    assert run.evaluator.is_settled(2) is False
    run.prints("early\n").end(2)
    assert _cause(run.verdict())[0] is Verdict.PASS


def test_a_check_that_was_never_reached_is_no_pass() -> None:
    run = _Run(_waiting("done")).begin(0).prints("x\n").end(0)
    assert _cause(run.verdict()) == (Verdict.INCONCLUSIVE, "not-reached")


def test_a_journal_that_ends_early_says_that_the_harness_died() -> None:
    run = _Run(_waiting("done")).begin(0).prints("done\n").end(0).begin(1).end(1)
    assert _cause(run.verdict(ended=False)) == (Verdict.INCONCLUSIVE, "harness-died")


def test_nothing_checked_is_no_pass() -> None:
    run = _Run(ScenarioBuilder("x").boot()).begin(0).prints("x\n").end(0)
    assert _cause(run.verdict()) == (Verdict.NOTHING_CHECKED, "nothing-checked")


def test_a_forbidden_text_fails_in_any_step() -> None:
    run = _Run(_waiting("done").forbid("oops")).begin(0).prints("oops\ndone\n").end(0, "aborted")
    assert _cause(run.verdict()) == (Verdict.FAIL, "forbidden")


@pytest.mark.parametrize(
    "text",
    [
        "Kernel panic - not syncing: Attempted to kill init!",
        "=== PAGE FAULT EXCEPTION ===",
        "thread 'main' panicked at src/main.rs:3",
        "BUG: unable to handle page fault for address: 0",
        "!!!! X64 Exception Type - 0D(#GP)",
        "PANIC: requested by control",
    ],
)
def test_a_panic_text_is_a_crash_and_is_quoted(text: str) -> None:
    run = _Run(_waiting("done")).begin(0).prints(f"x\n{text}\n")
    verdict = run.end(0, "aborted").verdict()
    assert _cause(verdict) == (Verdict.CRASH, "crash-text")
    assert verdict.first_cause is not None
    assert text[:20] in verdict.first_cause.what


@pytest.mark.parametrize(
    "text", ["no panic here", "panic_on_oops=1", "Command line: panic=5 oops=panic", "EXCEPTION handling is fine"]
)
def test_an_innocent_text_is_no_crash(text: str) -> None:
    run = _Run(_waiting("done")).begin(0).prints(f"{text}\ndone\n").end(0).begin(1).end(1)
    assert (
        _cause(run.verdict()) == (Verdict.FAIL, None)
        or run.evaluator.findings.all == []
        or run.verdict().verdict is not Verdict.CRASH
    )


def test_a_typed_panic_text_that_is_echoed_is_no_crash() -> None:
    scenario = ScenarioBuilder("x").boot().send("echo PANIC: not really").expect("$ ")
    run = _Run(scenario).begin(0).prints("$ \n").end(0).begin(1).event("console.send", text="echo PANIC: not really\r")
    run.prints("echo PANIC: not really\r\n").end(1).begin(2).prints("$ ").end(2)
    assert _cause(run.verdict())[0] is Verdict.PASS


def test_the_earliest_finding_decides() -> None:
    run = (
        _Run(_waiting("done").forbid("oops")).begin(0).prints("oops\nKernel panic - not syncing: x\n").end(0, "aborted")
    )
    verdict = run.event("target.exit", returncode=-9, asked=False, stderr="").verdict()
    assert _cause(verdict) == (Verdict.FAIL, "forbidden")
    assert [f.cause for f in verdict.findings] == ["forbidden", "crash-text", "qemu-killed"]


def test_what_comes_after_everything_was_met_does_not_count() -> None:
    run = (
        _Run(_waiting("done"))
        .begin(0)
        .prints("x\n")
        .end(0)
        .begin(1)
        .prints("done\nKernel panic - not syncing: late\n")
        .end(1)
    )
    assert _cause(run.verdict())[0] is Verdict.PASS


def test_an_end_is_judged_only_after_the_last_words_were_read() -> None:
    run = _Run(_waiting("done")).begin(0).prints("x\n").end(0).begin(1)
    run.event("qmp.event", name="SHUTDOWN", data={"reason": "guest-shutdown"})
    assert run.evaluator.fatal is None
    run.prints("done\n").event("console.drained").end(1)
    assert _cause(run.verdict())[0] is Verdict.PASS


def test_an_end_before_the_expected_text_fails() -> None:
    run = _Run(_waiting("done")).begin(0).prints("x\n").end(0).begin(1)
    run.event("qmp.event", name="SHUTDOWN", data={"reason": "guest-shutdown"}).event("console.drained").end(
        1, "aborted"
    )
    assert _cause(run.verdict()) == (Verdict.FAIL, "guest-shutdown")


def test_a_reset_becomes_a_triple_fault_when_the_post_mortem_shows_one() -> None:
    run = _Run(_waiting("done")).begin(0).prints("x\n")
    run.event("qmp.event", name="SHUTDOWN", data={"reason": "guest-reset"}).event("console.drained").end(0, "aborted")
    assert _cause(run.event("postmortem", triple_fault=True).verdict()) == (Verdict.CRASH, "triple-fault")


def test_an_interruption_is_inconclusive_and_marked() -> None:
    verdict = _Run(_waiting("done")).begin(0).event("run.interrupted", signal="SIGINT").end(0, "aborted").verdict()
    assert _cause(verdict) == (Verdict.INCONCLUSIVE, "interrupted")
    assert verdict.interrupted


def test_rules_of_a_family_are_held() -> None:
    scenario = _waiting("RAYOS_SOAK:COMPLETE:pass").rules("SOAK")
    good = (
        "RAYOS_SOAK:START:1:1\nRAYOS_SOAK:CLIENT_CREATED:1\nRAYOS_SOAK:CLIENT_DESTROYED:1\nRAYOS_SOAK:COMPLETE:pass\n"
    )
    bad = "RAYOS_SOAK:START:1:1\nRAYOS_SOAK:CLIENT_DESTROYED:1\nRAYOS_SOAK:COMPLETE:pass\n"
    for text, expected in ((good, Verdict.PASS), (bad, Verdict.FAIL)):
        run = _Run(scenario).begin(0).prints("x\n").end(0).begin(1).prints(text).end(1)
        assert run.verdict().verdict is expected


def test_within_is_guest_time() -> None:
    scenario = ScenarioBuilder("x").boot().command("go").expect("done", within=1.0)
    for end_us, expected in ((900_000, Verdict.PASS), (1_100_000, Verdict.FAIL)):
        run = _Run(scenario, clock="virtual", reproducible=True).begin(0).prints("RAYOS_CONTROL:READY:0:0\n").end(0)
        run.begin(1).prints(f"done\nRAYOS_CONTROL:READY:1:{end_us}\n").end(1).begin(2).end(2)
        assert run.verdict().verdict is expected


def test_guest_time_adds_up_over_boots() -> None:
    run = _Run(ScenarioBuilder("x").boot().reset().expect("x", since="boot")).begin(0)
    run.prints("RAYOS_CONTROL:READY:0:100\nRAYOS_CONTROL:READY:1:2000000\n").end(0).begin(1).event(
        "epoch", number=1, why="reset"
    )
    run.prints("RAYOS_CONTROL:READY:0:500000\nx\n").end(1).begin(2).end(2)
    verdict = run.verdict()
    assert verdict.guest_s == pytest.approx(2.5)
    assert verdict.epochs == 2


def test_counting_never_meets_a_step_of_too_few() -> None:
    scenario = ScenarioBuilder("x").boot().expect(count=[Count(pattern="tick", at_least=3)])
    run = (
        _Run(scenario)
        .begin(0)
        .prints("x\n")
        .end(0)
        .begin(1)
        .prints("tick\ntick\n")
        .end(1, "timeout", limit="host", seconds=1.0)
    )
    assert run.verdict().verdict is Verdict.FAIL
    assert "came 2 times" in next(iter(run.evaluator.checks)).reason


def test_the_same_events_give_the_same_verdict() -> None:
    def once() -> dict[str, Any]:
        run = _Run(_waiting("done").forbid("oops")).begin(0).prints("RAYOS_SOAK:START:1:1\noops\n").end(0, "aborted")
        return run.verdict().to_json()

    assert once() == once()


def test_what_is_found_after_a_mark_says_so_and_what_was_expected_after_it_too() -> None:
    scenario = ScenarioBuilder("x").forbid("RAYOS_B:LOST").boot().mark("link partition a - b").expect("RAYOS_A:LOST")
    run = _Run(scenario).begin(0).end(0).begin(1).end(1).begin(2).prints("RAYOS_B:LOST:1\nRAYOS_A:LOST:1\n")
    verdict = run.verdict()
    assert verdict.first_cause is not None
    assert verdict.first_cause.what == "forbidden text came: RAYOS_B:LOST:1, after link partition a - b"
    assert {"after": "link partition a - b"} in verdict.checks[-2].evidence
