"""Streams out of logs and bundles."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.diff import compare
from harness.diff.signature import words
from harness.diff.streams import of_bundle, of_log, of_path
from harness.errors import UsageError
from harness.judge.crash_rules import built_in_deaths
from harness.triage.run import triage_log

from .logs import log


def texts(path: Path) -> list[str]:
    return [marker.text for marker in of_path(path).markers]


def test_a_log_gives_its_markers_with_the_kernel_logs_times(tmp_path: Path) -> None:
    path = log(tmp_path / "a.log", "noise", "RAYOS_X:A", "[    1.250000] RAYOS_X:B", "<6>[   12.000001] RAYOS_X:C")
    found = of_log(path)
    assert [marker.text for marker in found.markers] == ["RAYOS_X:A", "RAYOS_X:B", "RAYOS_X:C"]
    assert list(found.guest_us) == [None, 1_250_000, 12_000_001]
    assert (found.steady, found.ending) == (False, None)


def test_a_rendezvous_tells_the_time(tmp_path: Path) -> None:
    assert list(of_log(log(tmp_path / "a.log", "RAYOS_X:A", "RAYOS_CONTROL:READY:0:8966")).guest_us) == [None, 8966]


def test_what_the_line_harmed_is_counted_and_not_compared(tmp_path: Path) -> None:
    path = log(tmp_path / "a.log", "RAYOS_X:A", "RAYOS_X:BRAYOS_X:C", "something else", "RAYOS_X:D")
    found = of_log(path)
    assert "RAYOS_X:B" not in [marker.text for marker in found.markers]
    assert found.lost == 1


def test_a_second_sinks_copy_is_not_a_marker_of_its_own(tmp_path: Path) -> None:
    assert texts(log(tmp_path / "a.log", "RAYOS_X:A", "[    1.000000] RAYOS_X:A")) == ["RAYOS_X:A"]


CRASHES = {
    "Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000009": "Kernel panic - not syncing: Att",
    "BUG: unable to handle page fault for address: ffffffffc0": "BUG: unable to handle page fault",
    "kernel BUG at mm/pool.c:412!": "kernel BUG at mm/pool.c:#!",
    "Unable to handle kernel paging request at virtual address 0010": "Unable to handle kernel paging request",
    "Oops: 0002 [#1] SMP": "Oops: #",
    "=== CPU EXCEPTION ===": "=== CPU EXCEPTION ===",
    "KERNEL PANIC: no memory": "PANIC: no memory",
    "kernel panic: no init process": "kernel panic: no init process",
    "BUG kmalloc-64 (Not tainted): Right Redzone overwritten": "BUG kmalloc-#",
    "Internal error: Oops: 5 [#1] ARM": "Oops: # [#",
    "divide error: 0000 [#1] SMP": ": # [#",
    "[cpu0] EXCEPTION: General Protection Fault at 0xffffffff80123456": "[cpu",
    "Unhandled exception: 13 (General Protection)": "nhandled exception: #",
    "ASSERT [DxeCore] Pool.c(716): Head->Signature": "ASSERT [DxeCore]",
    "thread 'main' panicked at src/main.rs:10:5": "panicked at src/main.rs",
    "traps: general protection fault ip:41": "general protection fault",
    "!!!! X64 Exception Type - 0E(#PF - Page-Fault)": "!!!! X# Exception Type",
    "Synchronous Exception at 0x00000000BF7E0000": "Synchronous Exception at #",
    '"Synchronous Abort" handler, esr 0x96000010': 'Abort" handler, esr #',
    "Guru Meditation #8000": "Guru Meditation",
    "*** KERNEL_SECURITY_CHECK_FAILURE": "KERNEL_SECURITY_CHECK_FAILURE",
    ">>> ZEPHYR FATAL ERROR 4: Kernel panic on CPU 0": "ZEPHYR FATAL ERROR #",
    "Fatal trap 12: page fault while in kernel mode": "Fatal trap #: page fault",
}


@pytest.mark.parametrize("line", CRASHES)
def test_a_crash_text_is_how_a_log_ended(line: str, tmp_path: Path) -> None:
    found = of_log(log(tmp_path / "a.log", "RAYOS_X:A", f"\x1b[31m{line}\x1b[0m", "Kernel panic - not syncing: later"))
    assert found.ending is not None
    assert found.ending.kind == "crash"
    assert words(found.ending.text).startswith(CRASHES[line])
    triaged = triage_log(tmp_path / "a.log")[0]
    assert found.ending.signature == f"{triaged.full_title} [{triaged.signature}]"
    assert found.ending.offset == len("RAYOS_X:A\n")


def test_every_built_in_crash_text_has_an_example_here() -> None:
    assert len(CRASHES) == len(built_in_deaths())


def test_two_crashes_that_differ_in_numbers_have_one_signature(tmp_path: Path) -> None:
    good = of_log(log(tmp_path / "good.log", "RAYOS_X:A", "RAYOS_X:B"))
    signatures = set()
    for number in (17, 4096):
        lines = [
            "RAYOS_X:A",
            f"Kernel panic - not syncing: bad page {number} at 0xffff{number:08x} on CPU {number % 8}",
        ]
        signatures.add(compare(good, of_log(log(tmp_path / "bad.log", *lines))).signature)
    triaged = triage_log(tmp_path / "bad.log")[0].signature
    assert signatures == {f"crash: kernel panic: bad page N at HEX on CPU N [{triaged}]"}


def test_an_empty_log_has_no_markers(tmp_path: Path) -> None:
    assert texts(log(tmp_path / "a.log")) == []


def test_a_log_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read"):
        of_log(tmp_path / "none.log")


def bundle(path: Path, chunks: list[str | dict[str, object]], **verdict: object) -> Path:
    """A bundle with a console of these chunks; an object is another event."""
    path.mkdir()
    serial = b""
    events: list[dict[str, object]] = [{"kind": "run.start"}]
    for chunk in chunks:
        if isinstance(chunk, str):
            events.append({"kind": "serial", "offset": len(serial), "len": len(chunk)})
            serial += chunk.encode()
        else:
            events.append(chunk)
    lines = (json.dumps({"seq": n, "host_ns": n, **event}) + "\n" for n, event in enumerate(events))
    (path / "journal.jsonl").write_text("".join(lines))
    (path / "serial.bin").write_bytes(serial)
    (path / "manifest.json").write_text(json.dumps({"clock": "virtual", "facts": {}}))
    if verdict:
        (path / "verdict.json").write_text(json.dumps({"first_cause": verdict, "checks": []}))
    return path


def test_a_bundle_gives_its_boots_and_leaves_out_what_was_typed(tmp_path: Path) -> None:
    events: list[str | dict[str, object]] = [
        "RAYOS_X:A\nRAYOS",
        "_X:B\n",
        {"kind": "console.send", "text": "echo RAYOS_X:TYPED\n"},
        "echo RAYOS_X:TYPED\n",
        {"kind": "epoch", "number": 1, "why": "reset"},
        "RAYOS_X:C\n",
    ]
    found = of_bundle(bundle(tmp_path / "a", events))
    assert [(marker.text, marker.epoch) for marker in found.markers] == [
        ("RAYOS_X:A", 0),
        ("RAYOS_X:B", 0),
        ("RAYOS_X:C", 1),
    ]
    assert (found.steady, found.ending) == (True, None)


def test_a_bundles_pictures_stand_where_they_were_taken(tmp_path: Path) -> None:
    frame: dict[str, object] = {"kind": "frame", "name": "desk", "digest": "aa", "file": "serial.bin"}
    found = of_bundle(bundle(tmp_path / "a", ["RAYOS_X:A\n", frame, "RAYOS_X:B\n"]))
    assert [(one.name, one.offset, one.file) for one in found.pictures] == [("desk", 10, tmp_path / "a/serial.bin")]


def test_a_picture_outside_of_the_bundle_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    frame: dict[str, object] = {"kind": "frame", "name": "desk", "digest": "aa", "file": "../secret.png"}
    assert [one.file for one in of_bundle(bundle(tmp_path / "a", [frame])).pictures] == [None]


@pytest.mark.parametrize(
    ("cause", "signature"),
    [
        (
            {"verdict": "CRASH", "cause": "crash-text", "what": "the guest reported its death: PANIC: at 0x1234"},
            "PANIC: at #",
        ),
        ({"verdict": "CRASH", "cause": "triple-fault", "what": "died of a triple fault in step 4"}, "triple-fault"),
        ({"verdict": "HANG", "cause": "spin-interrupts-off", "what": "spins at 0x1234"}, "spin-interrupts-off"),
    ],
)
def test_a_bundle_ends_as_its_verdict_says(cause: dict[str, object], signature: str, tmp_path: Path) -> None:
    ending = of_bundle(bundle(tmp_path / "a", ["RAYOS_X:A\n"], **cause)).ending
    assert ending is not None
    assert ending.signature == signature


def test_a_crash_is_known_by_the_title_and_the_signature_that_triage_gave_it(tmp_path: Path) -> None:
    cause = {"verdict": "CRASH", "cause": "triple-fault", "what": "died of a triple fault in step 4"}
    path = bundle(tmp_path / "a", ["RAYOS_X:A\n"], **cause)
    (path / "triage.json").write_text('{"title": "triple fault in map_page", "signature": "0123456789ab"}')
    ending = of_bundle(path).ending
    assert ending is not None
    assert ending.signature == "triple fault in map_page [0123456789ab]"


def test_a_lab_that_failed_says_nothing_about_the_product(tmp_path: Path) -> None:
    cause = {"verdict": "INCONCLUSIVE", "cause": "qemu-killed", "what": "QEMU was killed"}
    assert of_bundle(bundle(tmp_path / "a", ["RAYOS_X:A\n"], **cause)).ending is None


def test_a_folder_that_is_no_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a run bundle"):
        of_path(tmp_path)


def test_the_bundle_of_several_guests_is_refused(tmp_path: Path) -> None:
    path = bundle(tmp_path / "a", [])
    (path / "inputs").mkdir()
    (path / "inputs/cluster.json").write_text("{}")
    with pytest.raises(UsageError, match="several guests"):
        of_bundle(path)
