"""Steps and tables of a scenario that the smoke scenarios do not use, each once on a real machine."""

from __future__ import annotations

import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from harness.engine.run import RunOutcome
from harness.evidence.journal import Event, read_events
from harness.frames.png import load_png, save_png
from harness.scenario.builder import ScenarioBuilder
from harness.scenario.steps import Count
from harness.verdicts import Verdict

from .conftest import Play
from .live_harness import Harnesses

pytestmark = pytest.mark.system
CREATE = "create id=1 x=40 y=60 w=300 h=200 color=3a6ea5"


def passed(outcome: RunOutcome) -> list[Event]:
    """The journal of a run that passed."""
    assert outcome.verdict.verdict is Verdict.PASS, outcome.verdict.first_cause
    return list(read_events(outcome.bundle.journal))


def qmp_events(events: list[Event]) -> list[str]:
    return [str(event.data["name"]) for event in events if event.kind == "qmp.event"]


@pytest.mark.parametrize(
    "clock",
    [
        "wall",
        pytest.param(
            "virtual",
            marks=[
                pytest.mark.long,
                pytest.mark.xfail(
                    reason="after a system_reset under -icount sleep=off qboot halts before the kernel (QEMU 7.2)"
                ),
            ],
        ),
    ],
)
def test_a_reset_on_purpose_begins_a_new_boot(play: Play, clock: str) -> None:
    outcome = play(
        ScenarioBuilder("reset", image="reference")
        .boot()
        .command(CREATE, "frames n=1")
        .reset(timeout=5)
        .check_frame("empty again")
        .command(CREATE, "frames n=1")
        .expect("RAYOS_SOAK:CLIENT_CREATED:1", since="boot")
        .check_frame("the window again"),
        clock=clock,
    )
    events = passed(outcome)
    assert outcome.verdict.epochs == 2
    assert "RESET" in qmp_events(events)


@pytest.mark.parametrize("clock", ["virtual", "wall"])
def test_a_relaunch_begins_a_new_boot_on_a_new_machine(play: Play, clock: str) -> None:
    outcome = play(
        ScenarioBuilder("relaunch", image="reference")
        .boot()
        .command(CREATE, "frames n=1")
        .relaunch()
        .check_frame("empty again")
        .command(CREATE, "frames n=1")
        .check_frame("the window again"),
        clock=clock,
    )
    starts = [event for event in passed(outcome) if event.kind == "target.start"]
    assert len({event.data["pid"] for event in starts}) == 2


# A boot sector that counts, in the second sector of its disk, how often it was booted, and says so.
COUNTER = """
        .code16
        .globl  _start
_start: xor     %ax, %ax
        mov     %ax, %ds
        mov     %ax, %es
        mov     %ax, %ss
        mov     $0x7c00, %sp
        mov     $0x8000, %bx
        mov     $2, %cx
        xor     %dh, %dh
        mov     $0x0201, %ax
        int     $0x13
        incb    0x8000
        mov     $2, %cx
        mov     $0x0301, %ax
        int     $0x13
        mov     $0x3f8, %dx
        mov     $text, %si
1:      lodsb
        test    %al, %al
        jz      2f
        out     %al, %dx
        jmp     1b
2:      mov     0x8000, %al
        add     $'0', %al
        out     %al, %dx
        mov     $'\\n', %al
        out     %al, %dx
3:      hlt
        jmp     3b
text:   .asciz  "boot number "
        .org    510
        .word   0xaa55
"""


@pytest.fixture
def counter(tmp_path: Path) -> Path:
    """A disk of 1 MiB that counts its boots."""
    if shutil.which("as") is None or shutil.which("ld") is None:
        pytest.skip("assembling a boot sector needs binutils")
    (tmp_path / "counter.s").write_text(COUNTER)
    subprocess.run(["as", "--32", "-o", "counter.o", "counter.s"], cwd=tmp_path, check=True)
    link = ["ld", "-m", "elf_i386", "-Ttext", "0x7c00", "--oformat", "binary", "-o", "disk.img", "counter.o"]
    subprocess.run(link, cwd=tmp_path, check=True)
    disk = tmp_path / "disk.img"
    with disk.open("r+b") as stream:
        stream.truncate(1 << 20)
    return disk


@pytest.mark.parametrize("persist", [True, False])
def test_a_relaunch_keeps_what_was_written_to_a_disk_only_where_it_is_persistent(
    play: Play, counter: Path, persist: bool
) -> None:
    profile = counter.with_name("counter.toml")
    profile.write_text(
        'version = 1\nname = "counter"\n[boot]\nshape = "disk"\n'
        f'disk = {{ file = "disk.img", interface = "ide", persist = {str(persist).lower()} }}\n'
        '[machine]\ntype = "pc"\nmemory_mb = 16\n[guest]\ndisplay = false\n'
    )
    scenario = (
        ScenarioBuilder("counter", image=str(profile))
        .boot(f"boot number {1}")
        .relaunch(f"boot number {2 if persist else 1}")
        .relaunch(f"boot number {3 if persist else 1}")
    )
    passed(play(scenario))
    assert counter.read_bytes()[512] == (3 if persist else 0)


@pytest.mark.parametrize("clock", ["virtual", "wall"])
def test_stop_and_cont_hold_the_guest_up_and_let_it_go_on(play: Play, clock: str) -> None:
    scenario = ScenarioBuilder("stopped", image="reference").boot().stop().cont().command(CREATE, "frames n=1")
    assert qmp_events(passed(play(scenario.check_frame("a window"), clock=clock)))[:3] == ["RESUME", "STOP", "RESUME"]


def test_a_stopped_guest_answers_nothing(play: Play) -> None:
    outcome = play(ScenarioBuilder("stopped", image="reference").boot().stop().command("query", timeout=1))
    assert outcome.verdict.verdict is not Verdict.PASS


def test_find_click_clicks_the_middle_of_a_picture(play: Play, tmp_path: Path) -> None:
    windows = (CREATE, "create id=2 x=500 y=300 w=200 h=150 color=8b5a2b", "frames n=1")
    first = play(ScenarioBuilder("look", image="reference").boot().command(*windows).check_frame("two windows"))
    passed(first)
    (picture,) = first.bundle.frames.glob("*.png")
    save_png(tmp_path / "title.png", load_png(picture)[62:76, 44:100])  # "client 1"
    scenario = (
        ScenarioBuilder("click", image="reference")
        .boot()
        .command(*windows)
        .find_click(Path("title.png"))
        .expect("RAYOS_INPUT:POINTER:*:72:69:1:1", "RAYOS_INPUT:POINTER:*:72:69:0:1")
        .frames()
        .check_frame("the first has the focus")
    )
    passed(play(scenario.build(tmp_path)))


def test_a_picture_that_is_not_there_is_not_clicked(play: Play, tmp_path: Path) -> None:
    first = play(ScenarioBuilder("look", image="reference").boot().command(CREATE, "frames n=1").check_frame("one"))
    (picture,) = first.bundle.frames.glob("*.png")
    save_png(tmp_path / "title.png", load_png(picture)[62:76, 44:100])
    outcome = play(
        ScenarioBuilder("click", image="reference").boot().find_click(Path("title.png"), timeout=1).build(tmp_path)
    )
    assert outcome.verdict.first_cause is not None
    assert (outcome.verdict.verdict, outcome.verdict.first_cause.cause) == (Verdict.FAIL, "picture-not-found")


# ---- responders ----------------------------------------------------------------------------------------------------


def test_a_responder_presses_keys(play: Play) -> None:
    outcome = play(
        ScenarioBuilder("keys", image="reference")
        .respond("RAYOS_SOAK:CLIENT_CREATED:1", keys=["a", "shift-b"])
        .boot()
        .command(CREATE)
        .expect("RAYOS_INPUT:KEY:6:up:2a:1")
        .frames()
        .check_frame("typed")
    )
    passed(outcome)


@pytest.mark.skipif(not Path("/usr/lib/u-boot/qemu_arm64/u-boot.bin").exists(), reason="needs the package u-boot-qemu")
def test_a_responder_answers_a_prompt_that_has_no_line_end(play: Play) -> None:
    scenario = (
        ScenarioBuilder("prompt", image="aarch64-u-boot")
        .forbid("no kernel available")  # what it says once nobody stopped it
        .respond("stop autoboot", send="")
        .respond("=> ", send="version")
        .boot()
        .expect(count=[Count(pattern="re:^U-Boot 20", at_least=2)], since="start", timeout=20)
    )
    events = passed(play(scenario))
    assert [event.data["text"] for event in events if event.kind == "console.send"] == ["\r", "version\r"]


def test_a_responder_runs_a_companion_with_what_matched(harnesses: Harnesses) -> None:
    scenario = harnesses.scenario(
        '[[respond]]\nwhen = "RAYOS_KIT:DESKTOP"\nrun = ["sh", "-c", "echo $HARNESS_MATCH | tee seen"]\n'
        '[[step]]\ndo = "boot"\n[[step]]\ndo = "expect"\nall = ["RAYOS_NEVER:COMES"]\ntimeout = 300\n'
    )
    live = harnesses.start("run", scenario, "--json")
    ended = live.until_event("companion")
    live.signal(signal.SIGINT)
    assert live.finish().code == 130
    assert ended.data["returncode"] == 0
    assert "RAYOS_KIT:DESKTOP:992:768" in ended.data["output"]
    assert (harnesses.folder / "seen").read_text() == "RAYOS_KIT:DESKTOP:992:768\n"


@pytest.mark.parametrize("words", ['["sh", "-c", "exit 3"]', '["./no-such-program"]'], ids=["status 3", "missing"])
def test_a_companion_that_fails_makes_the_run_inconclusive(words: str, harnesses: Harnesses) -> None:
    scenario = harnesses.scenario(
        f'[[respond]]\nwhen = "RAYOS_KIT:DESKTOP"\nrun = {words}\n'
        '[[step]]\ndo = "boot"\n[[step]]\ndo = "expect"\nall = ["RAYOS_NEVER:COMES"]\ntimeout = 300\n'
    )
    ended = harnesses.run("run", scenario, "--json")
    assert (ended.code, ended.document["verdict"]) == (3, "INCONCLUSIVE")
    assert ended.document["runs"][0]["first_cause"].startswith("companion: ")


# ---- tables --------------------------------------------------------------------------------------------------------


@pytest.mark.long
def test_repeated_steps_and_a_matrix_are_played_in_full(harnesses: Harnesses) -> None:
    scenario = harnesses.scenario(
        '[[step]]\ndo = "boot"\n'
        '[[step]]\ndo = "repeat"\ntimes = 3\n'
        '[[step.step]]\ndo = "command"\n'
        'send = ["create id=${n} x=${n} y=60 w=300 h=200 color=${colour}", "frames n=1"]\n'
        '[[step.step]]\ndo = "check-frame"\nname = "window ${n}"\n'
        '[[step]]\ndo = "repeat"\nover = { id = [3, 1] }\n'
        '[[step.step]]\ndo = "command"\nsend = ["destroy id=${id}"]\n'
        '[[step]]\ndo = "expect"\nsince = "start"\n'
        'order = ["RAYOS_SOAK:CLIENT_DESTROYED:3", "RAYOS_SOAK:CLIENT_DESTROYED:1"]\n'
        '[matrix]\n"machine.memory_mb" = [64, 128]\ncolour = ["3a6ea5", "8b5a2b"]\n'
    )
    ended = harnesses.run("run", scenario, "--json")
    runs = ended.document["runs"]
    assert (ended.code, len(runs)) == (0, 4), ended
    assert {run["scenario"] for run in runs} == {
        f"test[memory_mb={memory},colour={colour}]" for memory in (64, 128) for colour in ("3a6ea5", "8b5a2b")
    }
    assert {(run["verdict"], run["frames_checked"]) for run in runs} == {("PASS", 3)}
    for run in runs:
        assert harnesses.run("judge", run["bundle"], "--json").document["runs"] == [run]
