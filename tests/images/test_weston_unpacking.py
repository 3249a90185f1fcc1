"""The Weston image's build: what it unpacked it keeps for the next build of the same packages, and only that."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

MAKE = Path(__file__).parents[2] / "images/weston/make"


@pytest.fixture
def unpacking(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(MAKE))
    for name in ("unpacking", "elf", "kernel", "apt"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return importlib.import_module("unpacking")


def packages(unpacking: ModuleType, *digests: str) -> list[object]:
    return [unpacking.Package("p", "1", Path("p.deb"), digest) for digest in digests]


def write(into: Path) -> None:
    (into / "file").write_text("unpacked")


def never(into: Path) -> None:
    raise AssertionError("it was unpacked already")


def test_the_same_packages_are_unpacked_once_and_others_anew(unpacking: ModuleType, tmp_path: Path) -> None:
    kept = unpacking.Kept(tmp_path)
    first = kept.get(packages(unpacking, "1", "2"), ["drm"], write)
    assert (first / "file").read_text() == "unpacked"
    assert unpacking.Kept(tmp_path).get(packages(unpacking, "1", "2"), ["drm"], never) == first
    others = [
        kept.get(packages(unpacking, *digests), more, write)
        for digests, more in ((("1", "3"), ["drm"]), (("1", "2"), []))
    ]
    assert len({first, *others}) == 3


def test_what_a_build_that_was_killed_left_is_never_taken_for_whole(unpacking: ModuleType, tmp_path: Path) -> None:
    def killed(into: Path) -> None:
        (into / "half").write_text("")
        raise KeyboardInterrupt

    kept = unpacking.Kept(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        kept.get(packages(unpacking, "1"), [], killed)
    assert [path.name for path in kept.get(packages(unpacking, "1"), [], write).iterdir()] == ["file"]


def test_packages_that_no_build_asks_for_any_more_go(unpacking: ModuleType, tmp_path: Path) -> None:
    unpacking.Kept(tmp_path).get(packages(unpacking, "old"), [], write)
    kept = unpacking.Kept(tmp_path)
    new = kept.get(packages(unpacking, "new"), [], write)
    kept.prune()
    assert list(tmp_path.iterdir()) == [new]
