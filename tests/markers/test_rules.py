"""Stream rules: each is broken once."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.console.types import Line
from harness.errors import UsageError
from harness.markers.parser import MarkerParser
from harness.markers.rules import IDS, RuleSet, Violation
from harness.markers.schema import PLAN, Count, Family, Field, Pair, Schema, load_schema
from harness.markers.types import MarkerFlag

GOOD = """RAYOS_SOAK:START:2:60
RAYOS_SOAK:CLIENT_CREATED:1
RAYOS_SOAK:CLIENT_CREATED:2
RAYOS_SOAK:METRICS_SNAPSHOT:12:2048:1500:60
RAYOS_SOAK:CLIENT_DESTROYED:2
RAYOS_SOAK:CLIENT_DESTROYED:1
RAYOS_SOAK:COMPLETE:pass
RAYOS_STRESS:START:cpu:3
RAYOS_STRESS:LOAD_APPLIED:1:50:20
RAYOS_STRESS:LATENCY_SAMPLE:900
RAYOS_STRESS:DEGRADATION:1:1.4
RAYOS_STRESS:COMPLETE:fail
RAYOS_FAILURE:INJECT:disk_eio:3
RAYOS_FAILURE:INJECT:net_loss:4
RAYOS_FAILURE:DETECTED:io:3
RAYOS_FAILURE:RECOVERY_START:3
RAYOS_FAILURE:RECOVERY_COMPLETE:3:success
RAYOS_FAILURE:TEST_COMPLETE:pass
RAYOS_PERF:PROFILE_START:blit
RAYOS_PERF:SAMPLE:blit:120:99
RAYOS_PERF:THROUGHPUT:blit:8000.5
RAYOS_PERF:MEMORY:100:200:3
RAYOS_PERF:REPORT:boot:1.25:s
RAYOS_INTEGRATION:SCENARIO_START:tour
RAYOS_INTEGRATION:MILESTONE:first window: up
RAYOS_INTEGRATION:VERIFY:windows:pass
RAYOS_INTEGRATION:SCENARIO_COMPLETE:tour:pass
"""


def broken(log: str, schema: Schema = PLAN, epochs: dict[int, int] | None = None) -> list[Violation]:
    parser, rules = MarkerParser(schema), RuleSet(schema)
    out: list[Violation] = []
    for number, text in enumerate(log.splitlines(), 1):
        line = Line(number, (epochs or {}).get(number, 0), 0, text.encode(), text, 0)
        out += [v for marker in parser.feed(line) for v in rules.feed(marker)]
    return out + rules.finish()


def test_a_good_log_breaks_no_rule() -> None:
    assert broken(GOOD) == []


@pytest.mark.parametrize(
    ("log", "rule", "line", "said"),
    [
        ("RAYOS_SOAK:CLIENT_CREATED:1\nRAYOS_SOAK:CLIENT_DESTROYED:1", "order", 1, "before any START"),
        (
            "RAYOS_SOAK:START:0:1\nRAYOS_SOAK:COMPLETE:pass\nRAYOS_SOAK:METRICS_SNAPSHOT:1:1:1:1",
            "order",
            3,
            "after RAYOS_SOAK:COMPLETE:pass",
        ),
        ("RAYOS_SOAK:START:0:1\nRAYOS_SOAK:START:0:1\nRAYOS_SOAK:COMPLETE:pass", "order", 2, "of line 1"),
        ("RAYOS_SOAK:START:0:1", "pair", 1, "never followed by COMPLETE"),
        (
            "RAYOS_SOAK:START:1:1\nRAYOS_SOAK:CLIENT_CREATED:7\nRAYOS_SOAK:COMPLETE:pass",
            "pair",
            2,
            "RAYOS_SOAK:CLIENT_CREATED:7 (line 2) had no",
        ),
        (
            "RAYOS_SOAK:START:0:1\nRAYOS_SOAK:CLIENT_DESTROYED:7\nRAYOS_SOAK:COMPLETE:pass",
            "pair",
            2,
            "id 7 has had no CLIENT_CREATED",
        ),
        (
            GOOD.replace("RAYOS_SOAK:COMPLETE", "RAYOS_SOAK:CLIENT_DESTROYED:1\nRAYOS_SOAK:COMPLETE", 1),
            "pair",
            7,
            "id 1 is finished already",
        ),
        ("RAYOS_SOAK:START:1:1\nRAYOS_SOAK:COMPLETE:pass", "count", 2, "came 0 times, 1 expected"),
        ("RAYOS_PERF:SAMPLE:blit:1:50", "life", 1, "operation blit, which no PROFILE_START has named"),
        ("RAYOS_FAILURE:INJECT:x:1\nRAYOS_FAILURE:DETECTED:y:2\nRAYOS_FAILURE:TEST_COMPLETE:pass", "life", 2, "id 2"),
        ("RAYOS_PERF:MEMORY:1:2:101", "schema", 1, "fragmentation_percent should be at most 100, not 101"),
        ("RAYOS_PERF:MEMORY:-1:2:1", "schema", 1, "allocated_kb should be at least 0, not -1"),
        ("RAYOS_PERF:MEMORY:a:2:1", "schema", 1, "allocated_kb should be a decimal number, not 'a'"),
        ("RAYOS_PERF:MEMORY:1:2", "schema", 1, "fragmentation_percent is missing"),
        ("RAYOS_PERF:MEMORY:1:2:3:4", "schema", 1, "more fields than 3: '4'"),
        ("RAYOS_PERF:REPORT:boot:fast:s", "schema", 1, "value should be a number, not 'fast'"),
        ("RAYOS_PERF:PROFILED:x", "schema", 1, "PERF has no event 'PROFILED'"),
        ("RAYOS_INTEGRATION:SCENARIO_START:", "schema", 1, "name is empty"),
        (
            "RAYOS_STRESS:START:cpu:1\nRAYOS_STRESS:COMPLETE:passed",
            "schema",
            2,
            "result should be pass or fail, not 'passed'",
        ),
    ],
)
def test_each_rule_is_seen_broken(log: str, rule: str, line: int, said: str) -> None:
    found = [v for v in broken(log) if v.rule == rule]
    assert [(v.line, said in v.what) for v in found] == [(line, True)], [v.what for v in broken(log)]


def test_a_finished_id_must_not_come_again_in_its_session() -> None:
    again = "RAYOS_SOAK:CLIENT_CREATED:1\nRAYOS_SOAK:CLIENT_DESTROYED:1\n"
    log = "RAYOS_SOAK:START:2:1\n" + again * 2 + "RAYOS_SOAK:COMPLETE:pass"
    assert [(v.rule, v.line) for v in broken(log)] == [("repeat", 4)]
    assert broken(("RAYOS_SOAK:START:1:1\n" + again + "RAYOS_SOAK:COMPLETE:pass\n") * 2) == []


def test_one_client_too_many_is_told_once() -> None:
    log = "RAYOS_SOAK:START:1:1\n" + "".join(
        f"RAYOS_SOAK:CLIENT_CREATED:{n}\nRAYOS_SOAK:CLIENT_DESTROYED:{n}\n" for n in (1, 2, 3)
    )
    assert [(v.rule, v.line) for v in broken(log + "RAYOS_SOAK:COMPLETE:pass")] == [("count", 4)]


def test_the_reference_guests_clients_may_come_outside_a_soak_and_again() -> None:
    schema = load_schema(Path(__file__).parents[2] / "images/reference/markers.toml")
    log = (
        "RAYOS_KIT:BOOT:0.1:release\nRAYOS_KIT:DESKTOP:992:768\n"
        + "RAYOS_SOAK:CLIENT_CREATED:1\nRAYOS_SOAK:CLIENT_DESTROYED:1\n" * 2
    )
    assert broken(log, schema) == []


def test_every_boot_epoch_stands_alone() -> None:
    log = "RAYOS_SOAK:START:1:1\nRAYOS_SOAK:CLIENT_CREATED:1\nRAYOS_SOAK:CLIENT_DESTROYED:1\nRAYOS_SOAK:COMPLETE:pass"
    found = broken(log, epochs={3: 1, 4: 1})
    assert [(v.rule, v.epoch, v.line) for v in found if v.epoch == 0] == [("pair", 0, 1), ("pair", 0, 2)]
    assert [(v.rule, v.line) for v in found if v.epoch == 1] == [("order", 3), ("pair", 3)]


def test_what_decides_nothing_breaks_nothing() -> None:
    rules = RuleSet(PLAN)
    parser = MarkerParser()
    text = "RAYOS_SOAK:COMPLETE:maybe"
    marker = parser.feed(Line(1, 0, 0, text.encode(), text, 0))[0]
    for flag in (
        MarkerFlag.ECHO,
        MarkerFlag.TORN,
        MarkerFlag.DAMAGED,
        MarkerFlag.PROSE,
        MarkerFlag.AGAIN,
        MarkerFlag.REJOINED,
    ):
        assert rules.feed(marker._replace(flags=flag)) == []
    assert rules.feed(marker) != []


def test_a_rejoined_marker_still_closes_its_pair() -> None:
    log = GOOD.replace("RAYOS_SOAK:CLIENT_DESTROYED:2\n", "RAYOS_SOAK:CLIENT_DESTRRAYOS_KBD_ASCII=0x61\nOYED:2\n")
    assert broken(log) == []


def test_many_unpaired_ids_are_summed_up() -> None:
    schema = Schema(
        families={
            "A": Family(
                events={"O": (Field("id", "int"),), "C": (Field("id", "int"),)},
                rules=(Pair(open="O", close="C", key=("id",)),),
            )
        }
    )
    found = broken("\n".join(f"RAYOS_A:O:{n}" for n in range(25)), schema)
    assert len(found) == 11
    assert found[-1].what == "and 15 more A:O had no C"


def test_a_flood_of_ids_is_given_up_aloud() -> None:
    schema = Schema(
        families={
            "A": Family(
                events={"O": (Field("id", "int"),), "C": (Field("id", "int"),)},
                rules=(Pair(open="O", close="C", key=("id",)),),
            )
        }
    )
    found = broken("\n".join(f"RAYOS_A:O:{n}" for n in range(IDS + 10)), schema)
    assert [v.rule for v in found] == ["capacity"]


def test_a_count_without_sessions_is_per_boot() -> None:
    schema = Schema(families={"A": Family(events={"B": ()}, rules=(Count(event="B", min=2, max=2),))})
    assert broken("RAYOS_A:B\nRAYOS_A:B", schema) == []
    assert [v.what for v in broken("RAYOS_A:B", schema)] == ["A:B came 1 times, 2 expected"]
    assert [v.line for v in broken("RAYOS_A:B\n" * 4, schema)] == [3]


def test_an_unknown_family_is_refused() -> None:
    with pytest.raises(UsageError, match="SOKA"):
        RuleSet(PLAN, ["SOKA"])
