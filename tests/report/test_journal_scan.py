"""One pass over a journal keeps what the report shows, and no more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness.report.journal_scan import KEPT, Spoken, scan


def labels(found: Any, lane: str) -> list[tuple[str, str]]:
    return [(item.label, item.mood) for item in found.lanes[lane].items]


def test_spans_are_made_of_two_events(make: Callable[..., Any]) -> None:
    maker = make()
    maker.at(1)
    maker.add("step.begin", index=0, do="command", what="command frames n=2")
    maker.at(1.5)
    maker.add("control.send", cseq=1, payload="frames n=2")
    maker.at(2)
    maker.add("control.reply", cseq=1, ok=True, payload="ok ticks=2")
    maker.add("control.send", cseq=2, payload="destroy id=9")
    maker.add("control.reply", cseq=2, ok=False, payload="id 9")
    maker.at(2.25)
    maker.add("step.end", index=0, status="done")
    found = scan(maker.bundle.journal, 3_000_000_000)
    assert found.lanes["steps"].items == [(1_000_000_000, 2_250_000_000, "1 command frames n=2", "good", "")]
    assert found.lanes["control"].items[0] == (1_500_000_000, 2_000_000_000, "frames n=2 → ok ticks=2", "", "")
    assert labels(found, "control")[1] == ("destroy id=9 → id 9", "warn")
    assert found.steps[0] == ("command frames n=2", 1_000_000_000, 2_250_000_000, "done")


def test_what_never_ended_reaches_to_the_end(make: Callable[..., Any]) -> None:
    maker = make()
    maker.add("step.begin", index=4, do="expect", what="expect x")
    maker.add("control.send", cseq=1, payload="hello")
    maker.at(5)
    maker.add("note", text="last")
    found = scan(maker.bundle.journal, 5_000_000_000)
    assert found.lanes["steps"].items == [(0, 5_000_000_000, "5 expect x", "warn", "")]
    assert found.lanes["control"].items == [(0, 5_000_000_000, "hello → no answer", "bad", "")]
    assert found.steps[4].end_ns is None


def test_each_kind_of_event_is_told_in_its_lane(make: Callable[..., Any]) -> None:
    maker = make()
    maker.add("target.start", target="qemu", argv=["qemu"])
    maker.add("input", device="pointer", x=3, y=4)
    maker.add("input", device="key", key="ret", down=False)
    maker.add("console.send", text="poweroff\r")
    maker.add("frame", step=2, name="desk", digest="0", width=1, height=1, way="vram", stable=True, file="frames/0.png")
    maker.add("frame", step=3, name="text", digest="1", width=1, height=1, way="vram", stable=True, file="frames/1.png")
    maker.add("qmp.event", name="SHUTDOWN", data={"reason": "guest-reset"}, timestamp=1.0)
    maker.add("epoch", number=1, why="reset")
    maker.add("control.timeout", cseq=1, seconds=20)
    maker.add("lab.error", cause="lost", what="the line dropped")
    maker.add("found", step=4, picture="ok.png", x=1, y=2, hits=1)
    found = scan(maker.bundle.journal, 1, broken={3})
    assert labels(found, "input") == [("pointer to (3, 4)", ""), ("key ret up", ""), ("console: poweroff␍", "")]
    assert labels(found, "frames") == [("step 3: desk", "good"), ("step 4: text", "bad")]
    assert labels(found, "QMP") == [("SHUTDOWN (guest-reset)", "")]
    assert labels(found, "control") == [(" → no answer", "bad")]
    assert labels(found, "other") == [
        ("machine started", ""),
        ("boot epoch 1 (reset)", ""),
        ("lab.error: cause lost, what the line dropped", "bad"),
        ("found: step 4, picture ok.png, x 1, y 2, hits 1", ""),
    ]


def test_a_long_lane_keeps_both_ends_and_counts_the_rest(make: Callable[..., Any]) -> None:
    maker = make()
    for i in range(1000):
        maker.now = i
        maker.add("input", device="key", key=str(i), down=True)
    lane = scan(maker.bundle.journal, 1000).lanes["input"]
    assert [item.start_ns for item in lane.items] == [*range(KEPT), *range(1000 - KEPT, 1000)]
    assert lane.left_out == 1000 - 2 * KEPT
    assert sum(lane.density) == 1000


def test_time_and_place_of_wanted_events_are_known(make: Callable[..., Any]) -> None:
    maker = make()
    maker.serial(b"abc")
    maker.at(2)
    wanted = maker.add("step.end", index=0, status="timeout")
    maker.add("epoch", number=1, why="reset")
    maker.serial(b"de")
    maker.add("serial.cap", kept=5)
    maker.add("serial.end", kept=5, dropped=7)
    found = scan(maker.bundle.journal, 2_000_000_000, wanted={wanted.seq}, near=0)
    assert found.times == {wanted.seq: 2_000_000_000}
    assert found.places == {wanted.seq: 3}
    assert found.epochs == [3]
    assert found.arrivals == [(0, 3, 0), (3, 5, 2_000_000_000)]
    assert (found.received, found.dropped) == (5, 7)
    assert found.lanes["serial"].total == 5


def test_a_journal_that_was_cut_is_read_up_to_its_last_whole_event(make: Callable[..., Any]) -> None:
    maker = make()
    maker.serial(b"abc")
    with maker.bundle.journal.open("ab") as journal:
        journal.write(b'{"seq":1,"host_ns":7,"kind":"ser')
    assert scan(maker.bundle.journal, 1).events == 1


def test_a_fault_lasts_from_its_injection_until_it_is_undone(make: Callable[..., Any]) -> None:
    maker = make()
    for at, kind, data in (
        (1, "fault.injected", {"name": "slow", "n": 0, "done": {}}),
        (2, "fault.injected", {"name": "crash", "n": 0, "done": {}}),
        (3, "fault.undone", {"name": "slow", "n": 0, "why": "recover"}),
        (4, "fault.failed", {"name": "gone", "n": 2, "what": "no such disk"}),
        (5, "link.fault", {"what": "loss", "fault": 7, "between": ["a", "b"]}),
        (6, "link.undone", {"fault": 7}),
    ):
        maker.at(at)
        maker.add(kind, **data)
    lane = scan(maker.bundle.journal, 6_000_000_000).lanes["faults"]
    assert [(i.start_ns // 10**9, i.end_ns // 10**9, i.label, i.mood) for i in lane.items] == [
        (1, 3, "slow #0 until recover", "fault"),
        (4, 4, "gone #2 failed: no such disk", "bad"),
        (5, 6, "loss between a and b until undone", "fault"),
        (2, 2, "crash #0", "fault"),
    ]


def test_markers_stand_where_their_bytes_came(make: Callable[..., Any]) -> None:
    maker = make()
    for at, text in ((1, b"RAYOS_A:B\nRAY"), (2, b"OS_C:D\n")):
        maker.at(at)
        maker.serial(text)
    spoken = [Spoken(0, 1, "RAYOS_A:B", True), Spoken(10, 2, "RAYOS_C:D", False)]
    lane = scan(maker.bundle.journal, 2_000_000_000, spoken=spoken).lanes["markers"]
    assert [(i.start_ns // 10**9, i.label, i.mood, i.href) for i in lane.items] == [
        (1, "RAYOS_A:B", "", "#L1"),
        (1, "RAYOS_C:D", "warn", "#L2"),
    ]
