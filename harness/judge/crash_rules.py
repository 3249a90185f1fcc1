"""Console texts that mean a kernel died. Patterns as in `harness.markers.match`; the first that matches names the
crash.

Only texts that no healthy boot prints; profiles and scenarios add their own (`guest.crash_texts`, `crash`).
"""

from __future__ import annotations

BUILT_IN: tuple[str, ...] = (
    r"re:Kernel panic - not syncing",
    r"re:\bBUG: unable to handle\b",
    r"re:\bOops: [0-9a-f]{4} ",
    r"re:^=+ [A-Z0-9# -]*EXCEPTION =+",
    r"re:\b(KERNEL )?PANIC(KED)?( at|:)",
    r"re:\bpanicked at\b",
    r"re:\bgeneral protection fault\b",
    r"re:!!!! X64 Exception Type",  # EDK II
    r"re:\bSynchronous Exception at 0x",  # EDK II on ARM
    r"re:\bGuru Meditation\b",
    r"re:\bKERNEL_SECURITY_CHECK_FAILURE\b",
)
