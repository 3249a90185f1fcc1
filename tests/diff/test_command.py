"""`harness diff` as its words are understood; what it plays is not played here."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.cli.diff import command
from harness.engine.options import BatchOptions
from harness.errors import UsageError


def test_an_image_that_is_typed_is_looked_up_in_the_current_folder_not_in_the_scenarios(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("here", "scen"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "kern.elf").write_text(folder)
    scenario = tmp_path / "scen/s.toml"
    scenario.write_text('version = 1\nname = "s"\nstep = [{ do = "boot" }]\n')
    played = []

    def play_one(_: object, options: BatchOptions, of: str) -> None:
        played.append((options.image, of))
        raise UsageError("enough")

    monkeypatch.setattr("harness.diff.playing.play_one", play_one)
    monkeypatch.chdir(tmp_path / "here")
    words = ["kern.elf", "kern.elf", "--scenario", str(scenario)]
    with pytest.raises(UsageError, match="enough"):
        CliRunner().invoke(command, words, standalone_mode=False, catch_exceptions=False)
    assert played == [(str(tmp_path / "here/kern.elf"), "kern.elf")]
