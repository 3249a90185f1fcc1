"""Objects live and die by what both sides say, and a message that does not fit them is wrong."""

from collections import deque

import pytest

from harness.clients.wayland.codec import NewId, encode
from harness.clients.wayland.errors import Fault, WireError
from harness.clients.wayland.framing import Frame
from harness.clients.wayland.objects import SERVER_FIRST, ObjectTable, Side
from harness.clients.wayland.protocol import standard
from harness.clients.wayland.session import Session

I = standard()  # noqa: E741


class Talk:
    """Both sides of a session. `request` and `event` encode by name and have the session read the bytes."""

    def __init__(self):
        self.session = Session()
        for number, (interface, version) in enumerate(
            [("wl_compositor", 4), ("wl_shm", 1), ("wl_data_device_manager", 3), ("wl_seat", 5), ("unheard_of", 1)]
        ):
            if number == 0:
                self.request(1, "get_registry", 2)
            self.request(2, "bind", number, NewId(interface, version, 3 + number))
        self.request(3, "create_surface", 8)

    def request(self, id_, name, *values, fds=()):
        message = self.session.objects.get(id_).interface.request(name)
        return self._read(Side.CLIENT, id_, message, values, fds)

    def event(self, id_, name, *values):
        events = self.session.objects.get(id_).interface.events
        return self._read(Side.SERVER, id_, next(e for e in events if e.name == name), values, ())

    def _read(self, side, id_, message, values, fds):
        data = encode(id_, message, values).data
        return self.session.read(side, Frame(id_, message.opcode, data[8:]), deque(fds))


@pytest.fixture
def talk():
    return Talk()


def fault(call):
    with pytest.raises(WireError) as raised:
        call()
    return raised.value.fault


def test_a_message_is_named_with_its_arguments(talk):
    call = talk.request(8, "attach", None, 1, 2)
    assert (call.name, dict(call.arguments)) == ("wl_surface.attach", {"buffer": None, "x": 1, "y": 2})
    assert call.has_clean_padding


def test_an_id_is_in_use_from_its_making_to_delete_id(talk):
    assert fault(lambda: talk.request(3, "create_region", 8)) is Fault.NEW_ID
    talk.request(8, "destroy")
    assert fault(lambda: talk.request(3, "create_region", 8)) is Fault.NEW_ID
    talk.event(1, "delete_id", 8)
    assert talk.request(3, "create_region", 8).values == (8,)
    assert talk.session.objects.get(8).interface.name == "wl_region"


def test_no_request_reaches_a_destroyed_object_but_events_still_come(talk):
    talk.request(2, "bind", 9, NewId("wl_output", 3, 9))
    talk.request(8, "destroy")
    assert fault(lambda: talk.request(8, "commit")) is Fault.OBJECT
    assert talk.event(8, "enter", 9).name == "wl_surface.enter"


def test_no_message_reaches_an_object_that_never_was(talk):
    frame = Frame(99, 0, b"")
    assert fault(lambda: talk.session.read(Side.CLIENT, frame, deque())) is Fault.OBJECT
    assert fault(lambda: talk.session.read(Side.SERVER, frame, deque())) is Fault.OBJECT


def test_an_opcode_that_the_interface_lacks(talk):
    assert fault(lambda: talk.session.read(Side.CLIENT, Frame(8, 99, b""), deque())) is Fault.OPCODE
    assert fault(lambda: talk.session.read(Side.CLIENT, Frame(7, 0, b""), deque())) is Fault.OPCODE  # unheard_of


def test_a_message_newer_than_the_object(talk):
    talk.request(2, "bind", 9, NewId("wl_compositor", 3, 9))
    talk.request(9, "create_surface", 10)
    assert fault(lambda: talk.request(10, "damage_buffer", 0, 0, 1, 1)) is Fault.VERSION
    assert talk.request(8, "damage_buffer", 0, 0, 1, 1).message.since == 4


def test_an_object_argument_has_to_be_alive_and_of_its_interface(talk):
    assert fault(lambda: talk.request(8, "attach", 99, 0, 0)) is Fault.ARGUMENT
    assert fault(lambda: talk.request(8, "attach", 3, 0, 0)) is Fault.ARGUMENT
    talk.request(3, "create_region", 9)
    talk.request(8, "set_input_region", 9)
    talk.request(9, "destroy")
    assert fault(lambda: talk.request(8, "set_input_region", 9)) is Fault.ARGUMENT


def test_each_side_has_its_own_ids(talk):
    assert fault(lambda: talk.request(3, "create_region", SERVER_FIRST)) is Fault.NEW_ID
    talk.request(5, "get_data_device", 9, 6)
    assert fault(lambda: talk.event(9, "data_offer", 10)) is Fault.NEW_ID
    talk.event(9, "data_offer", SERVER_FIRST)
    assert fault(lambda: talk.event(9, "data_offer", SERVER_FIRST)) is Fault.NEW_ID
    talk.request(SERVER_FIRST, "destroy")
    talk.event(9, "data_offer", SERVER_FIRST)  # the server has heard of the end of the first
    assert talk.session.objects.is_alive(SERVER_FIRST)


@pytest.mark.parametrize("id_", [1, 99, SERVER_FIRST, 0])
def test_delete_id_is_for_objects_of_the_client(talk, id_):
    assert fault(lambda: talk.event(1, "delete_id", id_)) is Fault.ARGUMENT


def test_an_event_may_end_its_object(talk):
    talk.request(1, "sync", 9)
    talk.event(9, "done", 0)
    assert not talk.session.objects.is_alive(9)
    talk.event(1, "delete_id", 9)
    assert talk.session.objects.get(9) is None


def test_an_error_may_name_an_object_that_never_was(talk):
    assert talk.event(1, "error", 99, 0, "invalid object 99").values == (99, 0, "invalid object 99")


def test_a_new_object_has_its_makers_version(talk):
    talk.request(6, "get_pointer", 9)
    assert talk.session.objects.get(9).version == 5


def test_the_id_freed_last_is_used_first_and_none_is_skipped():
    table = ObjectTable(I)
    ids = [table.allocate() for _ in range(3)]
    assert ids == [2, 3, 4]
    for id_ in ids:
        table.add(Side.CLIENT, id_, "wl_callback", 1)
    table.delete(2)
    table.delete(4)
    assert [table.allocate() for _ in range(3)] == [4, 2, 5]
    assert len(table) == 2
