"""Clients and their workloads in the scene model, by hand from docs/reference-guest.md."""

import numpy as np
import pytest

from harness.clients import workloads
from harness.clients.scene import Scene
from harness.clients.scene_views import Blocks
from harness.clients.words import UnknownSceneError
from harness.geometry import Rect

from .scenes import content, create, scene_of, text, type_into, window

INNER = Rect(101, 119, 158, 100)  # of the window that `create` makes
OUTER = Rect(100, 100, 160, 120)


def apply(scene, *commands):
    for command in commands:
        scene.apply_command(command, {})
    return scene


def run(scene, ticks):
    """The damage of each of so many ticks; () where nothing is presented."""
    found = {p.tick: p.damage for p in scene.coming(f"frames n={ticks}")}
    return [found.get(tick, ()) for tick in range(ticks)]


def still(*commands):
    """A scene with everything presented."""
    return scene_of(*commands, "frames n=1")


SECOND, CURSOR = Rect(500, 100, 160, 120), Rect(300, 300, 12, 12)


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


# ---- workloads -------------------------------------------------------------------------------------------------------


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


# ---- clients that do not read ----------------------------------------------------------------------------------------


def test_a_stopped_client_shows_its_last_picture_and_takes_one_step_when_it_goes_on():
    scene = still(create(1, kind="checker"), "animate id=1 on=1", "frames n=2", "stop id=1 on=1")
    type_into(scene, "as")
    assert not any(run(scene, 10))
    assert (content(scene, 1).phase, text(scene, 1)) == (2, "")
    apply(scene, "stop id=1 on=0")
    assert (content(scene, 1).phase, text(scene, 1)) == (3, "as")
    assert run(scene, 1) == [(INNER,)]
    assert content(scene, 1).phase == 4


def test_a_stopped_clients_window_is_still_moved_raised_and_hidden():
    scene = still(create(1), create(2), "stop id=1 on=1", "move id=1 x=5 y=6", "raise id=1", "resize id=1 w=90 h=80")
    view = scene.pending().windows[-1]
    assert (view.id, view.x, view.y, view.w, view.h, view.focused) == (1, 5, 6, 160, 120, True)
    apply(scene, "stop id=1 on=0")
    assert (window(scene, 1).w, window(scene, 1).h) == (90, 80)
    assert not scene_of(create(1), "stop id=1 on=1", "hide id=1").pending().windows


def test_a_stopped_client_does_its_orders_before_its_events():
    scene = still(create(1, kind="checker"), "animate id=1 on=1", "frames n=2", "stop id=1 on=1", "frames n=2")
    apply(scene, "redraw id=1", "redraw id=1", "animate id=1 on=0", "stop id=1 on=0")
    assert content(scene, 1).phase == 2 + 2  # the callback that waited is nothing to it any more


def test_a_stopped_clients_resize_damages_at_once_and_its_full_screen_waits():
    scene = still(create(1), create(2, x=500), "stop id=1 on=1")
    assert run(apply(scene, "resize id=1 w=90 h=80"), 1) == [(OUTER,)]
    assert run(apply(scene, "fullscreen id=1 on=1"), 1) == [()]
    assert (scene.focus, window(scene, 1).outer) == (2, OUTER)
    apply(scene, "stop id=1 on=0")
    assert (scene.focus, window(scene, 1).fullscreen, scene.pending().windows[-1].id) == (1, True, 1)


@pytest.mark.parametrize("how", ["hang", "deaf"])
def test_a_client_that_hangs_never_draws_again(how):
    scene = still(create(1), "work id=1 name=full")
    apply(scene, f"misbehave id=1 how={how}", "stop id=1 on=1", "stop id=1 on=0")
    assert not any(run(scene, 100))
    assert content(scene, 1).phase == 1


def test_a_stopped_client_keeps_the_text_colour_of_the_old_theme():
    scene = still(create(1), create(2))
    type_into(scene, "a")
    apply(scene, "stop id=2 on=1", "theme name=light", "frames n=1")
    assert scene.presented().light
    assert not content(scene, 2).light
    assert content(apply(scene, "stop id=2 on=0"), 2).light


# ---- theme, full screen, selection, drag and drop --------------------------------------------------------------------


def test_a_theme_damages_the_whole_desktop_each_time_and_newcomers_have_it():
    scene = still(create(1))
    apply(scene, "theme name=light")
    assert Rect(0, 0, 992, 768) in run(scene, 1)[0]
    apply(scene, "theme name=light", create(2))
    assert Rect(0, 0, 992, 768) in run(scene, 1)[0]
    type_into(scene, "a")
    assert content(scene, 2).light


def test_full_screen_is_all_of_the_desktop_and_back():
    scene = still(create(1), create(2), "fullscreen id=1 on=1")
    view = scene.pending().windows[-1]
    assert (view.id, view.outer, view.inner, view.focused) == (1, view.inner, Rect(0, 0, 992, 768), True)
    assert Rect(0, 0, 992, 768) in run(apply(scene, "fullscreen id=1 on=0"), 1)[0]
    assert window(scene, 1).outer == OUTER
    assert [w.id for w in scene.pending().windows] == [2, 1]
    assert run(apply(scene, "fullscreen id=1 on=0"), 1) == [()]


def test_a_hidden_window_becomes_full_screen_unseen():
    scene = still(create(1), create(2), "hide id=1")
    assert run(apply(scene, "fullscreen id=1 on=1"), 1) == [()]
    assert scene.focus == 2
    assert window(apply(scene, "show id=1"), 1).fullscreen


def test_a_full_screen_window_is_not_dragged_by_its_upper_rows():
    scene = still(create(1), "fullscreen id=1 on=1")
    scene.apply_pointer(5, 5, 1)
    scene.apply_pointer(50, 50, 1)
    assert window(apply(scene, "fullscreen id=1 on=0"), 1).outer == OUTER


@pytest.mark.parametrize(
    "commands",
    [("hide id=1", "focus id=1"), ("fullscreen id=1 on=1", "move id=1 x=1 y=1"),
     ("fullscreen id=1 on=1", "resize id=1 w=99 h=99"), ("copy id=9 text=a",), (create(2), "copy id=1 text=a"),
     ("paste id=1",), ("work id=1 name=sleep",), ("work id=1 name=media rate=25",), ("work id=1 name=full seed=-1",),
     ("misbehave id=1 how=odd",), ("theme name=blue",), ("drag from=1 to=7",), ("stress kind=net level=1 seconds=1",)],
)  # fmt: skip
def test_what_the_guest_should_have_refused_is_not_guessed_at(commands):
    with pytest.raises(UnknownSceneError):
        scene_of(create(1), *commands)


def test_copy_draws_nothing_and_paste_appends_up_to_256_characters():
    scene = still(create(1), "copy id=1 text=" + "x" * 40)
    assert not any(run(scene, 1))
    apply(scene, *["paste id=1"] * 7)
    assert text(scene, 1) == "x" * 256
    assert run(scene, 1) == [(INNER,)]
    assert run(apply(scene, "paste id=1"), 1) == [()]


def test_a_selection_goes_with_its_client():
    with pytest.raises(UnknownSceneError, match="selection"):
        scene_of(create(1), create(2), "copy id=2 text=a", "destroy id=2", "paste id=1")


def test_the_clipboard_workload_offers_only_with_the_focus():
    scene = still(create(1), create(2), "work id=1 name=clipboard", "work id=2 name=clipboard", "frames n=25")
    apply(scene, "paste id=2")
    assert text(scene, 2) == "c20"


def test_a_drop_appends_its_text_and_leaves_the_cursor_there():
    scene = apply(still(create(1), create(2, x=500)), "drag from=1 to=2")
    assert (text(scene, 1), text(scene, 2)) == ("", "drop 1")
    assert (scene.focus, scene.cursor) == (1, (501 + 79, 119 + 50))
    assert {Rect(180, 169, 12, 12), Rect(580, 169, 12, 12), OUTER} <= set(run(scene, 1)[0])


@pytest.mark.parametrize(
    "story",
    [
        (create(1, w=400, h=300), create(2, x=290, y=150), "drag from=1 to=2"),  # raised, 1 covers 2's middle
        (create(1), create(2, y=750), "drag from=1 to=2"),
        (create(1), create(2, y=110), "drag from=1 to=2"),
    ],
)
def test_a_drag_and_drop_that_cannot_be_is_not_guessed_at(story):
    scene = scene_of(*story[:-1])
    with pytest.raises(UnknownSceneError):
        apply(scene, story[-1])


def test_nothing_is_dragged_and_dropped_while_a_button_is_held():
    scene = scene_of(create(1), create(2, x=500))
    scene.apply_pointer(5, 5, 2)
    with pytest.raises(UnknownSceneError, match="pressed"):
        apply(scene, "drag from=1 to=2")


def test_a_drop_needs_both_ends_to_read():
    for number in (1, 2):
        scene = still(
            create(1), create(2, x=500), f"stop id={number} on=1", "drag from=1 to=2", f"stop id={number} on=0"
        )
        assert text(scene, 2) == ""


# ---- deaths ----------------------------------------------------------------------------------------------------------


def test_the_dead_vanish_and_the_focus_goes_to_the_topmost():
    scene = still(create(1, x=300), create(2), create(3), "hide id=3")
    scene.client_died(2)
    scene.client_died(2)
    assert [w.id for w in scene.pending().windows] == [1]
    assert scene.focus == 1
    assert set(run(scene, 1)[0]) == {OUTER, Rect(300, 100, 160, 120)}


def test_a_client_started_again_during_a_load_of_clients_is_no_load():
    scene = still(create(1))
    frames = scene.coming("stress kind=clients level=2 seconds=1")
    scene.client_died(1)
    scene.client_created(2)
    scene.client_restarts(1)
    scene.client_created(1)
    scene.client_created(3)
    assert [(w.id, w.x) for w in next(frames).view.windows] == [(2, 8), (1, 100), (3, 171)]


def test_a_client_started_again_is_as_new():
    scene = still(create(1, kind="checker"), create(2), "animate id=1 on=1", "move id=1 x=5 y=5", "frames n=5")
    scene.client_died(1)
    scene.client_created(9)
    assert [w.id for w in scene.pending().windows] == [2]
    scene.client_restarts(1)
    scene.client_created(1)
    scene.client_created(1)
    view = scene.pending().windows[-1]
    assert (view.id, view.outer, view.phase, view.text, view.focused) == (1, OUTER, 0, "", True)
    assert not any(run(scene, 5)[1:])


# ---- clients of the host ---------------------------------------------------------------------------------------------


def picture(width=100, height=50, color=0xFF112233):
    return np.full((height, width), color, np.uint32)


def test_a_host_clients_window_comes_with_its_first_buffer_and_has_its_size():
    scene = still(create(1))
    scene.host.title(97, "hello")
    assert run(scene, 1) == [()]
    scene.host.commit(97, picture())
    view = scene.pending().windows[-1]
    assert (view.id, view.outer, view.color, view.title, view.focused) == (
        97, Rect(64, 64, 102, 70), 0x808080, "hello", True,
    )  # fmt: skip
    assert (view.content.surface.pixels == 0x112233).all()
    assert set(run(scene, 1)[0]) == {Rect(64, 64, 102, 70), OUTER}


def test_a_host_client_says_its_place_accent_and_damage():
    scene = Scene()
    scene.host.place(97, 10, 20)
    scene.host.accent(97, 0xFF00FF00)
    scene.host.commit(97, picture())
    run(scene, 1)
    assert (window(scene, 97).x, window(scene, 97).y, window(scene, 97).color) == (10, 20, 0x00FF00)
    scene.host.commit(97, picture(color=5), [Rect(90, 40, 99, 99), Rect(-5, 0, 6, 1), Rect(200, 0, 1, 1)])
    assert run(scene, 1) == [(Rect(101, 79, 10, 10), Rect(11, 39, 1, 1))]
    assert (content(scene, 97).surface.pixels == 5).all()
    scene.host.commit(97, picture(120, 60))
    assert set(run(scene, 1)[0]) >= {Rect(10, 20, 102, 70), Rect(10, 20, 122, 80)}
    scene.host.gone(97)
    assert run(scene, 1) == [(Rect(10, 20, 122, 80),)]


def test_commands_move_a_host_window_but_its_size_is_its_own():
    scene = Scene()
    scene.host.commit(97, picture())
    apply(scene, "move id=97 x=1 y=2", "resize id=97 w=300 h=300", "frames n=1")
    assert window(scene, 97).outer == Rect(1, 2, 102, 70)
    with pytest.raises(UnknownSceneError, match="host"):
        apply(scene, "work id=97 name=full")


def test_a_host_client_is_full_screen_from_its_next_buffer_on():
    scene = Scene()
    scene.host.commit(97, picture())
    apply(scene, "fullscreen id=97 on=1", "frames n=1")
    assert not window(scene, 97).fullscreen
    scene.host.commit(97, picture(992, 768))
    assert window(scene, 97).outer == Rect(0, 0, 992, 768)
    apply(scene, "fullscreen id=97 on=0")
    scene.host.commit(97, picture())
    assert window(scene, 97).outer == Rect(64, 64, 102, 70)


def test_ids_of_the_guests_own_clients_are_not_the_hosts():
    with pytest.raises(ValueError, match="belongs to the guest"):
        Scene().host.commit(96, picture())
