"""What an expired wait means, by what was seen from outside."""

from __future__ import annotations

from typing import Any

import pytest

from harness.judge.hang import Expiry, classify
from harness.verdicts import Verdict


def _expiry(**changes: Any) -> Expiry:
    values: dict[str, Any] = {
        "waited_for": "step 1, boot",
        "limit": "host",
        "seconds": 5.0,
        "lines_since": 0,
        "bytes_since": 0,
        "unfinished": 0,
        "last_line": "",
    }
    return Expiry(**{**values, **changes})


_IDLE = {
    "halted": True,
    "interrupts_enabled": True,
    "rip_samples": ["10"] * 5,
    "qmp_answered": True,
    "vcpu_cpu_ratio": 0.0,
    "run_delay_ratio": 0.0,
}
_SPIN = {
    "halted": False,
    "interrupts_enabled": False,
    "rip_samples": ["1000", "1002", "1000", "1004"],
    "qmp_answered": True,
}


@pytest.mark.parametrize(
    ("sample", "expiry", "verdict", "cause"),
    [
        (_IDLE, {}, Verdict.HANG, "silent-idle"),
        (_SPIN, {}, Verdict.HANG, "spin-interrupts-off"),
        ({**_IDLE, "interrupts_enabled": False}, {}, Verdict.HANG, "halt-interrupts-off"),
        (_IDLE, {"lines_since": 3, "last_line": "x"}, Verdict.FAIL, "expectation"),
        (_IDLE, {"bytes_since": 1 << 20, "unfinished": 1 << 20}, Verdict.HANG, "output-flood"),
        ({**_IDLE, "was_stopped": True}, {}, Verdict.INCONCLUSIVE, "host-starved"),
        ({"qmp_answered": False}, {}, Verdict.INCONCLUSIVE, "host-starved"),
        ({**_SPIN, "interrupts_enabled": True, "run_delay_ratio": 0.9}, {}, Verdict.INCONCLUSIVE, "host-starved"),
        ({**_SPIN, "interrupts_enabled": True, "vcpu_cpu_ratio": 0.02}, {}, Verdict.INCONCLUSIVE, "host-starved"),
        ({**_SPIN, "interrupts_enabled": True, "vcpu_cpu_ratio": 0.9}, {}, Verdict.HANG, "silent"),
        (None, {}, Verdict.HANG, "silent"),
    ],
)
def test_each_shape_has_its_verdict(
    sample: dict[str, Any] | None, expiry: dict[str, Any], verdict: Verdict, cause: str
) -> None:
    assert classify(_expiry(**expiry), sample)[:2] == (verdict, cause)


@pytest.mark.parametrize(
    "starved", [{"was_stopped": True}, {"run_delay_ratio": 0.95}, {"vcpu_cpu_ratio": 0.01}, {"steal_ratio": 0.9}]
)
def test_a_real_spin_is_a_hang_however_starved_the_host_was(starved: dict[str, Any]) -> None:
    assert classify(_expiry(), {**_SPIN, **starved})[0] is Verdict.HANG


def test_a_spin_that_was_watched_for_a_moment_only_is_no_proof_on_a_starved_host() -> None:
    """A kernel that clears its memory looks like that, too."""
    throttled = {**_SPIN, "throttled_ratio": 0.6}
    assert classify(_expiry(), {**throttled, "sampled_cpu_s": 0.008})[:2] == (Verdict.INCONCLUSIVE, "host-starved")
    assert classify(_expiry(), {**throttled, "sampled_cpu_s": 0.03})[:2] == (Verdict.HANG, "spin-interrupts-off")
    assert classify(_expiry(), {**_SPIN, "sampled_cpu_s": 0.008})[:2] == (Verdict.HANG, "spin-interrupts-off")


def test_a_loop_over_much_code_is_no_spin() -> None:
    wide = {**_SPIN, "rip_samples": ["1000", "2000", "1000", "3000"]}
    assert classify(_expiry(), wide)[1] != "spin-interrupts-off"


def test_too_few_samples_are_no_proof_of_a_spin() -> None:
    assert classify(_expiry(), {**_SPIN, "rip_samples": ["1000", "1000"]})[1] != "spin-interrupts-off"
