"""Recognising crashes in text: what follows from what, what an attacker's text cannot do, what a user's rules can."""

from __future__ import annotations

import io
import tracemalloc
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.judge.crash_rules import Rules
from harness.triage.run import triage_log
from harness.triage.signature import function_name, signature, stable
from harness.triage.text import TextCrash, find_crashes

RULES = Rules.load()


def crashes(text: str | bytes, rules: Rules = RULES) -> list[TextCrash]:
    return find_crashes(io.BytesIO(text.encode() if isinstance(text, str) else text), rules)


def test_a_panic_that_follows_from_an_oops_is_no_crash_of_its_own() -> None:
    oops = "BUG: unable to handle page fault for address: 01\nRIP: 0010:f+0x1/0x2\n---[ end trace 0 ]---\n"
    panic = "Kernel panic - not syncing: Fatal exception\n"
    assert [c.title for c in crashes(oops + panic)] == ["unable to handle page fault in f"]
    assert [c.title for c in crashes(panic)] == ["kernel panic: Fatal exception"]
    assert len(crashes(oops + "all is well\n" * 60 + panic)) == 2


def test_a_warning_of_which_the_kernel_dies_is_not_minor() -> None:
    warning = "WARNING: CPU: 0 PID: 1 at a/b.c:1 f+0x1/0x2\n"
    assert [c.minor for c in crashes(warning)] == [True]
    assert [c.minor for c in crashes(warning + "Kernel panic - not syncing: panic_on_warn set ...\n")] == [False]


def test_registers_and_the_call_trace_are_taken_from_the_block() -> None:
    (crash,) = crashes(
        "[    1.0] kernel BUG at a.c:1!\n"
        "[    1.0] RIP: 0010:f+0x1/0x20 [mod]\n[    1.0] RSP: 0018:ffffc90000013d40 EFLAGS: 00010246\n"
        "[    1.0] RAX: 0000000000000007 R10: 00000000000000ff\n"
        "[    1.0]  ? g+0x2/0x30\n[    1.0]  h.isra.0+0x3/0x40 [mod]\n"
    )
    assert crash.registers == {"rsp": 0xFFFFC90000013D40, "eflags": 0x10246, "rax": 7, "r10": 0xFF}
    assert [(f.function, f.offset, f.module, f.guess) for f in crash.trace] == [
        ("g", 2, "", True),
        ("h.isra.0", 3, "mod", False),
    ]


def test_the_place_of_a_crash_is_that_of_its_first_line() -> None:
    text = b"x" * 200_000 + b"\n\xff\xfe\x00\n" + b"\x1b[31mPANIC: here\r\n" + b"y" * 70_000
    (crash,) = crashes(text)
    assert (crash.offset, crash.number) == (text.index(b"\x1b"), 3)


def test_any_cut_of_the_stream_finds_the_same() -> None:
    text = b"a\n" + b"z" * 65_530 + b"\nPANIC: one\nRIP=0x1000 ERR=0x0\n"
    for more in range(12):  # moves the block boundary through the line
        (crash,) = crashes(b"q" * more + text)
        assert crash.title == "panic: one"
        assert crash.offset == text.index(b"PANIC") + more


@pytest.mark.parametrize(
    "text",
    [
        b"PANIC: " * 2_000_000,
        b"BUG: KASAN: a in b\n" * 200_000,
        b"panicked at '" + b"x', " * 500_000,
        b"=== " * 100_000 + b"EXCEPTION ===\n" + b"=== A" * 100_000 + b" EXCEPTION",
        b"kernel BUG at " + b"/" * 1_000_000 + b":1!\n",
        b"Oops: 0 [#1]\n" + b" f+0x1/0x2\nRAX: 1\n" * 100_000,
    ],
)
def test_hostile_text_costs_little_memory(text: bytes) -> None:
    tracemalloc.start()
    found = crashes(text)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found) <= 50
    assert all(len(c.lines) <= c.rule.lines and len(c.trace) <= 64 for c in found)
    assert peak < 8 << 20


def test_control_characters_of_the_guest_reach_nobody() -> None:
    (crash,) = crashes("PANIC: \x1b]0;evil\x07 \x9b31m \u202e<script>alert(1)</script>\n")
    assert crash.title.isprintable()
    assert all(line.isprintable() for line in crash.lines)


def test_titles_lose_what_differs_between_runs() -> None:
    assert stable("at 0xffff8880 on CPU#3, pid 77, f+0x1c/0x90, x86_64") == "at HEX on CPU#N, pid N, f, x86_64"
    assert function_name("f.isra.0.cold") == "f"
    assert function_name("a::b::h0123456789abcdef") == "a::b"
    assert function_name("_ZN1a1b17h0123456789abcdefE") == function_name("_ZN1a1b17hfedcba9876543210E") == "_ZN1a1bE"
    assert signature("k", "index 3 of 4") == signature("k", "index 9 of 16") != signature("other", "index 3 of 4")


OWN = """
version = 1
skip = ["mykernel_die"]
prefixes = ['\\{\\w{1,10}\\} ?']
[[rule]]
name = "mine"
kind = "rayos-stop"
start = 'STOP (?P<code>E\\d{1,4})'
find = ['^reason: (?P<why>.{1,40})$']
end = '^over$'
title = "stop {code}[: {why}][ in {where}]"
"""


def test_a_users_rules_come_first_and_extend_the_lists(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(OWN)
    text = "{core1} STOP E42 PANIC: x\n{core1} reason: no memory\n{core1} #0 0x1000 in mykernel_die+0x1\n"
    text += "{core1} #1 0x2000 in grow_heap+0x8\nover\n"
    (crash,) = crashes(text, Rules.load(file))
    assert (crash.kind, crash.title) == ("rayos-stop", "stop E42: no memory in grow_heap")
    assert [c.kind for c in crashes("PANIC: x\n", Rules.load(file))] == ["panic"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("version = 1", "version = 2"), "version is missing or not 1"),
        (("skip", "skipp"), "unknown 'skipp' .did you mean 'skip'"),
        (("(?P<code>E", "(?P<code>("), "rule mine: start: not a regular expression"),
        (("'^over$'", "'(a+)+'"), "rule mine: end: the pattern .* repeats a repeat"),
        (("{why}", "{whi}"), "title, facts: unknown 'whi' .did you mean 'why'"),
        (('kind = "rayos-stop"\n', ""), "rule mine: kind is missing"),
        (('name = "mine"', 'name = "mine"\nlines = 4000'), "lines is 4000"),
        (('name = "mine"', 'name = "mine"\nfollows = "all"'), "follows is 'all'"),
        (('name = "mine"', 'name = "mine"\nminor = 1'), "minor is not a bool"),
    ],
)
def test_a_wrong_rule_is_refused_with_its_name(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    file = tmp_path / "own.toml"
    file.write_text(OWN.replace(*change))
    with pytest.raises(UsageError, match=message):
        Rules.load(file)


def test_a_number_that_a_users_rule_takes_for_one_and_that_is_none_is_unknown(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        "version = 1\n"
        "trace = ['^at (?P<function>\\w+) line (?P<line>\\w+) off (?P<offset>\\S+) in (?P<address>\\S+)']\n"
        "[[rule]]\nname = 'mine'\nkind = 'panic'\nhint = 'MINE'\ntitle = 'mine'\n"
        "start = 'MINE (?P<file>\\S+) (?P<line>\\S+)'\n"
    )
    log = tmp_path / "serial.log"
    log.write_text(f"MINE a.c 12:5\nat f line abc off -8 in {'f' * 100}\nat g line 7 off 8 in ff\n")
    (found,) = triage_log(log, rules=[file])
    assert found.where is not None
    assert (found.where.file, found.where.line) == ("a.c", 0)
    assert found.crash is not None
    first, second = found.crash.trace
    assert (first.function, first.line, first.offset, first.address) == ("f", None, None, None)
    assert (second.line, second.offset, second.address) == (7, 8, 0xFF)


@pytest.mark.parametrize("gap", [" ", "\t"])
def test_no_width_of_the_gaps_in_a_call_trace_costs_more_than_another(gap: str) -> None:
    line = "#1 " + gap * 500 + "!\n"  # with a cost that grows with the gap's third power this would take half an hour
    found = crashes(("Kernel panic - not syncing: x\n" + line * 100 + "all is well\n" * 60) * 15)
    assert len(found) == 15
    (crash,) = crashes("Kernel panic - not syncing: x\n#1 " + gap * 300 + "in" + gap * 100 + "some_function\n")
    assert crash.where == "some_function"
