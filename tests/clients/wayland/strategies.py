"""Values for the arguments of messages, for hypothesis."""

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from harness.clients.wayland.codec import NewId
from harness.clients.wayland.protocol import Kind, standard

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a loaded host is no defect
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
