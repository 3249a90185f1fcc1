"""Small words for tests of the scene."""

from harness.clients.scene import Scene

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
