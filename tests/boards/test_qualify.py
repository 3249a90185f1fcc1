"""A port's qualification: what was injected is what is measured, within the bounds that chance sets."""

from __future__ import annotations

import asyncio
import json
import os
import random
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from click.testing import CliRunner

from harness.boards.qualify import Qualification, Qualifier
from harness.boards.records import LENGTH, Rate, make_records, tally
from harness.cli.port import qualify
from harness.console.serial_port import SerialPort
from harness.errors import LabError

COUNT = 600
SENT = make_records(COUNT)
Line = Callable[[bytes], bytes]


def test_an_interval_holds_the_rate_behind_it_about_as_often_as_it_says() -> None:
    draw = random.Random(1)
    held = 0
    for _ in range(300):
        low, high = Rate(sum(draw.random() < 0.03 for _ in range(400)), 400).interval
        held += low <= 0.03 <= high
    assert 270 <= held <= 300
    assert Rate(0, 100).interval[0] == 0.0


def test_what_came_as_it_was_sent_is_clean() -> None:
    found = tally(SENT, b"".join(SENT))
    assert found.clean
    assert (found.whole, found.lost, found.changed, found.extra) == (COUNT, 0, 0, 0)


@pytest.mark.parametrize("rate", [0.001, 0.01, 0.03])
def test_bytes_that_were_lost_are_counted_almost_all(rate: float) -> None:
    draw = random.Random(2)
    data = b"".join(SENT)
    left = bytes(byte for byte in data if draw.random() >= rate)
    found = tally(SENT, left)
    gone = len(data) - len(left)
    assert found.lost - found.extra == gone
    assert found.lost <= gone * 1.02
    low, high = found.rates()["loss"].interval
    assert low <= rate <= high


def test_bytes_that_were_changed_and_bytes_that_were_doubled_are_told_apart() -> None:
    draw = random.Random(3)
    data = bytearray(b"".join(SENT))
    spots = draw.sample(range(len(data)), 200)
    for spot in spots[:100]:
        data[spot] ^= 1 + draw.randrange(7)
    for spot in sorted(spots[100:], reverse=True):
        data[spot:spot] = data[spot : spot + 1]
    found = tally(SENT, bytes(data))
    assert 95 <= found.changed <= 100
    assert 95 <= found.extra <= 105


def test_records_that_came_twice_or_behind_a_later_one_are_no_loss() -> None:
    records = list(SENT)
    records[10], records[11] = records[11], records[10]
    records.insert(500, records[499])
    found = tally(SENT, b"".join(records))
    assert (found.whole, found.reordered, found.repeated) == (COUNT, 1, 1)
    assert (found.lost, found.changed, found.extra) == (0, 0, 0)
    assert not found.clean


def test_a_long_outage_is_the_loss_of_what_it_swallowed() -> None:
    found = tally(SENT, b"".join(SENT[:50] + SENT[550:]))
    assert (found.lost, found.changed, found.extra) == (500 * LENGTH, 0, 0)


def test_a_prompt_between_echoed_lines_is_nobodys_damage() -> None:
    echoed = b"".join(record + b"\r\n=> " for record in SENT[:50])
    assert tally(SENT[:50], echoed, foreign=True).clean
    assert not tally(SENT[:50], echoed).clean


@contextmanager
def loopback(line: Line) -> Iterator[str]:
    """A pty whose other end sends back what *line* leaves of what it gets; the path of our end."""
    master, slave = os.openpty()
    tty.setraw(slave)

    def serve() -> None:
        with open(master, "rb", 0, closefd=False) as stream:
            try:
                while data := stream.read(4096):
                    os.write(master, line(data))
            except OSError:
                return  # our end was closed

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield os.ttyname(slave)
    finally:
        os.close(slave)
        thread.join()
        os.close(master)


def qualified(line: Line, size: int, *, pace: bool = True, quiet: float = 0.2) -> Qualification:
    async def work(url: str) -> Qualification:
        port = SerialPort(url)
        await port.open()
        try:
            return await Qualifier(port, echo=False, quiet=quiet).measure(size, pace=pace)
        finally:
            await port.close()

    with loopback(line) as url:
        return asyncio.run(asyncio.wait_for(work(url), 60))


def test_a_good_loopback_is_clean_and_needs_no_pacing() -> None:
    found = qualified(lambda data: data, 64 * 1024)
    assert found.clean
    assert found.pacing == 0.0
    assert found.safe_rate is not None


@pytest.mark.parametrize("rate", [0.002, 0.01])
def test_the_loss_of_a_real_line_is_what_was_injected(rate: float) -> None:
    draw = random.Random(5)
    left: list[int] = []

    def line(data: bytes) -> bytes:
        kept = bytes(byte for byte in data if draw.random() >= rate)
        left.append(len(kept))
        return kept

    found = qualified(line, 32 * 1024, pace=False)
    injected = found.tally.sent - sum(left)
    low, high = found.tally.rates()["loss"].interval
    assert low <= injected / found.tally.sent <= high
    assert injected <= found.tally.lost <= injected * 1.05
    assert abs(found.tally.lost / found.tally.sent - rate) < 4 * (rate / found.tally.sent) ** 0.5
    assert not found.clean


@pytest.mark.long
def test_a_fifo_that_overruns_gets_a_pacing_with_which_it_does_not() -> None:
    """Of each read, which is what came at once, this UART keeps what its FIFO holds."""
    found = qualified(lambda data: data[:1024], 16 * 1024)
    assert not found.clean
    assert found.safe_rate is not None
    assert found.pacing


def test_a_port_that_sends_nothing_back_is_no_measurement() -> None:
    with pytest.raises(LabError, match="nothing of"):
        qualified(lambda data: b"", 1024)


def test_the_command_prints_one_document_and_its_exit_code_says_whether_the_port_is_clean() -> None:
    def asked(line: Line) -> tuple[int, dict[str, Any]]:
        with loopback(line) as url:
            argv = [url, "--bytes", "8192", "--no-pacing", "--json"]
            done = CliRunner().invoke(qualify, argv, standalone_mode=False, catch_exceptions=False)
            return done.return_value, json.loads(done.stdout)

    code, document = asked(lambda data: data)
    assert (code, document["clean"], document["pacing"]) == (0, True, 0.0)
    draw = random.Random(6)
    code, document = asked(lambda data: bytes(byte for byte in data if draw.random() >= 0.02))
    assert (code, document["exit_code"], document["safe_rate"]) == (1, 1, None)
    loss = document["rates"]["loss"]
    assert loss["interval"][0] < loss["rate"] < loss["interval"][1]
    assert document["received"] + loss["count"] == document["sent"] + document["rates"]["duplication"]["count"]


def test_a_target_that_never_stops_talking_and_swallowed_the_last_record_is_not_waited_for_for_ever() -> None:
    class Talker:
        """Echoes all but the last bytes, and says `tick` for ever."""

        name = "talker"

        def __init__(self) -> None:
            self.echo = bytearray()

        async def read(self) -> bytes:
            await asyncio.sleep(0.001)
            data, self.echo = bytes(self.echo[:-8]), self.echo[-8:]
            return data + b"tick\n"

        async def write(self, data: bytes) -> None:
            self.echo += data

    async def work() -> Qualification:
        return await Qualifier(Talker(), echo=True, quiet=0.02).measure(2048, pace=False)  # type: ignore[arg-type]

    assert not asyncio.run(asyncio.wait_for(work(), 60)).clean
