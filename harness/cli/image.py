"""`harness image`: list and build images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import click

from harness.cli.common import emit, say
from harness.cli.options import json_option

if TYPE_CHECKING:
    from harness.targets.profile import Profile


@click.group("image")
def command() -> None:
    """List and build images: what scenarios boot."""


@command.command("list")
@json_option
def list_images(as_json: bool) -> int:
    """List the images that ship with the harness, and whether each can be booted as it is.

    \b
    Example:
      harness image list
    """
    from harness.errors import UsageError
    from harness.targets.loader import image_files, load_profile
    from harness.targets.needs import status

    entries: list[dict[str, Any]] = []
    for name, path in image_files().items():
        entry: dict[str, Any] = {"name": name, "profile": str(path)}
        try:
            profile = load_profile(path)
        except UsageError as error:  # one wrong profile must not hide the others
            entry |= dict.fromkeys(("shape", "arch", "clock", "summary"))
            entry |= {"status": "wrong", "reason": error.what, "hint": error.hint}
        else:
            found = status(profile)
            entry |= {
                "shape": profile.boot.shape,
                "arch": profile.machine.arch,
                "clock": profile.default_clock,
                "summary": profile.summary,
                "status": str(found.readiness),
                "reason": found.reason,
                "hint": found.hint,
            }
        entries.append(entry)
    if as_json:
        emit({"images": entries})
    else:
        _say_table(entries)
    return 0


def _say_table(entries: list[dict[str, Any]]) -> None:
    width = max((len(entry["name"]) for entry in entries), default=0)
    for entry in entries:
        facts = f"{entry['shape'] or '':<9}{entry['arch'] or '':<9}{entry['clock'] or '':<9}"
        say(f"{entry['name']:<{width}}  {entry['status']:<10}{facts}{entry['summary'] or ''}")
        for line in filter(None, (entry["reason"], entry["hint"])):
            say(f"{'':<{width}}  {line}")
    if not entries:
        say("no images: this installation has no images/ folder")


@command.command("build")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--locked", is_flag=True, help="Of exactly the packages that the image's lock file names, or not at all.")
@json_option
def build_images(names: tuple[str, ...], locked: bool, as_json: bool) -> int:
    """Build the images NAME (names or profile files); without a name, every image that is not built or stale.

    The build command's own output goes to stderr. An image that is taken from Debian packages as it is has no build.

    \b
    Examples:
      harness image build
      harness image build reference
      harness image build weston --locked
    """
    from harness.errors import UsageError
    from harness.targets.needs import require

    if locked and not names:
        raise UsageError("--locked needs the names of images", "name those that have a lock file")
    results = []
    for profile in _named(names) if names else _unbuilt():
        if not profile.build.command:
            require(profile)
            say(f"{profile.name}: nothing to build")
            continue
        results.append(_build(profile, force=bool(names), how="locked" if locked else "command"))
    if not results and not names:
        say("every image is built")
    if as_json:
        emit({"built": results})
    return 0


@command.command("update")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@json_option
def update_images(names: tuple[str, ...], as_json: bool) -> int:
    """Build the images NAME of what their archive has now, and write their lock files anew.

    \b
    Example:
      harness image update weston
    """
    results = [_build(profile, force=True, how="update") for profile in _named(names)]
    if as_json:
        emit({"built": results})
    return 0


def _build(profile: Profile, *, force: bool, how: Literal["command", "locked", "update"]) -> dict[str, Any]:
    from harness.targets.build import build

    if words := getattr(profile.build, how):  # without any, `build` says which one the profile lacks
        say(f"{profile.name}: {' '.join(words)}")
    built = build(profile, force=force, how=how)
    say(f"{profile.name}: built in {built.seconds:.1f} s" if built.ran else f"{profile.name}: was built meanwhile")
    for file in built.files:
        say(f"  {file.sha256[:16]}  {file.bytes:>10}  {file.path}")
    files = [{"path": str(file.path), "bytes": file.bytes, "sha256": file.sha256} for file in built.files]
    return {"name": profile.name, "seconds": round(built.seconds, 3), "files": files}


def _named(names: tuple[str, ...]) -> list[Profile]:
    """All looked up before anything is built: a typing error in the last name should not cost the time of the first."""
    from harness.targets.loader import find_image

    return [find_image(name) for name in names]


def _unbuilt() -> list[Profile]:
    """The images whose files are stale or not there, of those that have a build."""
    from harness.errors import UsageError
    from harness.targets.loader import image_files, load_profile
    from harness.targets.needs import Readiness, status

    found = []
    for path in image_files().values():
        try:
            profile = load_profile(path)
        except UsageError as error:  # one wrong profile must not keep the others from being built
            say(error.what)
            continue
        if profile.build.command and status(profile).readiness in {Readiness.STALE, Readiness.NOT_BUILT}:
            found.append(profile)
    return found
