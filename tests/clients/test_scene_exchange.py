"""Theme, full screen, selection, drag and drop in the scene model, by hand from docs/reference-guest.md."""

import pytest

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
