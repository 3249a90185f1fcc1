"""Frames one after the other: each is the next one, whole, right, and drawn where it was allowed; one bit is enough."""

import os

import numpy as np
import pytest

from harness.frames.identity import strip_rows
from harness.frames.ledger import Ledger
from harness.frames.vram import Place
from harness.geometry import Rect

from .strips import screen, tile_crc, write_band

HEIGHT, WIDTH = 96, 160  # three rows of tiles and two bands; the desktop has four columns


def desktop(seed=1):
    return np.random.default_rng(seed).integers(0, 1 << 24, (HEIGHT, WIDTH - 32), np.uint32)


class Guest:
    """Presents frames to a ledger."""

    def __init__(self):
        self.ledger = Ledger(HEIGHT, WIDTH)
        self.desktop = desktop()
        self.number = 0

    def present(self, *, spoil=None, claim=None, number=None, **rules):
        self.number = self.number + 1 if number is None else number
        pixels = screen(self.desktop, self.number)
        crc = tile_crc(self.desktop)
        if spoil is not None:
            spoil(pixels)
        self.ledger.coming.load(pixels)
        entry = self.ledger.enter(claim or (self.number, crc), **rules)
        self.ledger.turn()
        return entry


@pytest.fixture
def guest():
    started = Guest()
    assert started.present().good
    return started


def test_a_frame_with_changed_pixels_their_checksum_and_the_next_number_is_good(guest):
    guest.desktop[40:50, 3:9] ^= 0x123456
    entry = guest.present(allowed=[Rect(3, 40, 6, 10)], expected=guest.desktop.copy())
    assert entry.good
    assert entry.crc == tile_crc(guest.desktop)


def test_every_single_wrong_bit_of_the_desktop_is_seen(guest):
    for y, x, bit in ((0, 0, 0), (95, 127, 23), (31, 31, 7), (64, 96, 12)):
        fresh = Guest()

        def spoil(pixels, y=y, x=x, bit=bit):
            pixels[y, x] ^= 1 << bit

        assert not fresh.present(spoil=spoil).good


def test_a_wrong_pixel_that_stays_while_others_change_is_seen(guest):
    def spoil(pixels):
        pixels[10, 10] ^= 1

    guest.desktop[80:90] ^= 3
    assert not guest.present(spoil=spoil).good


def test_the_fourth_byte_of_a_pixel_means_nothing(guest):
    def spoil(pixels):
        pixels |= np.uint32(0xAB000000)

    guest.desktop[5, 5] ^= 1
    allowed, expected = [Rect(5, 5, 1, 1)], guest.desktop.copy()
    assert guest.present(spoil=spoil, allowed=allowed, expected=expected).good


@pytest.mark.parametrize("number", [1, 3, 0, 7])
def test_a_number_that_is_not_the_next_is_seen(guest, number):
    assert not guest.present(number=number).good


def test_a_strip_of_the_frame_before_is_seen(guest):
    crc = tile_crc(guest.desktop)

    def stale(pixels):
        for band in range(2):
            write_band(pixels, band, 1, crc)

    def torn(pixels):
        write_band(pixels, 1, 1, crc)

    assert not guest.present(spoil=stale).good
    assert not Guest().present(spoil=lambda pixels: write_band(pixels, 1, 0, crc)).good
    other = Guest()
    other.present()
    assert not other.present(spoil=torn).good


def test_one_pixel_of_the_strip_that_is_not_its_cells_is_seen(guest):
    def spoil(pixels):
        pixels[50, WIDTH - 1] ^= 1

    assert not guest.present(spoil=spoil).good


def test_a_guest_that_claims_another_checksum_than_its_pixels_have_is_seen(guest):
    assert not guest.present(claim=(2, 1)).good


def test_a_frame_other_than_the_expected_one_is_not_good_though_its_checksum_is(guest):
    expected = guest.desktop.copy()
    expected[17, 18] ^= 1
    assert not guest.present(expected=expected).good


def test_pixels_outside_of_the_allowed_places_must_not_change(guest):
    guest.desktop[40:50, 3:9] ^= 0x010101
    guest.desktop[49, 9] ^= 0x010101
    assert not guest.present(allowed=[Rect(3, 40, 6, 10)]).good
    both = Guest()
    both.present()
    both.desktop[40:50, 3:9] ^= 0x010101
    both.desktop[49, 9] ^= 0x010101
    assert both.present(allowed=[Rect(3, 40, 6, 10), Rect(9, 49, 1, 1)]).good


def test_allowed_places_may_leave_the_desktop(guest):
    guest.desktop[:4, :4] ^= 1
    assert guest.present(allowed=[Rect(-10, -10, 14, 14)]).good
    guest.desktop[90:, 120:] ^= 1
    assert guest.present(allowed=[Rect(120, 90, 500, 500)]).good
    guest.desktop[50, 50] ^= 1
    assert not guest.present(allowed=[Rect(-10, -10, 5, 5)]).good


def test_equal_desktops_have_equal_digests_and_others_have_others(guest):
    same = Guest().present()
    assert guest.present().digest == same.digest
    guest.desktop[0, 0] ^= 1
    assert guest.present().digest != same.digest


def test_the_frame_before_is_kept_whole(guest):
    first = screen(guest.desktop, 1)
    guest.desktop[70:80] ^= 5
    guest.ledger.coming.load(screen(guest.desktop, 2))
    guest.ledger.enter((2, tile_crc(guest.desktop)))
    assert (guest.ledger.before.whole() == first).all()
    assert (guest.ledger.coming.whole() == screen(guest.desktop, 2)).all()


def test_a_screen_is_read_from_the_memory_of_a_process_into_its_two_parts():
    """With more rows than one call of the kernel takes pieces."""
    pixels = np.random.default_rng(5).integers(0, 1 << 32, (1080, 1920), np.uint32)
    ledger = Ledger(1080, 1920)
    ledger.coming.read(Place(os.getpid(), pixels.ctypes.data, pixels.shape))
    assert (ledger.coming.whole() == pixels & 0xFFFFFF).all()


def test_memory_that_is_not_there_is_an_error():
    ledger = Ledger(HEIGHT, WIDTH)
    with pytest.raises(OSError, match=r"Bad address|bytes"):
        ledger.coming.read(Place(os.getpid(), 16, (HEIGHT, WIDTH)))


def test_strips_are_those_that_another_writer_draws():
    drawn = screen(desktop(), 0xA1B2C3D4, 0x01234567)[:, WIDTH - 32 :]
    assert (strip_rows(0xA1B2C3D4, 0x01234567, 2).repeat(4, axis=0) == drawn).all()
