"""The workflow files of docs/ci.md are what the CI servers read, and the commands in them are there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from harness.campaign.quarantine import load_quarantine
from harness.cli.main import cli

PAGE = Path(__file__).parents[2] / "docs/ci.md"


def block(kind: str) -> str:
    (found,) = re.findall(rf"^```{kind}\n(.*?)^```$", PAGE.read_text(), re.S | re.M)
    return str(found)


def github_commands(workflow: Any) -> list[str]:
    return [step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step]


def gitlab_commands(pipeline: Any) -> list[str]:
    return [line for job in pipeline.values() for key in ("before_script", "script") for line in job[key]]


def test_the_workflow_for_github_has_what_github_wants() -> None:
    workflow = yaml.safe_load(block("yaml github"))
    assert set(workflow) == {"name", True, "jobs"}, "YAML 1.1 reads `on` as true, and GitHub knows that"
    for job in workflow["jobs"].values():
        assert {"runs-on", "timeout-minutes", "steps"} <= set(job)
        for step in job["steps"]:
            assert len({"uses", "run"} & set(step)) == 1
            assert "uses" not in step or re.fullmatch(r"actions/[a-z-]+@v\d+", step["uses"])


def test_the_pipeline_for_gitlab_has_what_gitlab_wants() -> None:
    pipeline = yaml.safe_load(block("yaml gitlab"))
    for job in pipeline.values():
        assert {"image", "script", "artifacts"} <= set(job)
        assert job["artifacts"]["reports"]["junit"] in job["artifacts"]["paths"]
        assert all(isinstance(line, str) for key in ("before_script", "script") for line in job[key])


@pytest.mark.parametrize("kind", ["yaml github", "yaml gitlab"])
def test_the_harness_understands_every_command_of_a_workflow(kind: str) -> None:
    document = yaml.safe_load(block(kind))
    commands = github_commands(document) if kind.endswith("github") else gitlab_commands(document)
    ours = [shlex.split(line.removeprefix("exec ")) for line in commands if re.match("(exec )?harness ", line)]
    assert ours
    for _, name, *arguments in ours:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        command.make_context(name, list(arguments))


@pytest.mark.parametrize("kind", ["yaml github", "yaml gitlab"])
def test_a_workflow_keeps_its_evidence_however_it_ends(kind: str) -> None:
    text = block(kind)
    assert "if: always()" in text or "when: always" in text
    assert "runs/" in text
    deadline = int(re.search(r"--deadline (\d+)", text)[1])  # type: ignore[index]
    limit = int(re.search(r"timeout(?:-minutes)?: (\d+)", text)[1]) * 60  # type: ignore[index]
    assert deadline < limit, "the harness ends before the server ends it, and says what was not played"


def test_the_example_of_a_quarantine_is_one(tmp_path: Path) -> None:
    import datetime

    (tmp_path / "known.toml").write_text(block("toml"))
    load_quarantine(tmp_path / "known.toml", datetime.date(2026, 11, 21))
