"""Frames told from their damage alone are those that are drawn as a whole; facts that hold for any scene."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.clients.scene import Scene
from harness.clients.words import UnknownSceneError
from harness.frames.oracle import render
from harness.frames.prediction import Prediction
from harness.frames.tiles import TileTable

IDS = st.integers(1, 4)
PLACES = st.integers(-150, 1000)
WIDTHS, HEIGHTS = st.sampled_from([48, 90, 160, 400, 992]), st.sampled_from([40, 77, 120, 300, 768])
NAMES = ["solid", "full", "damage", "media", "typist", "pointer", "resize", "surge", "clipboard", "slow", "hoard"]

commands = st.one_of(
    st.builds(
        "create id={} x={} y={} w={} h={} color={:06x} kind={}".format,
        IDS, PLACES, PLACES, WIDTHS, HEIGHTS, st.integers(0, 0xFFFFFF), st.sampled_from(["solid", "checker"]),
    ),
    st.builds("{} id={}".format, st.sampled_from(["destroy", "raise", "lower", "hide", "show", "redraw"]), IDS),
    st.builds("move id={} x={} y={}".format, IDS, PLACES, PLACES),
    st.builds("resize id={} w={} h={}".format, IDS, WIDTHS, HEIGHTS),
    st.builds("{} id={} on={}".format, st.sampled_from(["animate", "fullscreen", "stop"]), IDS, st.integers(0, 1)),
    st.builds("work id={} name={} seed={}".format, IDS, st.sampled_from([*NAMES, "stop"]), st.integers(0, 9)),
    st.builds("theme name={}".format, st.sampled_from(["dark", "light"])),
    st.builds("copy id={} text=hello".format, IDS),
    st.builds("paste id={}".format, IDS),
    st.builds("drag from={} to={}".format, IDS, IDS),
    st.builds("misbehave id={} how=hang".format, IDS),
)  # fmt: skip
inputs = st.one_of(
    st.tuples(st.just("key"), st.sampled_from([0x1E, 0x2A, 0x0E, 0x1C, 0x39]), st.booleans()),
    st.tuples(st.just("pointer"), PLACES, PLACES, st.integers(0, 1)),
    st.tuples(st.just("dies"), IDS),
    st.tuples(st.just("returns"), IDS),
    st.tuples(st.just("host"), st.integers(97, 98), st.integers(30, 400), st.integers(20, 300), st.booleans()),
    st.tuples(st.just("place"), st.integers(97, 98), PLACES, PLACES),
)
ticks = st.builds("frames n={}".format, st.sampled_from([1, 1, 2, 7]))
begins = st.tuples(*(st.builds(f"create id={n} x={{}} y={{}} w={{}} h={{}} color=3a6ea5 kind=checker".format,
                                PLACES, PLACES, WIDTHS, HEIGHTS) for n in (1, 2, 3)))  # fmt: skip
steps = st.builds(
    lambda *parts: [*parts[0], *parts[1]],
    begins,
    st.lists(st.one_of(commands, commands, inputs, ticks, ticks), min_size=4, max_size=25),
)


def happen(scene, what):
    """An input, a death, or what a client of the host does."""
    match what:
        case "key", code, down:
            scene.apply_key("down" if down else "up", code)
        case "pointer", x, y, buttons:
            scene.apply_pointer(x, y, buttons)
        case "dies", number:
            scene.client_died(number)
        case "returns", number:
            scene.client_restarts(number)
            scene.client_created(number)
        case "host", number, width, height, whole:
            pixels = (np.arange(width * height, dtype=np.uint32) * 2654435761).reshape(height, width)
            scene.host.commit(number, pixels, None if whole else [])
            if not whole:  # nothing is damaged: then nothing may have changed either
                scene.host.commit(number, pixels)
        case "place", number, x, y:
            scene.host.place(number, x, y)


def play(scene, step):
    """The frames of one step; () for what the guest would have refused."""
    if not isinstance(step, str):
        happen(scene, step)
        return ()
    try:
        scene.fork().apply_command(step, {})
    except UnknownSceneError:
        return ()
    return scene.coming(step)


@settings(max_examples=80)
@given(steps)
def test_a_frame_told_from_its_damage_is_the_frame_drawn_as_a_whole(story):
    scene, prediction, tiles = Scene(), Prediction(), TileTable()
    assert prediction.crc == tiles.crc(render(scene.presented()))
    for step in [*story, "frames n=1"]:
        for frame in play(scene, step):
            prediction.show(frame.view, frame.damage)
            whole = render(frame.view)
            assert (prediction.pixels == whole).all(), (step, frame)
            assert prediction.crc == tiles.crc(whole)
        # what the screen shows is what was presented last, damage or none
        if isinstance(step, str) and step.startswith("frames"):
            assert (prediction.pixels == render(scene.pending())).all()


@settings(max_examples=50)
@given(steps)
def test_no_pixel_outside_the_damage_changes(story):
    scene = Scene()
    before = render(scene.presented())
    for step in [*story, "frames n=1"]:
        for frame in play(scene, step):
            after = render(frame.view)
            outside = np.ones(after.shape, bool)
            for area in frame.damage:
                assert area.w > 0
                assert area.h > 0
                assert area.x + area.w <= 992
                assert area.y + area.h <= 768
                outside[area.y : area.y + area.h, area.x : area.x + area.w] = False
            assert not (before != after)[outside].any()
            before = after


def picture_of(*commands):
    scene = Scene()
    for command in commands:
        scene.apply_command(command, {})
    return render(scene.pending())


def create(number, x, y, extra=" kind=checker"):
    return f"create id={number} x={x} y={y} w=160 h=120 color={number * 0x112233:06x}{extra}"


@settings(max_examples=25)
@given(st.integers(0, 800), st.integers(0, 600), st.integers(0, 800), st.integers(0, 600), st.sampled_from(NAMES))
def test_a_moved_window_is_the_same_picture_elsewhere(x, y, u, v, name):
    story = (create(1, x, y), f"work id=1 name={name} seed=5", "frames n=20", "work id=1 name=stop")
    there, here = picture_of(*story), picture_of(*story, f"move id=1 x={u} y={v}")
    if name != "pointer":
        assert (there[y : y + 120, x : x + 160] == here[v : v + 120, u : u + 160]).all()


@settings(max_examples=15)
@given(st.sampled_from(NAMES), st.integers(-100, 900))
def test_a_hidden_window_leaves_no_trace(name, x):
    shown = (create(1, x, 50), f"work id=1 name={name}", "frames n=10", "hide id=1")
    base = (create(2, 150, 80), "theme name=light")
    if name not in {"pointer", "typist"}:
        assert (picture_of(*base, *shown) == picture_of(*base)).all()


def test_restacking_twice_is_the_identity():
    story = (create(1, 100, 100), create(2, 150, 150), "frames n=1")
    assert (picture_of(*story, "raise id=1", "raise id=2") == picture_of(*story)).all()
    assert (picture_of(*story, "lower id=2", "lower id=1") == picture_of(*story)).all()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([create(1, 10, 20)], [create(1, 500, 500), "move id=1 x=10 y=20"]),
        ([create(1, 10, 20)], [create(1, 10, 20), "resize id=1 w=300 h=200", "resize id=1 w=160 h=120"]),
        ([create(1, 10, 20)], [create(1, 10, 20), "fullscreen id=1 on=1", "frames n=3", "fullscreen id=1 on=0"]),
        ([create(1, 10, 20)], [create(1, 10, 20), "theme name=light", "theme name=dark"]),
        ([create(1, 10, 20)], [create(1, 10, 20), "stop id=1 on=1", "redraw id=1", "frames n=4"]),
        (
            [create(1, 10, 20), "work id=1 name=full", "frames n=3"],
            [create(1, 10, 20, ""), "work id=1 name=full", "frames n=19"],
        ),
        (
            [create(1, 10, 20), create(2, 99, 99), "copy id=2 text=drop", "paste id=2"],
            [create(2, 99, 99), create(1, 10, 20), "raise id=2", "copy id=2 text=drop", "paste id=2"],
        ),
    ],
)
def test_two_ways_to_one_scene_give_one_picture(one, other):
    assert (picture_of(*one) == picture_of(*other)).all()


def test_what_a_prediction_gives_is_read_only():
    prediction = Prediction()
    for array in (prediction.pixels, prediction.table):
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0] = 1
