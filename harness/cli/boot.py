"""`harness boot`: boot one image and judge what it prints. The quick way, without a scenario file."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from harness.cli.common import refuse_unwritable
from harness.cli.options import accel_option, clock_option, file_option, json_option, junit_option, runs_dir_option
from harness.errors import UsageError


@click.command("boot")
@click.argument("image", required=False)
@file_option("--kernel", "ELF with a PVH note, or bzImage.")
@file_option("--initrd", "Initial RAM disk for --kernel.")
@click.option("--append", default="", help="Kernel command line for --kernel.")
@file_option("--disk", "Disk image (raw or qcow2); opened through a throw-away overlay.")
@file_option("--cdrom", "ISO image.")
@click.option(
    "--esp", type=click.Path(path_type=Path, file_okay=False), help="EFI directory; copied, then served as a FAT disk."
)
@click.option("--arch", type=click.Choice(["x86_64", "aarch64"]), default="x86_64", show_default=True)
@click.option("--memory", type=click.IntRange(1, 1 << 20), default=256, show_default=True, metavar="MB")
@click.option(
    "--expect", multiple=True, help="Pattern that must come (marker with * for a token, text, or re:REGEX); repeatable."
)
@click.option("--forbid", multiple=True, help="Pattern that must not come; repeatable.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0.01),
    default=30.0,
    show_default=True,
    help="Host seconds until everything expected has come.",
)
@clock_option
@accel_option
@click.option("--qemu-arg", "extra", multiple=True, help="A further QEMU argument word; repeatable.")
@click.option("--screen", type=click.Choice(["not-blank"]), help="Also check the screen at the end.")
@runs_dir_option
@junit_option
@json_option
def command(
    image: str | None,
    kernel: Path | None,
    initrd: Path | None,
    append: str,
    disk: Path | None,
    cdrom: Path | None,
    esp: Path | None,
    arch: Any,
    memory: int,
    expect: tuple[str, ...],
    forbid: tuple[str, ...],
    timeout: float,
    clock: Any,
    accel: str,
    extra: tuple[str, ...],
    screen: Any,
    runs_dir: Path,
    junit: Path | None,
    as_json: bool,
) -> int:
    """Boot IMAGE (a profile's name or file, or an image file), or a --kernel, --disk, --cdrom or --esp, and judge it.

    The run passes when everything expected came, nothing forbidden did and the guest did not die. Without --expect an
    image's own
    readiness pattern counts; a boot with nothing to check is no pass (exit code 4).

    \b
    Examples:
      harness boot reference
      harness boot --kernel images/reference/build/reference.elf --expect "RAYOS_KIT:DESKTOP" --timeout 10
      harness boot --disk disk.img --expect "login:" --forbid "re:panic|Oops" --timeout 60 --json
    """
    given = [x for x in (image, kernel, disk, cdrom, esp) if x is not None]
    if len(given) != 1:
        raise UsageError("give exactly one of IMAGE, --kernel, --disk, --cdrom, --esp", "see harness boot --help")
    if image is not None:
        from harness.targets.loader import find_image

        profile = find_image(image)
    else:
        from harness.targets.implied import implied_profile

        profile = implied_profile(
            kernel=kernel,
            initrd=initrd,
            cmdline=append,
            disk=disk,
            cdrom=cdrom,
            esp=esp,
            arch=arch,
            memory_mb=memory,
            extra=extra,
        )
    refuse_unwritable(junit)
    clock = clock or profile.default_clock
    with ExitStack() as machine:
        head_start = None
        if accel == "tcg":  # it comes up while what plays and judges is imported
            from harness.targets.argv import Launch
            from harness.targets.birth import HeadStart

            head_start = machine.enter_context(HeadStart(profile, Launch(clock=clock)))
        from harness.campaign.batch import run_planned
        from harness.cli.report import Report
        from harness.engine.options import BatchOptions, Planned
        from harness.scenario.looking import Boot, CheckFrame, Expect
        from harness.scenario.model import Scenario

        steps: list[Any] = [Boot(timeout=timeout)]
        if expect:
            steps.append(Expect(all=expect, since="start", timeout=timeout))
        if screen:
            steps.append(CheckFrame(name="screen", against=screen, timeout=timeout))
        scenario = Scenario(
            name=f"boot-{profile.name}", image=profile.name, forbid=forbid, steps=tuple(steps), timeout=timeout
        )
        report = Report(
            junit=junit,
            every_check=False,
            as_json=as_json,
            pages_of_passes=False,
            github=os.environ.get("GITHUB_ACTIONS") == "true",  # where what a guest says must be no command
        )
        options = BatchOptions(
            runs_dir=runs_dir,
            accel=accel,
            head_start=head_start,
            on_done=report.add,
        )
        planned = Planned(scenario, profile, clock)
        return report.finish(run_planned([planned], options))
