"""What ends a batch before its time, or cannot be written, loses nothing of what was played before it."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.campaign.batch import plan, run_planned
from harness.cli.report import Report
from harness.engine.options import BatchOptions
from harness.scenario.builder import ScenarioBuilder

from .conftest import Call

GOOD = '{ do = "expect", all = ["RAYOS_KIT:DESKTOP"], since = "start" }'
REFUSED = 'set = { "machine.devices" = ["no-such-device"] }'
Write = Callable[..., Path]


@pytest.mark.system
def test_an_option_that_qemu_refuses_in_a_later_run_leaves_the_earlier_ones_told(
    call: Call, write_scenario: Write, tmp_path: Path
) -> None:
    files = [write_scenario("good", GOOD), write_scenario("bad", GOOD, REFUSED), write_scenario("never", GOOD)]
    said = call("run", *files, "--junit", tmp_path / "all.xml", "--html", tmp_path / "all.html", "--json")
    assert said.code == said.document["exit_code"] == 2
    assert said.document["verdict"] is None
    assert [(run["scenario"], run["verdict"]) for run in said.document["runs"]] == [
        ("good", "PASS"), ("bad", "INCONCLUSIVE"), ("never", "INCONCLUSIVE"),
    ]  # fmt: skip
    assert all("no-such-device" in run["first_cause"] for run in said.document["runs"][1:])
    assert "no-such-device" in said.document["error"]
    assert said.document["hint"].startswith("the command was: ")
    assert "no-such-device" in said.stderr
    junit = (tmp_path / "all.xml").read_text()
    assert [f'name="{name}"' in junit for name in ("good", "bad", "never")] == [True] * 3
    assert 'errors="2"' in junit
    assert "<title>INCONCLUSIVE" in (tmp_path / "all.html").read_text(), "nothing of it says PASS"
    assert [path.name.split("-")[1] for path in (tmp_path / "runs").iterdir()] == ["good"]


@pytest.mark.system
def test_an_option_that_qemu_refuses_in_the_first_run_is_usage_and_nothing_else(
    call: Call, write_scenario: Write
) -> None:
    said = call("run", write_scenario("bad", GOOD, REFUSED), write_scenario("good", GOOD), "--json")
    assert said.code == 2
    assert "runs" not in said.document


@pytest.mark.system
def test_a_junit_file_for_which_there_is_no_room_is_named_and_makes_a_pass_inconclusive(
    call: Call, write_scenario: Write
) -> None:
    said = call("run", write_scenario("good", GOOD), "--junit", "/dev/full", "--json")
    assert "cannot write /dev/full: No space left on device" in said.stderr
    assert said.document["unwritten"] == ["/dev/full"]
    assert (said.code, said.document["exit_code"], said.document["verdict"]) == (3, 3, "INCONCLUSIVE")
    assert [run["verdict"] for run in said.document["runs"]] == ["PASS"], "the run's own verdict stands"


@pytest.mark.system
def test_a_report_page_for_which_there_is_no_room_is_named_with_what_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(file: Path, *_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    report = Report(junit=None, every_check=False, as_json=False)
    options = BatchOptions(runs_dir=tmp_path, on_done=report.add)
    scenario = ScenarioBuilder("good", image="reference").boot().expect("RAYOS_KIT:DESKTOP", since="start").build()
    monkeypatch.setattr("harness.report.html.write_report", full)
    result = run_planned(plan([scenario], options), options)
    assert report.finish(result) == 3
    (bundle,) = tmp_path.iterdir()
    said = capsys.readouterr().err
    assert f"cannot write {bundle}/report.html: No space left on device" in said
    assert f"kept in {bundle}" in said
    assert (bundle / "verdict.json").exists()
    assert (bundle / "junit.xml").exists()


@pytest.mark.system
def test_a_campaign_that_was_begun_with_retries_is_resumed_without_saying_so_again(
    call: Call, write_scenario: Write, tmp_path: Path
) -> None:
    good = write_scenario("good", GOOD)
    begun = call("run", good, "--campaign", tmp_path / "c", "--retries", "1", "--repeat-share", "1", "--json")
    assert begun.code == 0
    again = call("run", "--resume", tmp_path / "c", "--json")
    assert (again.code, again.document["runs"]) == (0, begun.document["runs"])
