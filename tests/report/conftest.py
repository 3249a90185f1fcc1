"""Bundles made by hand: what a run leaves, without a run."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from harness.evidence.bundle import Bundle
from harness.evidence.journal import Event, Journal
from harness.judge.verdict import Check, CheckStatus, Finding, RunVerdict
from harness.verdicts import Verdict

ARGV = shlex.split(
    "/usr/bin/qemu-system-x86_64 -nodefaults -no-user-config -machine q35 -accel tcg -cpu qemu64 -smp 1 -m 128 -S"
    " -no-reboot -no-shutdown -device isa-debug-exit,iobase=0x501,iosize=4 -seed 1 -icount shift=1,sleep=off"
    " -rtc base=2024-01-01T00:00:00,clock=vm -chardev socket,id=qmp,fd=11 -mon chardev=qmp,mode=control -monitor none"
    " -chardev pipe,id=console,path=/run/user/0/h/run-1/console -serial chardev:console"
    " -chardev socket,id=control,fd=14 -serial chardev:control -d cpu_reset -D /dev/fd/16 -display none"
    " -device VGA,romfile= -bios qboot.rom -kernel '/srv/my kernels/kernel.elf' -append 'control=com2 lie=pixel'"
)


class Maker:
    """A bundle in the making: a journal whose clock is set by hand, a serial log, pictures."""

    def __init__(self, runs: Path, name: str = "first-light") -> None:
        self.bundle = Bundle.create(runs, name)
        self.now = 0
        self.journal = Journal(self.bundle.journal, lambda: self.now)
        self.received = 0
        self.findings: list[Finding] = []
        self.checks: list[Check] = []

    def at(self, seconds: float) -> None:
        self.now = round(seconds * 1e9)

    def add(self, kind: str, **data: Any) -> Event:
        return self.journal.append(kind, **data)

    def manifest(self, **more: Any) -> None:
        manifest = {
            "schema": 1,
            "harness": "0.1.0",
            "scenario": "first-light",
            "image": "reference",
            "seed": 1,
            "clock": "virtual",
            "reproducible": True,
            "facts": {"identity": True, "oracle": "reference", "exit_device": True},
            "host": {"system": "Linux-6.1.0-x86_64-with-glibc2.36", "python": "3.11.2", "cpus": 2},
        }
        self.bundle.write_json("manifest.json", manifest | more)

    def serial(self, data: bytes) -> Event:
        with self.bundle.serial.open("ab") as stream:
            stream.write(data)
        event = self.add("serial", offset=self.received, len=len(data))
        self.received += len(data)
        return event

    def picture(
        self, file: str, size: tuple[int, int] = (1024, 768), colour: int = 0x1E2A38, dot: tuple[int, int] | None = None
    ) -> str:
        image = Image.new("RGB", size, (colour >> 16, colour >> 8 & 255, colour & 255))
        draw = ImageDraw.Draw(image)
        draw.rectangle((0, 0, size[0], 23), (0x10, 0x16, 0x1E))
        for i, shade in enumerate(((0x46, 0x6B, 0x9C), (0x8A, 0x55, 0x3D), (0x4F, 0x7F, 0x5B))):
            x, y = 90 + 190 * i, 110 + 120 * i
            draw.rectangle((x, y, x + 320, y + 220), shade, (0x0A, 0x0D, 0x12))
            draw.rectangle((x + 1, y + 1, x + 319, y + 18), tuple(c // 2 for c in shade))
            draw.text((x + 6, y + 4), f"client {i + 1}", (255, 255, 255))
        if dot:
            image.putpixel(dot, (0x1E, 0x2A, 0xF0))
        image.save(self.bundle.path / file, compress_level=1)
        return file

    def step(self, index: int, begin: float, end: float, what: str, status: str = "done") -> None:
        """A whole step in which nothing else happens."""
        self.at(begin)
        self.add("step.begin", index=index, do=what.partition(" ")[0], what=what)
        self.at(end)
        self.add("step.end", index=index, status=status)

    def check(
        self,
        step: int | None,
        kind: str,
        what: str,
        status: CheckStatus = CheckStatus.MET,
        reason: str = "",
        **entry: Any,
    ) -> Check:
        made = Check(step, kind, what, status, reason, [entry] if entry else [])
        self.checks.append(made)
        return made

    def find(
        self, verdict: Verdict, cause: str, what: str, event: Event, step: int | None = None, **evidence: Any
    ) -> None:
        self.findings.append(Finding(verdict, cause, what, event.seq, step, evidence))

    def verdict(self, **more: Any) -> RunVerdict:
        """Close the journal and say what the judge would."""
        self.add("run.end")
        self.journal.close()
        values: dict[str, Any] = {
            "verdict": self.findings[0].verdict if self.findings else Verdict.PASS,
            "first_cause": self.findings[0] if self.findings else None,
            "findings": self.findings,
            "checks": self.checks,
            "fingerprint": "9f0c2b6e4a7d1c3358ef0a91b2c4d5e6",
            "frames_checked": sum(c.kind == "frame" for c in self.checks),
            "markers": 41,
            "markers_lost": 0,
            "epochs": 1,
            "guest_s": 0.417265,
            "host_s": self.now / 1e9,
            "interrupted": False,
            "notes": [],
        }
        return RunVerdict(**(values | more))


@pytest.fixture
def failed() -> Callable[[Maker], RunVerdict]:
    """Fills a maker with a run that failed."""
    return failed_run


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Maker]]:
    """Makes makers; their journals are closed in the end."""
    made: list[Maker] = []

    def new(**options: Any) -> Maker:
        made.append(Maker(tmp_path, **options))
        return made[-1]

    yield new
    for maker in made:
        maker.journal.close()


def failed_run(maker: Maker) -> RunVerdict:
    """A run of the reference guest in which one pixel was wrong."""

    def says(*lines: str) -> Event:
        return maker.serial("".join(f"{line}\n" for line in lines).encode())

    maker.manifest()
    maker.add("run.start", scenario="first-light", image="reference", seed=1, clock="virtual", harness="0.1.0")
    maker.at(0.012)
    maker.add("target.start", target="qemu", argv=ARGV, version="7.2.22", accelerator="tcg", pid=4711)
    maker.at(0.031)
    maker.add("qmp.event", name="RESUME", data={}, timestamp=1.0)
    maker.add("step.begin", index=0, do="boot", what="boot until RAYOS_CONTROL:READY:*:*")
    maker.at(0.047)
    says(
        "reference guest 1 (release)",
        "RAYOS_KIT:BOOT:1:release",
        "RAYOS_KIT:DESKTOP:992:768",
        "RAYOS_CONTROL:READY:0:3402",
    )
    maker.add("step.end", index=0, status="done")
    ready = "RAYOS_CONTROL:READY:*:*"
    seen = {"seen": 1, "text": "RAYOS_CONTROL:READY:0:3402", "offset": 84, "line": 4, "epoch": 0, "host_ns": 47_000_000}
    maker.check(0, "expect", f"boot until {ready}", condition="all", pattern=ready, **seen)
    maker.add("step.begin", index=1, do="command", what="command scenario name=first-light (and 4 more)")
    for i, command in enumerate(
        (
            "scenario name=first-light",
            *(f"create id={n} x={90 * n} y=110 w=320 h=220 color=466b9c" for n in range(1, 5)),
        ),
        1,
    ):
        maker.at(0.047 + i * 0.004)
        maker.add("control.send", cseq=i, payload=command)
        maker.at(0.049 + i * 0.004)
        says(
            f"RAYOS_SOAK:CLIENT_CREATED:{i}" if i > 1 else "RAYOS_INTEGRATION:SCENARIO_START:first-light",
            f"RAYOS_CONTROL:READY:{i}:{3402 + i * 811}",
        )
        maker.add("control.reply", cseq=i, ok=True, payload="ok")
    maker.add("step.end", index=1, status="done")
    created = "RAYOS_SOAK:CLIENT_CREATED:*"
    maker.check(1, "expect", f"expect {created}", condition="count", pattern=created, seen=4, offset=160, line=8)
    maker.checks[-1].evidence += [{"condition": "none", "pattern": "RAYOS_CONTROL:ERROR:*:*", "seen": 0}] * 2
    frame(maker, 2, 0.090, "empty desktop", "frames/0000-5ad1c0ffee11.png", number=1)
    frame(maker, 3, 0.121, "four windows", "frames/0001-0b5e55ed0001.png", number=5, colour=0x1F2C3A)
    maker.add("step.begin", index=4, do="pointer", what="pointer drag (250, 120)")
    for i in range(14):
        maker.at(0.130 + i * 0.0021)
        maker.add("input", device="pointer", x=250 + 9 * i, y=120 + 4 * i)
        says(f"RAYOS_INPUT:POINTER:{i + 1}:{250 + 9 * i}:{120 + 4 * i}:1:2")
    maker.at(0.160)
    maker.add("step.end", index=4, status="done")
    maker.add("step.begin", index=5, do="type", what="type 'make -j2 bzImage'")
    for i, char in enumerate("make-j2bzimage"):
        maker.at(0.162 + i * 0.0019)
        maker.add("input", device="key", key=char, down=True)
        says(f"RAYOS_INPUT:KEY:{15 + 2 * i}:down:{0x10 + i:02x}:2")
        maker.add("input", device="key", key=char, down=False)
        says(f"RAYOS_INPUT:KEY:{16 + 2 * i}:up:{0x10 + i:02x}:2")
    maker.add("step.end", index=5, status="done")
    maker.at(0.198)
    maker.add("step.begin", index=6, do="check-frame", what="check-frame typed text against scene")
    maker.picture("frames/0002-77f00dbabe42.expected.png", (992, 768))
    maker.picture("frames/0002-77f00dbabe42.diff.png", (992, 768), 0x0D3B1E)
    file = maker.picture("frames/0002-77f00dbabe42.png", dot=(500, 400))
    maker.at(0.214)
    event = maker.add(
        "frame",
        step=6,
        name="typed text",
        digest="77f0" * 8,
        width=1024,
        height=768,
        way="vram",
        stable=True,
        file=file,
    )
    maker.at(0.231)
    maker.add("step.end", index=6, status="aborted")
    reason = "1 pixel differs, in 1×1 at (500, 400); first (500, 400) is 1e2af0, expected 1e2a38"
    details = {
        "verdict": "MISMATCH",
        "file": file,
        "way": "vram",
        "number": 9,
        "crc": "5be1d00d",
        "differing": 1,
        "box": [500, 400, 1, 1],
        "first": {"x": 500, "y": 400, "expected": "1e2a38", "got": "1e2af0"},
        "expected_file": file.replace(".png", ".expected.png"),
        "difference_file": file.replace(".png", ".diff.png"),
    }
    maker.check(6, "frame", "check-frame typed text against scene", CheckStatus.BROKEN, reason, **details)
    maker.find(
        Verdict.FAIL,
        "frame-mismatch",
        f"check-frame typed text against scene: MISMATCH: {reason}",
        event,
        step=6,
        file=file,
    )
    maker.check(
        7,
        "expect",
        "expect RAYOS_INTEGRATION:SCENARIO_COMPLETE:first-light:pass",
        CheckStatus.NOT_REACHED,
        "the run ended before it",
    )
    maker.check(8, "exit", "shutdown", CheckStatus.NOT_REACHED, "the run ended before it")
    maker.check(None, "forbid", "never: text:=== ")
    maker.check(None, "rule", "rules of SOAK, INTEGRATION")
    maker.at(0.236)
    sample(maker)
    maker.at(0.262)
    maker.add("target.exit", returncode=0, asked=True, stderr="", shutdown_reason="host-qmp-quit")
    maker.at(0.264)
    maker.add("serial.end", kept=maker.received, dropped=0)
    return maker.verdict(
        notes=["the fast way to the screen is not to be had here (gpa2hva refused): pictures come by screendump"]
    )


def frame(maker: Maker, step: int, at: float, name: str, file: str, number: int, colour: int = 0x1E2A38) -> None:
    """A frame check that passed."""
    maker.at(at)
    maker.add("step.begin", index=step, do="check-frame", what=f"check-frame {name} against scene")
    maker.picture(file, colour=colour)
    maker.at(at + 0.007)
    maker.add(
        "frame", step=step, name=name, digest=file[-16:-4], width=1024, height=768, way="vram", stable=True, file=file
    )
    maker.at(at + 0.009)
    maker.add("step.end", index=step, status="done")
    maker.check(
        step,
        "frame",
        f"check-frame {name} against scene",
        verdict="MATCH",
        file=file,
        way="vram",
        number=number,
        crc="0badcafe",
    )


def sample(maker: Maker, **more: Any) -> Event:
    """A post mortem as `harness.targets.postmortem` writes it."""
    values = {
        "process_state": "S",
        "was_stopped": False,
        "window_s": 1.201,
        "run_delay_ratio": 0.02,
        "vcpu_cpu_ratio": 0.004,
        "qmp_answered": True,
        "halted": True,
        "interrupts_enabled": True,
        "rip_samples": ["0x100a3c"] * 5,
        "registers": "RAX=0000000000000000 RBX=0000000000000001\r\nRIP=0000000000100a3c RFL=00000246 HLT=1\r\n",
    }
    return maker.add("postmortem", **{**values, **more})
