"""Where bundles go: shared by runs at once, read-only, full. And a QEMU that is killed at the worst moment."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from harness.engine.context import Context
from harness.evidence.journal import Event
from harness.frames.png import save_png
from harness.scenario.builder import ScenarioBuilder
from harness.verdicts import EXIT_LAB, EXIT_USAGE, Verdict

from .conftest import Play
from .live_harness import Ended, Harnesses, LiveHarness

pytestmark = pytest.mark.system
FIRST_LIGHT = Path(__file__).parents[2] / "scenarios/smoke/first-light.toml"
BOOT = '[[step]]\ndo = "boot"\n'


@pytest.mark.long
def test_runs_at_once_in_one_place_do_not_disturb_each_other(harnesses: Harnesses) -> None:
    started = [harnesses.start("run", FIRST_LIGHT, "--json") for _ in range(3)]
    documents = [live.finish().document for live in started]
    runs = [run for document in documents for run in document["runs"]]
    assert [run["verdict"] for run in runs] == ["PASS"] * 3
    assert len({run["bundle"] for run in runs}) == 3
    assert len({run["fingerprint"] for run in runs}) == 1
    assert not any(live.children() for live in started)
    assert started[0].run_directories() == []
    for run in runs:
        assert harnesses.run("judge", run["bundle"], "--json").document["runs"] == [run]


def refused(live: LiveHarness, ended: Ended, code: int) -> dict[str, object]:
    """What has to be true of a run that its runs directory did not allow; returns the JSON document."""
    assert "Traceback" not in ended.stderr, ended.stderr
    assert ended.code == code, ended
    assert live.children() == []
    assert live.run_directories() == []
    return ended.document


def test_a_file_where_the_runs_should_go_is_a_usage_error(harnesses: Harnesses) -> None:
    place = harnesses.folder / "file"
    place.write_text("")
    live = harnesses.start("run", harnesses.scenario(BOOT), "--json", "--runs-dir", place)
    document = refused(live, live.finish(), EXIT_USAGE)
    assert str(place) in str(document["error"])


def unshare(script: str) -> list[str]:
    """Words that run a command after *script*, in a mount namespace of its own: what is mounted goes with it."""
    return ["unshare", "--mount", "sh", "-ec", f'{script}; exec "$@"', "sh"]


@pytest.fixture
def mounts() -> None:
    if os.getuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("mounting a small file system needs root")


@pytest.mark.usefixtures("mounts")
def test_a_read_only_place_is_a_usage_error(harnesses: Harnesses) -> None:
    place = harnesses.folder / "place"
    place.mkdir()
    mount = unshare(f"mount -t tmpfs -o ro none '{place}'")
    live = harnesses.start("run", harnesses.scenario(BOOT), "--json", "--runs-dir", place, prefix=mount)
    document = refused(live, live.finish(), EXIT_USAGE)
    assert "Read-only file system" in str(document["error"])
    assert "--runs-dir" in str(document["hint"])


NOISE = BOOT + '[[step]]\ndo = "command"\nsend = "crash kind=noise bytes=400000 seed=3"\n'
PICTURES = BOOT + (
    '[[step]]\ndo = "repeat"\ntimes = 40\n'
    '[[step.step]]\ndo = "command"\nsend = ["create id=${n} x=${n} y=60 w=300 h=200 color=3a6ea5", "frames n=1"]\n'
    '[[step.step]]\ndo = "check-frame"\nname = "picture ${n}"\n'
)


LARGE = [pytest.param(size, PICTURES, marks=pytest.mark.long) for size in ("64k", "128k")]


@pytest.mark.usefixtures("mounts")
@pytest.mark.parametrize(
    ("size", "steps"),
    [("4k", NOISE), ("12k", NOISE), ("40k", NOISE), ("24k", PICTURES), *LARGE],
    ids=["journal", "inputs", "serial log", "first picture", "pages", "pictures"],
)
def test_a_place_that_fills_up_is_told_without_a_traceback(size: str, steps: str, harnesses: Harnesses) -> None:
    place = harnesses.folder / "place"
    place.mkdir()
    mount = unshare(f"mount -t tmpfs -o size={size} none '{place}'")
    live = harnesses.start("run", harnesses.scenario(steps), "--json", "--runs-dir", place, prefix=mount)
    ended = live.finish()
    document = refused(live, ended, EXIT_USAGE if ended.code == EXIT_USAGE else EXIT_LAB)
    assert "No space left on device" in ended.stdout, document


# ---- QEMU killed at the worst moment -------------------------------------------------------------------------------


def kill_at(kind: str, **data: object) -> Callable[[Context], None]:
    """SIGKILL for QEMU as soon as the journal has an event of *kind* with these values."""

    def on_start(ctx: Context) -> None:
        def note(event: Event) -> None:
            if event.kind == kind and all(event.data.get(key) == value for key, value in data.items()):
                pid = getattr(ctx.target, "pid", None)
                assert isinstance(pid, int)
                os.kill(pid, signal.SIGKILL)

        ctx.journal.listen(note)

    return on_start


def killed(play: Play, scenario: ScenarioBuilder, folder: Path, hook: Callable[[Context], None], clock: str) -> None:
    outcome = play(scenario.build(folder), on_start=hook, clock=clock)
    found = outcome.verdict.first_cause
    assert found is not None
    assert (outcome.verdict.verdict, found.cause) == (Verdict.INCONCLUSIVE, "qemu-killed"), found
    assert "SIGKILL" in found.what


@pytest.mark.parametrize("clock", ["virtual", "wall"])
def test_a_qemu_killed_during_a_control_command_is_inconclusive(play: Play, clock: str, tmp_path: Path) -> None:
    scenario = ScenarioBuilder("killed", image="reference").boot().command("frames n=100000", timeout=60)
    killed(play, scenario, tmp_path, kill_at("control.send"), clock)


@pytest.mark.parametrize("clock", ["virtual", "wall"])
@pytest.mark.parametrize("moment", ["step.begin", "capture.way"])
def test_a_qemu_killed_during_a_frame_check_is_inconclusive(
    play: Play, clock: str, moment: str, tmp_path: Path
) -> None:
    (tmp_path / "goldens").mkdir()
    save_png(tmp_path / "goldens/other.png", np.zeros((768, 1024), np.uint32))
    scenario = ScenarioBuilder("killed", image="reference").boot().check_frame("other", "golden", timeout=60)
    hook = kill_at(moment, do="check-frame") if moment == "step.begin" else kill_at(moment)
    killed(play, scenario, tmp_path, hook, clock)


@pytest.mark.parametrize("clock", ["virtual", "wall"])
def test_a_qemu_killed_while_keys_are_typed_is_inconclusive(play: Play, clock: str, tmp_path: Path) -> None:
    scenario = ScenarioBuilder("killed", image="reference").boot().type("hello")
    killed(play, scenario, tmp_path, kill_at("input"), clock)
