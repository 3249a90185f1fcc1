"""A batch as a CI server plays it: a limit for the whole, known failures, retries, and what GitHub is told."""

from __future__ import annotations

import datetime
import os
import shutil
import signal
from contextlib import suppress
from pathlib import Path

import pytest

from harness.verdicts import EXIT_INTERRUPTED

from .live_harness import ROOT, Harnesses

pytestmark = pytest.mark.system
SHORT = '[[step]]\ndo = "boot"\n[[step]]\ndo = "expect"\nall = ["RAYOS_KIT:DESKTOP"]\nsince = "start"\n'
WRONG = '[[step]]\ndo = "boot"\n[[step]]\ndo = "expect"\nall = ["RAYOS_NEVER:COMES"]\n'
NEVER = f"{WRONG}timeout = 300\n"
PLAYED = "run", "--repeat-share", "0", "--json"


@pytest.mark.long
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_what_the_deadline_ends_or_keeps_from_being_played_has_not_passed(harnesses: Harnesses, jobs: str) -> None:
    files = [harnesses.scenario(NEVER, "endless"), harnesses.scenario(NEVER, "too"), harnesses.scenario(SHORT, "late")]
    live = harnesses.start(*PLAYED, *files[: int(jobs)], files[2], "--jobs", jobs, "--deadline", "10")
    ended = live.finish()
    assert ended.code == 3, ended.stderr
    assert ended.document["verdict"] == "INCONCLUSIVE"
    causes = [run["first_cause"] for run in ended.document["runs"]]
    assert causes == ["deadline: the 10 s of the whole passed before it was over"] * int(jobs) + [
        "deadline: the 10 s of the whole passed before it was played"
    ]
    assert ended.document["runs"][-1]["bundle"] is None
    assert Path(ended.document["runs"][0]["bundle"], "verdict.json").exists()
    assert (live.children(), live.run_directories()) == ([], [])


def test_a_campaign_goes_on_after_its_deadline(harnesses: Harnesses) -> None:
    files = [harnesses.scenario(SHORT, "one"), harnesses.scenario(SHORT, "two")]
    folder = harnesses.folder / "campaign"
    ended = harnesses.run(*PLAYED, *files, "--campaign", folder, "--deadline", "0.001")
    assert (ended.code, {run["verdict"] for run in ended.document["runs"]}) == (3, {"INCONCLUSIVE"})
    again = harnesses.run("run", "--resume", folder, "--json")
    assert (again.code, [run["scenario"] for run in again.document["runs"]]) == (0, ["one", "two"])


@pytest.mark.long
def test_a_deadline_that_does_not_pass_changes_nothing(harnesses: Harnesses) -> None:
    ended = harnesses.run(*PLAYED, harnesses.scenario(SHORT), "--deadline", "600")
    assert (ended.code, ended.document["verdict"]) == (0, "PASS")


def replaced(harnesses: Harnesses, clock: str) -> Path:
    """A scenario whose image is another one, and right, when it is played a second time."""
    image = harnesses.folder / "image/own.toml"
    shutil.copytree(ROOT / "images/reference", image.parent, ignore=shutil.ignore_patterns("*.o", "*.d"))
    text = (image.parent / "reference.toml").read_text().replace('name = "reference"', 'name = "own"', 1)
    image.write_text(text)
    kernel = image.parent / "build/reference.elf"
    kernel.rename(harnesses.folder / "right.elf")
    shutil.copy(image.parent / "build/reference-zoo.elf", kernel)
    swap = f'run = ["cp", "{harnesses.folder}/right.elf", "{kernel}"]'
    steps = f'clock = "{clock}"\n[[respond]]\nwhen = "RAYOS_KIT:DESKTOP"\n{swap}\n'
    steps += SHORT.replace("RAYOS_KIT:DESKTOP", "RAYOS_KIT:BOOT:*:release") + "timeout = 2\n"
    return harnesses.scenario(steps, "changing", str(image))


@pytest.mark.long
@pytest.mark.parametrize(("clock", "verdict", "code"), [("wall", "FLAKY", 3), ("virtual", "NONDETERMINISM", 1)])
def test_a_retry_that_passes_makes_no_pass_of_a_failure(
    harnesses: Harnesses, clock: str, verdict: str, code: int
) -> None:
    ended = harnesses.run(*PLAYED, replaced(harnesses, clock), "--retries", "3")
    assert (ended.code, ended.document["verdict"]) == (code, verdict), ended.stderr
    first, second = ended.document["runs"][0]["repeats"]
    assert first["verdict"] in {"FAIL", "HANG"}
    assert second["verdict"] == "PASS"


@pytest.mark.long
def test_a_scenario_that_never_passes_is_tried_as_often_as_asked_and_fails(harnesses: Harnesses) -> None:
    files = [harnesses.scenario(WRONG, "wrong"), harnesses.scenario(SHORT, "right")]
    ended = harnesses.run(*PLAYED, *files, "--retries", "1", "--jobs", "2")
    wrong, right = ended.document["runs"]
    assert (ended.code, wrong["verdict"], len(wrong["repeats"])) == (1, "FAIL", 2)
    assert (right["verdict"], "repeats" in right) == ("PASS", False)


def test_without_being_asked_nothing_is_tried_again(harnesses: Harnesses) -> None:
    ended = harnesses.run(*PLAYED, harnesses.scenario(WRONG, "wrong"))
    assert (ended.code, "repeats" in ended.document["runs"][0]) == (1, False)
    assert len(list((harnesses.folder / "runs").iterdir())) == 1


@pytest.mark.long
@pytest.mark.parametrize(("days", "code"), [(9, 0), (-1, 1)])
def test_a_known_failure_lets_the_batch_pass_until_it_expires(harnesses: Harnesses, days: int, code: int) -> None:
    day = datetime.datetime.now(datetime.UTC).date() + datetime.timedelta(days=days)
    known = harnesses.folder / "known.toml"
    known.write_text(
        f'version = 1\n[[quarantine]]\nscenario = "wrong"\nowner = "ada"\nreason = "issue 7"\nexpires = {day}\n'
    )
    junit = harnesses.folder / "junit.xml"
    page = harnesses.folder / "summary.md"
    ended = harnesses.run(
        *PLAYED,
        harnesses.scenario(WRONG, "wrong"),
        *("--quarantine", known, "--junit", junit),
        env={"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(page)},
    )
    assert (ended.code, ended.document["runs"][0]["verdict"]) == (code, "FAIL"), ended.stderr
    assert ended.document["runs"][0]["quarantine"]["expired"] is (days < 0)
    assert ("<skipped" in junit.read_text()) is (days > 0)
    assert "issue 7" in ended.stderr
    lines = ended.stderr.splitlines()
    assert lines[0].startswith("::stop-commands::")
    word = lines[0].removeprefix("::stop-commands::")
    held = lines.index(f"::{word}::")
    assert not [line for line in lines[1:held] if line.startswith("::")]
    kind = "warning" if days > 0 else "error"
    file = os.path.relpath(harnesses.folder / "wrong.toml", harnesses.folder)
    assert lines[held + 1].startswith(f"::{kind} file={file},line=6,title=FAIL wrong::expectation")
    assert "wrong" in page.read_text()


def test_a_booted_guest_gives_github_no_commands_either(harnesses: Harnesses) -> None:
    page = harnesses.folder / "summary.md"
    env = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(page)}
    ended = harnesses.run("boot", "reference", "--forbid", "RAYOS_KIT:DESKTOP", "--json", env=env)
    assert (ended.code, ended.document["verdict"]) == (1, "FAIL")
    first, *lines = ended.stderr.splitlines()
    word = first.removeprefix("::stop-commands::")
    assert first != word
    after = lines[lines.index(f"::{word}::") + 1 :]
    assert [line.partition(" title=")[0] for line in after] == ["::error"]
    assert "boot-reference" in page.read_text()


@pytest.mark.long
def test_one_that_ends_before_its_turn_is_named_when_it_does(harnesses: Harnesses) -> None:
    files = [harnesses.scenario(NEVER, "endless"), harnesses.scenario(SHORT, "quick")]
    ended = harnesses.run(*PLAYED, *files, "--jobs", "2", "--deadline", "20")
    lines = ended.stderr.splitlines()
    assert lines[0].startswith("  ended: PASS  quick"), ended.stderr
    assert [run["verdict"] for run in ended.document["runs"]] == ["INCONCLUSIVE", "PASS"]


@pytest.mark.long
def test_a_server_that_ends_every_process_at_once_leaves_evidence_and_nothing_else(harnesses: Harnesses) -> None:
    """As systemd and container engines do: the harness, its workers and their guests have the signal in one moment."""
    files = [harnesses.scenario(NEVER, name) for name in ("one", "two")]
    live = harnesses.start(*PLAYED, *files, "--jobs", "2")
    live.until(lambda seen: sum(event.kind == "step.begin" and event.data["index"] == 1 for event in seen) == 2)
    for pid in [live.process.pid, *live.children()]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    ended = live.finish()
    assert ended.code == EXIT_INTERRUPTED, ended.stderr
    assert [run["verdict"] for run in ended.document["runs"]] == ["INCONCLUSIVE"] * 2
    for run in ended.document["runs"]:
        (judged,) = harnesses.run("judge", run["bundle"], "--json").document["runs"]
        assert (judged["verdict"], judged["first_cause"]) == (run["verdict"], run["first_cause"])
    assert (live.children(), live.run_directories()) == ([], [])
