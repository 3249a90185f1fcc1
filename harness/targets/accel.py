"""Which accelerator can be used: one that was seen to run a guest, not one whose device is there."""

from __future__ import annotations

import asyncio
import json
import os
import platform
import shutil
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from harness.errors import HarnessError, UsageError
from harness.targets.process import ChildProcess
from harness.timeouts import TIMEOUTS, host
from harness.writing import write_whole

Accelerator = Literal["tcg", "kvm"]
_LINE = "an accelerator that runs guests"
_CODE = 0x31  # isa-debug-exit makes 2 × 0x31 + 1 of it, which no failure of QEMU gives


@dataclass(frozen=True, slots=True)
class Probe:
    """Whether an accelerator ran a guest, and if not, why not."""

    usable: bool
    reason: str = ""


async def probe(accelerator: Accelerator) -> Probe:
    """Boot a sector that prints a line and leaves. `/dev/kvm` may open and answer and still hang every guest.

    The answer for KVM is kept until the host boots again or QEMU changes: finding out that it hangs takes seconds.
    """
    binary = shutil.which("qemu-system-x86_64")
    if binary is None:
        return Probe(False, "there is no qemu-system-x86_64")
    if accelerator == "tcg":
        return await _boot(binary, accelerator)
    if platform.machine() != "x86_64":
        return Probe(False, f"the probe is x86_64 code, and the host is {platform.machine()}")
    if not os.access("/dev/kvm", os.F_OK):
        return Probe(False, "/dev/kvm does not exist")
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return Probe(False, "no permission to open /dev/kvm")
    key = _key(binary)
    kept = _read_cache().get(key)
    if kept is None:
        kept = await _boot(binary, accelerator)
        _write_cache(key, kept)
    return kept


async def choose(wanted: Literal["auto", "tcg", "kvm"], arch: str) -> Accelerator:
    """The accelerator to use: for `auto` KVM where it was proved to work, else TCG.

    :raises UsageError: if KVM is asked for and does not work.
    """
    if wanted == "tcg":
        return "tcg"
    same = arch == platform.machine()
    found = await probe("kvm") if same else Probe(False, f"the host is {platform.machine()} and the guest {arch}")
    if found.usable:
        return "kvm"
    if wanted == "kvm":
        raise UsageError(f"KVM cannot be used: {found.reason}", "use --accel tcg, or auto")
    return "tcg"


def boot_sector() -> bytes:
    """512 bytes: real-mode code that writes a line to COM1 and a number to isa-debug-exit."""
    code = bytes.fromhex(
        "31c0 8ed8 fc"  # xor ax,ax; mov ds,ax; cld
        "be207c"  # mov si,0x7c20: the text
        "ac 84c0 7406"  # next: lodsb; test al,al; jz done
        "baf803 ee ebf5"  # mov dx,0x3f8; out dx,al; jmp next
        f"ba0105 b0{_CODE:02x} ee"  # done: mov dx,0x501; mov al,code; out dx,al
        "f4 ebfd"  # halt: hlt; jmp halt
    )
    sector = code.ljust(0x20, b"\0") + _LINE.encode() + b"\r\n\0"
    return sector.ljust(510, b"\0") + b"\x55\xaa"


async def _boot(binary: str, accelerator: Accelerator) -> Probe:
    limit = host(TIMEOUTS.accel_probe)
    disk = os.memfd_create("probe")
    try:
        os.write(disk, boot_sector())
        argv = [binary, "-nodefaults", "-no-user-config", "-machine", "pc", "-accel", accelerator, "-m", "16"]
        argv += ["-display", "none", "-serial", "stdio", "-device", "isa-debug-exit,iobase=0x501"]
        argv += ["-drive", f"if=floppy,format=raw,readonly=on,file=/dev/fd/{disk}"]
        child = ChildProcess.spawn(argv, pass_fds=[disk])
    except HarnessError as error:
        return Probe(False, error.what)
    finally:
        os.close(disk)
    try:
        async with asyncio.timeout(limit):
            code = await child.wait()
    except TimeoutError:
        got = "its line and then hung" if _LINE in child.output else "nothing"
        return Probe(False, f"a guest of one boot sector printed {got} within {limit:g} s")
    finally:
        await child.end()
    if code == 2 * _CODE + 1 and _LINE in child.output:
        return Probe(True)
    last = (child.output.splitlines() or ["no output"])[-1]
    return Probe(False, f"QEMU ended with status {code}: {last}")


def _key(binary: str) -> str:
    """What the answer depends on: this boot of the host, and this QEMU."""
    real = Path(binary).resolve()
    found = real.stat()
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot} {real} {found.st_size} {found.st_mtime_ns}"


def _cache_file() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "rayos-harness" / "accelerators.json"


def _read_cache() -> dict[str, Probe]:
    try:
        return {key: Probe(**value) for key, value in json.loads(_cache_file().read_text()).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}  # not there, or not ours to understand: probe again


def _write_cache(key: str, result: Probe) -> None:
    path = _cache_file()
    boot = key.partition(" ")[0]
    kept = {k: v for k, v in _read_cache().items() if k.startswith(boot)} | {key: result}
    with suppress(OSError):  # without a cache the probe is made again
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(path, json.dumps({k: asdict(v) for k, v in kept.items()}))
