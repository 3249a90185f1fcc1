"""The porting kit speaks what the harness reads: its C, compiled for this host, against the harness's own decoders."""

from __future__ import annotations

import ctypes
import subprocess
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from harness.clients.codec import ControlDecoder, Reply, encode
from harness.frames.identity import IdentityChecker, crc8
from harness.frames.types import Frame, FrameVerdict
from harness.markers.seal import SEAL, seal_ok

KIT = Path(__file__).parents[2] / "images" / "reference" / "kit"
STRICT = ["-std=c99", "-O2", "-Wall", "-Wextra", "-Wpedantic", "-Werror", f"-I{KIT}"]
NOW = 1_000_000


class Kit:
    """The compiled kit, with what it printed and answered."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self.c = library

    def begin(self, seal: bool = False) -> Kit:
        self.c.begin(seal)
        return self

    def feed(self, data: bytes, now: int = NOW) -> None:
        self.c.feed(data, ctypes.c_size_t(len(data)), ctypes.c_uint64(now))

    def _text(self, name: str) -> str:
        length = ctypes.c_size_t.in_dll(self.c, f"{name}_length").value
        return bytes((ctypes.c_char * length).in_dll(self.c, name)).decode("ascii") if length else ""

    @property
    def lines(self) -> list[str]:
        return self._text("console").splitlines()

    @property
    def replies(self) -> list[Reply]:
        found = ControlDecoder().feed(self._text("control").encode("ascii"))
        assert all(isinstance(reply, Reply) for reply in found), found
        return [reply for reply in found if isinstance(reply, Reply)]

    def ask(self, data: bytes) -> tuple[Reply, list[str]]:
        """What one line of input brings about, on a kit that has seen nothing else."""
        self.begin().feed(data)
        (reply,) = self.replies
        return reply, self.lines


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Kit:
    library = tmp_path_factory.mktemp("kit") / "kit.so"
    sources = [Path(__file__).with_name("kit_driver.c"), KIT / "rayos_kit.c"]
    subprocess.run(["gcc", *STRICT, "-shared", "-fPIC", "-o", library, *sources], check=True)
    return Kit(ctypes.CDLL(str(library)))


@pytest.mark.parametrize("machine", ["-m64", "-m32"])
def test_the_kit_needs_nothing_of_a_runtime(machine: str, tmp_path: Path) -> None:
    made = tmp_path / "kit.o"
    options = [machine, "-ffreestanding", "-fno-pic", "-fno-stack-protector"]
    subprocess.run(["gcc", *STRICT, *options, "-c", "-o", made, KIT / "rayos_kit.c"], check=True)
    wanted = subprocess.run(["nm", "-u", made], check=True, capture_output=True, text=True).stdout
    assert wanted == ""


# ---- markers ---------------------------------------------------------------------------------------------------------


def test_markers_are_sealed_one_after_the_other_also_past_the_wrap(kit: Kit) -> None:
    kit.begin(seal=True)
    for _ in range(0x10000 // 256):
        for _ in range(256):
            kit.c.mark(b"SOAK:CLIENT_CREATED:1")
        assert len(kit.lines) == 256
        ctypes.c_size_t.in_dll(kit.c, "console_length").value = 0
    kit.c.mark(b"SOAK:COMPLETE:pass")
    (line,) = kit.lines
    found = SEAL.search(line)
    assert found is not None
    assert found[1] == "0000"
    assert seal_ok(line[: found.start()], found[1], found[2])


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="*%"), max_size=200))
def test_the_seal_of_any_marker_is_the_harness_s(kit: Kit, text: str) -> None:
    kit.begin(seal=True)
    kit.c.mark(text.encode("ascii"))
    (line,) = kit.lines
    assert line == f"RAYOS_{text}*0000{crc8(f'RAYOS_{text}0000'.encode()):02X}"


@given(st.integers(-(1 << 31), (1 << 31) - 1), st.integers(0, (1 << 32) - 1), st.integers(-(1 << 63), (1 << 63) - 1))
def test_numbers_are_printed_as_printf_does(kit: Kit, d: int, u: int, wide: int) -> None:
    kit.begin()
    kit.c.numbers(ctypes.c_int(d), ctypes.c_uint(u), ctypes.c_longlong(wide))
    assert kit.lines == ["RAYOS_N:%d:%08x:%5u:%d:%03d:z:%%" % (d, u, u, wide, d)]  # noqa: UP031 - the same format


def test_a_marker_that_is_too_long_is_cut_and_keeps_its_seal_and_its_newline(kit: Kit) -> None:
    kit.begin(seal=True)
    kit.c.mark(b"X" * 400)
    kit.c.mark(b"Y")
    first, second = kit.lines
    found = SEAL.search(first)
    assert len(first) == 255
    assert found is not None
    assert seal_ok(first[: found.start()], found[1], found[2])
    assert second.startswith("RAYOS_Y*0001")


# ---- control frames and the rendezvous -------------------------------------------------------------------------------

PAYLOADS = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=200).filter(
    lambda text: not text.startswith(("ref", "num"))
)


@given(st.integers(1, 0xFFFF), PAYLOADS, st.integers(0, (1 << 64) - 1))
def test_a_command_is_executed_answered_and_followed_by_ready(kit: Kit, seq: int, payload: str, now: int) -> None:
    kit.begin().feed(encode(seq, payload), now)
    assert kit.replies == [Reply(seq, True, f"ok {payload}")]
    assert kit.lines[-1] == f"RAYOS_CONTROL:READY:{seq}:{now}"
    assert kit.lines[0] == f"RAYOS_TEST:EXECUTED:{payload}"[:247]


def test_a_refusal_prints_its_reason_before_it_is_answered(kit: Kit) -> None:
    reply, lines = kit.ask(encode(9, "refuse me"))
    assert reply == Reply(9, False, "argument refuse me")
    assert lines[1:] == ["RAYOS_CONTROL:ERROR:9:argument", f"RAYOS_CONTROL:READY:9:{NOW}"]


@pytest.mark.parametrize(("text", "answer"), [("0", "ok n=0"), ("4294967295", "ok n=4294967295")])
def test_a_number_of_32_bits_is_read(kit: Kit, text: str, answer: str) -> None:
    assert kit.ask(encode(1, f"num m=7 n={text} nn=8"))[0].payload == answer


@pytest.mark.parametrize("text", ["", "-1", "x", "4294967296", "99999999999", "1x"])
def test_what_is_no_number_of_32_bits_is_not_read(kit: Kit, text: str) -> None:
    assert kit.ask(encode(1, f"num n={text}"))[0].payload == "argument n"


def framed(body: str) -> bytes:
    return f"~{body} {zlib.crc32(body.encode()):08x}\n".encode()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"x" * 1101 + b"\n", "length"),
        (b"hello\n", "syntax"),
        (b"~R00010005 hello 00000000\n", "syntax"),
        (b"~C0001000g hello 00000000\n", "syntax"),
        (b"~C00010401 " + b"x" * 1025 + b" 00000000\n", "length"),
        (b"~C00010006 hello 00000000\n", "length"),
        (b"~C00010005 hello 00000000\n", "crc"),
        (framed("C00000005 hello"), "syntax"),
        (framed("C00010005 hel\tl"), "syntax"),
    ],
)
def test_what_is_no_frame_is_answered_with_sequence_0_and_its_reason(kit: Kit, line: bytes, reason: str) -> None:
    reply, lines = kit.ask(line)
    assert reply == Reply(0, False, reason)
    assert lines == [f"RAYOS_CONTROL:ERROR:0:{reason}", f"RAYOS_CONTROL:READY:0:{NOW}"]


def test_a_repeated_command_gets_its_answer_again_and_is_not_executed_again(kit: Kit) -> None:
    kit.begin().feed(encode(5, "first") + b"rubbish\n" + encode(5, "first") + encode(6, "second"))
    assert [(reply.seq, reply.payload) for reply in kit.replies] == [
        (5, "ok first"),
        (0, "syntax"),
        (5, "ok first"),
        (6, "ok second"),
    ]
    assert [line for line in kit.lines if "EXECUTED" in line] == [
        f"RAYOS_TEST:EXECUTED:{w}" for w in ("first", "second")
    ]
    assert [line.split(":")[2] for line in kit.lines if "READY" in line] == ["5", "5", "5", "6"]


@given(st.data())
def test_a_command_may_come_in_pieces_with_empty_lines_and_a_carriage_return(kit: Kit, data: st.DataObject) -> None:
    sent = b"\n\r\n" + encode(1, "whole").replace(b"\n", b"\r\n")
    cut = data.draw(st.integers(0, len(sent)))
    kit.begin().feed(sent[:cut])
    kit.feed(sent[cut:])
    assert kit.replies == [Reply(1, True, "ok whole")]


def test_the_longest_payload_is_answered_as_far_as_an_answer_may_be_long(kit: Kit) -> None:
    reply, _ = kit.ask(encode(1, "p" * 1024))
    assert reply == Reply(1, True, "ok " + "p" * 1021)


# ---- frame identity --------------------------------------------------------------------------------------------------

Pixels = NDArray[np.uint32]


class Rectangle(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint32) for name in ("x", "y", "width", "height")]


class Screen:
    """A screen in memory whose lines have room behind them, as some have."""

    def __init__(self, kit: Kit, width: int, height: int, seed: int) -> None:
        self.kit, self.random = kit, np.random.default_rng(seed)
        self.memory = np.full((height, width + 5), 0xABCDEF, np.uint32)
        self.back = self.random.integers(0, 1 << 32, (height, width - 32 + 3), np.uint32)
        self.tiles = np.zeros(-(-(width - 32) // 32) * -(-height // 32), np.uint64)
        self.width, self.height = width, height
        kit.c.screen_set(
            self.memory.ctypes.data_as(ctypes.c_void_p), self.back.ctypes.data_as(ctypes.c_void_p),
            width, height, width + 5, width - 32 + 3, self.tiles.ctypes.data_as(ctypes.c_void_p),
        )  # fmt: skip

    @property
    def shown(self) -> Pixels:
        return self.memory[:, : self.width] & 0xFFFFFF

    def present(self, *damage: tuple[int, int, int, int]) -> None:
        self.kit.c.present((Rectangle * len(damage))(*damage), ctypes.c_size_t(len(damage)))

    def judged(self) -> tuple[FrameVerdict, int | None]:
        pixels = np.ascontiguousarray(self.shown)
        result = IdentityChecker().check(Frame(pixels, str(zlib.crc32(pixels)), 0, "vram"))
        return result.verdict, result.number


SIZES = st.tuples(st.integers(33, 200), st.integers(1, 5).map(lambda bands: bands * 48))


@settings(deadline=None)
@given(SIZES, st.data())
def test_each_presented_frame_of_any_size_has_the_identity_that_the_harness_computes(
    kit: Kit, size: tuple[int, int], data: st.DataObject
) -> None:
    screen = Screen(kit, *size, seed=data.draw(st.integers(0, 99)))
    width, height = size[0] - 32, size[1]
    screen.present((0, 0, width, height))
    assert screen.judged() == (FrameVerdict.MATCH, 1)
    for number in range(2, 4):
        x, y = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
        w, h = data.draw(st.integers(1, width - x)), data.draw(st.integers(1, height - y))
        before = screen.shown[:, :width].copy()
        screen.back[y : y + h, x : x + w] = screen.random.integers(0, 1 << 32, (h, w), np.uint32)
        screen.present((x, y, w, h))
        assert screen.judged() == (FrameVerdict.MATCH, number)
        before[y : y + h, x : x + w] = screen.back[y : y + h, x : x + w] & 0xFFFFFF
        assert np.array_equal(screen.shown[:, :width], before), "pixels outside the damage changed"
    assert (screen.memory[:, size[0] :] == 0xABCDEF).all(), "written behind the lines"


def test_a_change_that_was_not_declared_as_damage_is_found(kit: Kit) -> None:
    screen = Screen(kit, 128, 96, seed=1)
    screen.present((0, 0, 96, 96))
    screen.back[40, 40] ^= 1
    screen.present((32, 32, 8, 8), (60, 60, 4, 4))
    assert screen.judged() == (FrameVerdict.MISMATCH, 2)


def test_the_identity_marker_tells_what_the_strip_shows(kit: Kit) -> None:
    kit.begin()
    screen = Screen(kit, 128, 96, seed=1)
    screen.present((0, 0, 96, 96))
    kit.c.identity()
    band = screen.shown[:48, 96:][::4, ::4] == 0xFFFFFF
    data = np.packbits(band, axis=1).tobytes()
    assert kit.lines == [f"RAYOS_FRAME:IDENT:1:{data[5:9].hex()}"]
