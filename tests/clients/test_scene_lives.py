"""Clients in the scene model that do not read, that die and come back, and those of the host."""

import numpy as np
import pytest

from harness.clients.scene import Scene
from harness.clients.words import UnknownSceneError
from harness.geometry import Rect

from .scenes import (
    INNER,
    OUTER,
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


def test_with_the_compositor_every_window_cursor_theme_and_held_key_goes():
    scene = still(create(1), create(2, x=500), "theme name=light")
    scene.apply_pointer(300, 300, 0)
    scene.apply_key("down", 0x2A)
    apply(scene, "crash kind=compositor")
    assert Rect(0, 0, 992, 768) in run(scene, 1)[0]
    view = scene.presented()
    assert (view.windows, view.cursor, view.light) == ((), None, False)
    scene.client_restarts(2)
    scene.client_created(2)
    type_into(scene, "a")
    run(scene, 1)
    assert [w.id for w in scene.presented().windows] == [2]
    assert text(scene, 2) == "a"


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
