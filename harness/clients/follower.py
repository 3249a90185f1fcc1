"""The scene rebuilt from a journal: what live run and offline judge both expect to see, from the same events."""

from __future__ import annotations

import re
from dataclasses import dataclass

from harness.clients.codec import Reply
from harness.clients.lifecycle import apply_lifecycle, is_lifecycle
from harness.clients.scene import Scene, SceneView
from harness.clients.scene_tunnel import Tunnel
from harness.clients.words import UnknownSceneError
from harness.evidence.journal import Event
from harness.markers.types import Marker

_KEY = re.compile(r"RAYOS_INPUT:KEY:([0-9]{1,9}):(down|up):([0-9a-fA-F]{2,4}):[0-9]+")
_POINTER = re.compile(r"RAYOS_INPUT:POINTER:([0-9]{1,9}):([0-9]{1,6}):([0-9]{1,6}):([0-9]{1,3}):[0-9]+")
_READY = re.compile(r"RAYOS_CONTROL:READY:([0-9]{1,5}):[0-9]{1,19}")
_RUNS = frozenset(("frames", "soak", "stress", "net"))  # commands in which time goes on
_HELD = 10_000  # input events; a reply comes within milliseconds of its rendezvous
_IDENT = re.compile(r"RAYOS_FRAME:IDENT:([0-9]{1,10}):([0-9a-f]{8})")


@dataclass(frozen=True, slots=True)
class Claim:
    """What the guest says of the frame it presented last: its number and the CRC-32 of its tile table."""

    number: int
    crc: int


class SceneFollower:
    """Feed it every journal event and every marker of a run, in journal order.

    Trouble (a command whose fate is unknown, a lost input confirmation) never raises here: it makes the scene of this
    boot epoch unknown, and `view` says why.

    :param free: the guest was started with its tick running freely (`free=1`, wall clock).
    """

    def __init__(self, *, free: bool = False) -> None:
        self._free = free
        self._begin()

    def _begin(self) -> None:
        self._scene = Scene(free=self._free)
        self._tunnel = Tunnel(self._scene)
        self._claim: Claim | None = None
        self._trouble: UnknownSceneError | None = None
        self._asked: tuple[int, str] | None = None
        self._inputs = 0
        self._ready: int | None = None  # sequence number of the last rendezvous
        self._ran = False  # the last command let time go on
        self._comings: list[str] = []  # what happened to clients during a command whose reply was not read yet
        self._inputs_before = 0  # confirmed when the command in flight was sent
        self._held: list[str] = []  # input that came after a command whose reply, on the other port, was not read yet

    def view(self) -> SceneView:
        """What the screen must show now.

        :raises UnknownSceneError: if that cannot be told, with the reason.
        """
        if self._trouble is not None:
            raise self._trouble
        return self._scene.presented()

    @property
    def scene(self) -> Scene:
        """The model itself, to look ahead from a copy of it.

        :raises UnknownSceneError: as `view`.
        """
        if self._trouble is not None:
            raise self._trouble
        return self._scene

    def adopt(self, scene: Scene) -> None:
        """Go on from *scene*: somebody who saw each frame of the last command knows in which tick clients died."""
        self._scene = scene.fork()

    @property
    def claim(self) -> Claim | None:
        """The newest frame that the guest claimed in this boot; None if it claimed none."""
        return self._claim

    @property
    def least(self) -> int:
        """The lowest frame number that may be on the screen: what the guest claimed or what the ticks made due."""
        due = self._scene.frames_due if self._trouble is None else None
        return max(due or 0, self._claim.number if self._claim is not None else 0)

    @property
    def exact(self) -> bool:
        """Whether the screen must hold the claimed frame and no later one; a guest that ticks freely may be ahead."""
        return not self._scene.free

    def observe(self, event: Event) -> None:
        """See one journal event: commands, their answers, boot epochs."""
        match event.kind:
            case "epoch":
                self._begin()
            case "control.send":
                if self._asked is not None:
                    self._lose(f"whether the guest executed `{self._asked[1]}` is not known")
                self._asked = (int(event.data["cseq"]), str(event.data["payload"]))
                self._inputs_before = self._inputs
            case "control.reply":
                self._answered(Reply(int(event.data["cseq"]), bool(event.data["ok"]), str(event.data["payload"])))

    def observe_marker(self, marker: Marker) -> None:
        """See one marker: confirmed input, claimed frames, the beginning of a boot."""
        if not marker.trusted:
            return
        if marker.text.startswith("RAYOS_KIT:BOOT:"):
            self._begin()
        elif found := _READY.fullmatch(marker.text):
            self._ready = int(found[1])
        elif marker.family == "INPUT":
            if self._asked is not None and self._asked[0] == self._ready and len(self._held) < _HELD:
                self._held.append(marker.text)
            else:
                self._input(marker.text)
        elif marker.family in {"FAILURE", "SOAK"} and is_lifecycle(marker.text):
            if self._asked is None:
                self._clients([marker.text])
            elif len(self._comings) < _HELD:
                self._comings.append(marker.text)
        elif found := _IDENT.fullmatch(marker.text):
            self._claimed(int(found[1]), int(found[2], 16))

    def _answered(self, reply: Reply) -> None:
        self._execute(reply)
        comings, self._comings = self._comings, []
        self._clients(comings)
        held, self._held = self._held, []
        for text in held:
            self._input(text)

    def _execute(self, reply: Reply) -> None:
        asked, self._asked = self._asked, None
        if asked is None or asked[0] != reply.seq or not reply.ok:
            return
        words = dict(reply.words)
        self._ran = asked[1].split(" ", 1)[0] in _RUNS
        if self._ran and self._inputs != self._inputs_before:
            words.pop("frames", None)  # what a soak showed last: something that was typed into it or clicked at
        try:
            if asked[1].startswith("wire-"):
                self._tunnel.apply(asked[1], words)
            else:
                self._scene.apply_command(asked[1], words)
        except UnknownSceneError as error:
            self._trouble = self._trouble or error
        number, crc = reply.words.get("frame", ""), reply.words.get("crc", "")
        if re.fullmatch(r"[0-9]{1,10}", number) and re.fullmatch(r"[0-9a-f]{8}", crc):
            self._claimed(int(number), int(crc, 16))

    def _clients(self, texts: list[str]) -> None:
        """Clients that died by themselves, and came back."""
        before = list(self._scene.desk.stack)
        for text in texts:
            apply_lifecycle(self._scene, text)
            if not text.startswith(("RAYOS_SOAK:CLIENT_CREATED", "RAYOS_FAILURE:RECOVERY")):
                self._tunnel.lost(int(text.rsplit(":", 1)[1]))
        after = self._scene.desk.stack
        if self._ran and (len(before) != len(after) or any(a is not b for a, b in zip(before, after, strict=True))):
            self._scene.settled()

    def _claimed(self, number: int, crc: int) -> None:
        if self._claim is None or number >= self._claim.number:  # two ports: a marker may arrive after a later reply
            self._claim = Claim(number, crc)

    def _input(self, text: str) -> None:
        found = _KEY.fullmatch(text) or _POINTER.fullmatch(text)
        if found is None:
            self._lose(f"an input confirmation cannot be read: {text}")
            return
        number = int(found[1])
        if number <= self._inputs:
            return  # the same confirmation from another sink
        if number != self._inputs + 1:
            self._lose(f"input confirmations {self._inputs + 1} to {number - 1} were lost")
        self._inputs = number
        if found.re is _KEY:
            self._scene.apply_key(found[2], int(found[3], 16))
        else:
            self._scene.apply_pointer(int(found[2]), int(found[3]), int(found[4]))

    def _lose(self, why: str) -> None:
        self._trouble = self._trouble or UnknownSceneError(why)
