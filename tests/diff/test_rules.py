"""Rules are read from a small file; what is wrong with one is told with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.diff import Rule, Rules, load_rules
from harness.errors import UsageError


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_a_file_of_rules_is_read(tmp_path: Path) -> None:
    text = """version = 1
slower = 1.3
boot = "RAYOS_KIT:BOOT"
[[rule]]
match = "RAYOS_KIT:BOOT"
do = "normalise"
fields = ["version", 1]
[[rule]]
match = "re:build-[0-9a-f]+"
do = "normalise"
"""
    assert load_rules(written(tmp_path / "rules.toml", text)) == Rules(
        slower=1.3,
        boot="RAYOS_KIT:BOOT",
        rule=(
            Rule(match="RAYOS_KIT:BOOT", do="normalise", fields=("version", 1)),
            Rule(match="re:build-[0-9a-f]+", do="normalise"),
        ),
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("slowr = 2", r"rules\.toml:2.*slowr.*did you mean 'slower'"),
        ("slower = 0.5", r"rules\.toml:2.*over 1"),
        ("slower_ms = -1", r"rules\.toml:2.*from 0 on"),
        ('boot = "login:"', r"rules\.toml:2.*marker"),
        ('[[rule]]\nmatch = "RAYOS_X"\ndo = "ignor"', r"rules\.toml:4"),
        ('[[rule]]\nmatch = "re:("\ndo = "ignore"', r"rules\.toml:3"),
        ('[[rule]]\nmatch = "RAYOS_X"\ndo = "ignore"\nfields = ["a"]', r"rules\.toml:5.*whole marker"),
        ('[[rule]]\nmatch = "login"\ndo = "exact"', r"rules\.toml:3.*marker"),
        ('[[rule]]\nmatch = "login"\ndo = "normalise"\nfields = [1]', r"rules\.toml:3.*fields"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=told):
        load_rules(written(tmp_path / "rules.toml", f"version = 1\n{text}\n"))


def test_rules_may_be_about_markers_of_a_projects_own_prefix(tmp_path: Path) -> None:
    text = 'version = 1\nboot = "MY_KIT:BOOT"\n[[rule]]\nmatch = "MY_NET:CARRIER"\ndo = "normalise"\nfields = [0]\n'
    assert load_rules(written(tmp_path / "rules.toml", text)).boot == "MY_KIT:BOOT"
