"""An image's path that is typed is one from the current folder, whatever the scenario's folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.cli.main import cli
from harness.errors import UsageError


@pytest.mark.parametrize("verb", ["run", "chaos", "twin"])
def test_an_image_of_that_name_in_the_scenarios_folder_is_not_taken_for_the_one_that_is_typed(
    verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "scen").mkdir()
    (tmp_path / "scen/kern.elf").write_text("another")
    (tmp_path / "scen/s.toml").write_text('version = 1\nname = "s"\nimage = "reference"\nstep = [{ do = "boot" }]\n')
    (tmp_path / "here/board.toml").write_text("")
    monkeypatch.chdir(tmp_path / "here")
    words = [verb, "../scen/s.toml", "--image", "kern.elf", *(["--target", "board.toml"] if verb == "twin" else [])]
    with pytest.raises(UsageError, match=f"there is no image file {tmp_path}/here/kern.elf"):
        CliRunner().invoke(cli, words, catch_exceptions=False)
