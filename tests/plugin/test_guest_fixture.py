"""A guest as a fixture, in a pytest of its own: what passes, fails, is an error, and where the evidence is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from harness.evidence.bundle import Bundle
from harness.judge.rejudge import recorded, rejudge

from .conftest import Case, Said, run_pytest

pytestmark = [pytest.mark.system, pytest.mark.long]

SAMPLE = """
import os
import signal
import threading

import pytest

from harness.pytest_plugin import Console, Faults, Guest, GuestFailure, Screen

pytestmark = pytest.mark.harness(image="reference", forbid=["RAYOS_CONTROL:ERROR"])
WINDOW = "create id=1 x=40 y=60 w=300 h=200 color=3a6ea5"


def test_a_window(guest: Guest, console: Console, screen: Screen):
    guest.boot()
    guest.command(WINDOW, "frames n=1")
    assert console.expect("RAYOS_SOAK:CLIENT_CREATED").args == ("1",)
    screen.check("one window")
    assert screen.pixel(200, 200) == "3a6ea5"
    assert [m.args for m in console.markers("RAYOS_KIT:DESKTOP")] == [("992", "768")]
    assert "RAYOS_KIT:DESKTOP:992:768" in console.lines
    screen.remember("before")
    guest.command("frames n=2")
    screen.check(against="remembered", like="before")
    guest.shutdown()


def test_a_recovery(guest, console, faults: Faults):
    guest.boot().command("supervise on=1", WINDOW, "frames n=2")
    faults.inject("client-kill", id=1, recover=True)
    faults.recovered()
    console.expect("RAYOS_FAILURE:RECOVERY_COMPLETE:1:success", since="boot")


@pytest.mark.harness(seed=7)
def test_an_expected_crash(guest):
    guest.expect_verdict("CRASH")
    guest.boot()
    with pytest.raises(GuestFailure, match="INVALID OPCODE") as crash:
        guest.command("crash kind=ud")
    assert crash.value.verdict == "CRASH"


def test_nothing_wrong_where_a_crash_should_be(guest):
    guest.expect_verdict("CRASH")
    guest.boot()


def test_a_wrong_picture(guest, screen):
    guest.boot()
    guest.command(WINDOW, "frames n=1")
    screen.check("no window", against="golden")


def test_a_missing_marker(guest, console):
    guest.boot()
    console.expect("RAYOS_NEVER:COMES", any=["text:##[add-mask]x"])


def test_an_assertion(guest, console):
    guest.boot()
    assert len(console.markers()) == 17


def test_a_defect_of_the_test(guest):
    guest.boot()
    {}["a"]


def test_a_killed_qemu(guest):
    guest.boot()
    os.kill(guest.live.context.target.pid, signal.SIGKILL)
    guest.command("frames n=1")


def test_a_guest_that_dies_while_nobody_looks(guest):
    guest.boot()
    gone = threading.Event()
    watch = lambda event: gone.set() if event.kind == "target.exit" else None
    guest.live.call(lambda: guest.live.context.journal.listen(watch))
    os.kill(guest.live.context.target.pid, signal.SIGKILL)
    assert gone.wait(60)


def test_a_late_screen(guest, request):
    guest.boot()
    request.getfixturevalue("screen")


@pytest.mark.harness_needs("framebuffer", "control")
def test_what_is_there(guest):
    guest.boot()


@pytest.mark.harness_needs("proof")
@pytest.mark.harness(clock="wall")
def test_what_is_not_there(guest):
    guest.boot()


@pytest.mark.harness_needs("levitation")
def test_what_nobody_has(guest):
    guest.boot()


@pytest.mark.harness(image="no-such-image")
def test_no_image(guest):
    guest.boot()


@pytest.mark.harness(forbid="Oops", sed=3, prove="scenery")
def test_a_wrong_marker(guest):
    guest.boot()


TRIES = []


def test_again(guest):
    guest.boot()
    TRIES.append(guest)
    assert len(TRIES) > 1


def test_without_a_guest():
    pass
"""

# What plugins do that run a failed test again: the same item, its fixtures made anew.
AGAIN = """
from _pytest.runner import runtestprotocol


def pytest_runtest_protocol(item, nextitem):
    if item.name == "test_again":
        runtestprotocol(item, nextitem=nextitem, log=False)
        item._initrequest()
"""

EXPECTED = {
    "test_a_window": ("passed", ""),
    "test_a_recovery": ("passed", ""),
    "test_an_expected_crash": ("passed", ""),
    "test_nothing_wrong_where_a_crash_should_be": ("failure", "the run was to end as CRASH, and is PASS"),
    "test_a_wrong_picture": ("failure", "no window"),
    "test_a_missing_marker": ("failure", "never came: RAYOS_NEVER:COMES"),
    "test_an_assertion": ("failure", "assert 3 == 17"),
    "test_a_defect_of_the_test": ("failure", "KeyError"),
    "test_a_killed_qemu": ("error", "qemu-killed"),
    "test_a_guest_that_dies_while_nobody_looks": ("error", "qemu-killed"),
    "test_a_late_screen": ("error", "pictures are followed from the boot on"),
    "test_what_is_there": ("passed", ""),
    "test_what_is_not_there": ("skipped", "the image reference has no proof"),
    "test_what_nobody_has": ("error", "knows no 'levitation'"),
    "test_no_image": ("error", "no-such-image"),
    "test_a_wrong_marker": ("error", "unknown key 'sed'"),
    "test_again": ("passed", ""),
    "test_without_a_guest": ("passed", ""),
}
VERDICTS = {
    "test_a_window": "PASS",
    "test_a_recovery": "PASS",
    "test_an_expected_crash": "CRASH",
    "test_nothing_wrong_where_a_crash_should_be": "PASS",
    "test_a_wrong_picture": "FAIL",
    "test_a_missing_marker": "FAIL",
    "test_an_assertion": "FAIL",
    "test_a_defect_of_the_test": "INCONCLUSIVE",
    "test_a_killed_qemu": "INCONCLUSIVE",
    "test_a_guest_that_dies_while_nobody_looks": "INCONCLUSIVE",
    "test_what_is_there": "PASS",
    "test_again": "PASS",
}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Said:
    folder = tmp_path_factory.mktemp("sample")
    (folder / "test_sample.py").write_text(SAMPLE)
    (folder / "conftest.py").write_text(AGAIN)
    (folder / "goldens").mkdir()
    _golden(folder / "goldens/no window.png")
    return run_pytest(folder, "-p", "xdist", "-n", "2", "-ra", "test_sample.py")


def _golden(file: Path) -> None:
    import numpy as np

    from harness.frames.png import save_png

    save_png(file, np.zeros((768, 992), np.uint32))


@pytest.fixture
def cases(said: Said) -> Mapping[str, Case]:
    return said.cases


@pytest.mark.parametrize("name", EXPECTED)
def test_a_test_ends_as_its_guest_does(said: Said, name: str) -> None:
    kind, text = EXPECTED[name]
    assert said.cases[name].kind == kind, said.text
    assert text in said.cases[name].text


@pytest.mark.parametrize("name", VERDICTS)
def test_the_evidence_of_a_test_is_named_and_says_the_same_again(said: Said, name: str) -> None:
    told = said.cases[name].properties
    assert told["harness_verdict"] == VERDICTS[name]
    bundle = Bundle.open(Path(told["harness_bundle"]))
    again = rejudge(bundle, recorded(bundle)[0])
    assert again.verdict == VERDICTS[name]
    assert again.to_json() == bundle.read_json("verdict.json")
    if said.cases[name].kind != "passed" and VERDICTS[name] != "PASS":
        assert told["harness_bundle"] in said.text
        assert (bundle.path / "report.html").exists()


def test_what_blames_no_product_is_an_error_in_the_summary(said: Said) -> None:
    assert said.code == 1
    for name in ("test_a_killed_qemu", "test_a_late_screen", "test_no_image"):
        assert f"ERROR test_sample.py::{name}" in said.text
    assert "FAILED test_sample.py::test_a_wrong_picture" in said.text
    assert "ask for the fixture `screen` in the test" in said.text
    assert "5 failed, 6 passed, 1 skipped, 6 errors" in said.text.splitlines()[-1]


def test_a_failure_shows_the_line_of_the_test_and_nothing_of_the_harness(said: Said) -> None:
    part = said.text[said.text.index("_ test_a_missing_marker _") :]
    part = part[: re.search(r"\n(_{9}|={9}|-{9})", part).start()]  # type: ignore[union-attr]
    assert '>       console.expect("RAYOS_NEVER:COMES", any' in part
    assert "harness/" not in part.replace("harness/runs", "").replace("evidence", "")
    assert "2 FAILED      expect RAYOS_NEVER:COMES" in part
    assert "# #[add-mask]x" in part
    assert "##[" not in part.replace('any=["text:##[add-mask]x"]', ""), "a command to GitHub, within a line of ours"


def test_everything_wrong_with_a_marker_is_told_at_once(cases: Mapping[str, Case]) -> None:
    text = cases["test_a_wrong_marker"].text
    for part in (
        "unknown key 'sed'",
        "(did you mean 'seed'?)",
        "forbid: should be a valid array",
        "prove",
        "'scenery'",
    ):
        assert part in text


def test_goldens_lie_beside_the_test_file(cases: Mapping[str, Case]) -> None:
    assert "frame-mismatch" in cases["test_a_wrong_picture"].properties["harness_first_cause"]


def test_the_marker_of_a_test_overrides_the_one_of_its_file(cases: Mapping[str, Case]) -> None:
    assert cases["test_an_expected_crash"].properties["harness_seed"] == "7"
