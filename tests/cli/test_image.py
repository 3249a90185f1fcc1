"""`harness image list` and `harness image build`, as a user types them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from harness.cli.image import command
from harness.errors import UsageError


def call(*arguments: str) -> tuple[dict[str, Any], str]:
    """The JSON document on stdout, and what was said on stderr."""
    result = CliRunner().invoke(command, [*arguments, "--json"], catch_exceptions=False, standalone_mode=False)
    return json.loads(result.stdout), result.stderr


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation with one image to build, one from a package, and one with a wrong profile."""
    for name, text in {
        "toy": '[boot]\nkernel = "build/k"\n[build]\ncommand = ["install", "-D", "s", "build/k"]\ninputs = ["s"]\n',
        "packaged": '[boot]\nkernel = "/nowhere/k"\n[build]\npackages = ["some-kernel"]\n',
        "wrong": '[boot]\nkernal = "k"\n',
    }.items():
        (tmp_path / "images" / name).mkdir(parents=True)
        (tmp_path / "images" / name / f"{name}.toml").write_text(f'version = 1\nname = "{name}"\n{text}')
    (tmp_path / "images/toy/s").write_text("source")
    monkeypatch.setattr("harness.targets.loader.data_folder", lambda name: tmp_path / name)
    return tmp_path / "images"


def by_name(document: dict[str, Any]) -> dict[str, Any]:
    return {entry["name"]: entry for entry in document["images"]}


def test_the_list_says_of_each_image_whether_it_can_be_booted(images: Path) -> None:
    found = by_name(call("list")[0])
    assert {name: entry["status"] for name, entry in found.items()} == {
        "toy": "not built",
        "packaged": "missing",
        "wrong": "wrong",
    }
    assert (found["toy"]["shape"], found["toy"]["arch"], found["toy"]["clock"]) == ("kernel", "x86_64", "wall")
    assert found["toy"]["hint"] == "build it: harness image build toy"
    assert "some-kernel" in found["packaged"]["hint"]
    assert "'kernal'" in found["wrong"]["reason"]


def test_a_build_by_name_makes_the_image_ready(images: Path) -> None:
    document, said = call("build", "toy")
    (built,) = document["built"]
    assert (built["name"], [file["bytes"] for file in built["files"]]) == ("toy", [6])
    assert "toy: built in " in said
    assert by_name(call("list")[0])["toy"]["status"] == "ready"


def test_a_build_by_name_runs_even_if_the_image_is_fresh(images: Path) -> None:
    for _ in range(2):
        assert "toy: built in " in call("build", "toy")[1]


def test_a_build_without_a_name_builds_what_is_stale_and_nothing_else(images: Path) -> None:
    document, said = call("build")
    assert [built["name"] for built in document["built"]] == ["toy"]
    assert "wrong.toml:" in said, "a wrong profile is told and keeps nothing from being built"
    document, said = call("build")
    assert document["built"] == []
    assert "every image is built" in said


def test_a_packaged_image_that_is_not_installed_cannot_be_built(images: Path) -> None:
    with pytest.raises(UsageError, match="there is no kernel /nowhere/k") as caught:
        call("build", "packaged")
    assert caught.value.hint == "install the Debian package: apt-get install some-kernel"


def test_a_wrong_name_among_several_is_refused_before_anything_is_built(images: Path) -> None:
    with pytest.raises(UsageError, match="there is no image 'tow'"):
        call("build", "toy", "tow")
    assert not (images / "toy/build").exists()
