"""The disk that passes through the harness, seen by a client that speaks NBD by its specification."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.errors import LabError
from harness.targets.nbd import EIO, ENOSPC
from harness.targets.profile import Boot, Disk, Machine, Profile
from harness.targets.served_disk import CACHE, Failure, Held, Loss, ServedDisk

SECTOR = 512
SIZE = 64 * SECTOR


class Client:
    """One connection: `ask` sends a request and takes its answer."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock, self.handle = sock, 0
        sock.settimeout(10)
        assert self.take(18) == b"NBDMAGICIHAVEOPT" + struct.pack(">H", 3)
        sock.sendall(struct.pack(">I", 3))

    def take(self, n: int) -> bytes:
        data = b""
        while len(data) < n:
            part = self.sock.recv(n - len(data))
            assert part, "the server hung up"
            data += part
        return data

    def option(self, number: int, data: bytes = b"") -> list[tuple[int, bytes]]:
        """The replies to an option up to its last one."""
        self.sock.sendall(b"IHAVEOPT" + struct.pack(">II", number, len(data)) + data)
        replies = []
        while not replies or replies[-1][0] == 3:
            magic, asked, kind, length = struct.unpack(">QIII", self.take(20))
            assert (magic, asked) == (0x3E889045565A9, number)
            replies.append((kind, self.take(length)))
        return replies

    def go(self) -> Client:
        (_, export), *_, (ack, _) = self.option(7, struct.pack(">IH", 0, 0))
        assert ack == 1
        assert struct.unpack(">HQH", export)[1] == SIZE
        return self

    def ask(self, kind: int, offset: int = 0, length: int = 0, data: bytes = b"") -> tuple[int, bytes]:
        self.handle += 1
        self.sock.sendall(struct.pack(">IHHQQI", 0x25609513, 0, kind, self.handle, offset, length or len(data)) + data)
        magic, error, handle = struct.unpack(">IIQ", self.take(16))
        assert (magic, handle) == (0x67446698, self.handle)
        return error, self.take(length) if kind == 0 and not error else b""

    def read(self, sector: int, count: int = 1) -> bytes:
        error, data = self.ask(0, sector * SECTOR, count * SECTOR)
        assert not error
        return data

    def write(self, sector: int, *letters: bytes) -> int:
        return self.ask(1, sector * SECTOR, data=b"".join(letter * SECTOR for letter in letters))[0]

    def flush(self) -> int:
        return self.ask(3)[0]


Plugged = Callable[..., tuple[ServedDisk, Client]]


@pytest.fixture
def plugged(tmp_path: Path) -> Iterator[Plugged]:
    clients: list[Client] = []

    def plug(disk: ServedDisk | None = None, *, throw_away: bool = False) -> tuple[ServedDisk, Client]:
        disk = disk or ServedDisk("disk0")
        image = tmp_path / "disk.img"
        if not image.exists():
            image.write_bytes(b"." * SIZE)
        clients.append(Client(disk.plug(image, throw_away=throw_away)).go())
        disk.machine_runs()
        return disk, clients[-1]

    yield plug
    for client in clients:
        client.sock.close()


def cut(disk: ServedDisk, client: Client, keep: Callable[[], bool]) -> Loss:
    client.sock.close()
    return disk.lose_power(keep)


def test_options_that_are_not_there_are_refused_and_the_export_is_offered_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "disk.img").write_bytes(b"." * SIZE)
    client = Client(ServedDisk("disk0").plug(tmp_path / "disk.img", throw_away=True))
    assert client.option(8) == [(0x80000001, b"")]
    assert client.option(6, struct.pack(">IH", 0, 0))[-1] == (1, b"")
    assert client.go().read(0) == b"." * SECTOR
    client.sock.close()


def test_what_is_written_is_read_again_and_stands_in_the_file(plugged: Plugged, tmp_path: Path) -> None:
    disk, client = plugged()
    assert client.write(1, b"a", b"b") == 0
    assert client.read(0, 4) == b"." * SECTOR + b"a" * SECTOR + b"b" * SECTOR + b"." * SECTOR
    assert disk.read(SECTOR, 2 * SECTOR) == b"a" * SECTOR + b"b" * SECTOR
    assert (tmp_path / "disk.img").read_bytes()[SECTOR : 2 * SECTOR] == b"a" * SECTOR


def test_what_is_thrown_away_never_reaches_the_file_and_the_next_life_does_not_find_it(
    plugged: Plugged, tmp_path: Path
) -> None:
    disk, client = plugged(throw_away=True)
    client.write(7, b"a", b"b")  # over the end of a block of the overlay
    client.write(8, b"c")
    assert client.read(6, 4) == b"." * SECTOR + b"a" * SECTOR + b"c" * SECTOR + b"." * SECTOR
    client.sock.close()
    disk, client = plugged(disk, throw_away=True)
    assert client.read(7) == b"." * SECTOR
    assert (tmp_path / "disk.img").read_bytes() == b"." * SIZE


def test_a_power_cut_takes_what_was_not_flushed_and_nothing_else(plugged: Plugged) -> None:
    disk, client = plugged()
    client.write(1, b"a")
    client.flush()
    client.write(1, b"b", b"c")
    client.write(1, b"d")
    assert cut(disk, client, lambda: False) == Loss(unflushed=3, kept=0)
    assert disk.read(SECTOR, 2 * SECTOR) == b"a" * SECTOR + b"." * SECTOR


def test_a_power_cut_may_tear_a_write_and_keep_a_later_one(plugged: Plugged) -> None:
    disk, client = plugged()
    client.write(1, b"a", b"b", b"c")
    client.write(9, b"d")
    asked = iter([True, False, True, True])
    assert cut(disk, client, lambda: next(asked)) == Loss(unflushed=4, kept=3)
    assert disk.read(SECTOR, 3 * SECTOR) == b"a" * SECTOR + b"." * SECTOR + b"c" * SECTOR
    assert disk.read(9 * SECTOR, SECTOR) == b"d" * SECTOR


def test_a_power_cut_that_keeps_all_takes_nothing_and_the_next_life_begins_flushed(plugged: Plugged) -> None:
    disk, client = plugged()
    client.write(1, b"a")
    cut(disk, client, lambda: True)
    disk, client = plugged(disk)
    assert client.read(1) == b"a" * SECTOR
    assert cut(disk, client, lambda: False) == Loss(unflushed=0, kept=0)


def test_a_flush_of_a_machine_that_stands_still_makes_nothing_durable_and_counts_nowhere(plugged: Plugged) -> None:
    disk, client = plugged()
    client.write(1, b"a")
    disk.machine_stops()
    client.flush()
    disk.machine_runs()
    assert disk.counts == {"write": 1, "any": 1}
    assert cut(disk, client, lambda: False).unflushed == 1


def test_a_cache_is_no_larger_than_a_cache_is(plugged: Plugged, monkeypatch: pytest.MonkeyPatch) -> None:
    assert CACHE > SIZE
    monkeypatch.setattr("harness.targets.served_disk.CACHE", 2 * SECTOR)
    disk, client = plugged()
    for sector in range(3):
        client.write(sector, b"a")
    assert cut(disk, client, lambda: False) == Loss(unflushed=2, kept=0)


@pytest.mark.parametrize(
    ("failure", "errors"),
    [
        (Failure(), [EIO, EIO, EIO]),
        (Failure(ENOSPC, "write"), [0, ENOSPC, 0]),
        (Failure(EIO, "flush"), [0, 0, EIO]),
        (Failure(EIO, "any", range(2, 3)), [0, EIO, 0]),
        (Failure(EIO, "any", range(3, 9)), [0, 0, 0]),
        (Failure(EIO, "any", None, 2), [EIO, EIO, 0]),
    ],
)
def test_just_the_requests_that_are_meant_fail_until_it_is_mended(
    plugged: Plugged, failure: Failure, errors: list[int]
) -> None:
    disk, client = plugged()
    number = disk.fail(failure)
    assert [client.ask(0, 0, SECTOR)[0], client.write(1, b"a", b"b"), client.flush()] == errors
    assert disk.mend(number).hits == sum(bool(error) for error in errors)
    assert [client.ask(0, 0, SECTOR)[0], client.write(1, b"a", b"b"), client.flush()] == [0, 0, 0]


def test_the_request_waited_for_is_held_once_and_comes_again_uncounted(plugged: Plugged) -> None:
    disk, client = plugged()
    held: list[Held] = []
    disk.stop_at("write", 2)
    disk.stop_at("any", 5)
    disk.listen(held.append)
    errors = [client.write(1, b"a"), client.flush(), client.write(2, b"b")]
    assert errors == [0, 0, ENOSPC]
    assert held == [Held("write", 2 * SECTOR, SECTOR, (("write", 2),))]
    assert client.flush() == 0  # of QEMU's own
    disk.machine_runs()
    assert client.write(2, b"b", b"c") == 0  # merged with one that waited behind it
    assert client.flush() == 0
    assert client.flush() == ENOSPC
    assert held[1:] == [Held("flush", 0, 0, (("any", 5),))]
    assert disk.counts == {"write": 2, "flush": 3, "any": 5}


def test_a_request_held_before_anybody_listened_is_told_then(plugged: Plugged) -> None:
    disk, client = plugged()
    disk.stop_at("flush", 1)
    client.flush()
    held: list[Held] = []
    disk.listen(held.append)
    assert [h.operation for h in held] == ["flush"]


def test_what_holds_fails_too_if_it_was_meant_to_when_it_comes_again(plugged: Plugged) -> None:
    disk, client = plugged()
    disk.stop_at("write", 1)
    assert client.write(1, b"a") == ENOSPC
    disk.fail(Failure(EIO, "write", None, 1))
    disk.machine_runs()
    assert [client.write(1, b"a"), client.write(1, b"a")] == [EIO, 0]


def test_a_client_that_breaks_the_protocol_is_let_go_and_the_disk_says_so(plugged: Plugged) -> None:
    disk, client = plugged()
    client.sock.sendall(b"\0" * 28)
    assert client.sock.recv(1) == b""
    with pytest.raises(LabError, match="a request begins with 0x0"):
        disk.settle()


def test_a_request_behind_the_end_is_none(plugged: Plugged) -> None:
    disk, client = plugged()
    client.sock.sendall(struct.pack(">IHHQQI", 0x25609513, 0, 0, 1, SIZE, SECTOR))
    assert client.sock.recv(1) == b""
    with pytest.raises(LabError, match="request 0 of 512 bytes"):
        disk.settle()


def test_its_file_is_the_private_copy_and_is_thrown_away_as_the_profile_says() -> None:
    disks = (Disk(file=Path("/a"), persist="run"), Disk(file=Path("/b"), id="own"))
    profile = Profile(name="p", boot=Boot(kernel=Path("/k")), machine=Machine(disks=disks))
    copies, overlays = {Path("/a"): Path("/copy")}, {"own": Path("/overlay")}
    assert ServedDisk("disk0").place(profile, copies, {}) == (Path("/copy"), False)
    assert ServedDisk("own").place(profile, copies, {}) == (Path("/b"), True)
    assert ServedDisk("own").place(profile, copies, overlays) == (Path("/overlay"), True)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"nowhere.img: No such file"):
        ServedDisk("disk0").plug(tmp_path / "nowhere.img", throw_away=True)
