"""What a guest prints reaches no terminal raw, and no file in a form that its readers cannot take."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pexpect
import pytest
from junitparser import JUnitXml

from .conftest import Call

RAW = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]")
EVIL = b"\x1b]0;owned\x07\x1b[31mred\x1b[2J \x9b5m \xc2\x9b5m \xe2\x80\xae \x00\x08\x7f <b>&amp; ]]> \xff"


@pytest.fixture
def evil_log(tmp_path: Path) -> Path:
    file = tmp_path / "evil.log"
    lines = [
        b"RAYOS_EVIL:" + EVIL,
        b"RAYOS_SOAK:START:" + EVIL + b":1",
        b"RAYOS_SOAK:CLIENT_CREATED:" + EVIL,
        b"PANIC: " + EVIL,
    ]
    file.write_bytes(b"".join(line + b"\n" for line in lines))
    return file


@pytest.mark.parametrize("options", [[], ["--validate"], ["--json"], ["--json", "--validate"]], ids=" ".join)
def test_markers_of_a_hostile_log_are_shown_without_its_control_characters(
    call: Call, evil_log: Path, options: list[str]
) -> None:
    said = call("markers", evil_log, *options)
    assert "RAYOS_EVIL" in said.stdout
    assert not RAW.findall(said.stdout + said.stderr)


@pytest.fixture
def evil_run(call: Call, evil_log: Path, write_scenario: Callable[..., Path]) -> Path:
    """The bundle of a run whose guest printed that, and in which that text is what decided."""
    path = write_scenario(
        "evil",
        '{ do = "expect", all = ["RAYOS_NEVER:COMES"], timeout = 1 }',
        'rules.families = ["SOAK"]\nforbid = ["re:owned|red"]',
    )
    path.write_text(path.read_text().replace('{ do = "boot" }', '{ do = "boot", until = "re:EVIL|PANIC" }'))
    said = call("run", path, "--target", evil_log, "--json", "--junit", "junit.xml", "--checks")
    assert said.code == 1
    assert not RAW.findall(said.stdout + said.stderr)
    return Path(said.document["runs"][0]["bundle"])


def test_a_verdict_on_hostile_output_is_shown_without_its_control_characters(call: Call, evil_run: Path) -> None:
    said = call("judge", evil_run, "--checks")
    assert said.code == 1
    assert "PANIC" in said.stderr or "red" in said.stderr
    assert not RAW.findall(said.stdout + said.stderr)


def test_junit_files_of_hostile_output_can_be_parsed(evil_run: Path, tmp_path: Path) -> None:
    for file in (tmp_path / "junit.xml", evil_run / "junit.xml"):
        (suite,) = JUnitXml.fromfile(str(file))
        (case,) = suite
        assert (case.name, suite.failures) == ("evil", 1)
        assert not RAW.findall(file.read_text())


def test_junit_files_of_hostile_scenarios_can_be_parsed(
    call: Call, write_scenario: Callable[..., Path], tmp_path: Path
) -> None:
    call("run", write_scenario("evil", "", 'skip = "needs \\u0007 \\u001b[31m \\uFFFE"'), "--junit", "junit.xml")
    (suite,) = JUnitXml.fromfile(str(tmp_path / "junit.xml"))
    assert suite.skipped == 1


def test_no_escape_of_a_guest_reaches_a_terminal(environment: Mapping[str, str], evil_run: Path) -> None:
    arguments = ["-P", "-m", "harness.cli.main", "judge", str(evil_run), "--checks"]
    with pexpect.spawn(sys.executable, arguments, env=dict(environment), timeout=60) as child:
        child.expect(pexpect.EOF)
        shown = child.before
    assert b"\x1b[31m" in shown, "our own colour of a failure"
    ours = re.sub(rb"\x1b\[[0-9;]*m", b"", shown)
    assert not re.findall(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", ours)
    assert b"\x1b[2J" not in shown
    assert b"owned\x07" not in shown
