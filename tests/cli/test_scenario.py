"""`harness scenario check` on files that are wrong: every problem with file, line and the nearest word."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import ROOT, Call


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (
            'version = 1\nname = "x"\nimage = "reference"\n[[step]]\ndo = "boot"\ntimeuot = 3\n',
            6,
            "did you mean 'timeout'?",
        ),
        ('version = 1\nname = "x"\nimage = "reference"\n[[step]]\ndo = "bot"\n', 5, "did you mean 'boot'?"),
        ('version = 1\nname = "x"\nimage = "reference"\nsteps = []\n', 4, "did you mean 'step'?"),
        ('version = 1\nname = "x"\n[[step]\n', 3, ""),
        ('version = 1\nname = "x"\nimage = "reference"\nforbid = ["re:("]\n[[step]]\ndo = "boot"\n', 4, ""),
        ('version = 1\nname = "x"\nimage = "reference"\n[[step]]\ndo = "stop"\n', 4, 'do = "boot"'),
    ],
)
def test_a_wrong_file_is_told_by_line_and_nearest_word(
    call: Call, tmp_path: Path, text: str, line: int, said: str
) -> None:
    (tmp_path / "wrong.toml").write_text(text)
    result = call("scenario", "check", "wrong.toml", "--json")
    (entry,) = result.document["files"]
    assert (result.code, entry["ok"]) == (2, False)
    assert [p for p in entry["problems"] if p.startswith(f"wrong.toml:{line}: ") and said in p], entry["problems"]
    assert "Traceback" not in result.stderr


def test_an_unknown_image_is_told_without_hiding_the_good_files(
    call: Call, tmp_path: Path, write_scenario: Callable[..., Path]
) -> None:
    good = write_scenario("good", '{ do = "check-frame", name = "desk" }')
    lost = write_scenario("lost", '{ do = "check-frame", name = "desk" }')
    lost.write_text(lost.read_text().replace('"reference"', '"refrence"'))
    result = call("scenario", "check", good, lost, "--json")
    assert (result.code, [entry["ok"] for entry in result.document["files"]]) == (2, [True, False])
    assert "did you mean 'reference'?" in " ".join(result.document["files"][1]["problems"])


def test_bytes_that_are_no_text_are_told(call: Call, tmp_path: Path) -> None:
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00version")
    (tmp_path / "deep.toml").write_text("a = " + "[" * 5000 + "]" * 5000)
    for name in ("binary.toml", "deep.toml"):
        result = call("scenario", "check", name, "--json")
        assert result.code == 2
        assert name in result.document["files"][0]["problems"][0]


def test_all_scenarios_that_ship_are_right(call: Call) -> None:
    result = call("scenario", "check", ROOT / "scenarios", "--json")
    assert result.code == 0, result.stderr
