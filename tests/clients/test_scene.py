"""The scene model: stacking, focus, drag, typed text, ticks - as docs/reference-guest.md says, by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.clients.keyboard import BACKSPACE, Keyboard
from harness.clients.scene import DESKTOP_WIDTH, Scene, SceneView
from harness.clients.words import UnknownSceneError

LETTERS = {c: 0x1E + i for i, c in enumerate("asdfghjkl")}


def scene_of(*commands, free=False):
    scene = Scene(free=free)
    for command in commands:
        scene.apply_command(command, {})
    return scene


def create(number, x=100, y=100, w=160, h=120, extra=""):
    return f"create id={number} x={x} y={y} w={w} h={h} color=304050{extra}"


def order(scene):
    return [w.id for w in scene.pending().windows]


def press(scene, x, y):
    scene.apply_pointer(x, y, 0)
    scene.apply_pointer(x, y, 1)


def type_letters(scene, text):
    for c in text:
        scene.apply_key("down", LETTERS[c])
        scene.apply_key("up", LETTERS[c])


def test_the_boot_frame_is_the_empty_desktop_without_cursor():
    assert Scene().presented() == SceneView((), None)


def test_nothing_is_presented_before_a_tick():
    scene = scene_of("frames n=1", create(1))
    scene.apply_pointer(5, 5, 0)
    assert scene.presented() == SceneView()
    scene.apply_command("frames n=1", {})
    assert [w.id for w in scene.presented().windows] == [1]
    assert scene.presented().cursor == (5, 5)


def test_a_window_has_the_attributes_it_was_created_with():
    (window,) = scene_of("create id=7 x=-20 y=3 w=48 h=40 color=0aFFe1 kind=checker").pending().windows
    assert (window.id, window.x, window.y, window.w, window.h) == (7, -20, 3, 48, 40)
    content = window.content
    assert (window.color, content.color, window.focused) == (0x0AFFE1, 0x0AFFE1, True)
    assert (content.checker, content.phase, content.text) == (True, 0, "")


@pytest.mark.parametrize("verb", ["raise", "focus", "show"])
def test_raise_focus_and_show_put_a_window_on_top_and_focus_it(verb):
    scene = scene_of(create(1), create(2), create(3), f"{verb} id=1")
    assert order(scene) == [2, 3, 1]
    assert scene.focus == 1


def test_lowering_the_focused_window_gives_the_focus_to_the_topmost():
    scene = scene_of(create(1), create(2), create(3), "lower id=3")
    assert order(scene) == [3, 1, 2]
    assert scene.focus == 2


def test_lowering_a_window_without_focus_leaves_the_focus():
    scene = scene_of(create(1), create(2), create(3), "raise id=1", "lower id=2")
    assert order(scene) == [2, 3, 1]
    assert scene.focus == 1


def test_the_only_window_keeps_the_focus_when_lowered():
    assert scene_of(create(1), "lower id=1").focus == 1


def test_destroying_the_focused_window_focuses_the_topmost_visible_one_without_restacking():
    scene = scene_of(create(1), create(2), create(3), create(4), "hide id=3", "raise id=4", "destroy id=4")
    assert scene.focus == 2
    assert order(scene) == [1, 2]


def test_destroying_a_window_without_focus_leaves_the_focus():
    scene = scene_of(create(1), create(2), create(3), "raise id=1", "destroy id=3")
    assert scene.focus == 1


def test_hiding_every_window_leaves_the_focus_nowhere_and_typing_goes_nowhere():
    scene = scene_of(create(1), "hide id=1")
    assert scene.focus == 0
    type_letters(scene, "asd")
    assert order(scene) == []
    scene.apply_command("show id=1", {})
    assert scene.pending().windows[0].text == ""
    assert scene.focus == 1


@pytest.mark.parametrize("verb", ["raise", "focus"])
def test_raising_or_focusing_a_hidden_window_is_not_believed(verb):
    with pytest.raises(UnknownSceneError, match="hidden"):
        scene_of(create(1), "hide id=1", f"{verb} id=1")


def test_a_hidden_window_keeps_its_text_and_takes_its_other_commands():
    scene = scene_of(create(1, extra=" kind=checker"))
    type_letters(scene, "as")
    for command in (
        "hide id=1",
        "redraw id=1",
        "move id=1 x=1 y=2",
        "resize id=1 w=60 h=50",
        "lower id=1",
        "show id=1",
    ):
        scene.apply_command(command, {})
    (window,) = scene.pending().windows
    assert (window.x, window.y, window.w, window.h, window.phase, window.text) == (1, 2, 60, 50, 1, "as")


def test_move_and_resize_keep_stacking_and_focus():
    scene = scene_of(create(1), create(2), "move id=1 x=-5 y=700", "resize id=1 w=200 h=100")
    window = scene.pending().windows[0]
    assert (window.x, window.y, window.w, window.h) == (-5, 700, 200, 100)
    assert scene.focus == 2


def test_redraw_counts_and_only_a_checker_shows_it():
    scene = scene_of(create(1, extra=" kind=checker"), create(2), *["redraw id=1"] * 18, *["redraw id=2"] * 3)
    assert [w.phase for w in scene.pending().windows] == [2, 0]


def test_animation_counts_ticks_while_it_is_on():
    scene = scene_of(
        create(1, extra=" kind=checker"),
        "frames n=5",
        "animate id=1 on=1",
        "frames n=3",
        "animate id=1 on=0",
        "frames n=9",
    )
    assert scene.presented().windows[0].phase == 3


def test_a_press_raises_and_focuses_the_topmost_window_under_the_pointer():
    scene = scene_of(create(1), create(2, x=150), create(3, x=500))
    press(scene, 120, 180)
    assert (order(scene), scene.focus) == ([2, 3, 1], 1)


def test_a_press_beside_all_windows_changes_nothing_but_the_cursor():
    scene = scene_of(create(1))
    press(scene, 10, 10)
    assert (scene.focus, scene.cursor) == (1, (10, 10))


@pytest.mark.parametrize(("row", "drags"), [(0, True), (18, True), (19, False), (119, False)])
def test_a_drag_starts_on_rows_0_to_18_of_a_window(row, drags):
    scene = scene_of(create(1))
    press(scene, 110, 100 + row)
    scene.apply_pointer(140, 130 + row, 1)
    window = scene.pending().windows[0]
    assert (window.x, window.y) == ((130, 130) if drags else (100, 100))


def test_a_drag_keeps_its_offset_and_ends_with_the_release():
    scene = scene_of(create(1))
    press(scene, 105, 103)
    scene.apply_pointer(0, 0, 1)
    assert (scene.pending().windows[0].x, scene.pending().windows[0].y) == (-5, -3)
    scene.apply_pointer(0, 0, 0)
    scene.apply_pointer(400, 400, 0)
    scene.apply_pointer(420, 420, 1)
    assert scene.pending().windows[0].x == -5


def test_an_event_that_moves_and_releases_at_once_moves_first():
    scene = scene_of(create(1))
    press(scene, 105, 103)
    scene.apply_pointer(205, 203, 0)
    assert scene.pending().windows[0].x == 200


def test_holding_the_button_while_moving_onto_a_window_is_no_press():
    scene = scene_of(create(1), create(2, x=500))
    press(scene, 10, 10)
    scene.apply_pointer(110, 105, 1)
    assert (order(scene), scene.focus) == ([1, 2], 2)


def test_other_buttons_press_nothing():
    scene = scene_of(create(1), create(2, x=500))
    scene.apply_pointer(110, 105, 0b110)
    assert scene.focus == 2


def test_a_window_that_is_destroyed_or_hidden_is_not_dragged_any_more():
    for command in ("destroy id=1", "hide id=1"):
        scene = scene_of(create(1))
        press(scene, 105, 103)
        scene.apply_command(command, {})
        scene.apply_pointer(300, 300, 1)
    scene.apply_command("show id=1", {})
    assert scene.pending().windows[0].x == 100


def test_the_pointer_is_clamped_to_the_desktop():
    scene = Scene()
    scene.apply_pointer(5000, -3, 0)
    assert scene.cursor == (DESKTOP_WIDTH - 1, 0)


def test_text_is_kept_up_to_256_characters_and_backspace_removes_the_last():
    scene = scene_of(create(1))
    type_letters(scene, "a" * 255 + "sdf")
    assert scene.pending().windows[0].text == "a" * 255 + "s"
    scene.apply_key("down", 0x0E)
    scene.apply_key("down", 0x1C)
    assert scene.pending().windows[0].text == "a" * 255 + "\n"


def test_shift_state_belongs_to_the_keyboard_not_to_the_window():
    scene = scene_of()
    scene.apply_key("down", 0x2A)
    scene.apply_command(create(1), {})
    type_letters(scene, "as")
    scene.apply_key("down", 0x36)
    scene.apply_key("up", 0x2A)
    type_letters(scene, "d")
    scene.apply_key("up", 0x36)
    type_letters(scene, "f")
    assert scene.pending().windows[0].text == "ASDf"


def test_every_printable_character_can_be_typed_and_by_one_key_only():
    seen = {}
    for code in range(256):
        for shift in (False, True):
            keyboard = Keyboard()
            if shift:
                keyboard.key(True, 0x2A)
            typed = keyboard.key(True, code)
            if typed:
                seen.setdefault(typed, set()).add(code)
    assert set(seen) == {chr(c) for c in range(0x20, 0x7F)} | {"\n", BACKSPACE}
    assert all(len(codes) == 1 for codes in seen.values())


# From the IBM PC/AT technical reference's scancode table, a sample not shared with the code.
@pytest.mark.parametrize(
    ("code", "plain", "shifted"),
    [(0x02, "1", "!"), (0x0D, "=", "+"), (0x1B, "]", "}"), (0x28, "'", '"'), (0x29, "`", "~"), (0x2B, "\\", "|"),
     (0x2C, "z", "Z"), (0x32, "m", "M"), (0x35, "/", "?"), (0x39, " ", " "), (0x19, "p", "P")],
)  # fmt: skip
def test_scancodes_are_those_of_the_us_keyboard(code, plain, shifted):
    keyboard = Keyboard()
    assert keyboard.key(True, code) == plain
    assert keyboard.key(False, code) == ""
    keyboard.key(True, 0x36)
    assert keyboard.key(True, code) == shifted


@pytest.mark.parametrize("code", [0xE01C, 0xE048, 0x3B, 0x0F, 0x01, 0x1D, 0x38, 0x3A])
def test_other_keys_type_nothing(code):
    assert Keyboard().key(True, code) == ""


@pytest.mark.parametrize(
    "command",
    [
        "wobble id=1",
        create(1),
        "create id=97 x=0 y=0 w=48 h=40 color=000000",
        "create id=2 x=0 y=0 w=47 h=40 color=000000",
        "create id=2 x=0 y=0 w=48 h=40 color=0000",
        "create id=2 x=0 y=0 w=48 h=40",
        "create id=2 x=0 y=0 w=48 h=40 color=000000 kind=striped",
        "create id=2 x=0 y=0 w=48 h=40 color=000000 z=1",
        "move id=1 id=1 x=1 y=1",
        "move id=3 x=1 y=1",
        "frames n=0",
        "frames",
        "soak clients=1 seconds=1",
        "crash kind=odd",
        "move id=1 x=4096 y=0",
        "create id=2 x=0 y=-4097 w=48 h=40 color=000000",
    ],
)
def test_an_accepted_command_that_the_documents_do_not_allow_is_not_guessed_at(command):
    with pytest.raises(UnknownSceneError):
        scene_of(create(1), command)


@pytest.mark.parametrize("command", ["hello", "query", "frame", "scenario name=x", "verify check=windows want=1",
                                     "crash kind=noise bytes=5 seed=1", "milestone name=a", "complete"])  # fmt: skip
def test_commands_that_draw_nothing_change_nothing(command):
    before = scene_of(create(1), "frames n=1")
    after = scene_of(create(1), "frames n=1", command)
    assert (after.pending(), after.presented()) == (before.pending(), before.presented())


def test_after_a_soak_the_screen_is_known_again_with_the_next_tick():
    scene = scene_of("soak clients=4 seconds=2")
    with pytest.raises(UnknownSceneError, match="soak"):
        scene.presented()
    scene.apply_command("frames n=1", {})
    assert scene.presented() == SceneView()


def test_a_free_running_guest_shows_what_is_pending_but_not_uncounted_animation():
    scene = Scene()
    scene.apply_command("hello", {"free": "1"})
    scene.apply_command(create(1, extra=" kind=checker"), {})
    assert scene.presented().windows[0].id == 1
    scene.apply_command("animate id=1 on=1", {})
    with pytest.raises(UnknownSceneError, match="freely"):
        scene.presented()
    scene.apply_command("destroy id=1", {})
    assert scene.presented() == SceneView()


@given(st.lists(st.tuples(st.sampled_from(["create", "destroy", "raise", "lower", "hide", "show"]), st.integers(1, 5))))
def test_the_focus_is_always_on_a_visible_window_or_nowhere(steps):
    scene, alive = Scene(), set()
    for verb, number in steps:
        shown = {w.id for w in scene.pending().windows}
        if (verb == "create") is (number in alive) or (verb == "raise" and number not in shown):
            continue
        scene.apply_command(create(number) if verb == "create" else f"{verb} id={number}", {})
        (alive.discard if verb == "destroy" else alive.add)(number)
        visible = {w.id: w.focused for w in scene.pending().windows}
        assert scene.focus in visible or not visible
        assert sum(visible.values()) == bool(visible)


def frames_due(*steps):
    """Frame number after *steps*; a step is a command or (x, y, buttons) or a key's scancode."""
    scene = Scene()
    for step in steps:
        if isinstance(step, str):
            scene.apply_command(step, {})
        elif isinstance(step, tuple):
            scene.apply_pointer(*step)
        else:
            scene.apply_key("down", step)
    return scene.frames_due


CHECKER = " kind=checker"
TICK = "frames n=1"


@pytest.mark.parametrize(
    ("steps", "due"),
    [
        ([], 1),
        ([TICK], 1),
        (["frames n=100"], 1),
        ([create(1), TICK], 2),
        ([create(1), TICK, TICK], 2),
        ([create(1), "redraw id=1", "frames n=50"], 2),
        ([create(1, x=992), TICK], 1),  # wholly beside the desktop
        ([create(1, x=991), TICK], 2),
        ([create(1, y=-119), TICK], 2),
        ([create(1, y=-120), TICK], 1),
        ([create(1, x=992), "move id=1 x=0 y=0", TICK], 2),
        ([create(1), TICK, "move id=1 x=992 y=0", TICK], 3),  # it leaves: the old place is damaged
        ([create(1), "hide id=1", TICK, "redraw id=1", "move id=1 x=3 y=3", "hide id=1", TICK], 2),
        ([create(1), "hide id=1", TICK, "destroy id=1", TICK], 2),
        ([create(1), TICK, "raise id=1", TICK], 3),  # damaged although no pixel changes
        ([create(1), TICK, 0x1E, TICK], 3),
        ([create(1), TICK, 0x0E, TICK], 2),  # nothing to delete
        ([create(1), TICK, 0x3B, TICK], 2),  # a key that types nothing
        ([create(1, y=-110), 0x1E, TICK, 0x1E, TICK], 3),
        ([create(1, y=750), TICK, 0x1E, TICK], 2),  # its content begins below the desktop
        ([(1, 1, 0), TICK, (1, 1, 0), TICK], 3),
        ([create(1, extra=CHECKER), "animate id=1 on=1", "frames n=7"], 8),
        ([create(1), "animate id=1 on=1", "frames n=7", "animate id=1 on=0", "frames n=7"], 8),
        ([create(1, x=992), "animate id=1 on=1", "frames n=7"], 1),
        ([create(1), "animate id=1 on=1", "hide id=1", "frames n=7"], 2),
        ([create(1, x=992), create(2), TICK, "focus id=1", TICK], 3),  # the loser of the focus is damaged
    ],
)
def test_frames_are_counted_by_the_damage_rule(steps, due):
    assert frames_due(*steps) == due


def test_after_a_soak_frames_are_not_counted():
    assert frames_due(create(1), "destroy id=1", "soak clients=1 seconds=1", TICK) is None
