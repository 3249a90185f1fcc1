"""A silence of a guest is told with what the host kept from it meanwhile."""

from __future__ import annotations

import pytest

from harness.errors import TargetLost
from harness.fleet import silence
from harness.fleet.silence import Silence
from harness.targets.host import HostSample, ThreadTime

S = 1_000_000_000


class Guest:
    """Time passes by hand; the guest's CPU waits for the host's while `waiting`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        self.delay = 0.0
        self.told: list[dict[str, float]] = []
        self.gone = False
        monkeypatch.setattr(silence.time, "monotonic", lambda: self.now)
        self.main_loop_delay = 0.0
        self.harness_cpu = 0.0
        monkeypatch.setattr(silence, "thread_time", self.thread_time)
        self.silence = Silence(self.sample, lambda: 42, lambda **what: self.told.append(what))

    def sample(self) -> HostSample:
        if self.gone:
            raise TargetLost("it is gone")
        return HostSample(round(self.now * S), "S", {1: ThreadTime(0, round(self.delay * S))})

    def thread_time(self, pid: int, thread: int) -> ThreadTime:
        if (pid, thread) == (42, 42):
            return ThreadTime(0, round(self.main_loop_delay * S))
        return ThreadTime(round(self.harness_cpu * S), 0)

    def frames(self, seconds: float, count: int) -> None:
        for _ in range(count):
            self.now += seconds
            self.silence.heard()

    def wait(self, seconds: float, *, starved: bool) -> None:
        self.now += seconds
        self.delay += seconds if starved else 0.0


def test_a_guest_that_sends_on_is_not_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    guest = Guest(monkeypatch)
    guest.frames(0.2, 50)
    assert guest.told == []


@pytest.mark.parametrize(("starved", "least", "most"), [(True, 0.8, 1.0), (False, 0.0, 0.0)])
def test_a_silence_is_told_with_the_share_that_the_host_kept(
    monkeypatch: pytest.MonkeyPatch, starved: bool, least: float, most: float
) -> None:
    guest = Guest(monkeypatch)
    guest.frames(0.016, 20)
    guest.wait(0.8, starved=starved)
    guest.frames(0.0, 1)
    (told,) = guest.told
    assert told["seconds"] == pytest.approx(0.8)
    assert least <= told["run_delay_ratio"] <= most


def test_a_main_loop_that_the_host_starved_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    guest = Guest(monkeypatch)
    guest.frames(0.016, 20)
    guest.wait(0.8, starved=False)
    guest.main_loop_delay = 0.75
    guest.frames(0.0, 1)
    (told,) = guest.told
    assert told["qemu_delay_ratio"] > 0.8
    assert told["run_delay_ratio"] == told["harness_busy_ratio"] == 0.0


def test_a_guest_that_is_gone_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    guest = Guest(monkeypatch)
    guest.frames(0.016, 20)
    guest.wait(0.8, starved=True)
    guest.gone = True
    guest.frames(0.0, 1)
    assert guest.told == []


def test_a_harness_that_was_busy_with_something_else_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    guest = Guest(monkeypatch)
    guest.frames(0.016, 20)
    guest.wait(0.8, starved=False)
    guest.harness_cpu += 0.8
    guest.frames(0.0, 1)
    (told,) = guest.told
    assert told["harness_busy_ratio"] > 0.8
    assert told["run_delay_ratio"] == told["qemu_delay_ratio"] == 0.0
