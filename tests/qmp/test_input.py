"""Pointer positions and gestures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.qmp.input import AXIS_MAX, Move, axis, pointer_events, wheel_events


@dataclass
class Step:
    x: int = 5
    y: int = 6
    action: Literal["move", "press", "release", "click", "double-click", "drag"] = "move"
    button: Literal["left", "middle", "right"] = "left"
    to_x: int | None = None
    to_y: int | None = None


@given(st.integers(2, 7680), st.data())
def test_a_guest_gets_back_exactly_the_pixel_that_was_meant(size: int, data: st.DataObject) -> None:
    pixel = data.draw(st.integers(0, size - 1))
    value = axis(pixel, size)
    assert 0 <= value <= AXIS_MAX
    assert (value * (size - 1) + 16383) // 32767 == pixel  # docs/reference-guest.md
    assert (value * (size - 1) + 16384) // 32768 == pixel or size > 4096  # a guest that takes the range as 2^15
    assert round(value * (size - 1) / AXIS_MAX) == pixel


def test_a_screen_of_one_pixel_has_one_position() -> None:
    assert axis(0, 1) == 0


@pytest.mark.parametrize(("x", "y"), [(-1, 0), (0, -1), (100, 0), (0, 50)])
def test_a_position_outside_the_screen_is_refused(x: int, y: int) -> None:
    with pytest.raises(UsageError, match="outside the screen of 100×50"):
        Move(x, y, 100, 50)


@pytest.mark.parametrize(
    ("step", "events"),
    [
        (Step(), ["pointer to (5, 6)"]),
        (Step(action="press", button="right"), ["pointer to (5, 6)", "button right down"]),
        (Step(action="release"), ["pointer to (5, 6)", "button left up"]),
        (Step(action="click"), ["pointer to (5, 6)", "button left down", "button left up"]),
        (
            Step(action="double-click"),
            ["pointer to (5, 6)", "button left down", "button left up", "button left down", "button left up"],
        ),
        (
            Step(action="drag", to_x=15, to_y=26),
            ["pointer to (5, 6)", "button left down", "pointer to (10, 16)", "pointer to (15, 26)", "button left up"],
        ),
    ],
)
def test_a_gesture_is_made_of_its_events(step: Step, events: list[str]) -> None:
    assert [str(event) for event in pointer_events(step, 100, 50)] == events


def test_a_drag_that_leaves_the_screen_is_refused_before_its_first_event() -> None:
    with pytest.raises(UsageError):
        pointer_events(Step(action="drag", to_x=100, to_y=0), 100, 50)


def test_the_wheel_is_pressed_and_released_for_each_notch() -> None:
    assert [str(event) for event in wheel_events("down", 2)] == ["button wheel-down down", "button wheel-down up"] * 2


def test_the_journal_tells_pixels_and_qmp_gets_axes() -> None:
    move = Move(1023, 0, 1024, 768)
    assert move.to_json() == {"device": "pointer", "x": 1023, "y": 0}
    assert [event["data"]["value"] for event in move.to_qmp()] == [AXIS_MAX, 0]
