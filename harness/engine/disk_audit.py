"""Holds what the guest acknowledged to have on its disk against what stands there, read from outside.

A record that `disk do=append` or `do=store` took is acknowledged once a later `disk do=flush` was answered with ok, or
`disk do=state` counts it in `flushed=`. `disk do=trim` takes all of them away. Journal event: `disk.log` {disk, first,
records, torn, digest, acknowledged, lost}: the first number and how many records were found, the SHA-256 of their data,
how many have to be there, and the numbers of those (the first hundred) that are not, byte for byte.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from harness.clients.disk_log import MOST_RECORDS, read_log
from harness.errors import LabError
from harness.targets.served_disk import served_by

if TYPE_CHECKING:
    from harness.evidence.journal import Event, Journal
    from harness.targets.base import Target

_LISTED = 100


class DiskAudit:
    """What the guest acknowledged so far, by the *journal* from now on."""

    def __init__(self, target: Target, journal: Journal) -> None:
        self._target = target
        self._journal = journal
        self.news = False
        """Whether the guest has acknowledged something since the last look."""
        self._asked = ""
        self._taken: dict[int, bytes] = {}  # and not known to be flushed
        self._acknowledged: dict[int, bytes] = {}
        journal.listen(self._event)

    def look(self) -> None:
        """Read the first disk and write `disk.log`.

        :raises LabError: if there is no disk that could be read.
        """
        disk = next(iter(served_by(self._target).values()), None)
        if disk is None:
            raise LabError(f"{self._target.name} has no disk that could be read from outside", "recover.disk = false")
        log = read_log(disk.read)
        lost = [number for number, data in self._acknowledged.items() if log.record(number) != data]
        digest = hashlib.sha256()
        for record in log.records:
            digest.update(len(record).to_bytes(4, "little") + record)
        self._journal.append(
            "disk.log",
            disk=disk.name,
            first=log.first,
            records=len(log.records),
            torn=log.torn,
            digest=digest.hexdigest(),
            acknowledged=len(self._acknowledged),
            lost=lost[:_LISTED],
        )
        self.news = False

    def _event(self, event: Event) -> None:
        match event.kind:
            case "control.send":
                self._asked = str(event.data["payload"])
            case "control.reply" if event.data["ok"] and self._asked.startswith("disk "):
                self._reply(_words(self._asked), _words(str(event.data["payload"])))
            case "epoch":
                self._taken.clear()
            case _:
                pass

    def _reply(self, asked: dict[str, str], said: dict[str, str]) -> None:
        number, flushed = said.get("seq", ""), said.get("flushed", "")
        match asked.get("do"):
            case "append" | "store" if number.isdecimal() and len(self._taken) < MOST_RECORDS:
                self._taken[int(number)] = asked.get("data", "").encode()
            case "flush":
                self._acknowledge(MOST_RECORDS)
            case "state" if flushed.isdecimal():
                self._acknowledge(int(flushed))
            case "trim":
                self._acknowledged.clear()
                self._taken.clear()
            case _:
                pass

    def _acknowledge(self, last: int) -> None:
        for number in [number for number in self._taken if number <= last]:
            self._acknowledged[number] = self._taken.pop(number)
            self.news = True


def _words(text: str) -> dict[str, str]:
    return {key: value for key, _, value in (word.partition("=") for word in text.split(" "))}
