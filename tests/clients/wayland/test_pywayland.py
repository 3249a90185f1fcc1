"""A second opinion: libwayland, driven by pywayland, puts the same bytes on the wire and reads the same in ours."""

import array
import asyncio
import importlib
import os
import random
import socket
import subprocess
import sys
from collections import deque
from contextlib import ExitStack

import pytest
from pywayland import ffi, lib
from pywayland.protocol_core.argument import ArgumentType

from harness.clients.wayland.codec import NewId, decode, encode
from harness.clients.wayland.connection import Connection
from harness.clients.wayland.errors import CompositorError
from harness.clients.wayland.framing import Frame, FrameSplitter
from harness.clients.wayland.generate import source
from harness.clients.wayland.objects import SERVER_FIRST, ObjectTable, Side
from harness.clients.wayland.protocol import SHIPPED, Kind, standard
from harness.clients.wayland.sockets import SocketTransport

ROUNDS = 25  # of every message, with other values
_SPACE = socket.CMSG_SPACE(64)


@pytest.fixture(scope="module")
def scanned(tmp_path_factory):
    """The interfaces as pywayland's own scanner reads the descriptions, by name."""
    folder = tmp_path_factory.mktemp("scanned")
    files = [str(source(name)) for name in SHIPPED]
    command = [sys.executable, "-m", "pywayland.scanner", "-i", *files, "-o", str(folder / "scanned_protocols")]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    (folder / "scanned_protocols/__init__.py").touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        found = {}
        for name in SHIPPED:
            module = importlib.import_module(f"scanned_protocols.{name.replace('-', '_')}")
            found |= {item.name: item for item in vars(module).values() if isinstance(getattr(item, "name", None), str)}
        yield found
        for name in [name for name in sys.modules if name.startswith("scanned_protocols")]:
            del sys.modules[name]


class Peer:
    """The socket's other end, and what goes into libwayland's calls."""

    def __init__(self, stack):
        self.ours, self.theirs = (stack.enter_context(end) for end in socket.socketpair())
        self.random = random.Random(21)
        self.null = os.open(os.devnull, os.O_RDONLY)
        stack.callback(os.close, self.null)

    def read(self):
        """The bytes that came, and how many descriptors with them."""
        data, ancillary, _, _ = self.ours.recvmsg(65536, _SPACE)
        fds = array.array("i")
        for _, _, content in ancillary:
            fds.frombytes(content)
        for fd in fds:
            os.close(fd)
        return data, len(fds)

    def value(self, argument, objects):
        """A value in our terms. *objects* has an id for each interface."""
        rng = self.random
        match argument.kind:
            case Kind.INT:
                return rng.choice([0, -1, 5, 2**31 - 1, -(2**31), rng.randint(-1000, 1000)])
            case Kind.UINT:
                return rng.choice([0, 1, 2**32 - 1, rng.getrandbits(32)])
            case Kind.FIXED:
                return rng.choice([0.0, -0.5, rng.randint(-(2**31), 2**31 - 1) / 256])
            case Kind.STRING:
                choice = ["", "a", "abc", "abcd", "grüße", "x" * rng.randint(0, 300)]
                return rng.choice([*choice, None] if argument.nullable else choice)
            case Kind.OBJECT:
                known = objects.get(argument.interface, 1)
                return rng.choice([known, None]) if argument.nullable else known
            case Kind.ARRAY:
                return rng.randbytes(rng.randint(0, 40))
            case _:
                return None


def c_arguments(message, values, pointers):
    """libwayland's arguments for *values* (in our terms, new ids left out), and what has to live as long as they.

    pywayland 0.4.19 has its own (`Message.arguments_to_c`), which cannot do arrays.
    """
    arguments = ffi.new("union wl_argument []", 20)
    kinds = [a.argument_type for a in message._marshaled_arguments]  # scanned: not from our table
    given = iter(values)
    keep = []
    for n, kind in enumerate(kinds):
        if kind is ArgumentType.NewId:
            arguments[n].o = ffi.NULL
            continue
        value = next(given)
        match kind:
            case ArgumentType.Int:
                arguments[n].i = value
            case ArgumentType.Uint:
                arguments[n].u = value
            case ArgumentType.Fixed:
                arguments[n].f = lib.wl_fixed_from_double(value)
            case ArgumentType.FileDescriptor:
                arguments[n].h = value
            case ArgumentType.Object:
                arguments[n].o = ffi.NULL if value is None else ffi.cast("struct wl_object *", pointers[value])
            case ArgumentType.String:
                keep.append(ffi.NULL if value is None else ffi.new("char[]", value.encode()))
                arguments[n].s = keep[-1]
            case ArgumentType.Array:
                data = ffi.new("char[]", value)
                keep += [data, ffi.new("struct wl_array *", {"size": len(value), "alloc": len(value), "data": data})]
                arguments[n].a = keep[-1]
    assert next(given, None) is None
    return arguments, keep


def test_every_request_that_libwayland_sends_is_byte_for_byte_ours(scanned):
    with ExitStack() as stack:
        peer = Peer(stack)
        display = lib.wl_display_connect_to_fd(peer.theirs.detach())
        stack.callback(lib.wl_display_disconnect, display)
        pointers = {1: ffi.cast("struct wl_proxy *", display)}
        table = ObjectTable(standard())
        objects = {}
        proxies = []
        stack.callback(lambda: [lib.wl_proxy_destroy(proxy) for proxy in reversed(proxies)])

        def make(parent, opcode, arguments, interface):
            proxy = lib.wl_proxy_marshal_array_constructor(pointers[parent], opcode, arguments, scanned[interface]._ptr)
            assert proxy != ffi.NULL
            proxies.append(proxy)
            id_ = table.allocate()
            table.add(Side.CLIENT, id_, interface, 1)
            pointers[id_] = proxy
            objects.setdefault(interface, id_)
            return id_

        def check(id_, message, values, fds=0):
            lib.wl_display_flush(display)
            assert peer.read() == (encode(id_, message, values).data, fds)

        arguments, _ = c_arguments(scanned["wl_display"].requests[1], (), {})
        check(1, standard()["wl_display"].request("get_registry"), (make(1, 1, arguments, "wl_registry"),))
        bind = scanned["wl_registry"].requests[0]
        for name, interface in standard().items():
            if name in ("wl_display", "wl_registry"):
                continue
            arguments, keep = c_arguments(bind, (7, name, interface.version), {})
            new = NewId(name, interface.version, make(objects["wl_registry"], 0, arguments, name))
            check(objects["wl_registry"], standard()["wl_registry"].request("bind"), (7, new))
        seen = 0
        for name, interface in standard().items():
            target = 1 if name == "wl_display" else objects[name]
            for message in interface.requests:
                if name == "wl_registry":
                    continue
                for _ in range(ROUNDS):
                    given = [a for a in message.arguments if a.kind is not Kind.NEW_ID]
                    values = [peer.null if a.kind is Kind.FD else peer.value(a, objects) for a in given]
                    theirs = scanned[name].requests[message.opcode]
                    arguments, keep = c_arguments(theirs, values, pointers)
                    made = next((a.interface for a in message.arguments if a.kind is Kind.NEW_ID), None)
                    if made is None:
                        lib.wl_proxy_marshal_array(pointers[target], message.opcode, arguments)
                        new_id = None
                    else:
                        new_id = make(target, message.opcode, arguments, made)
                    rest = iter(values)
                    ours = [new_id if a.kind is Kind.NEW_ID else next(rest) for a in message.arguments]
                    check(target, message, ours, sum(a.kind is Kind.FD for a in given))
                    seen += 1
                    del keep
        assert seen == ROUNDS * (sum(len(i.requests) for i in standard().values()) - 1)


def test_every_event_that_libwayland_sends_is_byte_for_byte_ours_and_reads_back(scanned):
    with ExitStack() as stack:
        peer = Peer(stack)
        display = lib.wl_display_create()
        stack.callback(lib.wl_display_destroy, display)
        client = lib.wl_client_create(display, peer.theirs.detach())
        stack.callback(lib.wl_client_destroy, client)
        objects, pointers = {}, {}
        for id_, (name, interface) in enumerate(standard().items(), 1):
            if id_ > 1:  # wl_display is there
                pointers[id_] = lib.wl_resource_create(client, scanned[name]._ptr, interface.version, id_)
                assert pointers[id_] != ffi.NULL
            objects[name] = id_
        splitter = FrameSplitter()
        for name, interface in standard().items():
            for message in interface.events:
                if name == "wl_display":
                    continue
                for _ in range(ROUNDS):
                    values = [peer.null if a.kind is Kind.FD else peer.value(a, objects) for a in message.arguments]
                    theirs = scanned[name].events[message.opcode]
                    given = [v for a, v in zip(message.arguments, values, strict=True) if a.kind is not Kind.NEW_ID]
                    arguments, keep = c_arguments(theirs, given, pointers)
                    for n, argument in enumerate(message.arguments):
                        if argument.kind is Kind.NEW_ID:
                            new = lib.wl_resource_create(client, scanned[argument.interface]._ptr, 1, 0)
                            arguments[n].o = ffi.cast("struct wl_object *", new)
                            values[n] = lib.wl_resource_get_id(new)
                            assert values[n] >= SERVER_FIRST
                    lib.wl_resource_post_event_array(pointers[objects[name]], message.opcode, arguments)
                    lib.wl_client_flush(client)
                    data, fds = peer.read()
                    assert data == encode(objects[name], message, values).data
                    (frame,) = splitter.feed(data)
                    marks = deque([peer.null] * fds)
                    assert decode(frame, message, marks).values == tuple(values)
                    assert not marks
                    del keep


class Server:
    """A libwayland server that offers every interface and notes what it is asked: name and arguments of each request.

    pywayland 0.4.19 has a server of its own, but gives its request handlers no object (the `implementation` that it
    registers is null), so the callbacks here are libwayland's own.
    """

    def __init__(self, scanned, stack):
        self.scanned = scanned
        self.requests = []
        self.resources = {}
        self.display = lib.wl_display_create()
        stack.callback(lib.wl_display_destroy, self.display)
        self._dispatcher = ffi.callback(ffi.typeof(lib.wl_resource_set_dispatcher).args[1], self._request)
        bind = ffi.typeof(lib.wl_global_create).args[4]
        self._keep = []
        for name, interface in standard().items():
            if name in ("wl_display", "wl_registry"):
                continue
            callback = ffi.callback(
                bind, lambda client, _, version, id_, name=name: self.make(name, client, version, id_)
            )
            lib.wl_global_create(self.display, scanned[name]._ptr, interface.version, ffi.NULL, callback)
            self._keep.append(callback)
        ours, theirs = socket.socketpair()
        self.socket = stack.enter_context(ours)
        self.client = lib.wl_client_create(self.display, theirs.detach())
        stack.callback(lib.wl_display_destroy_clients, self.display)

    def make(self, name, client, version, id_):
        resource = lib.wl_resource_create(client, self.scanned[name]._ptr, version, id_)
        lib.wl_resource_set_dispatcher(resource, self._dispatcher, ffi.NULL, ffi.NULL, ffi.NULL)
        self.resources[id_] = (name, resource)

    def pump(self):
        lib.wl_event_loop_dispatch(lib.wl_display_get_event_loop(self.display), 0)
        lib.wl_display_flush_clients(self.display)

    def post(self, id_, event, *values):
        """One event; *values* as `c_arguments` takes them."""
        name, resource = self.resources[id_]
        message = next(message for message in self.scanned[name].events if message.name == event)
        opcode = self.scanned[name].events.index(message)
        arguments, _ = c_arguments(message, values, {})
        lib.wl_resource_post_event_array(resource, opcode, arguments)

    def _request(self, _, target, opcode, message, arguments):
        id_ = lib.wl_resource_get_id(ffi.cast("struct wl_resource *", target))
        name, resource = self.resources[id_]
        signature = [c for c in ffi.string(message.signature).decode() if c.isalpha()]
        values = [self._value(kind, arguments[n]) for n, kind in enumerate(signature)]
        described = standard()[name].requests[opcode]
        for argument, value in zip(described.arguments, values, strict=True):
            if argument.kind is Kind.NEW_ID:
                self.make(argument.interface, lib.wl_resource_get_client(resource), 1, value)
        self.requests.append((f"{name}.{ffi.string(message.name).decode()}", *values))
        if self.requests[-1][0] == "wl_surface.frame":
            lib.wl_resource_post_error(resource, 2, b"no more frames")
        return 0

    def _value(self, kind, argument):
        match kind:
            case "i":
                return argument.i
            case "u" | "n":
                return argument.u
            case "f":
                return lib.wl_fixed_to_double(argument.f)
            case "s":
                return None if argument.s == ffi.NULL else ffi.string(argument.s).decode()
            case "o":
                found = ffi.cast("struct wl_resource *", argument.o)
                return None if found == ffi.NULL else lib.wl_resource_get_id(found)
            case "h":
                os.close(argument.h)
                return "fd"


def test_every_request_of_ours_is_read_by_libwayland_as_we_meant_it(scanned):
    with ExitStack() as stack:
        server, peer = Server(scanned, stack), Peer(stack)
        table = ObjectTable(standard())
        objects = {"wl_display": 1}

        def send(id_, message, values):
            encoded = encode(id_, message, values)
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", encoded.fds))] if encoded.fds else []
            server.socket.sendmsg([encoded.data], rights)
            server.pump()

        def make(interface):
            id_ = table.allocate()
            objects.setdefault(interface, id_)
            return id_

        send(1, standard()["wl_display"].request("get_registry"), (make("wl_registry"),))
        offered = {}
        for frame in FrameSplitter().feed(server.socket.recv(65536)):
            number, name, version = decode(frame, standard()["wl_registry"].events[0], deque()).values
            offered[name] = number, version
        assert set(offered) == set(standard()) - {"wl_display", "wl_registry"}
        for name, (number, version) in offered.items():
            send(2, standard()["wl_registry"].request("bind"), (number, NewId(name, version, make(name))))
        for name in offered:
            for message in standard()[name].requests:
                if (name, message.name) == ("wl_surface", "frame"):
                    continue
                for _ in range(ROUNDS):
                    values = [
                        make(a.interface)
                        if a.kind is Kind.NEW_ID
                        else peer.null
                        if a.kind is Kind.FD
                        else peer.value(a, objects)
                        for a in message.arguments
                    ]
                    send(objects[name], message, values)
                    expected = [
                        "fd" if a.kind is Kind.FD else v for a, v in zip(message.arguments, values, strict=True)
                    ]
                    assert server.requests.pop() == (f"{name}.{message.name}", *expected)
        assert not server.requests


class PumpedTransport(SocketTransport):
    """A socket to a server in this process, which runs whenever we sent something."""

    def __init__(self, server):
        super().__init__(server.socket)
        self.pump = server.pump

    async def send(self, data, fds):
        await super().send(data, fds)
        self.pump()


def serve(scanned, body):
    """Run *body(connection, server)* as a client of libwayland."""

    async def run():
        with ExitStack() as stack:
            server = Server(scanned, stack)
            async with Connection(PumpedTransport(server)) as connection:
                return await body(connection, server)

    return asyncio.run(run())


def test_a_connection_speaks_with_libwayland(scanned):
    async def body(connection, server):
        maker = await connection.bind("wl_compositor")
        surface = maker.create_surface()
        surface.attach(None, -5, 7)
        surface.commit()
        await connection.roundtrip()
        made, *rest = server.requests
        assert made == ("wl_compositor.create_surface", surface.id)
        return rest

    assert serve(scanned, body) == [("wl_surface.attach", None, -5, 7), ("wl_surface.commit",)]


def test_a_descriptor_from_libwayland_arrives_with_its_content(scanned):
    async def body(connection, server):
        seat = await connection.bind("wl_seat")
        keyboard = seat.get_keyboard()
        await connection.roundtrip()
        fd = os.memfd_create("keymap")
        os.write(fd, b"the keymap")
        server.post(keyboard.id, "keymap", 1, fd, 10)
        os.close(fd)
        (keymap,) = await connection.roundtrip()
        assert (keymap.object, keymap["format"], keymap["size"]) == (keyboard, 1, 10)
        return await keymap["fd"].read()

    assert serve(scanned, body) == b"the keymap"


def test_an_error_of_libwayland_is_named(scanned):
    async def body(connection, _):
        maker = await connection.bind("wl_compositor")
        surface = maker.create_surface()
        surface.frame()
        with pytest.raises(CompositorError) as raised:
            await connection.roundtrip()
        error = raised.value
        return error.object_id == surface.id, error.interface, error.code, error.name, error.message

    assert serve(scanned, body) == (True, "wl_surface", 2, "invalid_size", "no more frames")


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (Frame(99, 0, b"").to_bytes(), "invalid_object"),
        (Frame(1, 9, b"").to_bytes(), "invalid_method"),
        (Frame(1, 0, b"").to_bytes(), "invalid_method"),
        (Frame(1, 0, (2).to_bytes(4, "little")).to_bytes() * 2, "invalid_method"),  # the id is in use
    ],
)
def test_libwayland_names_what_is_malformed(scanned, data, name):
    async def body(connection, _):
        await connection.bind("wl_compositor")
        connection.send_raw(data)
        with pytest.raises(CompositorError) as raised:
            await connection.roundtrip()
        return raised.value.name

    assert serve(scanned, body) == name
