"""`harness image build --locked` and `harness image update`: builds by a lock file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.cli.image import command
from harness.errors import UsageError

TOML = """version = 1
name = "toy"
[boot]
kernel = "k"
[build]
command = ["sh", "-c", "echo current >k"]
"""
LOCKS = """locked = ["sh", "-c", "cp lock k"]
update = ["sh", "-c", "echo new >lock; cp lock k"]
"""


def call(*arguments: str) -> dict[str, object]:
    result = CliRunner().invoke(command, [*arguments, "--json"], catch_exceptions=False, standalone_mode=False)
    document = json.loads(result.stdout)
    assert isinstance(document, dict)
    return document


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    (tmp_path / "lock").write_text("old\n")
    (tmp_path / "toy.toml").write_text(TOML + LOCKS)
    return tmp_path / "toy.toml"


def test_a_locked_build_takes_what_the_lock_file_names(toy: Path) -> None:
    call("build", str(toy), "--locked")
    assert toy.with_name("k").read_text() == "old\n"


def test_an_update_builds_and_renews_the_lock_file(toy: Path) -> None:
    document = call("update", str(toy))
    assert toy.with_name("lock").read_text() == toy.with_name("k").read_text() == "new\n"
    assert [built["name"] for built in document["built"]] == ["toy"]  # type: ignore[attr-defined]


@pytest.mark.parametrize("arguments", [("build", "--locked"), ("update",)])
def test_an_image_without_a_lock_file_is_not_built_by_one(toy: Path, arguments: tuple[str, ...]) -> None:
    toy.write_text(TOML)
    with pytest.raises(UsageError, match="the image toy has no lock file"):
        call(arguments[0], str(toy), *arguments[1:])
    assert not toy.with_name("k").exists()


def test_a_locked_build_of_no_image_in_particular_is_refused() -> None:
    with pytest.raises(UsageError, match="--locked needs the names of images"):
        call("build", "--locked")
