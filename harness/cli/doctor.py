"""`harness doctor`: what this host can and cannot do."""

from __future__ import annotations

import shutil
from typing import Any, Literal

import click

from harness.cli.common import emit, say
from harness.cli.options import json_option
from harness.verdicts import EXIT_LAB

TOOLS = {
    "qemu-system-x86_64": ("x86_64 guests", "qemu-system-x86"),
    "qemu-system-aarch64": ("aarch64 guests", "qemu-system-arm"),
    "qemu-img": ("throw-away overlays over disks", "qemu-utils"),
    "gcc": ("building the reference guest", "gcc"),
    "make": ("building the reference guest", "make"),
}
"""Program: what it is for, and the Debian package that has it."""

REQUIRED = frozenset({"qemu-system-x86_64", "qemu-img"})


@click.command("doctor")
@json_option
def command(as_json: bool) -> int:
    """Say which accelerators run a guest (each is proved by booting one), which tools and firmware are there, and
    what is wrong.

    \b
    Example:
      harness doctor --json
    """
    import asyncio

    document = asyncio.run(_examine())
    for name, found in document["accelerators"].items():
        say(
            f"{'ok ' if found['usable'] else 'no '} accelerator {name}"
            + (f": {found['reason']}" if found["reason"] else "")
        )
    for name, found in document["tools"].items():
        say(f"{'ok ' if found['found'] else 'no '} {name}: {found['version'] or found['for']}")
    for problem in document["problems"]:
        say(f"problem: {problem}")
    if as_json:
        emit(document)
    return EXIT_LAB if document["problems"] else 0


async def _examine() -> dict[str, Any]:
    from harness.targets.accel import Accelerator, probe

    names: tuple[Accelerator, ...] = ("kvm", "tcg")
    accelerators: dict[str, dict[str, Any]] = {}
    for accelerator in names:
        result = await probe(accelerator)
        accelerators[accelerator] = {"usable": result.usable, "reason": result.reason}
    tools: dict[str, dict[str, Any]] = {}
    problems: list[str] = []
    for name, (purpose, package) in TOOLS.items():
        path = shutil.which(name)
        tools[name] = {"found": path is not None, "path": path, "version": await _version(path), "for": purpose}
        if path is None and name in REQUIRED:
            problems.append(f"{name} is missing (needed for {purpose}): install the Debian package {package}")
    tools["ImageMagick"] = _wand()
    if not tools["ImageMagick"]["found"]:
        problems.append(
            "ImageMagick's library is missing (needed for difference pictures): "
            "install the Debian package libmagickwand-6.q16-6"
        )
    tools["UEFI firmware x86_64"], tools["UEFI firmware aarch64"] = _firmware("x86_64"), _firmware("aarch64")
    if not accelerators["tcg"]["usable"]:
        problems.append(f"QEMU cannot run a guest: {accelerators['tcg']['reason']}")
    return {"accelerators": accelerators, "tools": tools, "problems": problems}


async def _version(path: str | None) -> str | None:
    if path is None:
        return None
    import asyncio

    process = await asyncio.create_subprocess_exec(
        path,
        "--version",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    output, _ = await process.communicate()
    return output.decode("utf-8", "replace").splitlines()[0].strip() if output else None


def _wand() -> dict[str, Any]:
    try:
        from wand.version import MAGICK_VERSION
    except ImportError:
        return {"found": False, "path": None, "version": None, "for": "difference pictures"}
    return {"found": True, "path": None, "version": MAGICK_VERSION, "for": "difference pictures"}


def _firmware(arch: Literal["x86_64", "aarch64"]) -> dict[str, Any]:
    from harness.errors import HarnessError
    from harness.targets.firmware import find_firmware
    from harness.targets.profile import Boot, Machine, Profile

    try:
        code, _ = find_firmware(Profile(name="doctor", boot=Boot(shape="uefi"), machine=Machine(arch=arch)))
    except HarnessError as error:
        return {"found": False, "path": None, "version": None, "for": error.what}
    return {"found": True, "path": str(code), "version": str(code), "for": f"UEFI guests on {arch}"}
