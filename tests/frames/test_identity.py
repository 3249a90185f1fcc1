"""Frame identity: each of the guest's lies gets its own verdict, each broken bit is seen."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.frames.identity import IdentityChecker, crc8, decode_strip, desktop_of
from harness.frames.tiles import TileTable
from harness.frames.types import Frame, FrameVerdict

from .strips import crc8 as slow_crc8
from .strips import screen, tile_crc, write_band

SMALL = (144, 96)  # height × width of a desktop with three bands, five rows of tiles (the last half high)


def desktop(seed=1, shape=SMALL):
    return np.random.default_rng(seed).integers(0, 1 << 24, shape, np.uint32)


def frame(pixels):
    return Frame(pixels, str(hash(pixels.tobytes())), 0, "screendump")


def verdict(pixels, **options):
    return IdentityChecker().check(frame(pixels), **options).verdict


@given(st.binary(max_size=40))
def test_crc8_is_the_remainder_of_a_polynomial_division(data):
    assert crc8(data) == slow_crc8(data)


def test_crc8_of_the_usual_check_string():
    assert crc8(b"123456789") == 0xF4


@pytest.mark.parametrize("shape", [(32, 32), (64, 96), (48, 40), (33, 65), (1, 1), (31, 100)])
def test_the_tile_tables_crc_is_that_of_the_slow_formula(shape):
    pixels = desktop(3, shape)
    assert TileTable().crc(pixels) == tile_crc(pixels)


def test_the_checksum_of_one_pixel_is_worked_out_by_hand():
    pixels = np.zeros((32, 32), np.uint32)
    pixels[31, 30] = 5  # the last pixel but one: 5·F + 0
    assert int(TileTable().update(pixels)[0, 0]) == 5 * 6364136223846793005 % 2**64
    pixels[31, 31] = 7
    assert int(TileTable().update(pixels.copy())[0, 0]) == (5 * 6364136223846793005 + 7) % 2**64


@settings(max_examples=20)
@given(st.data())
def test_the_table_kept_from_frame_to_frame_equals_a_fresh_one(data):
    kept, pixels = TileTable(), desktop()
    for _ in range(4):
        pixels = pixels.copy()
        for _ in range(data.draw(st.integers(0, 3))):
            y, x = data.draw(st.integers(0, SMALL[0] - 1)), data.draw(st.integers(0, SMALL[1] - 1))
            pixels[y, x] ^= 1 << data.draw(st.integers(0, 23))
        assert kept.crc(pixels) == TileTable().crc(pixels)


def test_a_table_survives_a_change_of_the_screens_size():
    table = TileTable()
    table.crc(desktop(1, (64, 64)))
    other = desktop(2, (96, 32))
    assert table.crc(other) == tile_crc(other)


def test_a_whole_strip_is_decoded():
    identity = decode_strip(screen(desktop(), 0x01020304, 0xCAFEBABE))
    assert (identity.number, identity.crc, identity.whole) == (0x01020304, 0xCAFEBABE, True)
    assert [b.index for b in identity.bands] == [0, 1, 2]


def test_a_frame_that_is_what_the_guest_meant_and_claims_matches():
    pixels = screen(desktop(), 9)
    crc = tile_crc(desktop())
    result = IdentityChecker().check(frame(pixels), least=9, claim=(9, crc))
    assert (result.verdict, result.number, result.crc) == (FrameVerdict.MATCH, 9, crc)
    assert result.matches


def test_a_newer_frame_is_fine_where_the_guest_may_be_ahead():
    assert verdict(screen(desktop(), 9), least=5) is FrameVerdict.MATCH


# ---- the four lies of the reference guest's zoo ----


def test_lie_black_desktop_under_a_right_strip_is_blank():
    pixels = screen(desktop(), 4)
    desktop_of(pixels)[:] = 0
    assert verdict(pixels, least=4, claim=(4, tile_crc(desktop()))) is FrameVerdict.BLANK


def test_lie_stale_an_old_frame_with_its_own_strip_is_stale():
    result = IdentityChecker().check(frame(screen(desktop(), 3)), claim=(8, 0x12345678))
    assert result.verdict is FrameVerdict.STALE
    assert "frame 3" in result.reason
    assert "frame 8" in result.reason


def test_lie_torn_lower_half_of_the_frame_before_is_torn():
    pixels, before = screen(desktop(2), 5), screen(desktop(1), 4)
    pixels[72:] = before[72:]
    write_band(pixels, 1, 4, tile_crc(desktop(1)))
    result = IdentityChecker().check(frame(pixels), claim=(5, tile_crc(desktop(2))))
    assert result.verdict is FrameVerdict.TORN
    assert "band 0 is of frame 5" in result.reason


@pytest.mark.parametrize("bit", [1, 1 << 8, 1 << 23])
@pytest.mark.parametrize("place", [(0, 0), (143, 95), (32, 31), (100, 50)])
def test_lie_pixel_one_flipped_bit_anywhere_is_a_mismatch(place, bit):
    pixels = screen(desktop(), 5)
    pixels[place] ^= bit
    assert verdict(pixels, claim=(5, tile_crc(desktop()))) is FrameVerdict.MISMATCH


# ---- the rest of the rules ----


def test_a_dark_screen_without_a_strip_is_blank_and_a_picture_without_one_a_mismatch():
    assert verdict(np.zeros((144, 128), np.uint32)) is FrameVerdict.BLANK
    assert verdict(desktop(1, (144, 128))) is FrameVerdict.MISMATCH


def test_a_screen_too_small_for_a_strip_is_no_crash():
    assert verdict(np.zeros((16, 16), np.uint32)) is FrameVerdict.MISMATCH
    assert verdict(np.zeros((47, 400), np.uint32)) is FrameVerdict.BLANK


def test_a_band_caught_half_written_is_torn():
    pixels = screen(desktop(), 4)
    other = screen(desktop(), 5)
    pixels[48:70] = other[48:70]
    assert verdict(pixels) is FrameVerdict.TORN


def test_a_cell_caught_half_written_is_torn():
    pixels = screen(desktop(), 4)
    pixels[50, -30] ^= 0xFFFFFF
    assert verdict(pixels) is FrameVerdict.TORN


def test_a_strip_pixel_that_is_neither_black_nor_white_is_a_mismatch_and_is_named():
    pixels = screen(desktop(), 4)
    pixels[50, 100] ^= 1
    result = IdentityChecker().check(frame(pixels))
    assert result.verdict is FrameVerdict.MISMATCH
    assert "(100, 50)" in result.reason


@settings(max_examples=60)
@given(st.integers(0, 143), st.integers(96, 127), st.integers(1, 0xFFFFFF))
def test_no_changed_pixel_of_the_strip_goes_unseen(y, x, change):
    pixels = screen(desktop(), 4)
    pixels[y, x] ^= change
    assert verdict(pixels) in (FrameVerdict.TORN, FrameVerdict.MISMATCH)


def test_a_band_in_another_bands_place_is_not_believed():
    pixels = screen(desktop(), 4)
    pixels[48:96, 96:] = pixels[0:48, 96:]
    assert verdict(pixels) is FrameVerdict.TORN


def test_same_number_with_two_crcs_is_torn():
    pixels = screen(desktop(), 4)
    write_band(pixels, 2, 4, 0)
    assert verdict(pixels) is FrameVerdict.TORN


def test_a_frame_ahead_of_an_exact_claim_is_a_mismatch():
    assert verdict(screen(desktop(), 9), claim=(8, tile_crc(desktop()))) is FrameVerdict.MISMATCH


def test_the_right_number_with_another_crc_than_claimed_is_a_mismatch():
    assert verdict(screen(desktop(), 9), claim=(9, 1)) is FrameVerdict.MISMATCH


def test_torn_goes_before_stale_and_stale_before_blank():
    pixels = screen(np.zeros(SMALL, np.uint32), 4)
    assert verdict(pixels) is FrameVerdict.BLANK
    assert verdict(pixels, least=5) is FrameVerdict.STALE
    write_band(pixels, 1, 3, 0)
    assert verdict(pixels, least=5) is FrameVerdict.TORN


def test_a_desktop_of_one_colour_is_blank_although_its_crc_is_right():
    result = IdentityChecker().check(frame(screen(np.full(SMALL, 0x123456, np.uint32), 4)))
    assert result.verdict is FrameVerdict.BLANK
    assert "123456" in result.reason


def test_a_known_digest_is_not_worked_out_again_but_judged_by_todays_claim():
    checker, picture = IdentityChecker(), frame(screen(desktop(), 4))
    assert checker.check(picture, least=4).verdict is FrameVerdict.MATCH
    same = Frame(np.zeros((1, 1), np.uint32), picture.digest, 1, "vram")  # its pixels are not looked at
    assert checker.check(same, least=4).verdict is FrameVerdict.MATCH
    assert checker.check(same, least=5).verdict is FrameVerdict.STALE


def test_memory_of_known_digests_is_bounded():
    checker = IdentityChecker()
    pixels = np.zeros((1, 33), np.uint32)
    for n in range(1000):
        checker.check(Frame(pixels, str(n), 0, "vram"))
    assert len(checker._seen) == 256


def test_a_result_is_json_with_hex_values():
    picture = frame(screen(desktop(), 4))
    found = IdentityChecker().check(picture).to_json()
    assert found["verdict"] == "MATCH"
    assert found["crc"] == f"{tile_crc(desktop()):08x}"
    assert "box" not in found
