"""Image profiles from TOML, and images by name, by profile or by file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import UsageError
from harness.resources import data_folder
from harness.targets.check import problems
from harness.targets.implied import profile_of_file
from harness.targets.profile import Disk, Profile
from harness.toml import Problem, load_toml, parse, problems_of, refuse, suggestion, validate

if TYPE_CHECKING:
    from pydantic import TypeAdapter


def find_image(name: str, *, relative_to: Path | None = None) -> Profile:
    """The image *name*: one that ships with the harness, a profile file, or a kernel, disk, ISO or EFI directory.

    :param relative_to: folder that a relative path starts from; default: the current directory.
    :raises UsageError: if there is none, or its profile is wrong.
    """
    known = image_files()
    if name in known:
        return load_profile(known[name])
    path = (relative_to or Path()) / Path(name).expanduser()
    if path.suffix == ".toml" and path.is_file():
        return load_profile(path)
    if path.exists():
        return profile_of_file(path)
    if "/" in name or path.suffix:
        raise UsageError(f"there is no image file {path}")
    raise UsageError(
        f"there is no image {name!r}{suggestion(name, known)}",
        f"known are {', '.join(sorted(known)) or 'none'}; or give the path of a profile or an image file",
    )


def typed_image(name: str | None) -> str | None:
    """*name* as it was typed in the current folder, to mean the same from any other: a path is made absolute."""
    path = Path(name or "").expanduser()
    if name is None or name in image_files() or not ("/" in name or path.suffix or path.exists()):
        return name
    return str(path.absolute())


def image_files() -> dict[str, Path]:
    """The profiles that ship with the harness, by name. TOML files of other kinds (marker schemas) have no [boot]."""
    folder = data_folder("images")
    paths = sorted(folder.glob("*/*.toml")) if folder is not None else []
    return {path.stem: path for path in paths if "[boot]" in path.read_text(encoding="utf-8", errors="replace")}


def load_profile(path: Path) -> Profile:
    """The profile in the TOML file *path*, its paths made absolute.

    :raises UsageError: listing everything wrong with it as `file:line: message`.
    """
    document = load_toml(path)
    profile = validate(_adapter(), path, document)
    wrong = list(problems(profile))
    if "folder" in document.data:
        wrong.append(Problem(("folder",), "unknown key 'folder' at the top level"))  # ours to set
    if profile.name != path.stem:
        wrong.append(Problem(("name",), f"name: should be {path.stem!r}, as the file is called: it is found by that"))
    if wrong:
        raise refuse(path, document.locate, wrong)
    return _placed(replace(profile, folder=path.parent.absolute()))


def override(profile: Profile, settings: Mapping[str, Any]) -> Profile:
    """*profile* with some keys set, by dotted name: `{"machine.memory_mb": 128}`. Paths are relative to its folder.

    :raises UsageError: listing everything wrong with them.
    """
    from pydantic import ValidationError

    data = _adapter().dump_python(profile, mode="json")
    for key, value in settings.items():
        table = data
        for part in key.split(".")[:-1]:
            table = table.get(part) if isinstance(table, dict) else None
        if not isinstance(table, dict) or key in {"folder", "name"}:
            raise UsageError(f"{key!r} is no key of an image profile{suggestion(key, _dotted_keys(data))}")
        table[key.rsplit(".", 1)[-1]] = value
    try:
        changed = parse(_adapter(), data)
        wrong = list(problems(changed))
    except ValidationError as error:
        changed, wrong = profile, problems_of(error, data, _adapter())
    if wrong:
        what = "\n".join(f"{p.message}{suggestion(p.word, p.known)}" for p in wrong)
        given = ", ".join(f"{key} = {value!r}" for key, value in settings.items())
        raise UsageError(f"the image {profile.name} with {given}: {what}")
    return _placed(changed)


def _dotted_keys(data: Mapping[str, Any]) -> list[str]:
    return [f"{table}.{key}" for table, keys in data.items() if isinstance(keys, dict) for key in keys]


def _placed(profile: Profile) -> Profile:
    """The profile with every relative path taken from its folder."""
    folder, boot, machine, guest = profile.folder, profile.boot, profile.machine, profile.guest

    def place(path: Path | None) -> Path | None:
        return None if path is None else folder / path.expanduser()

    def disk(item: Disk) -> Disk:
        return replace(item, file=folder / item.file.expanduser())

    bios = machine.bios
    if bios is not None and ("/" in bios or (folder / bios).is_file()):
        bios = str(folder / Path(bios).expanduser())
    return replace(
        profile,
        boot=replace(
            boot,
            kernel=place(boot.kernel),
            initrd=place(boot.initrd),
            symbols=place(boot.symbols),
            disk=disk(boot.disk) if boot.disk is not None else None,
            cdrom=place(boot.cdrom),
            esp=place(boot.esp),
            firmware_code=place(boot.firmware_code),
            firmware_vars=place(boot.firmware_vars),
        ),
        machine=replace(machine, bios=bios, disks=tuple(disk(item) for item in machine.disks)),
        guest=replace(guest, schema=place(guest.schema), triage_rules=place(guest.triage_rules)),
    )


@cache
def _adapter() -> TypeAdapter[Profile]:
    from pydantic import TypeAdapter

    return TypeAdapter(Profile)
