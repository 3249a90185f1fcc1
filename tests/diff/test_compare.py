"""What differs between two streams, what may, and the signature of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.diff import DEFAULT_RULES, Comparison, Ending, Kind, Picture, Rule, Rules, Stream, compare
from harness.diff.prepared import Numbers, prepare
from harness.diff.streams import of_log
from harness.errors import UsageError

from .logs import log, stream

SOAK = [
    "RAYOS_KIT:BOOT:1.0:release",
    "RAYOS_SOAK:START:3:5",
    "RAYOS_SOAK:CLIENT_CREATED:1",
    "RAYOS_SOAK:CLIENT_CREATED:2",
    "RAYOS_SOAK:CLIENT_CREATED:3",
    "RAYOS_SOAK:METRICS_SNAPSHOT:5:1000:80:60",
    "RAYOS_SOAK:COMPLETE:pass",
]


def soak(*, without: int | None = None, instead: dict[int, list[str]] | None = None) -> list[str]:
    """The lines of a soak with some changed."""
    changed = instead or {}
    return [one for n, line in enumerate(SOAK) if n != without for one in changed.get(n, [line])]


def differs(b: list[str], rules: Rules = DEFAULT_RULES) -> Comparison:
    return compare(stream(SOAK), stream(b), rules)


def kinds(found: Comparison) -> list[Kind]:
    return [one.kind for one in found.differences]


def test_a_run_is_the_same_as_itself() -> None:
    found = differs(SOAK)
    assert (found.same, found.first, found.signature, found.matched) == (True, None, "", len(SOAK))


def test_what_is_missing_is_named_with_what_came_instead() -> None:
    found = differs(soak(without=3))
    assert found.first is not None
    assert (found.first.kind, found.first.a, found.first.b, found.counts) == (Kind.MISSING, 3, 3, {Kind.MISSING: 1})
    assert found.signature == "missing SOAK:CLIENT_CREATED, instead SOAK:CLIENT_CREATED"


def test_what_is_extra_is_named_with_what_should_have_come() -> None:
    found = differs(soak(instead={6: ["RAYOS_FAILURE:DETECTED:page_fault:7", SOAK[6]]}))
    assert kinds(found) == [Kind.EXTRA]
    assert found.signature == "extra FAILURE:DETECTED:page_fault, before SOAK:COMPLETE:pass"


def test_a_changed_value_is_named_by_its_field() -> None:
    found = differs(soak(instead={6: ["RAYOS_SOAK:COMPLETE:fail"]}))
    assert kinds(found) == [Kind.CHANGED]
    assert found.signature == "changed SOAK:COMPLETE result pass -> fail"


def test_a_changed_number_is_not_in_the_signature() -> None:
    four, five = (differs(soak(instead={1: [f"RAYOS_SOAK:START:{n}:5"]})) for n in (4, 5))
    assert four.signature == five.signature == "changed SOAK:START clients"
    assert four.first is not None
    assert four.first.what == "clients 3 -> 4: RAYOS_SOAK:START:3:5"


def test_what_comes_once_more_is_repeated() -> None:
    found = differs(soak(instead={2: [SOAK[2], SOAK[2], SOAK[2]]}))
    assert kinds(found) == [Kind.REPEATED]
    assert found.signature == "repeated SOAK:CLIENT_CREATED"


def test_a_part_that_comes_once_more_is_repeated() -> None:
    found = differs(soak(instead={4: [SOAK[4], *SOAK[2:5]]}))
    assert kinds(found) == [Kind.REPEATED]
    assert found.first is not None
    assert found.first.count == 3


def test_what_comes_in_another_place_has_moved() -> None:
    found = differs([*SOAK[:2], *SOAK[3:6], SOAK[2], SOAK[6]])
    assert kinds(found) == [Kind.MOVED]
    assert found.signature == "moved SOAK:CLIENT_CREATED"


def test_what_comes_more_often_elsewhere_is_missing_and_extra_not_moved() -> None:
    beat = "RAYOS_X:BEAT"
    a = stream([beat, "RAYOS_X:A", "RAYOS_X:B", "RAYOS_X:C"])
    b = stream(["RAYOS_X:A", "RAYOS_X:B", beat, "RAYOS_X:C", beat])
    assert Kind.MOVED not in compare(a, b).counts


def test_the_first_difference_is_the_earliest_of_all_kinds() -> None:
    found = differs(soak(without=4, instead={1: ["RAYOS_SOAK:START:9:5"], 6: [SOAK[6], SOAK[6]]}))
    assert kinds(found) == [Kind.CHANGED, Kind.MISSING, Kind.REPEATED]


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ("RAYOS_SOAK:METRICS_SNAPSHOT:5:1000:80:60", "RAYOS_SOAK:METRICS_SNAPSHOT:9:7777:123:30"),
        ("RAYOS_VMM:DESC#0000000000000001 addr=0x7fff12345678 len=3", "RAYOS_VMM:DESC#0000000000000001 addr=0x1 len=3"),
        ("RAYOS_MEM:MAP:0xffffffff81000000", "RAYOS_MEM:MAP:0xffffffff9a400000"),
        ("RAYOS_TASK:DONE took_us=17", "RAYOS_TASK:DONE took_us=23"),
        ("RAYOS_INTEGRATION:MILESTONE:heap at 0xffff8000", "RAYOS_INTEGRATION:MILESTONE:heap at 0xffff9000"),
    ],
)
def test_addresses_times_and_measures_may_differ_unless_all_is_compared(here: str, there: str) -> None:
    assert compare(stream([here]), stream([there])).same
    assert kinds(compare(stream([here]), stream([there]), Rules(exact=True))) == [Kind.CHANGED]


def test_other_values_may_not_differ() -> None:
    here = "RAYOS_VMM:DESC addr=0x7fff12345678 len=3"
    assert kinds(compare(stream([here]), stream([here.replace("len=3", "len=4")]))) == [Kind.CHANGED]


@pytest.mark.parametrize(
    ("here", "there"),
    [
        (
            "RAYOS_SOAK:CLIENT_CREATED:1234567890123456",
            "RAYOS_SOAK:CLIENT_CREATED:1234567890123457",
        ),  # an int by schema
        ("RAYOS_KBD_ASCII=0x68", "RAYOS_KBD_ASCII=0x69"),  # too short for an address
        ("RAYOS_X:CRC:ae15f3ba", "RAYOS_X:CRC:ae15f3bb"),
    ],
)
def test_numbers_that_are_no_addresses_are_compared(here: str, there: str) -> None:
    assert kinds(compare(stream([here]), stream([there]))) == [Kind.CHANGED]


def test_a_rule_makes_fields_equal_by_name_and_by_place() -> None:
    b = soak(instead={1: ["RAYOS_SOAK:START:9:5"]})
    for field in ("clients", 0):
        assert differs(b, Rules(rule=(Rule(match="RAYOS_SOAK:START", do="normalise", fields=(field,)),))).same
    assert not differs(b, Rules(rule=(Rule(match="RAYOS_SOAK:START", do="normalise", fields=("duration_sec",)),))).same


def test_a_rule_ignores_markers_wherever_they_are() -> None:
    b = soak(instead={3: [SOAK[3], "RAYOS_NET:CARRIER:up"], 6: ["RAYOS_NET:CARRIER:down", SOAK[6]]})
    assert not differs(b).same
    found = differs(b, Rules(rule=(Rule(match="RAYOS_NET:*", do="ignore"),)))
    assert found.same


def test_places_are_those_of_the_stream_though_markers_are_ignored() -> None:
    b = ["RAYOS_NET:CARRIER:up", *soak(without=4)]
    found = differs(b, Rules(rule=(Rule(match="RAYOS_NET:CARRIER", do="ignore"),)))
    assert found.first is not None
    assert (found.first.a, found.first.b) == (4, 5)


def test_a_rule_compares_what_its_type_would_not() -> None:
    b = soak(instead={5: ["RAYOS_SOAK:METRICS_SNAPSHOT:5:1000:99:60"]})
    rule = Rule(match="RAYOS_SOAK:METRICS_SNAPSHOT", do="exact", fields=("latency_us",))
    assert differs(b).same
    assert differs(b, Rules(rule=(rule,))).signature == "changed SOAK:METRICS_SNAPSHOT latency_us"


def test_a_rule_on_text_makes_what_it_matches_equal() -> None:
    a, b = (stream([f"RAYOS_KIT:IMAGE:kernel-{word}-x"]) for word in ("abc", "def"))
    assert not compare(a, b).same
    assert compare(a, b, Rules(rule=(Rule(match="re:kernel-[a-z]+", do="normalise"),))).same


def test_of_several_rules_the_last_that_matches_counts() -> None:
    b = soak(instead={1: ["RAYOS_SOAK:START:9:5"]})
    rules = [Rule(match="RAYOS_SOAK:*", do="normalise"), Rule(match="RAYOS_SOAK:START", do="exact")]
    assert not differs(b, Rules(rule=tuple(rules))).same
    assert differs(b, Rules(rule=tuple(reversed(rules)))).same


def test_boots_are_aligned_before_markers() -> None:
    other = ["RAYOS_KIT:BOOT:1.0:release", "RAYOS_DISK:REPLAY:3:0"]
    found = compare(stream(SOAK, other), stream(SOAK, SOAK[:2], other))
    assert found.counts == {Kind.EXTRA: 1}
    assert found.signature == "extra boot"
    assert found.first is not None
    assert found.first.boot == (None, 1)


def test_a_boot_that_broke_off_is_compared_with_the_first_and_the_next_is_extra() -> None:
    found = compare(stream(SOAK), stream(SOAK[:3], SOAK))
    assert [(one.kind, one.count) for one in found.differences] == [(Kind.MISSING, 4), (Kind.EXTRA, len(SOAK))]
    assert found.signature == "missing SOAK:CLIENT_CREATED, instead the end"


def test_a_rule_tells_boots_of_a_plain_log() -> None:
    a, b = stream(SOAK + SOAK[:2]), stream(SOAK[:-1] + SOAK[:2])
    found = compare(a, b, Rules(boot="RAYOS_KIT:BOOT"))
    assert [(one.kind, one.boot) for one in found.differences] == [(Kind.MISSING, (0, 0))]
    assert found.signature == "missing SOAK:COMPLETE:pass, instead the end"


def timed(*us: int | None, steady: bool = True) -> Stream:
    return stream(SOAK[: len(us)], guest_us=us, steady=steady)


def test_slower_is_guest_time_between_markers_that_grew_over_the_threshold() -> None:
    found = compare(timed(0, 10_000, 20_000, 30_000), timed(0, 10_000, 60_000, 70_000))
    assert [(one.kind, one.a) for one in found.differences] == [(Kind.SLOWER, 2)]
    assert found.signature == "slower SOAK:CLIENT_CREATED"


def test_slower_needs_both_times_as_long_and_so_much_longer() -> None:
    assert compare(timed(0, 10_000), timed(0, 29_000)).same
    assert compare(timed(0, 100_000), timed(0, 140_000)).same


def test_times_that_are_not_known_are_passed_over() -> None:
    found = compare(timed(0, None, 10_000), timed(0, 5, 90_000))
    assert [(one.kind, one.a) for one in found.differences] == [(Kind.SLOWER, 2)]


def test_on_a_clock_of_the_host_nothing_is_slower_unless_asked() -> None:
    a, b = timed(0, 10_000, steady=False), timed(0, 90_000, steady=False)
    assert compare(a, b).same
    assert not compare(a, b, Rules(slower=2)).same
    assert compare(replace(a, steady=True), replace(b, steady=True), Rules(slower=0)).same


def test_other_pixels_of_the_same_frame_are_a_difference_where_they_should_be_the_same() -> None:
    pictures = [Picture("desk", digest, None, 450) for digest in ("aa", "bb")]
    a, b = (stream(SOAK, pictures=[one], steady=True) for one in pictures)
    found = compare(a, b)
    assert (kinds(found), found.signature) == ([Kind.PICTURE], "picture desk")
    assert found.first is not None
    assert (found.first.a, found.first.picture) == (4, tuple(pictures))
    assert compare(replace(a, steady=False), b).same


PANIC = Ending("crash", "Kernel panic - not syncing: bad # at #", "Kernel panic - not syncing: bad 7 at 0x1000")


def test_a_run_that_crashed_has_the_signature_of_the_crash() -> None:
    early, late = (compare(stream(SOAK), stream(SOAK[:n], ending=PANIC)) for n in (3, 5))
    assert early.signature == late.signature == "crash: Kernel panic - not syncing: bad # at #"


def test_a_divergence_that_both_came_back_from_is_not_the_crash_that_follows() -> None:
    b = stream(soak(without=2)[:-1], ending=PANIC)
    assert compare(stream(SOAK), b).signature == "missing SOAK:CLIENT_CREATED, instead SOAK:CLIENT_CREATED"


def test_a_run_that_hung_is_told_by_what_did_not_come() -> None:
    hang = Ending("hang", "silent", "no output for 30 s")
    assert compare(stream(SOAK), stream(SOAK[:6], ending=hang)).signature == (
        "hang, missing SOAK:COMPLETE:pass, instead the end"
    )


def test_the_same_markers_with_another_end_are_a_difference() -> None:
    found = compare(stream(SOAK), stream(SOAK, ending=PANIC))
    assert (kinds(found), found.signature) == ([Kind.ENDED], "crash: Kernel panic - not syncing: bad # at #")
    assert compare(stream(SOAK, ending=PANIC), stream(SOAK, ending=PANIC)).same


def test_the_signature_is_the_same_for_other_times_addresses_and_counts() -> None:
    def run(number: int) -> Stream:
        return stream(
            soak(instead={4: [f"RAYOS_VMM:FAULT:disk{number}:0x{number:x}ff addr=0x{number:x}abcdef99 n={number}"]})
        )

    assert len({compare(stream(SOAK), run(n)).signature for n in (3, 1741, 0xAFFE)}) == 1


def test_values_in_hexadecimal_without_a_prefix_are_numbers_in_a_signature() -> None:
    lines = [
        [*SOAK[:3], f"RAYOS_INPUT:KEY:{n}:down:{code}:3", *SOAK[3:]] for n, code in ((4, "1e"), (9, "2a"), (5, "07"))
    ]
    assert {compare(stream(SOAK), stream(one)).signature for one in lines} == {
        "extra INPUT:KEY:#:down, before SOAK:CLIENT_CREATED"
    }


def test_a_stream_without_markers_is_missing_as_a_whole() -> None:
    found = compare(stream(SOAK), stream([]))
    assert (found.counts, found.signature) == ({Kind.MISSING: 1}, "missing boot")


def test_a_run_that_crashed_before_its_first_marker_has_the_signature_of_the_crash() -> None:
    assert compare(stream(SOAK), stream([], ending=PANIC)).signature == "crash: Kernel panic - not syncing: bad # at #"


def test_a_wrong_pattern_is_refused() -> None:
    with pytest.raises(UsageError):
        compare(stream(SOAK), stream(SOAK), Rules(rule=(Rule(match="re:(", do="normalise"),)))


def test_the_rows_about_the_first_difference_show_both_runs() -> None:
    found = differs(soak(without=3, instead={6: ["RAYOS_SOAK:COMPLETE:fail"]}))
    assert [(row.a, row.b, row.mark) for row in found.around] == [
        (0, 0, " "),
        (1, 1, " "),
        (2, 2, " "),
        (3, None, "<"),
        (4, 3, " "),
        (5, 4, " "),
        (6, 5, "~"),
    ]


@pytest.mark.parametrize(
    ("match", "here", "there"),
    [
        ("re:RAYOS_NET:CARRIER:[0-9]+", "RAYOS_NET:CARRIER:12", "RAYOS_NET:CARRIER:7"),
        ("re:VMM:X id=a b=[0-9]", "RAYOS_VMM:X id=a b=1 c=2", "RAYOS_VMM:X id=a b=3 c=2"),
        ("re:CARRIER_[A-Z]+", "RAYOS_NET:CARRIER_UP:1", "RAYOS_NET:CARRIER_DOWN:1"),
        ("re:UP:.*", "RAYOS_NET:UP:1:2", "RAYOS_NET:UP:1:2:3"),
        ("re:build-[0-9]+", "RAYOS_KIT:X:build-1.rc:0x7fff12345678", "RAYOS_KIT:X:build-22.rc:0x7fff00000000"),
        ("text:RAYOS_NET:UP:1", "RAYOS_NET:UP:1:0x7fff12345678 at_us=5", "RAYOS_NET:UP:1:0x7fff00000000 at_us=6"),
    ],
)
def test_a_rule_on_text_is_about_the_marker_as_it_was_printed(match: str, here: str, there: str) -> None:
    rules = Rules(rule=(Rule(match=match, do="normalise"),))
    assert compare(stream([here]), stream([there]), rules).same
    assert not compare(stream([here]), stream([f"{there}:more=1 x=y"]), rules).same or match.endswith(".*")


def test_what_a_rule_on_text_does_not_match_still_counts() -> None:
    rules = Rules(rule=(Rule(match="re:b=[0-9]", do="normalise"),))
    assert not compare(stream(["RAYOS_VMM:X a=1 b=1"]), stream(["RAYOS_VMM:X a=2 b=1"]), rules).same
    assert not compare(stream(["RAYOS_VMM:X:1 b=1"]), stream(["RAYOS_VMM:Y:1 b=1"]), rules).same


def test_rules_are_about_markers_of_the_prefixes_in_use(tmp_path: Path) -> None:
    rules = Rules(boot="MY_KIT:BOOT", rule=(Rule(match="MY_NET:CARRIER", do="normalise", fields=(0,)),))
    a = of_log(log(tmp_path / "a.log", "MY_KIT:BOOT", "MY_NET:CARRIER:1", "MY_KIT:BOOT"), prefixes=["MY_"])
    b = of_log(log(tmp_path / "b.log", "MY_KIT:BOOT", "MY_NET:CARRIER:2", "MY_KIT:BOOT"), prefixes=["MY_"])
    assert compare(a, b, rules).same
    prepared = prepare(a, rules, Numbers(), a.schema.prefixes)
    assert prepared.boots == [(0, 2), (2, 3)]


@pytest.mark.parametrize(
    "rules",
    [
        Rules(rule=(Rule(match="MY_NET:CARRIER", do="normalise", fields=(0,)),)),
        Rules(rule=(Rule(match="MY_NET:CARRIER", do="exact"),)),
        Rules(boot="MY_KIT:BOOT"),
    ],
)
def test_a_rule_about_the_fields_of_a_marker_that_cannot_be_one_is_refused(rules: Rules) -> None:
    with pytest.raises(UsageError, match=r"MY_\w+:\w+.* begin with RAYOS_"):
        differs(SOAK, rules)


def test_a_run_that_boots_a_hundred_thousand_times_more_is_compared() -> None:
    once = stream(["RAYOS_KIT:BOOT"])
    again = replace(once, markers=[once.markers[0]._replace(epoch=epoch) for epoch in range(100_001)])
    found = compare(once, again)  # with a cost that grows with the square of the boots this would take minutes
    assert (found.counts, found.matched) == ({Kind.EXTRA: 100_000}, 1)
    assert {(one.a, one.b) for one in found.differences[:2]} == {(1, 1), (1, 2)}
    again = replace(again, markers=again.markers[:4])
    assert [(one.a, one.b) for one in compare(again, once).differences] == [(1, 1), (2, 1), (3, 1)]
