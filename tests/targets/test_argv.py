"""QEMU's command line from a profile."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.targets.argv import Launch, Nic, Option, Wires, qemu_argv
from harness.targets.profile import Boot, Clock, Disk, Guest, Machine, Profile
from harness.targets.served_disk import ServedDisk

WIRES = Wires(qmp=5, console=6)
KERNEL = Boot(kernel=Path("/k.elf"))


def profile(**parts: Any) -> Profile:
    return Profile(name="p", **{"boot": KERNEL, **parts})


def argv(p: Profile, launch: Launch | None = None, wires: Wires = WIRES) -> list[str]:
    return qemu_argv(p, launch or Launch(), wires)


def values(words: list[str], name: str) -> list[str]:
    """What follows each `-name`."""
    return [words[i + 1] for i, word in enumerate(words[:-1]) if word == f"-{name}"]


def parse_keyed(text: str) -> list[str]:
    """QEMU's own reading of an option: split at single commas, two stand for one."""
    return [part.replace("\0", ",") for part in text.replace(",,", "\0").split(",")]


def test_the_reference_configuration_is_the_fast_one_of_the_measurements() -> None:
    p = profile(
        machine=Machine(memory_mb=64, bios="qboot.rom"),
        clock=Clock(rendezvous=True),
        guest=Guest(control="com2", exit_device=True),
    )
    wires = Wires(qmp=5, console=Path("/run/console-1"), control=7, log=8)
    assert argv(p, Launch(clock="virtual", seed=3), wires) == [
        "qemu-system-x86_64",
        *(
            "-nodefaults",
            "-no-user-config",
            "-machine",
            "q35",
            "-accel",
            "tcg",
            "-cpu",
            "qemu64",
            "-smp",
            "1",
            "-m",
            "64",
        ),
        *("-S", "-no-reboot", "-no-shutdown", "-device", "isa-debug-exit,iobase=0x501,iosize=4"),
        *("-seed", "3", "-icount", "shift=1,sleep=off", "-rtc", "base=2024-01-01T00:00:00,clock=vm"),
        *("-global", "virtio-blk-pci.ioeventfd=off", "-global", "virtio-scsi-pci.ioeventfd=off"),
        *("-global", "virtio-serial-pci.ioeventfd=off", "-global", "virtio-net-pci.ioeventfd=off"),
        *("-chardev", "socket,id=qmp,fd=5", "-mon", "chardev=qmp,mode=control", "-monitor", "none"),
        *("-chardev", "pipe,id=console,path=/run/console-1", "-serial", "chardev:console"),
        *("-chardev", "socket,id=control,fd=7", "-serial", "chardev:control"),
        *("-d", "cpu_reset", "-D", "/dev/fd/8", "-display", "none"),
        *("-device", "VGA,romfile=", "-bios", "qboot.rom", "-kernel", "/k.elf"),
    ]
    assert wires.descriptors() == [5, 7, 8]


@given(st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_any_file_name_survives_qemus_option_parser(name: str) -> None:
    path = f"/{name}"
    disk = Disk(file=Path(path))
    words = argv(profile(boot=Boot(shape="disk", disk=disk)))
    assert f"file={Path(path)}" in parse_keyed(values(words, "drive")[0])


def test_a_value_that_is_not_keyed_is_left_as_it_is() -> None:
    words = argv(profile(boot=Boot(kernel=Path("/a,b"), cmdline="console=ttyS0,115200")))
    assert values(words, "kernel") == ["/a,b"]
    assert values(words, "append") == ["console=ttyS0,115200"]


def test_option_words() -> None:
    assert Option("S").words() == ["-S"]
    assert Option("m", "64").words() == ["-m", "64"]
    assert Option("x", "head", (("a", True), ("b", False), ("c", None), ("d", "1,2"), ("e", ""))).words() == [
        "-x",
        "head,a=on,b=off,d=1,,2,e=",
    ]


@pytest.mark.parametrize("persist", [False, True])
def test_a_disk_is_written_to_only_where_it_persists(persist: bool) -> None:
    disk = Disk(file=Path("/d"), persist=persist)
    for p in (profile(boot=Boot(shape="disk", disk=disk)), profile(machine=Machine(disks=(disk,)))):
        assert f"snapshot={'off' if persist else 'on'}" in values(argv(p), "drive")[0].split(",")


def test_the_boot_medium_comes_first_in_the_boot_order() -> None:
    boot = Boot(shape="cdrom", cdrom=Path("/c"), disk=Disk(file=Path("/d"), interface="ide"))
    machine = Machine(
        disks=(Disk(file=Path("/e"), interface="scsi"), Disk(file=Path("/f"), interface="none", id="own"))
    )
    words = argv(profile(boot=boot, machine=machine))
    assert [value for value in values(words, "device") if "drive=" in value] == [
        "ide-cd,drive=cdrom,bus=ide.0,bootindex=0",
        "ide-hd,drive=disk0,bus=ide.1,bootindex=1",
        "scsi-hd,drive=disk1,bootindex=2",
    ]
    assert "virtio-scsi-pci,id=harness-scsi" in values(words, "device")
    assert values(words, "drive")[-1].startswith("if=none,id=own,")


@pytest.mark.parametrize(
    ("machine", "places"),
    [
        ("q35", ["bus=ide.0", "bus=ide.1", "bus=ide.2"]),
        ("pc-q35-7.2,smm=off", ["bus=ide.0", "bus=ide.1", "bus=ide.2"]),
        ("pc", ["bus=ide.0,unit=0", "bus=ide.0,unit=1", "bus=ide.1,unit=0"]),
    ],
)
def test_every_ide_drive_has_its_own_place(machine: str, places: list[str]) -> None:
    disks = tuple(Disk(file=Path(f"/{n}"), interface="ide") for n in range(3))
    words = argv(profile(machine=Machine(type=machine, disks=disks)))
    drives = [value for value in values(words, "device") if value.startswith("ide-hd")]
    assert [value.split(",", 2)[2] for value in drives] == places


def test_a_disk_beside_a_kernel_claims_no_place_in_the_boot_order() -> None:
    disk = Disk(file=Path("/d"))
    assert values(argv(profile(machine=Machine(disks=(disk,)))), "device")[-1] == "virtio-blk-pci,drive=disk0"


def test_a_disk_that_is_kept_for_the_run_is_used_as_the_private_copy_of_it() -> None:
    disk = Disk(file=Path("/d"), persist="run")
    words = argv(profile(machine=Machine(disks=(disk,))), wires=replace(WIRES, disks={Path("/d"): Path("/run/copy")}))
    assert values(words, "drive") == ["if=none,id=disk0,format=raw,snapshot=off,file=/run/copy"]


def test_uefi_gets_its_code_read_only_and_its_private_variables() -> None:
    wires = replace(WIRES, firmware=(Path("/code"), Path("/run/vars")), esp=Path("/run/esp"))
    words = argv(profile(boot=Boot(shape="uefi", esp=Path("/mine"))), wires=wires)
    assert values(words, "drive") == [
        "if=pflash,unit=0,format=raw,readonly=on,file=/code",
        "if=pflash,unit=1,format=raw,file=/run/vars",
        "if=none,id=esp,format=raw,file.driver=vvfat,file.dir=/run/esp,file.rw=on",
    ]
    assert not any("/mine" in word for word in words)


def test_the_wall_clock_leaves_time_alone_and_adds_the_free_words() -> None:
    p = profile(boot=Boot(kernel=Path("/k"), cmdline="a=1"), guest=Guest(free_words="free=1"))
    words = argv(p, Launch(clock="wall"))
    assert "-icount" not in words
    assert "-rtc" not in words
    assert values(words, "append") == ["a=1 free=1"]
    assert values(argv(p, Launch(clock="virtual")), "append") == ["a=1"]


def test_the_virtual_clock_refuses_kvm_and_several_cpus() -> None:
    with pytest.raises(UsageError, match="needs TCG"):
        argv(profile(), Launch(clock="virtual", accel="kvm"))
    with pytest.raises(UsageError, match="has one CPU"):
        argv(profile(machine=Machine(cpus=2)), Launch(clock="virtual"))


def test_a_machine_that_is_to_go_on_by_itself_is_not_held_at_a_reset() -> None:
    words = argv(profile(), Launch(keep=False))
    assert "-no-reboot" not in words
    assert "-no-shutdown" not in words


@pytest.mark.parametrize(
    ("devices", "display", "expected"),
    [
        ((), True, ["VGA"]),
        ((), False, []),
        (("virtio-vga,xres=640",), True, ["virtio-vga,xres=640"]),
        (("ramfb",), True, ["ramfb"]),
        (("virtio-net-pci",), True, ["VGA", "virtio-net-pci"]),
    ],
)
def test_a_screen_is_added_unless_the_profile_has_its_own(
    devices: tuple[str, ...], display: bool, expected: list[str]
) -> None:
    p = profile(machine=Machine(devices=devices), guest=Guest(display=display))
    assert values(argv(p), "device") == expected


def test_aarch64_gets_what_its_machine_lacks() -> None:
    p = profile(machine=Machine(arch="aarch64", type="virt"))
    words = argv(p)
    assert words[0] == "qemu-system-aarch64"
    assert values(words, "cpu") == ["cortex-a57"]
    assert [value.split(",")[0] for value in values(words, "device")] == ["ramfb", "qemu-xhci", "usb-kbd", "usb-tablet"]
    quiet = replace(p, guest=Guest(display=False))
    assert values(argv(quiet), "device") == []


def test_defaults_leave_qemus_own_devices_alone() -> None:
    words = argv(profile(machine=Machine(defaults=True)))
    assert "-nodefaults" not in words
    assert "VGA" not in words


def test_the_users_own_words_come_last_and_unchanged() -> None:
    words = argv(profile(machine=Machine(devices=("e1000,netdev=n",), extra=("-netdev", "user,id=n,restrict=on"))))
    assert words[-4:] == ["-device", "e1000,netdev=n", "-netdev", "user,id=n,restrict=on"]


def test_a_person_can_be_let_in() -> None:
    words = argv(profile(), Launch(vnc=True), replace(WIRES, gdb=Path("/run/gdb-1")))
    assert values(words, "vnc") == ["none"], "QMP says where it listens"
    assert "socket,id=gdb,path=/run/gdb-1,server=on,wait=off" in values(words, "chardev")
    assert values(words, "gdb") == ["chardev:gdb"]


def test_a_card_whose_wire_the_harness_holds_gets_the_inherited_socket() -> None:
    def plug() -> socket.socket:
        raise AssertionError("the command line needs the descriptor and no more")

    launch = Launch(nics=(Nic(id="link", mac="52:54:00:00:00:01", plug=plug),))
    wires = Wires(qmp=5, console=6, nics=(9,))
    words = argv(profile(), launch, wires)
    assert values(words, "netdev") == ["dgram,id=link-wire,local.type=fd,local.str=9"]
    assert "virtio-net-pci,netdev=link-wire,id=link,mac=52:54:00:00:00:01,romfile=" in values(words, "device")
    assert 9 in wires.descriptors()


def test_a_disk_that_we_serve_is_behind_our_wire_and_what_its_device_does_at_an_error_is_settled() -> None:
    disks = (Disk(file=Path("/d")), Disk(file=Path("/e"), format="qcow2", interface="scsi", persist=True))
    launch = Launch(served=(ServedDisk("disk0"), ServedDisk("disk1", holds=True)))
    wires = replace(WIRES, served={"disk0": 9, "disk1": 10})
    words = argv(profile(machine=Machine(disks=disks)), launch, wires)
    served = "file.driver=nbd,file.server.type=fd,file.server.str"
    assert values(words, "drive") == [
        f"if=none,id=disk0,format=raw,{served}=9",
        f"if=none,id=disk1,format=qcow2,{served}=10",
    ]
    assert values(words, "device")[-2:] == [
        "virtio-blk-pci,drive=disk0,werror=report,rerror=report",
        "scsi-hd,drive=disk1,werror=enospc,rerror=enospc",
    ]
    assert wires.descriptors()[-2:] == [9, 10]
