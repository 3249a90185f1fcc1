"""Every way in which the reference guest dies or stands still is classified and traced to its source line."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from harness.cli.main import cli
from harness.engine.run import RunOutcome
from harness.evidence.bundle import Bundle
from harness.evidence.journal import read_events
from harness.report.html import write_report
from harness.scenario.builder import ScenarioBuilder
from harness.scenario.loader import load_scenarios
from harness.triage.backtrace import Program, of_machine
from harness.triage.report import Triage, lines
from harness.triage.run import keep, triage_bundle

from .conftest import Play

pytestmark = pytest.mark.system
ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "images/reference"


def crash(kind: str, *, image: str = "reference", timeout: float = 1.0) -> ScenarioBuilder:
    return (
        ScenarioBuilder(f"crash-{kind}", image=image)
        .boot()
        .command(f"crash kind={kind}", timeout=timeout)
        .expect("RAYOS_NEVER:COMES", timeout=timeout)
    )


def triaged(outcome: RunOutcome) -> Triage:
    found = keep(outcome.bundle, outcome.verdict)
    assert found is not None
    return found


def text_at(triage: Triage) -> str:
    """The source line to which it points."""
    assert triage.where is not None
    return (SOURCES / triage.where.file).read_text().splitlines()[triage.where.line - 1].strip()


def stalled(triage: Triage, expected: str) -> bool:
    """On a loaded host a guest that does nothing wrong with its interrupts on proves nothing: only the place does."""
    return triage.kind == "host-stall" and expected in {"livelock", "deadlock"}


KINDS = [
    ("ud", "exception", "INVALID OPCODE exception in crash_ud", "ud2"),
    ("pf", "exception", "PAGE FAULT exception in crash_pf", "0x4000DEAD0000"),
    ("de", "exception", "DIVIDE ERROR exception in crash_de", "divl"),
    ("panic", "panic", "panic: requested by control in crash_panic", "halt_for_ever"),
    ("triple", "triple-fault", "triple fault in crash_triple", "lidt %0; ud2"),
    ("reboot", "reset", "unexpected reset in crash_reboot", "power_reset"),
    ("cliloop", "spin-interrupts-off", "spin with interrupts off in crash_cliloop", "for (;;)|__asm__"),
    ("clihlt", "halt-interrupts-off", "halt with interrupts off in crash_clihlt", "halt_for_ever"),
    ("spin", "livelock", "livelock: busy with interrupts on, no output in crash_spin", "for (;;)|__asm__"),
    ("silent", "deadlock", "deadlock with interrupts on: everybody waits in crash_silent", "sti; hlt"),
    ("flood", "output-flood", "output without end in crash_flood", "console_write"),
]


@pytest.mark.parametrize(("kind", "word", "title", "source"), KINDS)
def test_a_crash_is_classified_and_traced_to_its_line(
    play: Play, kind: str, word: str, title: str, source: str
) -> None:
    triage = triaged(play(crash(kind)))
    if not stalled(triage, word):
        assert (triage.kind, triage.full_title, triage.notes) == (word, title, [])
    assert triage.where is not None
    assert (triage.where.function, triage.where.file) == (f"crash_{kind}", "kernel/crash.c")
    assert any(part in text_at(triage) for part in source.split("|")), text_at(triage)
    functions = [frame.function for frame in triage.frames]
    # crash_pf and the like are leaves without a frame of their own: frame pointers alone would lose their caller.
    assert "crash_now" in functions
    assert functions[-2:] == ["kernel_main", "long_mode"]


def defect(play: Play, detector: str, name: str) -> Triage:
    (scenario,) = load_scenarios(ROOT / f"tests/zoo/detectors/{detector}.toml")
    lying = {**scenario.set, "boot.cmdline": f"control=com2 lie={name}"}
    return triaged(play(replace(scenario, image="reference-zoo", set=lying)))


@pytest.mark.long
@pytest.mark.parametrize(
    ("detector", "name", "kind", "function", "before"),
    [
        ("time", "hang", "spin-interrupts-off", "ticks_run", "if (DEFECT(hang)"),
        ("time", "livelock", "livelock", "ticks_run", "if (DEFECT(livelock)"),
        ("clients", "double-free", "panic", "window_destroy", "if (DEFECT(double_free)"),
    ],
)
def test_a_defect_of_the_zoo_is_traced_to_where_it_was_put(
    play: Play, detector: str, name: str, kind: str, function: str, before: str
) -> None:
    triage = defect(play, detector, name)
    assert triage.where is not None
    assert triage.kind == kind or stalled(triage, kind)
    assert triage.where.function == function
    source = (SOURCES / triage.where.file).read_text().splitlines()
    assert any(before in line for line in source[triage.where.line - 3 : triage.where.line]), triage.where


def test_two_builds_and_two_clocks_give_one_signature(play: Play) -> None:
    found = [
        triaged(play(crash("pf", image=image), clock=clock))
        for image, clock in (("reference", "virtual"), ("reference", "wall"), ("reference-zoo", "virtual"))
    ]
    assert len({triage.signature for triage in found}) == 1
    assert len({triage.frames[-2].address for triage in found}) > 1  # it does not rest on addresses
    assert triaged(play(crash("ud"))).signature != found[0].signature


def machine_of(bundle: Bundle) -> dict[str, object]:
    (event,) = [event for event in read_events(bundle.journal) if event.kind == "machine"]
    return dict(event.data)


def test_frame_pointers_and_call_frame_information_agree(play: Play) -> None:
    outcome = play(crash("panic"))
    machine = machine_of(outcome.bundle)
    program = Program.open(ROOT / "images/reference/build/reference.elf")
    try:
        by_cfi = of_machine(machine, program)
        by_frames = of_machine(machine, program, use_cfi=False)
    finally:
        program.close()
    assert {frame.how for frame in by_cfi[2:]} == {"cfi"}
    assert {frame.how for frame in by_frames[2:]} == {"frame-pointer"}
    assert [frame.function for frame in by_cfi] == [frame.function for frame in by_frames]
    plain = of_machine(machine, None)
    assert [frame.address for frame in plain] == list(dict.fromkeys(frame.address for frame in by_frames))


def test_the_triage_of_a_bundle_needs_the_bundle_and_the_symbols_alone(play: Play, tmp_path: Path) -> None:
    outcome = play(crash("pf"))
    first = triaged(outcome)
    moved = Bundle(Path(shutil.copytree(outcome.bundle.path, tmp_path / "moved")))
    again = triage_bundle(moved, outcome.verdict)
    assert again.to_json() == first.to_json()
    assert json.loads((outcome.bundle.path / "triage.json").read_text()) == first.to_json()


def test_symbols_that_have_changed_since_are_not_believed(play: Play, tmp_path: Path) -> None:
    outcome = play(crash("pf"))
    manifest = outcome.bundle.read_json("manifest.json")
    manifest["symbols"]["sha256"] = "0" * 64
    outcome.bundle.write_json("manifest.json", manifest)
    blind = triage_bundle(outcome.bundle, outcome.verdict)
    assert "reference.elf is gone or has changed since the run" in blind.notes[0]
    assert not any(frame.function for frame in blind.frames)
    assert blind.frames[0].address is not None
    named = triage_bundle(outcome.bundle, outcome.verdict, symbols=ROOT / "images/reference/build/reference.elf")
    assert named.where is not None
    assert named.where.function == "crash_pf"


def test_a_slide_is_taken_off_before_symbols_are_looked_up(play: Play) -> None:
    outcome = play(crash("panic"))
    (event,) = [event for event in read_events(outcome.bundle.journal) if event.kind == "machine"]
    slide = 0x1A000000
    moved = dict(event.data)
    moved["registers"] = {**moved["registers"], "rip": hex(int(moved["registers"]["rip"], 16) + slide)}
    program = Program.open(ROOT / "images/reference/build/reference.elf", slide)
    try:
        frames = of_machine(moved, program)
    finally:
        program.close()
    assert frames[0].function == "halt_for_ever"


def test_the_memory_of_a_dead_guest_is_kept_on_request(play: Play) -> None:
    outcome = play(crash("panic"), memory_dump=True)
    dump = outcome.bundle.path / "memory.elf"
    with dump.open("rb") as stream:
        core = ELFFile(stream)
        assert core["e_type"] == "ET_CORE"
        assert any(segment["p_paddr"] == 0 for segment in core.iter_segments() if segment["p_type"] == "PT_LOAD")
    assert b"PANIC: requested by control" in dump.read_bytes()
    assert dump.stat().st_mode & 0o077 == 0
    assert triaged(outcome).memory_dump == dump.name
    assert not (play(crash("panic")).bundle.path / "memory.elf").exists()


def test_the_last_good_frame_and_the_end_of_the_console_are_shown(play: Play) -> None:
    scenario = (
        ScenarioBuilder("crash-late", image="reference")
        .boot()
        .command("create id=1 x=40 y=60 w=300 h=200 color=3a6ea5", "frames n=1")
        .check_frame("one window")
        .command("crash kind=ud")
        .expect("RAYOS_NEVER:COMES", timeout=2)
    )
    outcome = play(scenario)
    triage = triaged(outcome)
    assert triage.last_good_frame is not None
    assert "one window" in triage.last_good_frame["name"]
    assert (outcome.bundle.path / triage.last_good_frame["file"]).is_file()
    assert triage.last_serial.endswith("Status: Halting system")
    assert len(triage.last_serial) <= 4096
    page = write_report(outcome.bundle, outcome.verdict).read_text()
    section = re.search(r'<section id="triage">.*?</section>', page, re.S)
    assert section is not None
    for text in ("INVALID OPCODE exception in crash_ud", triage.signature, "kernel/crash.c", "one window", "Halting"):
        assert text in section[0]
    (blamed,) = re.findall(r'<tr class="blamed">.*', section[0])
    assert "crash_ud" in blamed
    assert 'href="#frame-3"' in section[0]


def test_a_run_that_passes_has_nothing_to_triage(play: Play) -> None:
    outcome = play(ScenarioBuilder("well", image="reference").boot().command("frames n=1").check_frame("desk"))
    assert keep(outcome.bundle, outcome.verdict) is None
    assert not (outcome.bundle.path / "triage.json").exists()
    assert "machine" not in {event.kind for event in read_events(outcome.bundle.journal)}


def test_few_lines_tell_a_person_where(play: Play) -> None:
    said = "\n".join(lines(triaged(play(crash("de")))))
    assert "triage       DIVIDE ERROR exception in crash_de  (exception)" in said
    assert "crash_de+0x9 at kernel/crash.c:" in said
    assert cli.get_command(None, "triage") is not None  # type: ignore[arg-type]


def test_nothing_that_a_guest_printed_becomes_markup_of_the_report(play: Play) -> None:
    outcome = play(crash("panic"))
    data = triaged(outcome).to_json()
    evil = "<script>alert(1)</script>\x1b[31m"
    data |= {"title": evil, "kind": evil, "what": evil, "text": [evil], "also": [evil], "notes": [evil]}
    data |= {
        "registers": {evil: evil},
        "last_serial": evil,
        "frames": [{"function": evil, "file": evil, "line": evil}, 7],
    }
    outcome.bundle.write_json("triage.json", data)
    page = write_report(outcome.bundle, outcome.verdict).read_text()
    assert page.count("&lt;script&gt;") >= 8
    assert page.count("<script") == 1  # the page's own
    assert "\x1b" not in page
    (outcome.bundle.path / "triage.json").write_text('{"frames": 3, "where": [], "registers": 1, "text": {}}')
    assert 'id="triage"' in write_report(outcome.bundle, outcome.verdict).read_text()
