"""The one table of timeouts. Seconds; every entry says why it has its length.

`HARNESS_SLOWDOWN` (a factor, default 1) stretches the host-side limits on slow or crowded machines. Limits that a
scenario
states itself are stretched too: they are promises about the guest, and a slow host must not break them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

SLOWDOWN: float = max(1.0, float(os.environ.get("HARNESS_SLOWDOWN", "1") or "1"))


@dataclass(frozen=True, slots=True)
class Timeouts:
    """All lengths in seconds, before the slowdown factor."""

    qmp_connect: float = 15.0  # spawn to negotiated QMP takes 26 ms when idle; a loaded two-core host was seen at 3 s
    qmp_command: float = 10.0  # query-status answers in 1.6 ms (p99); a screendump of 4K takes 0.2 s
    gdb_command: float = 10.0  # registers come in 0.03 ms; QEMU's main loop may be busy writing a picture
    control_reply: float = 20.0  # a guest under TCG answers in 1 ms; one behind a throttled cgroup may take seconds
    control_repeat: float = 2.0  # silence after which a command is sent again on a line that may lose bytes
    input_confirm: float = 5.0  # key to marker takes 2 ms
    step: float = 30.0  # default limit of a waiting step that states none
    run: float = 600.0  # default limit of a whole run
    capture: float = 0.7  # for a picture under way when its step's deadline passes; a screendump of 4K takes 0.2 s
    postmortem: float = 1.5  # sampling after a deadline; the verdict must stand 2 s after it
    interrupted: float = 0.5  # a step that heard of it ends in 5 ms; one that QEMU holds up is dropped then
    stop_soft: float = 1.0  # QMP quit to exit: 10 ms; then SIGTERM
    stop_term: float = 1.0  # SIGTERM to SIGKILL; both together leave room in the 5 s that Ctrl-C may take
    snapshot: float = 60.0  # saving or loading a machine: 10 ms for a small guest; video memory on a slow disk, seconds
    balloon: float = 10.0  # from one change to the next; a Linux of 512 MB gave 350 MB in 2.1 s
    worker_stop: float = 3.0  # SIGTERM to SIGKILL of a worker: Ctrl-C has to end all, with what follows, in 5 s
    accel_probe: float = 5.0  # a 512-byte boot sector answers in 50 ms; /dev/kvm was seen to hang for ever
    frame_stable: float = 2.0  # how long a screen without identity may take to hold still
    port_open: float = 10.0  # TCP connect, or RFC 2217 negotiation, where pyserial allows 3 s for each of its steps
    settle: float = 5.0  # from a broken pipe to the news of the death behind it; the two are written in one moment
    memory_dump: float = 60.0  # only on request: 128 MiB take 0.1 s, many GiB on a slow disk a minute
    last_words: float = 3.0  # of a guest that panicked; 4 KB over a serial port under TCG take 0.1 s
    silence: float = 0.3  # after which such a guest has said all; its pauses between lines are under 0.01 s
    drain: float = 1.0  # reading what is left on the console after the target ended


TIMEOUTS = Timeouts()


def host(seconds: float) -> float:
    """*seconds* stretched by the slowdown factor of this host."""
    return seconds * SLOWDOWN
