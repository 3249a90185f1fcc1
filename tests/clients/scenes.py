"""Small words for tests of the scene."""

from harness.clients.scene import Scene
from harness.geometry import Rect

KEYS = {c: 0x1E + i for i, c in enumerate("asdfghjkl")}


def create(number, x=100, y=100, w=160, h=120, color="304050", kind="solid"):
    return f"create id={number} x={x} y={y} w={w} h={h} color={color} kind={kind}"


def scene_of(*commands):
    scene = Scene()
    for command in commands:
        scene.apply_command(command, {})
    return scene


def type_into(scene, text):
    for c in text:
        scene.apply_key("down", KEYS[c])
        scene.apply_key("up", KEYS[c])


def window(scene, number):
    return next(w for w in scene.pending().windows if w.id == number)


def content(scene, number):
    return window(scene, number).content


def text(scene, number):
    return window(scene, number).content.text


INNER = Rect(101, 119, 158, 100)  # of the window that `create` makes
OUTER = Rect(100, 100, 160, 120)
SECOND, CURSOR = Rect(500, 100, 160, 120), Rect(300, 300, 12, 12)  # another window, the pointer at (300, 300)


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
