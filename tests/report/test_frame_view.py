"""Which pictures the page holds: each once, the failed ones first, none from outside the bundle."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.judge.verdict import CheckStatus
from harness.report.frame_view import frame_view
from harness.report.pictures import Album, dimensions


def test_a_failed_frame_has_its_three_pictures_and_a_magnified_part(
    make: Callable[..., Any], failed: Callable[..., Any]
) -> None:
    maker = make()
    verdict = failed(maker)
    album = Album(maker.bundle.path)
    view = frame_view(verdict.checks, {}, album, ())
    (shot,) = view.failed
    assert [(p.title, p.picture.file) for p in shot.panels] == [
        ("expected", "frames/0002-77f00dbabe42.expected.png"),
        ("actual", "frames/0002-77f00dbabe42.png"),
        ("difference", "frames/0002-77f00dbabe42.diff.png"),
    ]
    assert shot.whole == (0, 0, 1024, 768)
    assert shot.box == (500, 400, 1, 1)
    assert shot.loupe == (468, 380, 64, 40)
    assert (
        base64.b64decode(shot.panels[1].picture.data) == (maker.bundle.path / shot.panels[1].picture.file).read_bytes()
    )
    assert [s.good for s in view.shots] == [True, True, False]


@pytest.mark.parametrize(
    ("box", "first", "loupe"),
    [
        ([0, 0, 1, 1], {"x": 0, "y": 0}, (0, 0, 64, 40)),
        ([1020, 765, 4, 3], {"x": 1020, "y": 765}, (960, 728, 64, 40)),
        ([100, 100, 120, 60], {"x": 130, "y": 100}, (92, 92, 136, 76)),
        ([0, 0, 1024, 768], {"x": 512, "y": 3}, (480, 0, 64, 40)),
        ([0, 0, 1024, 768], None, (0, 0, 64, 40)),
        (None, None, None),
        (["x"], None, None),
        ([5, 5, 0, 1], None, None),
    ],
)
def test_the_magnified_part_holds_the_difference_and_lies_in_the_picture(
    make: Callable[..., Any], box: Any, first: Any, loupe: Any
) -> None:
    maker = make()
    file = maker.picture("frames/0.png")
    maker.check(0, "frame", "desk", CheckStatus.BROKEN, "differs", verdict="MISMATCH", file=file, box=box, first=first)
    (shot,) = frame_view(maker.checks, {}, Album(maker.bundle.path), ()).shots
    assert shot.loupe == loupe


def test_over_the_budget_the_failed_frames_stay_and_the_rest_is_named(make: Callable[..., Any]) -> None:
    maker = make()
    for i in range(4):
        maker.check(i, "frame", f"frame {i}", verdict="MATCH", file=maker.picture(f"frames/{i}.png", colour=i))
    maker.checks[2].status = CheckStatus.BROKEN
    one = (maker.bundle.path / "frames/2.png").stat().st_size
    album = Album(maker.bundle.path, left=2 * one + 200)
    view = frame_view(maker.checks, {}, album, ())
    assert [picture.file for picture in album] == ["frames/2.png", "frames/0.png"]
    assert [shot.picture is None for shot in view.shots] == [False, True, False, True]
    assert view.note.startswith("2 pictures left out (frames/1.png: ")
    assert "over what is left of the 12.0 MiB for pictures" in view.shots[1].why_not


def test_a_picture_that_is_shown_twice_is_embedded_once(make: Callable[..., Any]) -> None:
    maker = make()
    file = maker.picture("frames/0.png")
    for step in (0, 1):
        maker.check(step, "frame", "desk", verdict="MATCH", file=file)
    album = Album(maker.bundle.path)
    view = frame_view(maker.checks, {}, album, ())
    assert len(list(album)) == 1
    assert view.shots[0].picture is view.shots[1].picture


def test_only_png_files_inside_the_bundle_are_embedded(make: Callable[..., Any], tmp_path: Path) -> None:
    maker = make()
    outside = tmp_path / "outside.png"
    maker.picture("frames/0.png")
    outside.write_bytes((maker.bundle.path / "frames/0.png").read_bytes())
    (maker.bundle.path / "frames/link.png").symlink_to(outside)
    (maker.bundle.path / "frames/text.png").write_bytes(b"<svg onload=alert(1)>" + bytes(64))
    (maker.bundle.path / "frames/short.png").write_bytes(b"\x89PNG")
    album = Album(maker.bundle.path)
    for file in (
        "../outside.png",
        str(outside),
        "frames/link.png",
        "frames/text.png",
        "frames/short.png",
        "frames",
        "nowhere.png",
        "a\0b",
        None,
        7,
    ):
        assert album.add(file) is None
    assert set(album.left_out.values()) == {"not in the bundle", "not a PNG file", "embedded null byte"}
    assert list(album) == []


def test_a_png_says_its_size() -> None:
    head = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x04\x00\x00\x00\x03\x00"
    assert dimensions(head) == (1024, 768)
    for broken in (head[:-1], b"GIF89a" + head[6:], head[:16] + b"\xff" * 8, head[:16] + bytes(8)):
        with pytest.raises(ValueError, match="not a PNG"):
            dimensions(broken)


def test_of_very_many_checks_those_that_failed_are_shown_and_the_rest_is_counted(
    make: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.report.frame_view.SHOTS", 3)
    maker = make()
    for step in range(6):
        status = CheckStatus.BROKEN if step == 4 else CheckStatus.MET
        maker.check(step, "frame", f"check {step}", status, verdict="MATCH", file="")
    view = frame_view(maker.checks, {}, Album(maker.bundle.path), ())
    assert [shot.name for shot in view.shots] == ["check 0", "check 1", "check 4"]
    assert (view.left_out, view.note) == (3, "3 further frame checks not shown here.")
