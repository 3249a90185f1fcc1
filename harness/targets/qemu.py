"""A QEMU that we start: connected and drained before the guest's first instruction, gone without a trace at the end."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import LabError, TargetLost, UsageError
from harness.evidence.journal import Event, Journal
from harness.qmp.session import QmpEvent, QmpSession
from harness.targets.accel import choose
from harness.targets.argv import Launch
from harness.targets.base import Capability, TargetExit
from harness.targets.birth import Birth, HeadStart, PrivateFiles, bear
from harness.targets.host import HostSample, host_sample
from harness.targets.launcher import Life, come_up
from harness.targets.pace import Pacer
from harness.targets.ports import FilePair, LifePort, SharedConsole
from harness.targets.profile import Profile
from harness.targets.reset import Resetter
from harness.targets.rr import Log, refuse_recording
from harness.targets.runtime import RunDirectory
from harness.timeouts import TIMEOUTS, host

if TYPE_CHECKING:
    from harness.targets.debugger import Debugger
    from harness.targets.registers import Registers
    from harness.targets.snapshot import Snapshot


class QemuTarget:
    """One run on QEMU; see `harness.targets.base.Target`.

    All of it belongs to the thread in which `start` runs: QEMU is killed when that thread ends.

    :param head_start: its first life, if that was started before; with the same profile and launch.
    :param snapshot: what its first life starts from, instead of a boot; with the same profile and launch.
    :param save_in: a folder for the memory and the disks of its first life, so that the machine can be saved.
    """

    def __init__(
        self,
        profile: Profile,
        launch: Launch | None = None,
        head_start: HeadStart | None = None,
        *,
        snapshot: Snapshot | None = None,
        save_in: Path | None = None,
    ) -> None:
        self.profile = profile
        self.snapshot = snapshot
        self._save_in = save_in
        self.recorded: int | None = None  # instructions of a recording, once it is stopped
        self.launch = launch or Launch()
        self._head_start = head_start
        self._console = LifePort()
        self._control = LifePort() if profile.guest.control_port else None
        self._proof = LifePort() if self.launch.prove else None
        self._session: QmpSession | None = None
        self._resetter: Resetter | None = None
        self._directory: RunDirectory | None = None
        self._files = PrivateFiles()
        self._shared: SharedConsole | None = None
        self._addresses: dict[str, str] = {}
        self._life: Life | None = None
        self._lives = 0
        self._watcher: asyncio.Task[None] | None = None
        self._exit: asyncio.Future[TargetExit] | None = None
        self._asked = False
        self._relaunching = False
        self._shutdown_reason: str | None = None
        self._baseline: HostSample | None = None
        self._on_log: Callable[[bytes], None] | None = None
        self.debugger: Debugger | None = None
        """Our own place at the gdbstub, where the run wants one; the launch has to ask for it."""

    # ---- what it is ----------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        return self.profile.name

    @property
    def capabilities(self) -> frozenset[Capability]:
        guest = self.profile.guest
        wanted = {
            Capability.CONSOLE_INPUT: True,
            Capability.QMP: True,
            Capability.POWER: self.launch.log is None,  # a log is that of one machine, from its start
            Capability.RELAUNCH: self.launch.log is None,
            Capability.CONTROL: guest.control != "none",
            Capability.SCREEN: guest.display,
            Capability.INPUT: guest.input,
            Capability.VIRTUAL_CLOCK: self.launch.clock == "virtual",
            Capability.PROOF: self.launch.clock == "virtual" and guest.identity and bool(guest.prove_words),
        }
        return frozenset(capability for capability, there in wanted.items() if there)

    @property
    def console(self) -> LifePort:
        return self._console

    @property
    def control(self) -> LifePort | None:
        return self._control

    @property
    def proof(self) -> LifePort | None:
        return self._proof

    @property
    def files(self) -> PrivateFiles:
        """The private copies of what the guest may write to; they are there until `stop`."""
        return self._files

    @property
    def qmp(self) -> QmpSession | None:
        """The session stays the same object over relaunches."""
        return self._session

    @property
    def pid(self) -> int | None:
        """Process id of the QEMU that runs now."""
        return self._life.child.pid if self._life is not None else None

    def vcpu_threads(self) -> tuple[int, ...]:
        """Thread ids of the virtual CPUs, in order; known once the guest was let go."""
        return self._life.vcpus if self._life is not None else ()

    @property
    def gdb_socket(self) -> Path | None:
        """Where the gdbstub of this life listens (`harness.targets.gdbstub`); None if the launch asked for none."""
        if self._directory is None or not self.launch.gdb or self._lives == 0:
            return None
        return self._directory.path / f"gdb-{self._lives}"

    def addresses(self) -> Mapping[str, str]:
        """How a person can join, as far as the launch asked for it: `console` by a command, `vnc`, `gdbstub` in gdb."""
        return dict(self._addresses)

    # ---- its life ------------------------------------------------------------------------------------------------

    def record(self, log: Path) -> None:
        """Before the start: have QEMU write its log for a replay to *log*. The launch's clock is `record`.

        :raises UsageError: if the image cannot be recorded.
        """
        refuse_recording(self.profile)
        if self.snapshot is not None:
            raise UsageError("a run that starts from a snapshot cannot be recorded", "record it from its boot on")
        self.launch = replace(self.launch, log=Log("record", log))
        for port in (self._console, self._control):
            if port is not None:
                port.pacer = Pacer(self._qmp, self.profile.clock.shift)

    def log_blocks(self, within: Sequence[range], on_log: Callable[[bytes], None]) -> None:
        """Before the start: have *on_log* get QEMU's log, with the code *within* as it is translated.

        :raises UsageError: if nothing is translated: with KVM the CPU itself runs the code.
        """
        if self.launch.accel == "kvm":
            raise UsageError("coverage is what QEMU translates, and with KVM it translates nothing", "use --accel tcg")
        self.launch = replace(self.launch, accel="tcg", blocks=tuple(within))
        self._on_log = on_log

    async def start(self, journal: Journal) -> None:
        """Start QEMU paused, with QMP negotiated. Writes `target.start`.

        :raises UsageError: for an image that is not there, an option that QEMU refuses (`StartupError`), an accelerator
            that does not work.
        :raises LabError: if the host could not.
        """
        if self._session is not None:
            raise UsageError(f"the target {self.name} has been started before")
        if self.launch.clock == "virtual" and self.launch.accel == "auto":
            self.launch = replace(self.launch, accel="tcg")
        self.launch = replace(self.launch, accel=await choose(self.launch.accel, self.profile.machine.arch))
        self._exit = asyncio.get_running_loop().create_future()
        self._session = QmpSession(journal)
        self._session.listen(self._on_event)
        self._session.on_command.append(self._tell_disks)
        for disk in self.launch.served:
            disk.on_broken = partial(self._disk_broke, asyncio.get_running_loop(), journal)
        self._resetter = Resetter(self._session, self._console, keep=self.launch.keep)
        started = (
            self._head_start or HeadStart(self.profile, self.launch, snapshot=self.snapshot, save_in=self._save_in)
        ).take()
        self._directory, self._files = started.directory, started.files
        try:
            await self._begin(journal, started.birth)
            if self.launch.share_console:
                self._shared = SharedConsole(self._console, self._directory.path / "console")
                await self._shared.start()
        except BaseException:
            await self._end_life()
            await self._finish()
            raise
        journal.listen(self._on_journal)

    async def go(self) -> None:
        """Let the guest run.

        :raises LabError: if QEMU refused, or is gone.
        """
        qmp = self._qmp()
        if self.debugger is not None:
            await self.debugger.attach()
        self.mark()  # before it: a QEMU that starves answers after the guest's deadline
        await qmp.execute("cont")
        # The guest need not wait a millisecond for the question whose answer is needed later.
        cpus = await qmp.execute("query-cpus-fast")
        if self._life is not None:
            self._life = replace(self._life, vcpus=tuple(int(cpu["thread-id"]) for cpu in cpus))

    async def stop_vm(self) -> None:
        """Stop the virtual CPUs; nothing changes in the machine until `go`."""
        await self._qmp().execute("stop")

    async def reset(self) -> None:
        """Reset the machine and let it run, without the reset being taken for the guest's own: `harness.targets.reset`.

        :raises LabError: if QEMU refused, or is gone.
        """
        if self._resetter is None:
            raise TargetLost(f"the target {self.name} is not running")
        await self._resetter.reset()
        self._shutdown_reason = None

    async def relaunch(self, *, cut: bool = False, between: Callable[[], Awaitable[None]] | None = None) -> None:
        """End this QEMU and let a new one run on the same disks; those that are not `persist` begin afresh.

        :param cut: kill it, as when the power goes: nothing is asked, nothing is written out.
        :param between: what is to be done while none runs.

        `console`, `control` and `qmp` stay the same objects. The last bytes of the old life are read before the new one
        begins.

        :raises UsageError: as `start`.
        :raises LabError: if QEMU is gone already, or the host could not.
        """
        qmp = self._qmp()
        journal = qmp.journal
        self._relaunching = True
        drained = [await port.announce() for port in self._ports()]
        try:
            if cut and self._life is not None:
                self._life.child.signal(signal.SIGKILL)
                await self._life.child.wait()
            await self._end_life()
            await asyncio.wait(drained, timeout=host(TIMEOUTS.drain))
            if between is not None:
                await between()
            if self._directory is None:
                raise TargetLost(f"the target {self.name} has been stopped")
            directory, number = self._directory.path, self._lives + 1
            await self._begin(journal, bear(self.profile, self.launch, self._files, directory, number))
        except BaseException:
            await self._finish()
            raise
        finally:
            self._relaunching = False
        await self.go()

    def send_signal(self, number: signal.Signals) -> None:
        """Send QEMU a signal; nothing happens if it has ended.

        :raises TargetLost: if it was never started.
        """
        if self._life is None:
            raise TargetLost(f"the target {self.name} is not running")
        self._life.child.signal(number)

    async def kill(self) -> None:
        """SIGKILL to QEMU, on purpose: its end counts as asked for. Returns once it is gone."""
        if self._life is None:
            raise TargetLost(f"the target {self.name} is not running")
        self._asked = True
        self._life.child.signal(signal.SIGKILL)
        await self._life.child.wait()

    async def wait_exit(self) -> TargetExit:
        """Return once QEMU is gone for good; a relaunch is no end."""
        if self._exit is None:
            raise UsageError(f"the target {self.name} has not been started")
        return await asyncio.shield(self._exit)

    async def stop(self) -> TargetExit:
        """End QEMU (QMP `quit`, SIGTERM, SIGKILL) and remove all that the run left. Calling it twice is fine."""
        self._asked = self._asked or (self._life is not None and self._life.child.returncode is None)
        try:
            if self.launch.log is not None and self.launch.log.mode == "record" and self._session is not None:
                with suppress(LabError):  # a guest that switched itself off took QEMU with it
                    await self._session.execute("stop", TIMEOUTS.stop_soft)
                    self.recorded = int((await self._session.execute("query-replay", TIMEOUTS.stop_soft))["icount"])
            await self._end_life()
        finally:
            await self._finish()
        return self._exit.result() if self._exit is not None else TargetExit(None, asked=True)

    # ---- looking at it -------------------------------------------------------------------------------------------

    async def registers(self) -> list[Registers]:
        """The registers of all CPUs.

        :raises LabError: if QEMU is gone or does not answer.
        """
        from harness.targets.registers import read_registers

        return await read_registers(self._qmp())

    def mark(self) -> None:
        """The time that the next post mortem's ratios are about begins now. Done at `go` and at each step of a run."""
        if self._life is not None:
            self._baseline = self.host_sample()

    def host_sample(self) -> HostSample:
        """What the host says of QEMU now.

        :raises TargetLost: if it has not been started.
        """
        if self._life is None:
            raise TargetLost(f"the target {self.name} is not running")
        return host_sample(self._life.child.pid, self._life.vcpus)

    async def postmortem(self) -> Mapping[str, Any]:
        """See `harness.targets.postmortem`; with `triple_fault`. Empty if nothing was ever started."""
        if self._life is None or self._session is None or self._baseline is None:
            return {}
        from harness.targets.postmortem import sample_machine  # only a run that fails pays for it

        seen = await sample_machine(self._life.child, self._session, self._life.vcpus, self._baseline)
        return {**seen, "triple_fault": self._life.triple_fault()}

    # ---- inside --------------------------------------------------------------------------------------------------

    def _qmp(self) -> QmpSession:
        if self._session is None:
            raise TargetLost(f"the target {self.name} is not running")
        return self._session

    def _ports(self) -> list[LifePort]:
        return [port for port in (self._console, self._control, self._proof) if port is not None]

    async def _begin(self, journal: Journal, birth: Birth) -> None:
        """The next life begins."""
        qmp = self._qmp()
        if self._directory is None:
            raise TargetLost(f"the target {self.name} has been stopped")
        self._lives += 1
        life = await come_up(birth, qmp, self._on_log)
        snapshot = self.snapshot if self._lives == 1 else None  # a relaunch boots
        begins_with: dict[str, Any] = {} if snapshot is None else {"snapshot": snapshot.evidence()}
        self._life = life
        self._watcher = asyncio.create_task(self._watch(life), name=f"qemu-{self._lives}")
        journal.append(
            "target.start",
            target="qemu",
            life=self._lives,
            argv=life.argv,
            qemu=qmp.version,
            pid=life.child.pid,
            accel=self.launch.accel,
            clock=self.launch.clock,
            seed=self.launch.seed,
            **begins_with,
        )
        self._shutdown_reason = None
        await self._note_addresses(self._directory.path)
        if snapshot is not None:
            from harness.targets.snapshot import load_machine

            await load_machine(qmp, snapshot)
        # What the guest sent before it was saved is read first: target.start says how much that is, and its digest.
        self._console.attach(life.console, snapshot.stream("console") if snapshot else b"")
        if self._control is not None and life.control is not None:
            self._control.attach(life.control, snapshot.stream("control") if snapshot else b"")
        if self._proof is not None and life.proof is not None:
            self._proof.attach(life.proof, snapshot.stream("proof") if snapshot else b"")

    async def _note_addresses(self, directory: Path) -> None:
        if self.launch.share_console:
            self._addresses["console"] = f"socat -,raw,echo=0 UNIX-CONNECT:{directory}/console"
        if self.launch.gdb:
            self._addresses["gdbstub"] = f"target remote {directory}/gdb-{self._lives}"
        if self.launch.vnc:
            free = {"type": "inet", "host": "127.0.0.1", "port": "5900", "to": 5999, "ipv4": True}
            await self._qmp().execute("display-update", type="vnc", addresses=[free])
            server = await self._qmp().execute("query-vnc")
            self._addresses["vnc"] = f"{server['host']}:{server['service']}"

    async def _watch(self, life: Life) -> None:
        """Wait for the end of *life*; after it every event, log line and byte that it produced has been taken in."""
        await life.child.wait()
        await self._qmp().wait_closed()
        if life.log is not None:
            life.log.pull()  # what it still told is in the pipe
        if isinstance(life.console, FilePair):
            life.console.finish()
        if not self._relaunching:
            self._settle()

    async def _end_life(self) -> None:
        life, watcher = self._life, self._watcher
        if life is None or watcher is None:
            return
        qmp = self._qmp()
        await life.child.end(lambda: qmp.execute("quit", TIMEOUTS.stop_soft))
        await asyncio.wait({watcher})

    def _settle(self) -> None:
        """The end is final: tell who waits for it."""
        if self._exit is None or self._exit.done():
            return
        life = self._life
        self._exit.set_result(
            TargetExit(
                life.child.returncode if life is not None else None,
                asked=self._asked,
                stderr=life.stderr() if life is not None else "",
                shutdown_reason=self._shutdown_reason,
            )
        )

    async def _finish(self) -> None:
        """Nothing runs any more: give everything back."""
        self._settle()
        for port in self._ports():
            await port.abandon()
        if self._shared is not None:
            await self._shared.close()
        if self.debugger is not None:
            await self.debugger.close()
        if self._resetter is not None:
            await self._resetter.settle()
        if self._session is not None:
            await self._session.close()
        if self._life is not None and self._life.log is not None:
            self._life.log.close()
        for disk in self.launch.served:
            disk.close()
        if self._directory is not None:
            self._directory.remove()
            self._directory = None

    @staticmethod
    def _disk_broke(loop: asyncio.AbstractEventLoop, journal: Journal, what: str) -> None:
        loop.call_soon_threadsafe(partial(journal.append, "lab.error", cause="disk", what=what))

    def _tell_disks(self, command: str) -> None:
        """Where the guest may have a request under way at the stop, its flush cannot be told from QEMU's own."""
        for disk in self.launch.served:
            if command == "cont":
                disk.machine_runs()
            elif command == "stop" and self.launch.clock == "virtual":
                disk.machine_stops()

    def _on_event(self, event: QmpEvent) -> None:
        if event.name == "SHUTDOWN":
            self._shutdown_reason = str(event.data.get("reason", "unknown"))

    def _on_journal(self, event: Event) -> None:
        if event.kind == "step.begin":
            self.mark()
