"""What is recognised in logs of many systems. `HARNESS_UPDATE_CORPUS=1` writes what is seen into `expected.toml`: look
at the difference before you keep it.

A new log goes into `corpus/` (`NAME.log`; `NAME.a.log` and `NAME.b.log` are crashes of one cause), its expectation is
written by the flag.
"""

from __future__ import annotations

import os
import tomllib
from collections import defaultdict
from pathlib import Path

import pytest

from harness.console.text import render
from harness.judge.crash_rules import Rules, built_in_deaths
from harness.markers.match import Pattern
from harness.triage.text import TextCrash, find_crashes, principal

HERE = Path(__file__).parent
EXPECTED = HERE / "expected.toml"
LOGS = sorted((HERE / "corpus").glob("*.log"), key=lambda log: log.name)
UPDATE = os.environ.get("HARNESS_UPDATE_CORPUS") == "1"


@pytest.fixture(scope="module")
def rules() -> Rules:
    return Rules.load()


def seen(log: Path, rules: Rules) -> TextCrash | None:
    with log.open("rb") as stream:
        return principal(find_crashes(stream, rules))


def entry(crash: TextCrash | None) -> dict[str, str]:
    if crash is None:
        return {"kind": "none"}
    return {"kind": crash.kind, "title": crash.title, "where": crash.where, "rule": crash.rule.name}


def test_every_log_of_the_corpus_has_its_title_and_kind(rules: Rules) -> None:
    found = {log.name.removesuffix(".log"): entry(seen(log, rules)) for log in LOGS}
    if UPDATE:
        EXPECTED.write_text("".join(section(name, facts) for name, facts in found.items()), encoding="utf-8")
    expected = tomllib.loads(EXPECTED.read_text(encoding="utf-8"))
    assert found == expected


# What the judge leaves to deadlines, to the exit of QEMU, or to a profile's own texts, and why.
NOT_THE_JUDGES = {
    "no-boot": "nothing died: what should have come does not, and a deadline says so",
    "emulator": "QEMU says it on stderr, and ends",
    "triple-fault": "QEMU's log says it, not the console",
    "hung-task": "a slow host brings it about",
    "rcu-stall": "a slow host brings it about",
    "lockup": "a slow host brings it about",
    "oom": "a program was ended; the kernel lives",
    "warning": "the kernel lives",
    "ubsan": "the kernel lives",
    "lockdep": "the kernel lives, and says what might happen",
    "kcsan": "the kernel lives",
    "leak": "the kernel lives",
    "assert": "programs print it, too",
}
PROGRAMS_PRINT_IT = {"panic-bsd", "stack-smashing"}  # panic: …, of Go, too


def test_the_judge_sees_every_death_of_the_corpus_and_nothing_in_a_healthy_log(rules: Rules) -> None:
    patterns = [Pattern.parse(text) for text in built_in_deaths()]

    def sees_death(log: Path) -> bool:
        lines = [render(line)[0] for line in log.read_bytes().split(b"\n")]
        return any(pattern.match_line(line) for line in lines for pattern in patterns)

    crashes = {log.name: seen(log, rules) for log in LOGS}
    missed = {
        name: crash.title
        for name, crash in crashes.items()
        if crash is not None
        and crash.kind not in NOT_THE_JUDGES
        and crash.rule.name not in PROGRAMS_PRINT_IT
        and not sees_death(HERE / "corpus" / name)
    }
    assert missed == {}
    assert not any(sees_death(HERE / "corpus" / name) for name, crash in crashes.items() if crash is None)
    assert NOT_THE_JUDGES.keys() <= {crash.kind for crash in crashes.values() if crash is not None}


def section(name: str, facts: dict[str, str]) -> str:
    lines = [f"[{toml(name)}]", *(f"{key} = {toml(value)}" for key, value in facts.items() if value or key == "where")]
    return "\n".join(lines) + "\n\n"


def toml(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def test_the_corpus_is_large_and_names_what_it_holds() -> None:
    assert len(LOGS) >= 60


def test_crashes_of_one_cause_share_their_signature_and_no_others_do(rules: Rules) -> None:
    causes: defaultdict[str, set[str]] = defaultdict(set)
    for log in LOGS:
        crash = seen(log, rules)
        if crash is not None:
            causes[crash.signature].add(log.name.removesuffix(".log").removesuffix(".a").removesuffix(".b"))
    shared = {frozenset(names) for names in causes.values() if len(names) > 1}
    assert shared == set()
    several = [log.name.removesuffix(".a.log") for log in LOGS if log.name.endswith(".a.log")]
    assert len(several) >= 6
    for name in several:
        first, second = (seen(HERE / "corpus" / f"{name}.{letter}.log", rules) for letter in "ab")
        assert first is not None
        assert second is not None
        assert first.signature == second.signature, name


@pytest.mark.parametrize("log", LOGS, ids=lambda log: log.name)
def test_a_crash_is_seen_through_carriage_returns_colours_and_time_stamps(
    log: Path, rules: Rules, tmp_path: Path
) -> None:
    plain = seen(log, rules)
    if plain is None:
        return
    dressed = tmp_path / "dressed.log"
    lines = log.read_bytes().splitlines()
    dressed.write_bytes(b"".join(b"<3>[   17.250001][    T9] \x1b[1;33m" + line + b"\x1b[0m\r\r\n" for line in lines))
    again = seen(dressed, rules)
    assert again is not None
    assert (again.title, again.kind, again.signature) == (plain.title, plain.kind, plain.signature)
