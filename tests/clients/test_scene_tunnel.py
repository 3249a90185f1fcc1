"""Windows of the host's clients in the scene, from the bytes of the tunnel alone."""

import struct
from base64 import b64encode

import numpy as np
import pytest

from harness.clients.scene import Scene
from harness.clients.scene_tunnel import Tunnel
from harness.clients.wayland.codec import NewId
from harness.clients.wayland.session import Session
from harness.clients.words import UnknownSceneError

COMPOSITOR, SHM, BASE, SHELL, SURFACE, XDG, TOPLEVEL, WINDOW, POOL, BUFFER, SEAT = range(3, 14)
GLOBALS = {COMPOSITOR: ("wl_compositor", 4), SHM: ("wl_shm", 1), BASE: ("xdg_wm_base", 2), SHELL: ("rayos_shell_v1", 1),
           SEAT: ("wl_seat", 5)}  # fmt: skip


class Host:
    """A client of the host at the tunnel's connection 1."""

    def __init__(self):
        self.scene = Scene()
        self.tunnel, self.session = Tunnel(self.scene), Session()
        self.tunnel.apply("wire-open", {"conn": "1"})

    def say(self, *requests, cut=None):
        """(object, request, arguments …), in one command or cut in two."""
        data = b"".join(self.session.write(o, name, values).encode().data for o, name, *values in requests)
        for piece in (data[:cut], data[cut:]) if cut else (data,):
            self.tunnel.apply(f"wire-send conn=1 data={b64encode(piece).decode()}", {"queued": "0", "data": ""})

    def window(self):
        """A window of 50 x 40 pixels at (200, 100), its first buffer all 0x112233."""
        self.say((1, "get_registry", 2))
        for id_ in (COMPOSITOR, SHM, BASE, SHELL):
            self.say((2, "bind", 1, NewId(*GLOBALS[id_], id_)))
        self.tunnel.apply("wire-memory conn=1 size=8000", {"fd": "1"})
        runs = b64encode(struct.pack("<II", 2000, 0xFF112233)).decode()
        self.tunnel.apply(f"wire-fill conn=1 fd=1 at=0 runs={runs}", {})
        self.say(
            (COMPOSITOR, "create_surface", SURFACE), (BASE, "get_xdg_surface", XDG, SURFACE),
            (XDG, "get_toplevel", TOPLEVEL),
            (TOPLEVEL, "set_title", "ours"), (SHELL, "get_window", WINDOW, TOPLEVEL), (WINDOW, "set_place", 200, 100),
            (SURFACE, "commit"), (SHM, "create_pool", POOL, "the memory", 8000),
            (POOL, "create_buffer", BUFFER, 0, 50, 40, 200, 1),
            (SURFACE, "attach", BUFFER, 0, 0), (SURFACE, "damage", 0, 0, 50, 40), (SURFACE, "commit"),
            cut=101,
        )  # fmt: skip
        return self

    @property
    def windows(self):
        return self.scene.pending().windows


def test_a_window_shows_what_lay_in_its_memory_at_the_commit():
    host = Host().window()
    (window,) = host.windows
    assert (window.id, window.x, window.y, window.w, window.h) == (97, 200, 100, 52, 60)
    assert window.title == "ours"
    pixels = window.content.surface.pixels
    assert pixels.shape == (40, 50)
    assert np.unique(pixels).tolist() == [0x112233]
    data = b64encode(b"\x01\x02\x03\xff").decode()
    host.tunnel.apply(f"wire-put conn=1 fd=1 at=4 data={data}", {})
    host.say((SURFACE, "attach", BUFFER, 0, 0), (SURFACE, "damage", 1, 0, 1, 1), (SURFACE, "commit"))
    assert host.windows[0].content.surface.pixels[0, :3].tolist() == [0x112233, 0x030201, 0x112233]


@pytest.mark.parametrize("end", ["close", "lost", "nonsense", "unmap"])
def test_a_window_goes_with_its_connection_or_its_buffer(end):
    host = Host().window()
    match end:
        case "close":
            host.tunnel.apply("wire-close conn=1", {})
        case "lost":
            host.tunnel.lost(97)
        case "nonsense":
            data = b64encode(struct.pack("<II", 77, 8 << 16)).decode()
            host.tunnel.apply(f"wire-send conn=1 data={data}", {"queued": "40", "data": ""})
        case "unmap":
            host.say((SURFACE, "attach", None, 0, 0), (SURFACE, "commit"))
    assert host.windows == ()


def test_what_cannot_be_followed_is_not_guessed_at():
    host = Host().window()
    host.say((2, "bind", 1, NewId(*GLOBALS[SEAT], SEAT)))
    host.say((TOPLEVEL, "resize", SEAT, 1, 2 | 8))
    for request in ("resize", SEAT, 1, 1), ("move", SEAT, 1), ("set_fullscreen", None):
        with pytest.raises(UnknownSceneError):
            host.say((TOPLEVEL, *request))
    with pytest.raises(UnknownSceneError, match="connection 2"):
        host.tunnel.apply("wire-recv conn=2", {"queued": "0", "data": ""})
