"""The shipped tables say what the published descriptions say."""

import subprocess

import pytest

from harness.clients.wayland import protocol
from harness.clients.wayland.generate import source, table
from harness.clients.wayland.protocol import SHIPPED, Argument, Kind, MessageType, load, parse, standard
from harness.clients.wayland.remote import RemoteObject
from harness.errors import UsageError


def shipped(name):
    return (protocol.resources.files("harness.clients.wayland") / "protocols" / f"{name}.xml").read_bytes()


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_table_equals_what_the_published_description_says(name):
    assert parse(shipped(name)) == parse(source(name).read_bytes())


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_table_is_what_the_generator_makes(name):
    assert shipped(name) == table(source(name).read_bytes()), "run: python -m harness.clients.wayland.generate"


def test_the_published_scanner_accepts_the_guests_own_protocol_strictly():
    command = ["wayland-scanner", "--strict", "public-code", str(source("rayos")), "/dev/null"]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_opcodes_are_places_and_attributes_are_read():
    surface = standard()["wl_surface"]
    assert surface.request("commit").opcode == 6
    assert surface.request("attach").arguments == (
        Argument("buffer", Kind.OBJECT, "wl_buffer", nullable=True),
        Argument("x", Kind.INT),
        Argument("y", Kind.INT),
    )
    assert surface.request("damage_buffer").since == 4
    assert surface.request("destroy").destructor
    assert standard()["wl_callback"].events[0].destructor
    assert standard()["wl_registry"].request("bind").arguments[1] == Argument("id", Kind.NEW_ID)
    assert standard()["wl_keyboard"].events[0] == MessageType(
        "keymap",
        0,
        (
            Argument("format", Kind.UINT, enum="wl_keyboard.keymap_format"),
            Argument("fd", Kind.FD),
            Argument("size", Kind.UINT),
        ),
    )
    assert standard()["wl_shm_pool"].request("create_buffer").arguments[-1].enum == "wl_shm.format"
    assert standard()["wl_seat"].enums["capability"].bitfield
    assert standard()["wl_shm"].enums["format"].name_of(0x20203852) == "r8"
    assert standard()["xdg_toplevel"].enums["resize_edge"].name_of(10) == "bottom_right"


def test_an_error_code_has_its_name_or_its_number():
    assert standard()["wl_shm"].error_name(1) == "invalid_stride"
    assert standard()["wl_shm"].error_name(77) == "77"
    assert standard()["wl_region"].error_name(0) == "0"


def test_no_request_is_hidden_by_what_a_remote_object_has_itself():
    requests = {message.name for interface in standard().values() for message in interface.requests}
    assert not requests & (set(vars(RemoteObject)) | {"id", "interface", "version"})


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        (b"nonsense", "no XML"),
        (b"<other/>", "root is <other>"),
        (b'<protocol><interface name="a"/></protocol>', "lacks its attribute 'version'"),
        (b'<protocol><interface name="a" version="x"/></protocol>', "invalid literal"),
        (
            b'<protocol><interface name="a" version="1"><event name="e"><arg name="b" type="word"/></event></interface>'
            b"</protocol>",
            "'word' is not a valid Kind",
        ),
    ],
)
def test_what_is_no_description_is_refused_with_its_reason(document, complaint, tmp_path):
    (tmp_path / "some.xml").write_bytes(document)
    with pytest.raises(UsageError, match=complaint):
        parse(document)
    with pytest.raises(UsageError, match=r"some\.xml: .*" + complaint):
        load(tmp_path / "some.xml")


def test_a_description_of_the_users_own_joins_the_shipped_ones(tmp_path):
    file = tmp_path / "own.xml"
    file.write_bytes(
        b'<protocol name="own"><interface name="own_v1" version="3"><request name="go"/></interface></protocol>'
    )
    assert load(file)["own_v1"].request("go").opcode == 0
    assert "wl_surface" in load(file)
    assert "own_v1" not in standard()
    with pytest.raises(UsageError, match="no request 'stop'"):
        load(file)["own_v1"].request("stop")
