"""The seal of docs/protocol.md."""

from __future__ import annotations

import pytest

from harness.console.types import Line
from harness.markers.parser import MarkerParser
from harness.markers.seal import crc8, seal_ok
from harness.markers.types import MarkerFlag


def sealed(text: str, seq: int) -> str:
    head = f"{text}{seq:04X}"
    return f"{text}*{seq:04X}{crc8(head.encode()):02X}"


def lines(*texts: str, epoch: int = 0) -> list[Line]:
    return [Line(n, epoch, 0, t.encode(), t, 0) for n, t in enumerate(texts, 1)]


def test_crc8_has_the_check_value_of_its_catalogue_entry() -> None:
    assert crc8(b"123456789") == 0xF4  # CRC-8/SMBUS: poly 0x07, init 0, no reflection


def test_the_example_of_the_protocol_page_is_a_right_seal() -> None:
    text = "RAYOS_SOAK:CLIENT_CREATED:1"
    assert seal_ok(text, "0011", f"{crc8((text + '0011').encode()):02X}")


@pytest.mark.parametrize("bit", range(8))
def test_any_single_bit_error_is_seen(bit: int) -> None:
    whole = sealed("RAYOS_SOAK:CLIENT_CREATED:1", 17)
    for at in range(len("RAYOS_"), len(whole)):
        damaged = whole[:at] + chr(ord(whole[at]) ^ 1 << bit) + whole[at + 1 :]
        parser = MarkerParser()
        parser.feed(lines(sealed("RAYOS_SOAK:START:1:1", 16))[0])
        for marker in parser.feed(lines(damaged)[0]):
            assert not marker.trusted or marker.family != "SOAK", damaged


@pytest.mark.parametrize("at", range(len("RAYOS_"), len("RAYOS_SOAK:CLIENT_CREATED:12*0011A7")))
def test_a_lost_byte_is_seen(at: int) -> None:
    whole = sealed("RAYOS_SOAK:CLIENT_CREATED:12", 17)
    parser = MarkerParser()
    parser.feed(lines(sealed("RAYOS_SOAK:START:1:1", 16))[0])
    for marker in parser.feed(lines(whole[:at] + whole[at + 1 :])[0]):
        assert not marker.trusted or marker.family != "SOAK"


def test_a_gap_in_the_sequence_is_counted_once() -> None:
    parser = MarkerParser()
    for line in lines(*(sealed("RAYOS_A:B", n) for n in (0, 1, 5, 6))):
        parser.feed(line)
    assert parser.lost == 3


def test_the_first_marker_of_a_boot_is_number_0() -> None:
    parser = MarkerParser()
    parser.feed(lines(sealed("RAYOS_A:B", 2))[0])
    parser.feed(lines(sealed("RAYOS_A:B", 0), epoch=1)[0])
    assert parser.lost == 2


def test_the_sequence_wraps_without_loss() -> None:
    parser = MarkerParser()
    for number in (*range(0, 0x10000, 0x7FFF), 0xFFFF, 0, 1):
        parser.feed(lines(sealed("RAYOS_A:B", number))[0])
    before = parser.lost
    parser.feed(lines(sealed("RAYOS_A:B", 2))[0])
    assert parser.lost == before


def test_a_torn_marker_that_is_joined_again_is_not_counted_as_lost() -> None:
    first, torn, intruder = (sealed(t, n) for n, t in enumerate(["RAYOS_A:B", "RAYOS_C:DDDD", "RAYOS_E:F"]))
    parser = MarkerParser()
    found = [m for line in lines(first, torn[:10] + intruder, torn[10:]) for m in parser.feed(line)]
    assert [(m.text, m.flags) for m in found][1:] == [
        ("RAYOS_E:F", MarkerFlag.PREFIXED),
        ("RAYOS_C:DDDD", MarkerFlag.REJOINED),
    ]
    assert parser.lost == 0
