"""What is held against a guest behind a serial line that may lose bytes, and what is not. Streams of sealed markers."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest

from harness.console.distortion import Damage
from harness.console.types import Chunk
from harness.evidence.journal import Event
from harness.judge.evaluator import Evaluator
from harness.judge.facts import GuestFacts
from harness.judge.verdict import RunVerdict
from harness.markers.schema import PLAN
from harness.markers.seal import crc8
from harness.scenario.builder import ScenarioBuilder
from harness.scenario.model import Scenario
from harness.verdicts import PRODUCT, Verdict

SOAK = ["RAYOS_SOAK:START:4:1", *(f"RAYOS_SOAK:CLIENT_CREATED:{n}" for n in range(1, 5))]
REST = [*(f"RAYOS_SOAK:CLIENT_DESTROYED:{n}" for n in range(1, 5)), "RAYOS_SOAK:COMPLETE:pass"]


def seal(texts: Iterable[str], first: int = 0) -> bytes:
    lines = []
    for number, text in enumerate(texts, first):
        body = f"{text}{number:04X}".encode()
        lines.append(f"{text}*{number:04X}{crc8(body):02X}\n".encode())
    return b"".join(lines)


def plain(texts: Iterable[str]) -> bytes:
    return "".join(f"{text}\n" for text in texts).encode()


class Board:
    """A run on a board, told event by event; each step ends as soon as its check is settled, else at its deadline."""

    def __init__(self, scenario: Scenario, *, target: str = "serial", lossless: bool = False) -> None:
        self.evaluator = Evaluator(scenario, GuestFacts(), PLAN)
        self._steps = scenario.steps
        self._seq = self._offset = 0
        self.event("target.start", target=target, lossless=lossless)

    def event(self, kind: str, **data: object) -> None:
        self.evaluator.on_event(Event(self._seq, self._seq * 1000, kind, data))
        self._seq += 1

    def hears(self, data: bytes) -> None:
        if data:
            self.event("serial", offset=self._offset, len=len(data))
            self.evaluator.on_chunk(Chunk(self._offset, data, 0))
            self._offset += len(data)

    def plays(self, index: int, data: bytes) -> bool:
        """One step, during which *data* comes; returns whether the run goes on."""
        self.event("step.begin", index=index, do=self._steps[index].do)
        self.hears(data)
        check = self.evaluator.checks.of(index)
        if self.evaluator.fatal is None and (check is None or self.evaluator.is_settled(index) or index == 0):
            self.event("step.end", index=index, status="done")
            return True
        if self.evaluator.fatal is None:
            self.event("step.end", index=index, status="timeout", limit="host", seconds=1.0)
            self.event("postmortem")
        return False

    def ends(self) -> RunVerdict:
        self.event("run.end")
        return self.evaluator.result()


def told(scenario: ScenarioBuilder, *parts: bytes, after: bytes = b"", lossless: bool = False) -> RunVerdict:
    board = Board(scenario.build(), lossless=lossless)
    for index, part in enumerate(parts):
        if not board.plays(index, part):
            break
    board.hears(after)
    return board.ends()


def cause(verdict: RunVerdict) -> tuple[Verdict, str]:
    assert verdict.first_cause is not None
    return verdict.verdict, verdict.first_cause.cause


def soak() -> ScenarioBuilder:
    return ScenarioBuilder("soak").rules("SOAK").boot().expect("RAYOS_SOAK:COMPLETE:pass")


def test_what_does_not_come_over_a_part_that_proved_whole_is_the_guests_fault() -> None:
    verdict = told(soak(), seal(SOAK), seal(REST[:-1], len(SOAK)))
    assert cause(verdict) == (Verdict.FAIL, "expectation")
    assert verdict.markers_lost == 0


def test_silence_after_a_part_that_proved_whole_is_a_hang() -> None:
    verdict = told(soak(), seal([*SOAK, *REST[:-1]]), b"")
    assert cause(verdict) == (Verdict.HANG, "silent")


def test_a_rule_broken_in_a_part_that_proved_whole_is_the_guests_fault() -> None:
    broken = [*SOAK, "RAYOS_SOAK:CLIENT_DESTROYED:1", "RAYOS_SOAK:CLIENT_DESTROYED:2", "RAYOS_SOAK:CLIENT_CREATED:3"]
    assert cause(told(soak(), seal(broken), b"")) == (Verdict.FAIL, "rule-pair")


def test_a_wrong_word_that_came_whole_is_the_guests_fault_however_much_was_lost_before() -> None:
    scenario = ScenarioBuilder("soak").boot().expect("RAYOS_SOAK:COMPLETE:pass", none=["RAYOS_SOAK:COMPLETE:fail"])
    verdict = told(scenario, b"RAYOS_SO\xffAK:STA", seal(["RAYOS_SOAK:COMPLETE:fail"], 40))
    assert cause(verdict) == (Verdict.FAIL, "expectation")


def test_a_failure_long_after_a_loss_is_the_guests_fault_where_its_own_part_proved_whole() -> None:
    scenario = ScenarioBuilder("late").boot().mark("quiet").expect("RAYOS_SOAK:COMPLETE:pass")
    lossy = seal(SOAK).replace(b"CREATED:2", b"CREATED:")
    verdict = told(scenario, lossy, b"", seal(REST[:-1] * 2, len(SOAK)))
    assert cause(verdict) == (Verdict.FAIL, "expectation")
    assert verdict.markers_lost == 1
    assert any("lost 1 sealed marker" in note for note in verdict.notes)


@pytest.mark.parametrize("at", range(12))
def test_one_lost_byte_anywhere_in_the_awaited_marker_is_never_a_failure(at: int) -> None:
    awaited = seal(REST[-1:], len(SOAK) + len(REST) - 1)
    place = at * len(awaited) // 12
    harmed = awaited[:place] + awaited[place + 1 :]
    verdict = told(soak(), seal(SOAK), seal(REST[:-1], len(SOAK)) + harmed)
    assert verdict.verdict in {Verdict.PASS, Verdict.INCONCLUSIVE}
    if verdict.verdict is Verdict.INCONCLUSIVE:
        assert cause(verdict)[1] == "line-loss"


def test_a_marker_that_vanished_before_the_wait_is_found_out_by_the_answers_that_follow() -> None:
    ready = [f"RAYOS_CONTROL:READY:1:{n}" for n in range(16)]
    first = len(SOAK) + len(REST)
    said = seal(SOAK), seal(REST[:-1], len(SOAK))
    assert cause(told(soak(), *said, after=seal(ready, first))) == (Verdict.INCONCLUSIVE, "line-loss")
    assert cause(told(soak(), *said, after=seal(ready, first - 1))) == (Verdict.FAIL, "expectation")


def test_too_few_whole_markers_prove_no_line() -> None:
    assert cause(told(soak(), seal(SOAK), b"")) == (Verdict.INCONCLUSIVE, "line-unproven")


@pytest.mark.parametrize(
    ("scenario", "parts"),
    [
        (soak(), (plain(SOAK), plain(REST[:-1]))),  # missing
        (soak(), (plain(SOAK), b"")),  # silence
        (soak(), (plain([*SOAK, "RAYOS_SOAK:CLIENT_DESTROYED:7"]), b"")),  # odd
        (ScenarioBuilder("x").boot().expect("x", none=["RAYOS_SOAK:CLIENT_CREATED:1"]), (b"", plain(SOAK))),
        (ScenarioBuilder("x").boot().expect("login:"), (seal([*SOAK, *REST]), b"lo")),  # text has no seal
    ],
)
def test_on_an_unprotected_port_what_is_missing_or_odd_is_nobodys_fault(
    scenario: ScenarioBuilder, parts: tuple[bytes, bytes]
) -> None:
    assert cause(told(scenario, *parts)) == (Verdict.INCONCLUSIVE, "line-unprotected")


def test_on_an_unprotected_port_a_panic_and_a_wrong_word_are_still_the_guests() -> None:
    wrong = ScenarioBuilder("x").boot().expect("RAYOS_SOAK:COMPLETE:pass", none=["RAYOS_SOAK:COMPLETE:fail"])
    assert cause(told(wrong, b"", plain(["RAYOS_SOAK:COMPLETE:fail"]))) == (Verdict.FAIL, "expectation")
    panic = b"Kernel panic - not syncing: no init\n"
    assert cause(told(wrong, b"", panic)) == (Verdict.CRASH, "crash-text")


def test_a_port_that_is_said_to_lose_nothing_is_taken_at_its_word() -> None:
    assert cause(told(soak(), plain(SOAK), b"", lossless=True))[0] is Verdict.HANG
    assert cause(told(soak(), plain(SOAK), plain(REST[:-1]), lossless=True)) == (Verdict.FAIL, "expectation")


@pytest.mark.parametrize("lossless", [False, True])
def test_what_a_port_that_was_away_may_have_missed_is_nobodys_fault(lossless: bool) -> None:
    board = Board(soak().build(), lossless=lossless)
    board.plays(0, seal(SOAK))
    board.event("step.begin", index=1, do="expect")
    board.hears(seal(REST[:-1], len(SOAK)))
    board.event("port.lost", port="/dev/ttyUSB0", what="the serial port /dev/ttyUSB0 went away")
    board.event("step.end", index=1, status="timeout", limit="host", seconds=1.0)
    board.event("postmortem")
    verdict = board.ends()
    assert cause(verdict) == (Verdict.INCONCLUSIVE, "line-loss")
    assert verdict.first_cause is not None
    assert "the serial line went away once" in verdict.first_cause.what


def test_a_port_that_came_back_and_proved_whole_since_the_step_began_is_believed_again() -> None:
    scenario = ScenarioBuilder("late").boot().mark("quiet").expect("RAYOS_SOAK:COMPLETE:pass")
    board = Board(scenario.build())
    board.plays(0, seal(SOAK))
    board.event("port.lost", port="/dev/ttyUSB0", what="went away")
    board.event("port.back", port="/dev/ttyUSB0")
    board.hears(seal(["RAYOS_CONTROL:READY:1:1"], 20))  # the gap is of before
    board.plays(1, b"")
    board.plays(2, seal(REST[:-1] * 2, 21))
    verdict = board.ends()
    assert cause(verdict) == (Verdict.FAIL, "expectation")
    assert "went away once" in " ".join(verdict.notes)


def test_what_was_sent_without_a_checksum_may_have_arrived_as_something_else() -> None:
    scenario = ScenarioBuilder("x").boot().send("start").expect("RAYOS_SOAK:COMPLETE:pass")
    board = Board(scenario.build())
    board.plays(0, seal([*SOAK, *REST[:-1]]))
    board.event("step.begin", index=1, do="send")
    board.event("console.send", text="start\r")
    board.event("step.end", index=1, status="done")
    board.plays(2, b"")
    assert cause(board.ends()) == (Verdict.INCONCLUSIVE, "line-unprotected")


def test_a_guest_that_complains_of_a_garbled_command_does_nothing_that_is_forbidden() -> None:
    scenario = ScenarioBuilder("x").forbid("RAYOS_CONTROL:ERROR").boot().expect("RAYOS_SOAK:COMPLETE:pass")
    garbled = ["RAYOS_CONTROL:ERROR:0:crc", *SOAK, *REST]
    assert told(scenario, b"", seal(garbled)).verdict is Verdict.PASS
    for harmed in ("RAYOS_CONTROL:ERROR:0syntax", "RAYOS_CONTROL:ERROR::crc", "RAYOS_CONTROL:ERROR:0:lngth"):
        assert told(scenario, b"", plain([harmed, *SOAK, *REST])).verdict is Verdict.PASS
    refused = ["RAYOS_CONTROL:ERROR:3:id", *SOAK, *REST]
    assert cause(told(scenario, b"", seal(refused))) == (Verdict.FAIL, "forbidden")


def _streamed(seed: int, every: int, *, sealed: bool, lose: bool) -> RunVerdict:
    """A guest that does all right, over a line that loses (or changes) one byte in *every*."""
    draw = random.Random(seed)
    line = Damage(draw.randrange, 10**9, every, lose=lose)
    ready = [f"RAYOS_CONTROL:READY:{n}:{n * 1000}" for n in range(40)]
    start, milestone = "RAYOS_INTEGRATION:SCENARIO_START:many", "RAYOS_INTEGRATION:MILESTONE:desktop-used"
    end = "RAYOS_INTEGRATION:SCENARIO_COMPLETE:many:pass"
    said = [[start, ready[0]], [*SOAK, ready[1]], [*REST, ready[2]], [milestone, end, ready[3]]]
    scenario = (
        ScenarioBuilder("many")
        .forbid("RAYOS_CONTROL:ERROR")
        .rules("SOAK", "INTEGRATION")
        .boot(until="RAYOS_CONTROL:READY:0")
        .expect("RAYOS_SOAK:CLIENT_CREATED:4")
        .mark("later")
        .expect("RAYOS_SOAK:COMPLETE:pass", none=["RAYOS_SOAK:COMPLETE:fail", "RAYOS_SOAK:CLIENT_CREATED:9"])
        .expect("RAYOS_INTEGRATION:MILESTONE:desktop-used", "RAYOS_INTEGRATION:SCENARIO_COMPLETE:many:pass")
        .build()
    )
    board, first = Board(scenario), 0
    for index, part in zip((0, 1, 3, 4), said, strict=True):
        if index == 3:
            board.plays(2, b"")
        data = seal(part, first) if sealed else plain(part)
        first += len(part)
        if not board.plays(index, line.take(data, 0).data):
            break
    if board.evaluator.doubted:
        board.hears(line.take(seal(ready[4:20], first) if sealed else plain(ready[4:20]), 0).data)
    return board.ends()


@pytest.mark.parametrize("sealed", [True, False])
@pytest.mark.parametrize("lose", [True, False])
@pytest.mark.parametrize("every", [100, 1000])
def test_no_seed_of_loss_or_damage_makes_a_healthy_guest_fail(sealed: bool, lose: bool, every: int) -> None:
    verdicts = [_streamed(seed, every, sealed=sealed, lose=lose) for seed in range(40)]
    wrong = {seed: v.first_cause for seed, v in enumerate(verdicts) if v.verdict in PRODUCT}
    assert not wrong
    assert Verdict.INCONCLUSIVE in {v.verdict for v in verdicts}
    passed = [v for v in verdicts if v.verdict is Verdict.PASS]
    assert passed or every == 100
    assert not sealed or every == 100 or any(v.markers_lost for v in passed), (
        "a loss that mattered to nobody is counted"
    )


@pytest.mark.long
@pytest.mark.parametrize("lose", [True, False])
@pytest.mark.parametrize("every", [100, 300, 3000])
def test_no_seed_of_many_more_makes_a_healthy_guest_fail(lose: bool, every: int) -> None:
    wrong = [
        (seed, verdict.first_cause)
        for seed in range(1000, 1400)
        if (verdict := _streamed(seed, every, sealed=True, lose=lose)).verdict in PRODUCT
    ]
    assert not wrong
