"""One expectation, fed line by line."""

from __future__ import annotations

from typing import Any

import pytest

from harness.console.types import Line, LineFlag
from harness.judge.expectation import Expectation
from harness.judge.verdict import CheckStatus
from harness.markers.parser import MarkerParser
from harness.markers.schema import PLAN
from harness.scenario.steps import Count, Expect


class _Feed:
    """Lines by text, parsed as the evaluator does it."""

    def __init__(self, **step: Any) -> None:
        self.expectation = Expectation(Expect(**step))
        self._parser = MarkerParser(PLAN)
        self._number = 0

    def line(self, text: str, flags: LineFlag = LineFlag.NONE, echo: tuple[tuple[int, int], ...] = ()) -> CheckStatus:
        self._number += 1
        line = Line(self._number, 0, self._number * 100, text.encode(), text, 0, flags, echo)
        self.expectation.feed(line, self._parser.feed(line))
        return self.expectation.status

    def partial(self, text: str) -> CheckStatus:
        self.expectation.feed_partial(Line(self._number + 1, 0, 0, text.encode(), text, 0, LineFlag.PARTIAL))
        return self.expectation.status


def test_all_of_needs_each_in_any_order() -> None:
    feed = _Feed(all=("RAYOS_SOAK:START", "ready"))
    assert feed.line("the desktop is ready") is CheckStatus.PENDING
    assert feed.line("RAYOS_SOAK:START:4:60") is CheckStatus.MET


def test_any_of_needs_one() -> None:
    assert _Feed(any=("eth0: up", "eth0: no cable")).line("eth0: no cable") is CheckStatus.MET


def test_order_is_not_met_by_the_wrong_order() -> None:
    feed = _Feed(order=("RAYOS_SOAK:CLIENT_CREATED:1", "RAYOS_SOAK:CLIENT_CREATED:2"))
    feed.line("RAYOS_SOAK:CLIENT_CREATED:2")
    assert feed.line("RAYOS_SOAK:CLIENT_CREATED:1") is CheckStatus.PENDING
    feed.expectation.finish(elapsed=False)
    assert feed.expectation.status is CheckStatus.BROKEN
    assert "CLIENT_CREATED:2" in feed.expectation.reason


def test_order_takes_two_texts_from_one_line() -> None:
    assert _Feed(order=("one", "two")).line("one two") is CheckStatus.MET
    assert _Feed(order=("one", "two")).line("two one") is CheckStatus.PENDING
    assert _Feed(order=("one", "one")).line("one") is CheckStatus.PENDING


def test_none_of_breaks_at_once() -> None:
    feed = _Feed(all=("done",), none=("RAYOS_SOAK:COMPLETE:fail",))
    assert feed.line("RAYOS_SOAK:COMPLETE:fail") is CheckStatus.BROKEN
    assert feed.line("done") is CheckStatus.BROKEN


def test_none_of_alone_is_met_only_when_its_time_is_over() -> None:
    feed = _Feed(none=("oops",), during=1.0)
    assert feed.line("fine") is CheckStatus.PENDING
    feed.expectation.finish(elapsed=True)
    assert feed.expectation.status is CheckStatus.MET


@pytest.mark.parametrize(
    ("count", "seen", "status"),
    [
        ({"exactly": 2}, 2, CheckStatus.MET),
        ({"exactly": 2}, 1, CheckStatus.PENDING),
        ({"at_least": 2}, 3, CheckStatus.MET),
    ],
)
def test_counts(count: dict[str, int], seen: int, status: CheckStatus) -> None:
    feed = _Feed(count=(Count(pattern="tick", **count),))
    for _ in range(seen):
        feed.line("tick")
    assert feed.expectation.status is status


def test_more_than_the_most_breaks_at_once() -> None:
    feed = _Feed(count=(Count(pattern="tick", exactly=1),), all=("done",))
    feed.line("tick")
    assert feed.line("tick") is CheckStatus.BROKEN
    assert "2 times" in feed.expectation.reason


def test_a_prompt_without_a_line_end_matches_once() -> None:
    feed = _Feed(order=("login:", "login:"))
    assert feed.partial("login: ") is CheckStatus.PENDING
    assert feed.partial("login: r") is CheckStatus.PENDING
    assert feed.line("login: root") is CheckStatus.PENDING
    assert feed.partial("login: ") is CheckStatus.MET


def test_counts_wait_for_the_whole_line() -> None:
    feed = _Feed(count=(Count(pattern="tick", exactly=1),))
    feed.partial("tick")
    assert feed.partial("tick to") is CheckStatus.PENDING
    assert feed.line("tick tock") is CheckStatus.MET


def test_an_echo_decides_nothing_and_says_so() -> None:
    feed = _Feed(all=("RAYOS_SOAK:COMPLETE:pass",))
    text = "RAYOS_SOAK:COMPLETE:pass"
    assert feed.line(text, LineFlag.ECHO, ((0, len(text)),)) is CheckStatus.PENDING
    feed.expectation.finish(elapsed=False)
    assert "decides nothing" in feed.expectation.reason


def test_an_echoed_text_decides_nothing_but_the_answer_beside_it_does() -> None:
    feed = _Feed(all=("hello",))
    assert feed.line("$ echo hello", LineFlag.ECHO, ((2, 12),)) is CheckStatus.PENDING
    assert feed.line("hello") is CheckStatus.MET


def test_text_beside_an_echo_on_its_line_counts() -> None:
    assert _Feed(all=("ready",)).line("ready> typed", LineFlag.ECHO, ((7, 12),)) is CheckStatus.MET


def test_evidence_says_where() -> None:
    feed = _Feed(all=("done",))
    feed.line("well done")
    (entry,) = feed.expectation.evidence()
    assert (entry["text"], entry["line"], entry["offset"]) == ("well done", 1, 100)
