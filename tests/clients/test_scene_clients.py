"""Damage and the clients' workloads in the scene model, by hand from docs/reference-guest.md."""

import pytest

from harness.clients import workloads
from harness.clients.scene_views import Blocks
from harness.clients.words import UnknownSceneError
from harness.geometry import Rect

from .scenes import (
    CURSOR,
    INNER,
    OUTER,
    SECOND,
    apply,
    content,
    create,
    run,
    scene_of,
    still,
    text,
    type_into,
    window,
)


@pytest.mark.parametrize(
    ("step", "damage"),
    [
        ("raise id=1", {OUTER, SECOND}),
        ("raise id=2", {SECOND}),
        ("focus id=1", {OUTER, SECOND}),
        ("lower id=1", {OUTER}),
        ("lower id=2", {OUTER, SECOND}),
        ("hide id=1", {OUTER}),
        ("hide id=2", {OUTER, SECOND}),
        ("show id=1", {OUTER, SECOND}),
        ("destroy id=1", {OUTER}),
        ("destroy id=2", {OUTER, SECOND}),
        ("move id=1 x=100 y=100", {OUTER}),
        ("move id=1 x=-60 y=700", {OUTER, Rect(0, 700, 100, 68)}),
        ("move id=1 x=992 y=0", {OUTER}),
        ("resize id=1 w=60 h=50", {OUTER, Rect(100, 100, 60, 50), Rect(101, 119, 58, 30)}),
        ("redraw id=1", {INNER}),
        ("theme name=dark", {Rect(0, 0, 992, 768), INNER, Rect(501, 119, 158, 100)}),
        ((300, 300, 0), {CURSOR}),
        ((305, 300, 0), {Rect(305, 300, 12, 12)}),
        ((300, 300, 1), {CURSOR}),
        ((110, 180, 1), {Rect(110, 180, 12, 12), OUTER, SECOND}),
        ((991, 767, 0), {Rect(991, 767, 1, 1)}),
    ],
)
def test_damage_is_what_the_document_declares(step, damage):
    scene = still(create(1), create(2, x=500))
    if isinstance(step, tuple):
        scene.apply_pointer(*step)
    else:
        apply(scene, step)
    assert set(run(scene, 1)[0]) == damage


def test_the_pointer_leaves_its_old_square():
    scene = still(create(1))
    scene.apply_pointer(300, 300, 0)
    run(scene, 1)
    scene.apply_pointer(10, 10, 0)
    assert run(scene, 1) == [(CURSOR, Rect(10, 10, 12, 12))]


def test_neither_the_start_nor_the_end_of_a_workload_draws():
    scene = apply(still(create(1)), "work id=1 name=typist")
    assert run(scene, 2) == [(), ()]
    assert run(apply(scene, "work id=1 name=stop"), 1) == [()]


def test_blocks_of_two_workloads_lie_over_each_other_and_over_a_picture():
    scene = still(create(1), "work id=1 name=media", "frames n=1", "work id=1 name=damage seed=1", "frames n=2")
    apply(scene, "work id=1 name=damage seed=2", "frames n=1", "work id=1 name=typist", "frames n=1")
    assert content(scene, 1).blocks == (Blocks(1, 0, 3), Blocks(2, 0, 1))
    assert content(scene, 1).picture == 1


def test_solid_colours_the_content_not_the_title_bar_and_makes_it_solid():
    scene = scene_of(create(1, kind="checker"), "work id=1 name=solid seed=9", "frames n=3", "work id=1 name=stop")
    apply(scene, "redraw id=1", "frames n=1")
    view = window(scene, 1)
    assert (view.color, view.content.color, view.content.checker) == (0x304050, 0x5B85E6, False)


def test_full_makes_a_checker_that_counts():
    scene = still(create(1), "work id=1 name=full")
    assert run(scene, 3) == [(INNER,)] * 3
    assert (content(scene, 1).checker, content(scene, 1).phase) == (True, 4)


def test_damage_leaves_blocks_and_damages_only_them():
    scene = apply(still(create(1)), "work id=1 name=damage")
    blocks = [Rect(INNER.x + x, INNER.y + y, 16, 16) for x, y in ((118, 55), (20, 36), (132, 11))]
    assert run(scene, 3) == [(blocks[0],), (blocks[1],), (blocks[2],)]
    assert content(scene, 1).blocks == (Blocks(1, 0, 3),)
    assert content(apply(scene, "work id=1 name=stop"), 1).blocks == (Blocks(1, 0, 3),)


@pytest.mark.parametrize(
    "command",
    ["resize id=1 w=160 h=120", "theme name=dark", "work id=1 name=solid;frames n=1", "fullscreen id=1 on=1", "key",
     "copy id=1 text=x;paste id=1"],
)  # fmt: skip
def test_blocks_go_when_the_content_is_drawn_as_a_whole(command):
    scene = still(create(1), "work id=1 name=damage", "frames n=5")
    if command == "key":
        type_into(scene, "a")
    else:
        apply(scene, *command.split(";"))
    assert content(scene, 1).blocks == ()


def test_redraw_wipes_the_blocks_that_a_stopped_workload_left():
    scene = still(create(1), "work id=1 name=damage", "frames n=5", "work id=1 name=stop")
    assert content(scene, 1).blocks != ()
    assert content(apply(scene, "redraw id=1"), 1).blocks == ()


def test_blocks_after_a_wipe_are_those_of_the_ticks_after_it():
    scene = still(create(1), "work id=1 name=damage")
    run(scene, 4)
    type_into(scene, "a")
    run(scene, 2)
    assert content(scene, 1).blocks == (Blocks(1, 5, 7),)


def test_moving_and_raising_leave_the_blocks():
    scene = still(create(1), "work id=1 name=damage", "frames n=3", "move id=1 x=5 y=5", "raise id=1")
    assert content(scene, 1).blocks != ()


def test_media_draws_at_its_rate_and_keeps_its_picture_until_it_is_drawn_over():
    scene = apply(still(create(1)), "work id=1 name=media seed=7")
    assert [bool(d) for d in run(scene, 7)] == [True, False, False, True, False, True, False]
    assert content(scene, 1).picture == 9
    type_into(scene, "a")
    assert (content(scene, 1).picture, text(scene, 1)) == (9, "a")
    assert run(scene, 1) == [(INNER,)]
    apply(scene, "work id=1 name=stop")
    assert content(scene, 1).picture == 9
    assert content(apply(scene, "redraw id=1"), 1).picture is None


def test_a_typist_types_into_the_focused_window_in_the_same_tick():
    scene = still(create(1), create(2), "work id=1 name=typist")
    assert [bool(d) for d in run(scene, 6)] == [False] * 4 + [True, False]  # one tick was taken by `still`
    assert (text(scene, 1), text(scene, 2)) == ("", "n")


def test_a_typist_types_capitals_while_shift_is_held():
    scene = still(create(1), "work id=1 name=typist")
    scene.apply_key("down", 0x2A)
    apply(scene, "frames n=11")
    assert text(scene, 1) == "NG"


def test_two_typists_type_in_the_order_of_their_ids():
    scene = scene_of(create(2), create(1), "work id=2 name=typist seed=1", "work id=1 name=typist seed=9", "frames n=6")
    assert text(scene, 1) == workloads.letter(9, 5) + "n"


def test_a_typists_letter_wipes_the_block_of_the_same_tick():
    scene = scene_of(create(1), create(2), "work id=1 name=typist", "work id=2 name=damage", "frames n=6")
    assert (text(scene, 2), content(scene, 2).blocks) == ("n", ())


def test_pointer_damages_each_square_it_passes():
    scene = apply(still(create(1)), "work id=1 name=pointer", "frames n=1")
    assert scene.cursor == (199, 429)
    places = [(199, 429), *workloads.motions(1, 1)]
    assert run(scene, 1) == [tuple(Rect(*place, 12, 12) for place in places)]


def test_pointer_moves_a_window_that_is_being_dragged():
    scene = still(create(1), "work id=1 name=pointer")
    scene.apply_pointer(110, 105, 0)
    scene.apply_pointer(110, 105, 1)
    run(scene, 1)
    x, y = workloads.motions(1, 1)[-1]
    assert (window(scene, 1).x, window(scene, 1).y) == (x - 10, y - 5)


def test_resize_damages_old_and_new_outer_rectangle():
    scene = apply(still(create(1)), "work id=1 name=resize")
    damage = run(scene, 3)
    assert damage[0] == (INNER,)
    assert {OUTER, Rect(100, 100, 161, 121)} <= set(damage[1])
    assert {Rect(100, 100, 161, 121), Rect(100, 100, 162, 122)} <= set(damage[2])
    apply(scene, "frames n=61")
    assert (window(scene, 1).w, window(scene, 1).h) == (161, 121)


def test_surge_draws_only_in_its_second():
    scene = still(create(1), "work id=1 name=surge")
    assert [bool(d) for d in run(scene, 359)] == [False] * 299 + [True] * 60
    assert content(scene, 1).phase == 60 % 16


@pytest.mark.parametrize("name", ["clipboard", "slow", "hoard"])
def test_what_draws_nothing_presents_nothing(name):
    scene = still(create(1), f"work id=1 name={name}")
    assert not any(run(scene, 100))


def test_a_hidden_clients_workload_and_animation_stand_still():
    scene = still(create(1, kind="checker"), create(2), "animate id=1 on=1", "work id=2 name=media seed=4")
    apply(scene, "frames n=2", "hide id=1", "hide id=2", "frames n=50", "show id=1", "show id=2")
    assert content(scene, 1).phase == 3
    assert run(scene, 1)[0]
    assert (content(scene, 1).phase, content(scene, 2).picture) == (4, 5)  # k = 3: picture 1


def test_a_window_beside_the_desktop_goes_on_unseen():
    scene = still(create(1, x=992, kind="checker"), "work id=1 name=full")
    assert not any(run(scene, 3))
    assert content(scene, 1).phase == 4


@pytest.mark.parametrize("name", sorted(workloads.DRAWING))
def test_a_drawing_workload_refuses_redraw_and_animate_and_an_animation_refuses_it(name):
    for command in ("redraw id=1", "animate id=1 on=1"):
        with pytest.raises(UnknownSceneError, match="draws"):
            scene_of(create(1), f"work id=1 name={name}", command)
    with pytest.raises(UnknownSceneError, match="animated"):
        scene_of(create(1), "animate id=1 on=1", f"work id=1 name={name}")


@pytest.mark.parametrize("name", ["typist", "pointer", "clipboard", "hoard"])
def test_other_workloads_leave_redraw_and_animation(name):
    scene = still(create(1, kind="checker"), f"work id=1 name={name}", "redraw id=1", "animate id=1 on=1", "frames n=2")
    assert content(scene, 1).phase == 4  # redraw, and three ticks


def test_a_slow_reader_acts_only_at_its_thirtieth_tick():
    scene = still(create(1), "work id=1 name=slow")
    type_into(scene, "asd")
    damage = run(scene, 40)
    assert [tick for tick, d in enumerate(damage) if d] == [28]  # one tick was taken by `still`
    assert text(scene, 1) == "asd"
    type_into(scene, "f")
    apply(scene, "redraw id=1")
    assert run(scene, 2) == [(INNER,), ()]
    assert text(scene, 1) == "asd"
    assert text(apply(scene, "work id=1 name=stop"), 1) == "asdf"


def test_an_animated_slow_reader_takes_one_step_in_thirty_ticks():
    scene = still(create(1, kind="checker"), "animate id=1 on=1", "work id=1 name=slow")
    before = content(scene, 1).phase
    assert [tick for tick, d in enumerate(run(scene, 89)) if d] == [28, 58, 88]
    assert content(scene, 1).phase == before + 3


def test_a_slow_reader_counts_its_ticks_while_it_is_hidden():
    scene = still(create(1), "work id=1 name=slow", "hide id=1", "frames n=10", "show id=1")
    type_into(scene, "a")
    assert [tick for tick, d in enumerate(run(scene, 20)) if d] == [18]
