"""Approved pictures: variants, masks, updates."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from harness.errors import UsageError
from harness.frames.digest import digest_of
from harness.frames.goldens import Goldens, used_by
from harness.frames.png import load_png, save_png
from harness.frames.types import Frame, FrameVerdict
from harness.geometry import Rect


def picture(seed=1, w=60, h=40):
    return np.random.default_rng(seed).integers(0, 1 << 24, (h, w), np.uint32)


def frame(pixels):
    return Frame(pixels, digest_of(pixels), 0, "screendump")


@pytest.fixture
def goldens(tmp_path):
    save_png(tmp_path / "desk.png", picture())
    return Goldens(tmp_path)


def test_the_approved_picture_matches(goldens):
    result, expected = goldens.compare("desk", frame(picture()))
    assert result.verdict is FrameVerdict.MATCH
    assert (expected == picture()).all()


def test_one_flipped_bit_is_a_mismatch_with_its_place(goldens):
    wrong = picture()
    wrong[7, 9] ^= 1
    result, _ = goldens.compare("desk", frame(wrong))
    assert (result.verdict, result.differing, result.box) == (FrameVerdict.MISMATCH, 1, Rect(9, 7, 1, 1))
    assert "desk.png" in result.reason
    assert goldens.compare("desk", frame(wrong), tolerance=1)[0].matches


def test_any_variant_may_match_and_the_nearest_is_shown(goldens, tmp_path):
    save_png(tmp_path / "desk.no-clock.png", picture(2))
    assert goldens.compare("desk", frame(picture(2)))[0].matches
    near = picture(2)
    near[0, 0] ^= 4
    result, expected = goldens.compare("desk", frame(near))
    assert result.differing == 1
    assert (expected == picture(2)).all()


def test_another_checks_pictures_are_not_ones_own(goldens, tmp_path):
    save_png(tmp_path / "desk-2.png", picture(2))
    save_png(tmp_path / "desk.mask.png", np.zeros((40, 60), np.uint32))
    assert [p.name for p in goldens.pictures("desk")] == ["desk.png"]
    assert [p.name for p in goldens.files("desk")] == ["desk.png", "desk.mask.png"]


def test_a_golden_of_the_desktops_size_is_compared_with_the_desktop_only(goldens):
    screen = np.concatenate([picture(), np.full((40, 32), 0xABCDEF, np.uint32)], axis=1)
    assert goldens.compare("desk", frame(screen))[0].matches


def test_a_screen_of_another_size_is_a_mismatch(goldens):
    result, _ = goldens.compare("desk", frame(picture(w=61)))
    assert result.verdict is FrameVerdict.MISMATCH
    assert "61×40" in result.reason


def test_a_screen_of_one_colour_is_blank(goldens):
    assert goldens.compare("desk", frame(np.zeros((40, 60), np.uint32)))[0].verdict is FrameVerdict.BLANK


def test_a_missing_golden_says_how_to_make_one(tmp_path):
    with pytest.raises(UsageError, match="no approved picture") as caught:
        Goldens(tmp_path).compare("desk", frame(picture()))
    assert "--update-goldens" in caught.value.hint


@pytest.mark.parametrize("name", ["../x", "a/b", "a.b", "", ".x", "-x", "a\0b", "x" * 81, "a*"])
def test_a_name_that_could_leave_the_folder_is_refused(tmp_path, name):
    with pytest.raises(UsageError, match="cannot name"):
        Goldens(tmp_path).update(name, picture())


TERMS = 'owner = "clock people"\nexpires = 2030-06-30\n'


def write_mask(folder, text, terms=TERMS):
    (folder / "desk.mask.toml").write_text(terms + text)


def test_masks_from_table_and_picture_add_up(goldens, tmp_path):
    write_mask(tmp_path, '[[ignore]]\nx = 1\ny = 2\nw = 3\nh = 4\nreason = "clock"\n')
    drawn = np.zeros((40, 60), np.uint32)
    drawn[30, 50] = 0xFFFFFF
    save_png(tmp_path / "desk.mask.png", drawn)
    wrong = picture()
    wrong[2:6, 1:4] ^= 0xFF
    wrong[30, 50] ^= 0xFF
    assert goldens.compare("desk", frame(wrong))[0].matches
    wrong[6, 1] ^= 0xFF
    assert goldens.compare("desk", frame(wrong))[0].box == Rect(1, 6, 1, 1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ignore = 5",
        "[[ignore]]\nx = 1\ny = 1\nw = 1\n",
        "[[ignore]]\nx = 1\ny = 1\nw = 1\nh = 1\nz = 1\n",
        "[[ignore]]\nx = 1.5\ny = 1\nw = 1\nh = 1\n",
        "[[ignore]]\nx = 58\ny = 1\nw = 3\nh = 1\n",
        "[[ignore]]\nx = true\ny = 1\nw = 3\nh = 1\n",
        "[[ignore]]\nx = 0\ny = 0\nw = 60\nh = 40\n",
        "[[ignore]]\nx = 1\ny = 1\nw = 1\nh = 1\n[other]\n",
        "not toml",
    ],
)
def test_a_mask_that_makes_no_sense_is_refused(goldens, tmp_path, text):
    write_mask(tmp_path, text)
    with pytest.raises(UsageError, match="mask"):
        goldens.compare("desk", frame(picture(2)))


@pytest.mark.parametrize(
    "terms",
    [
        "",
        'owner = "clock people"\n',
        "expires = 2030-06-30\n",
        'owner = " "\nexpires = 2030-06-30\n',
        'owner = "clock people"\nexpires = "2030-06-30"\n',
        'owner = "clock people"\nexpires = 2030-06-30T12:00:00\n',
    ],
)
def test_a_mask_without_an_owner_and_a_day_on_which_it_expires_is_refused(goldens, tmp_path, terms):
    write_mask(tmp_path, "[[ignore]]\nx = 1\ny = 1\nw = 1\nh = 1\n", terms)
    with pytest.raises(UsageError, match=r"owner|expires"):
        goldens.compare("desk", frame(picture()))


def test_a_drawn_mask_alone_has_neither_and_is_refused(goldens, tmp_path):
    save_png(tmp_path / "desk.mask.png", picture())
    with pytest.raises(UsageError, match="owner"):
        goldens.compare("desk", frame(picture()))


def test_an_expired_mask_is_an_error_that_names_its_owner_from_the_day_after_on(goldens, tmp_path):
    write_mask(tmp_path, "[[ignore]]\nx = 1\ny = 1\nw = 1\nh = 1\n")
    goldens.check_mask("desk", date(2030, 6, 30), identity=True)
    with pytest.raises(UsageError, match=r"expired on 2030-06-30; its owner is clock people"):
        goldens.check_mask("desk", date(2030, 7, 1), identity=False)


def test_a_mask_may_hide_two_percent_where_frames_have_an_identity_and_any_part_elsewhere(goldens, tmp_path):
    day = date(2030, 1, 1)
    write_mask(tmp_path, "[[ignore]]\nx = 0\ny = 0\nw = 48\nh = 1\n")  # 48 of 2400
    goldens.check_mask("desk", day, identity=True)
    write_mask(tmp_path, "[[ignore]]\nx = 0\ny = 0\nw = 49\nh = 1\n")
    goldens.check_mask("desk", day, identity=False)
    with pytest.raises(UsageError, match=r"2\.0% of the picture"):
        goldens.check_mask("desk", day, identity=True)
    overlapping = "[[ignore]]\nx = 0\ny = 0\nw = 48\nh = 1\n" * 3  # hides no more than once
    write_mask(tmp_path, overlapping)
    goldens.check_mask("desk", day, identity=True)


def test_an_added_golden_is_a_further_variant_and_leaves_the_approved_ones(goldens, tmp_path):
    before = (tmp_path / "desk.png").read_bytes()
    assert goldens.update("desk", picture(2), add=True) == tmp_path / "desk.2.png"
    assert goldens.update("desk", picture(3), add=True) == tmp_path / "desk.3.png"
    assert goldens.update("desk", picture(2), add=True) is None
    assert goldens.update("new", picture(2), add=True) == tmp_path / "new.png"
    assert (tmp_path / "desk.png").read_bytes() == before
    for seed in (1, 2, 3):
        assert goldens.compare("desk", frame(picture(seed)))[0].matches
    assert not goldens.compare("desk", frame(picture(4)))[0].matches


def test_a_drawn_mask_of_another_size_is_refused(goldens, tmp_path):
    write_mask(tmp_path, "")
    save_png(tmp_path / "desk.mask.png", picture(1, 61, 40))
    with pytest.raises(UsageError, match="61×40"):
        goldens.compare("desk", frame(picture()))


def test_an_update_writes_the_picture_once_and_the_same_bytes_each_time(tmp_path):
    goldens = Goldens(tmp_path / "goldens")
    path = goldens.update("typed text", picture())
    assert path == tmp_path / "goldens" / "typed text.png"
    first = path.read_bytes()
    assert goldens.update("typed text", picture()) is None
    path.unlink()
    goldens.update("typed text", picture())
    assert path.read_bytes() == first
    assert (load_png(path) == picture()).all()


def test_an_update_replaces_a_picture_that_no_longer_matches_but_not_one_that_differs_under_the_mask(goldens, tmp_path):
    assert goldens.update("desk", picture(2)) == tmp_path / "desk.png"
    assert goldens.compare("desk", frame(picture(2)))[0].matches
    write_mask(tmp_path, "[[ignore]]\nx = 0\ny = 0\nw = 5\nh = 5\n")
    changed = picture(2)
    changed[1, 1] ^= 1
    assert goldens.update("desk", changed) is None


def test_which_scenarios_use_a_golden(tmp_path):
    folder = tmp_path / "goldens"
    folder.mkdir()
    save_png(folder / "desk.png", picture())
    save_png(folder / "desk.big.png", picture(2))
    a, b = tmp_path / "a.toml", tmp_path / "b.toml"
    users = used_by([(a, "desk"), (b, "desk"), (a, "desk"), (b, "other")])
    assert users == {folder / "desk.png": [a, b], folder / "desk.big.png": [a, b]}
    assert all(isinstance(path, Path) for path in users)
