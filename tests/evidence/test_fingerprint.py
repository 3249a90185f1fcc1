"""The fingerprint counts what came before the last cut, and nothing else."""

from __future__ import annotations

from harness.evidence.fingerprint import Fingerprint


def _of(*records: tuple[str, str], cut: bool = True) -> str | None:
    print_ = Fingerprint()
    for kind, text in records:
        if kind == "marker":
            print_.marker(0, text)
        else:
            print_.frame("name", text)
    if cut:
        print_.cut()
    return print_.value


def test_it_is_null_without_a_rendezvous() -> None:
    assert _of(("marker", "RAYOS_A:B"), cut=False) is None


def test_markers_frames_and_their_order_count() -> None:
    values = {
        _of(("marker", "RAYOS_A:B"), ("frame", "00")),
        _of(("frame", "00"), ("marker", "RAYOS_A:B")),
        _of(("marker", "RAYOS_A:C"), ("frame", "00")),
        _of(("marker", "RAYOS_A:B"), ("frame", "01")),
        _of(("marker", "RAYOS_A:B")),
    }
    assert len(values) == 5


def test_what_comes_after_the_last_cut_does_not_count() -> None:
    one, two = Fingerprint(), Fingerprint()
    for print_ in (one, two):
        print_.marker(0, "RAYOS_A:B")
        print_.cut()
    two.marker(0, "RAYOS_LATE:X")
    assert one.value == two.value


def test_a_marker_that_contains_the_separators_cannot_pose_as_two() -> None:
    assert _of(("marker", "a\x1e" + "M\x1f0\x1fb")) != _of(("marker", "a"), ("marker", "b"))


def test_epochs_count() -> None:
    one, two = Fingerprint(), Fingerprint()
    one.marker(0, "X")
    two.marker(1, "X")
    one.cut()
    two.cut()
    assert one.value != two.value
