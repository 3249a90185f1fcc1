"""A compositor in memory that handles every request at once, and two ways to it: directly, and through a tunnel."""

from base64 import b64decode, b64encode
from collections import deque

from harness.clients.codec import PAYLOAD_LIMIT, Reply
from harness.clients.wayland import codec
from harness.clients.wayland.errors import Fault, WireError
from harness.clients.wayland.framing import Frame, FrameSplitter
from harness.clients.wayland.objects import SERVER_FIRST, Side
from harness.clients.wayland.session import Session
from harness.clients.wayland.transport import Received, check_range, pixel_bytes

GLOBALS = {
    1: ("wl_compositor", 4),
    2: ("wl_shm", 1),
    3: ("wl_seat", 5),
    4: ("rayos_shell_v1", 1),
    5: ("other_thing", 1),
}
KEYMAP = b"xkb_keymap {" + b" " * 1300 + b"};\0"
_ERRORS = {Fault.OBJECT: 0}  # wl_display.invalid_object; all others are invalid_method, as in libwayland


class Memory:
    """Shared memory, or another file, as bytes."""

    def __init__(self, content):
        self.content = bytearray(content)

    async def read(self, at=0, length=None):
        return bytes(self.content[at : None if length is None else at + length])

    async def put(self, at, data):
        check_range(len(self.content), at, len(data))
        self.content[at : at + len(data)] = data

    async def fill(self, at, runs):
        await self.put(at, pixel_bytes(runs))


class Compositor:
    """`feed` takes a client's bytes; `out` and `out_fds` are what it answered, `calls` the requests it understood."""

    def __init__(self):
        self.session = Session()
        self.splitter = FrameSplitter()
        self.fds = deque()
        self.calls = []
        self.out = bytearray()
        self.out_fds = []
        self.closed = False
        self.next_id = SERVER_FIRST
        self.mute = False

    def feed(self, data, fds=()):
        self.fds += fds
        for item in self.splitter.feed(data):
            if self.closed:
                return
            try:
                if not isinstance(item, Frame):
                    raise item
                call = self.session.read(Side.CLIENT, item, self.fds)
            except WireError as error:
                self.fail(1, _ERRORS.get(error.fault, 1), error.what)
            else:
                self.calls.append(call)
                if not self.mute:
                    self.handle(call)

    def handle(self, call):
        match call.name:
            case "wl_display.sync":
                self.say(call.values[0], "done", 7)
                self.say(1, "delete_id", call.values[0])
            case "wl_display.get_registry":
                for number, (interface, version) in GLOBALS.items():
                    self.say(call.values[0], "global", number, interface, version)
            case "wl_seat.get_keyboard":
                self.say(call.values[0], "keymap", 1, Memory(KEYMAP), len(KEYMAP))
            case "wl_surface.attach" if call.arguments["x"] < 0:
                self.fail(call.object_id, 0, "negative")
            case "wl_data_device_manager.get_data_device":
                self.offer(call.values[0])
        if call.message.destructor and call.object_id < SERVER_FIRST:
            self.say(1, "delete_id", call.object_id)

    def offer(self, device):
        self.say(device, "data_offer", self.next_id)
        self.say(self.next_id, "offer", "text/plain")
        self.say(device, "selection", self.next_id)

    def say(self, object_id, name, *values):
        interface = self.session.objects.get(object_id).interface
        message = next(event for event in interface.events if event.name == name)
        encoded = codec.encode(object_id, message, values)
        frame = Frame(object_id, message.opcode, encoded.data[8:])
        self.session.read(Side.SERVER, frame, deque(encoded.fds))
        self.out += encoded.data
        self.out_fds += encoded.fds

    def fail(self, object_id, code, text):
        self.say(1, "error", object_id, code, text)
        self.closed = True

    def take(self, limit=None):
        data, fds = bytes(self.out[:limit]), self.out_fds
        del self.out[: len(data)]
        self.out_fds = []
        return data, fds


class DirectTransport:
    """A `Transport` to a `Compositor`; `cut` bytes come at a time."""

    def __init__(self, compositor, cut=None):
        self.compositor = compositor
        self.cut = cut
        self.sent = []
        self.ended = False

    async def send(self, data, fds):
        self.sent.append((data, tuple(fds)))
        self.compositor.feed(data, fds)

    async def recv(self):
        data, fds = self.compositor.take(self.cut)
        more = bool(self.compositor.out)
        return Received(data, tuple(fds), more=more, closed=self.compositor.closed and not more)

    async def memory(self, size):
        return Memory(bytes(size))

    async def close(self):
        self.ended = True


class FakeGuest:
    """The guest's end of the tunnel as docs/protocol.md has it, at the level of commands."""

    def __init__(self, connections=2):
        self.left = connections
        self.connections = {}
        self.files = {}
        self.seen = []

    async def command(self, payload):
        assert len(payload) <= PAYLOAD_LIMIT
        self.seen.append(payload)
        verb, *words = payload.split(" ")
        words = dict(word.split("=", 1) for word in words)
        if verb == "wire-open":
            return self.open()
        number = int(words.pop("conn"))
        if number not in self.connections:
            return Reply(1, False, "id conn")
        answer = getattr(self, verb.replace("-", "_"))(number, **words)
        assert len(answer) <= PAYLOAD_LIMIT
        return Reply(1, True, answer)

    def open(self):
        if not self.left:
            return Reply(1, False, "limit")
        self.left -= 1
        self.connections[self.left] = Compositor()
        return Reply(1, True, f"ok conn={self.left}")

    def wire_send(self, number, data):
        self.connections[number].feed(b64decode(data, validate=True))
        return self.wire_recv(number)

    def wire_recv(self, number):
        compositor = self.connections[number]
        data, fds = compositor.take(600)
        answer = f"ok queued={len(compositor.out)} data={b64encode(data).decode()}"
        if fds:
            answer += f" fds={','.join(str(self.file(fd)) for fd in fds)}"
        return answer + (" closed=1" if compositor.closed and not compositor.out else "")

    def wire_memory(self, number, size):
        memory = Memory(bytes(int(size)))
        self.connections[number].fds.append(memory)
        return f"ok fd={self.file(memory)}"

    def wire_put(self, number, fd, at, data):
        raw = b64decode(data, validate=True)
        self.files[int(fd)].content[int(at) : int(at) + len(raw)] = raw
        return "ok"

    def wire_fill(self, number, fd, at, runs):
        raw = b64decode(runs, validate=True)
        words = [int.from_bytes(raw[n : n + 4], "little") for n in range(0, len(raw), 4)]
        data = pixel_bytes(list(zip(words[::2], words[1::2], strict=True)))
        self.files[int(fd)].content[int(at) : int(at) + len(data)] = data
        return "ok"

    def wire_get(self, number, fd, at, length):
        content = self.files[int(fd)].content
        assert 1 <= int(length) <= 600
        piece = content[int(at) : int(at) + int(length)]
        return f"ok size={len(content)} data={b64encode(piece).decode()}"

    def wire_close(self, number):
        del self.connections[number]
        return "ok"

    def file(self, content):
        self.files[len(self.files) + 1] = content
        return len(self.files)
