"""Values for the arguments of messages, for hypothesis."""

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from harness.clients.wayland.codec import NewId, encode
from harness.clients.wayland.protocol import Kind, standard

unhurried = settings(suppress_health_check=[HealthCheck.too_slow])  # a loaded host is no defect
ids = st.integers(1, 0xFFFFFFFF)
text = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
MESSAGES = [message for interface in standard().values() for message in (*interface.requests, *interface.events)]


def value(argument):
    match argument.kind:
        case Kind.INT:
            found = st.integers(-(1 << 31), (1 << 31) - 1)
        case Kind.UINT:
            found = st.integers(0, 0xFFFFFFFF)
        case Kind.FIXED:
            found = st.integers(-(1 << 31), (1 << 31) - 1).map(lambda n: n / 256)
        case Kind.STRING:
            found = text
        case Kind.OBJECT:
            found = ids
        case Kind.NEW_ID if argument.interface is None:
            found = st.builds(NewId, text, st.integers(0, 0xFFFFFFFF), ids)
        case Kind.NEW_ID:
            found = ids
        case Kind.ARRAY:
            found = st.binary(max_size=40)
        case Kind.FD:
            found = st.builds(object)
    return st.none() | found if argument.nullable and argument.kind is not Kind.ARRAY else found


messages = st.sampled_from(MESSAGES).flatmap(
    lambda message: st.tuples(st.just(message), st.tuples(*(value(argument) for argument in message.arguments)))
)


# ---- requests that a compositor may take, and damage to them ---------------------------------------------------------

SMALL = [0, 1, 2, 3, 5, 31, 32, 33, 64, 100, 992, 4096, 65535, -1, -4097, (1 << 31) - 1, -(1 << 31)]
TEXTS = ["", "x", "text/plain", "wl_shm", "äöü€", "\x01\x7f", "a" * 63, "a" * 64, "a" * 400]


def _reference(draw, argument, alive):
    """An object for *argument*: nearly always one that fits."""
    fitting = [id_ for id_, interface, _ in alive if argument.interface in (None, interface)]
    if argument.nullable and draw(st.integers(0, 3)) == 0:
        return None
    if fitting and draw(st.integers(0, 15)):
        return draw(st.sampled_from(fitting))
    return draw(st.sampled_from([id_ for id_, _, _ in alive] + [0xFF000000, 250, 4096]))


def _argument(draw, argument, alive, fresh, serials, offers):
    match argument.kind:
        case Kind.OBJECT:
            return _reference(draw, argument, alive)
        case Kind.NEW_ID:
            id_ = fresh if draw(st.integers(0, 31)) else draw(st.sampled_from([1, 2, fresh + 3, 0xFF000001]))
            if argument.interface is not None:
                return id_
            _, interface, version = draw(st.sampled_from(offers))
            return NewId(interface, max(version + draw(st.sampled_from([0, 0, 0, 0, -1, 1])), 0), id_)
        case Kind.UINT if argument.name == "serial" and serials:
            return draw(st.sampled_from(serials))
        case Kind.UINT if argument.name == "name":
            return draw(st.integers(0, len(offers) + 1))
        case Kind.UINT:
            return draw(st.sampled_from([n & 0xFFFFFFFF for n in SMALL]))
        case Kind.INT:
            return draw(st.sampled_from(SMALL))
        case Kind.STRING:
            return None if argument.nullable and draw(st.booleans()) else draw(st.sampled_from(TEXTS))
        case _:
            return draw(value(argument))


@st.composite
def requests(draw, interfaces, alive, fresh, serials, offers, leave_out=()):
    """One request, encoded, and by chance damaged: (bytes, file descriptors that go with them).

    :param alive: (id, interface, version) of the objects that requests can be made of.
    :param fresh: the id that the next new object has to have; *serials*: those that the compositor sent.
    :param offers: the globals, as (name, interface, version).
    :param leave_out: (interface, request) that are not made.
    """
    makers = [
        (id_, message)
        for id_, interface, version in alive
        for message in interfaces[interface].requests
        if message.since <= version and (interface, message.name) not in leave_out
    ]
    id_, message = draw(st.sampled_from(makers))
    values = [_argument(draw, argument, alive, fresh, serials, offers) for argument in message.arguments]
    encoded = encode(id_, message, values)
    data, fds = encoded.data, len(encoded.fds)
    match draw(st.integers(0, 39)):
        case 0:  # one word is another
            at = 4 * draw(st.integers(0, len(data) // 4 - 1))
            data = data[:at] + draw(st.binary(min_size=4, max_size=4)) + data[at + 4 :]
        case 1:  # its header tells another size than it has
            size = draw(st.sampled_from([0, 4, 7, len(data) + 1, len(data) + 4, len(data) - 4, 4100]))
            data = data[:6] + size.to_bytes(2, "little") + data[8:]
        case 2:
            fds = max(0, fds + draw(st.sampled_from([-1, 1])))
        case 3:  # of an opcode that may not exist
            data = data[:4] + bytes([draw(st.integers(0, 40))]) + data[5:]
    return data, fds
