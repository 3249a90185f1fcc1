"""Every frame of a run told in advance, one after the other."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.clients.scene import Scene
from harness.clients.words import UnknownSceneError
from harness.geometry import Rect

from .scenes import create, scene_of, type_into

NAMES = ["solid", "full", "damage", "media", "typist", "pointer", "resize", "surge", "clipboard", "slow", "hoard"]


def test_each_presented_frame_has_its_tick_number_and_view():
    scene = scene_of(create(1), "frames n=1", "work id=1 name=media", "frames n=1")
    frames = list(scene.fork().coming("frames n=10"))
    assert [(f.tick, f.number) for f in frames] == [(2, 4), (4, 5), (7, 6), (9, 7)]  # k = 3, 5, 8, 10
    assert [f.view.windows[0].content.picture for f in frames] == [2, 3, 4, 5]
    assert all(f.damage == (Rect(101, 119, 158, 100),) for f in frames)


def test_a_fork_leaves_the_scene_it_came_from():
    scene = scene_of(create(1), "work id=1 name=typist", create(2, x=500), "work id=2 name=damage", "stop id=1 on=1")
    before = scene.pending()
    other = scene.fork()
    for command in ("stop id=1 on=0", "redraw id=1", "frames n=30", "theme name=light", "destroy id=1"):
        other.apply_command(command, {})
    type_into(other, "a")
    other.apply_pointer(5, 5, 1)
    assert (scene.pending(), scene.frames_due, scene.cursor) == (before, 1, None)


def test_a_fork_shares_no_workload_that_a_stopped_client_has_not_begun():
    scene = scene_of(create(1), "work id=1 name=solid", "frames n=2", "stop id=1 on=1", "work id=1 name=resize")
    ahead = scene.fork()
    for command in ("stop id=1 on=0", "frames n=9"):
        ahead.apply_command(command, {})
    for command in ("stop id=1 on=0", "frames n=1"):
        scene.apply_command(command, {})
    assert ahead.pending().windows[0].outer.w - scene.pending().windows[0].outer.w == 8


def test_a_command_without_ticks_presents_nothing_but_is_applied():
    scene = Scene()
    assert list(scene.coming(create(1))) == []
    assert scene.focus == 1


@st.composite
def stories(draw):
    """Commands that the guest would accept: two windows, workloads, keys, ticks."""
    commands = [create(1, x=draw(st.sampled_from([100, 992])), kind="checker"), create(2, x=300)]
    for _ in range(draw(st.integers(1, 6))):
        number = draw(st.integers(1, 2))
        seed = draw(st.integers(0, 3))
        commands.append(
            draw(
                st.sampled_from(
                    [f"work id={number} name={name} seed={seed}" for name in NAMES]
                    + [f"{verb} id={number}" for verb in ("hide", "show", "lower")]
                    + [f"stop id={number} on={on}" for on in (0, 1)]
                    + [f"work id={number} name=stop", "key", "theme name=light"]
                )
            )
        )
        commands.append(f"frames n={draw(st.integers(1, 40))}")
    return commands


@settings(max_examples=60)
@given(stories())
def test_many_ticks_at_once_are_as_many_one_by_one(commands):
    at_once, one_by_one = Scene(), Scene()
    for command in commands:
        if command == "key":
            for scene in (at_once, one_by_one):
                type_into(scene, "a")
            continue
        at_once.apply_command(command, {})
        for frame in one_by_one.coming(command):
            assert frame.number == one_by_one.frames_due
            assert frame.damage
        assert at_once.frames_due == one_by_one.frames_due
        assert at_once.pending() == one_by_one.pending()


def test_a_million_ticks_of_steady_windows_cost_no_more_than_one():
    scene = scene_of(
        create(1, kind="checker"), "animate id=1 on=1", create(2), "work id=2 name=solid", "stop id=2 on=0"
    )
    scene.apply_command("frames n=1000000", {})
    assert scene.frames_due == 1_000_001
    assert scene.presented().windows[0].phase == 1_000_000 % 16


def test_heartbeats_take_ticks():
    scene = scene_of(create(1), "animate id=1 on=1", "net do=beat n=7", "net do=state", "disk do=flush")
    assert scene.frames_due == 8


# ---- input and deaths between two frames -----------------------------------------------------------------------------


def test_what_happens_between_two_frames_belongs_to_the_next_one():
    scene = scene_of(create(1), create(2, x=500), "animate id=1 on=1", "frames n=1")
    frames = scene.coming("frames n=3")
    next(frames)
    scene.client_died(2)
    type_into(scene, "a")
    second = next(frames)
    assert [w.id for w in second.view.windows] == [1]
    assert Rect(500, 100, 160, 120) in second.damage
    assert second.view.windows[0].text == "a"
    assert next(frames).damage == (Rect(101, 119, 158, 100),)


# ---- runs that guest time ends ---------------------------------------------------------------------------------------


def test_a_soaks_frames_are_told_from_its_first_tick_on():
    frames = list(itertools.islice(Scene().coming("soak clients=8 seconds=1"), 70))
    assert len(frames) == 61  # at most
    first = frames[0].view.windows
    assert [(w.id, w.x, w.y) for w in first] == [
        (1, 8, 32), (2, 171, 32), (3, 334, 32), (4, 497, 32), (5, 660, 32), (6, 823, 32), (7, 8, 154), (8, 171, 154)
    ]  # fmt: skip
    assert [w.color for w in first[:2]] == [0x304050, 0x375369]
    assert {w.phase for w in first} == {1}
    assert {w.phase for w in frames[15].view.windows} == {0}
    assert (first[-1].focused, frames[0].number) == (True, 2)


def test_a_soak_leaves_its_last_frame_on_the_screen_where_it_tells_their_number():
    scene = Scene()
    scene.apply_command("soak clients=3 seconds=2", {"frames": "119"})
    assert scene.frames_due == 120
    assert {w.phase for w in scene.presented().windows} == {119 % 16}
    assert not scene.pending().windows
    scene.apply_command("frames n=5", {})
    assert scene.frames_due == 121


@pytest.mark.parametrize("told", [{}, {"frames": "x"}, {"frames": "122"}])
def test_a_soak_that_tells_no_possible_number_leaves_an_unknown_screen(told):
    scene = Scene()
    scene.apply_command("soak clients=3 seconds=2", told)
    assert scene.frames_due is None
    with pytest.raises(UnknownSceneError, match="soak"):
        scene.presented()
    scene.apply_command("frames n=1", {"frame": "130"})
    assert (scene.presented().windows, scene.frames_due) == ((), 130)


def test_a_load_lets_the_windows_go_on_for_the_ticks_that_are_told():
    scene = scene_of(create(1, kind="checker"), "animate id=1 on=1")
    scene.apply_command("stress kind=cpu level=50 seconds=1", {"ticks": "118"})
    assert (scene.frames_due, scene.presented().windows[0].phase) == (119, 118 % 16)
    scene.apply_command("stress kind=cpu level=50 seconds=1", {})
    with pytest.raises(UnknownSceneError, match="guest time"):
        scene.pending()


def test_a_load_without_anything_that_moves_needs_no_number():
    scene = scene_of(create(1), "frames n=1", "stress kind=disk level=1 seconds=9")
    assert scene.pending().windows


def test_a_load_of_clients_comes_with_the_guests_word():
    scene = scene_of(create(1), "frames n=1")
    frames = scene.coming("stress kind=clients level=2 seconds=1")
    scene.client_created(2)
    scene.client_created(3)
    first = next(frames)
    assert [(w.id, w.x, w.color, w.phase) for w in first.view.windows[1:]] == [
        (2, 8, 0x304050, 1), (3, 171, 0x375369, 1)
    ]  # fmt: skip
    scene.client_died(3)
    scene.client_died(2)
    assert [w.id for w in next(frames).view.windows] == [1]


def test_a_measurement_presents_frames_that_nobody_counts():
    scene = scene_of(create(1), "frames n=1", "perf op=present n=10")
    assert scene.frames_due is None
    with pytest.raises(UnknownSceneError, match="counted"):
        list(scene_of().coming("perf op=wire n=1"))
    scene.apply_command("frames n=1", {"frame": "12"})
    assert scene.frames_due == 12


@pytest.mark.parametrize("work", ["solid", "media", "typist", "pointer"])
def test_a_workload_of_a_free_running_guest_is_not_guessed_at(work):
    scene = Scene(free=True)
    scene.apply_command(create(1), {})
    scene.apply_command(f"work id=1 name={work}", {})
    with pytest.raises(UnknownSceneError, match="free"):
        scene.presented()
