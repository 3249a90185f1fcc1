"""What of a line is the harness's own text, sent back."""

from __future__ import annotations

import pytest

from harness.console.echo import EchoMemory


def test_what_was_sent_and_its_forged_markers_are_echo_and_longer_words_are_the_guests() -> None:
    memory = EchoMemory(["RAYOS_"])
    memory.sent("echo RAYOS_X:Y\n")
    assert memory.spans("$ echo RAYOS_X:Y") == ((2, 16), (7, 16))
    assert memory.spans("RAYOS_X:Y") == ((0, 9),), "typed, and printed by the shell"
    assert memory.spans("RAYOS_X:YES") == ()
    assert memory.spans("RAYOS_X:Z") == ()


@pytest.mark.parametrize("sent", ["ls\n", "echo RAYOS_X:Y\n"])
def test_a_line_of_nothing_but_prefixes_is_looked_through_once(sent: str) -> None:
    """A quarter of a megabyte: to follow each prefix to the end of the line would take a quarter of an hour."""
    memory = EchoMemory(["RAYOS_"])
    memory.sent(sent)
    assert memory.spans("RAYOS_" * 43_000) == ()
