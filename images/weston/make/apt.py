"""Gets Debian packages through apt: verified, kept in a cache, by default the archive's current versions."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote


class BuildError(Exception):
    """The image cannot be built; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Package:
    """One downloaded package. `sha256` is that of the file, hex."""

    name: str
    version: str
    file: Path
    sha256: str


class Archive:
    """The package archive that apt is set up for.

    :param cache: where packages are kept for the next build.
    :param scratch: a folder that goes when the build ends.
    """

    def __init__(self, cache: Path, scratch: Path) -> None:
        self._cache = cache
        self._scratch = scratch
        self._config = scratch / "apt.conf"
        self._own_lists = False
        theirs = Path(os.environ["APT_CONFIG"]).read_text() if os.environ.get("APT_CONFIG") else ""
        # As root apt would download as another user, who may not write to the cache.
        self._config.write_text(theirs + 'APT::Sandbox::User "root";\n')

    def newest_kernel(self, meta: str) -> str:
        """The name of the kernel package that the empty package *meta* depends on.

        :raises BuildError: if there is none.
        """
        for _last in self._tries():
            shown = self._run("apt-cache", "show", "--no-all-versions", meta)
            for line in shown.stdout.splitlines() if shown.returncode == 0 else ():
                if line.startswith("Depends: linux-image-"):
                    return line.split(":", 1)[1].split(",")[0].split()[0]
        raise BuildError(f"apt knows no {meta}: is this Debian on amd64, and is there a network?")

    def current(self, names: list[str]) -> list[Package]:
        """The archive's current versions of *names*, in that order.

        :raises BuildError: if apt cannot get one.
        """
        for last in self._tries():
            known = self._run("apt-get", "download", "--print-uris", *names)
            if known.returncode == 0:
                found = [self._described(line) for line in known.stdout.splitlines() if line.startswith("'")]
                if self._fetch(found, names):
                    by_name = {package.name: package for package in found}
                    return [by_name[name] for name in names]
            if last:
                raise BuildError(f"apt cannot get the packages: {known.stderr.strip() or 'a download failed'}")
        raise AssertionError("unreachable: the last try returned or raised")

    def locked(self, packages: list[tuple[str, str, str, str]]) -> list[Package]:
        """Exactly these: name, version, file name, SHA-256 of each.

        :raises BuildError: if one is neither in the cache nor in the archive any more.
        """
        wanted = [Package(name, version, self._cache / file, sha256) for name, version, file, sha256 in packages]
        if not self._fetch(wanted, [f"{package.name}={package.version}" for package in wanted]):
            gone = [package.file.name for package in wanted if not _is_whole(package)]
            raise BuildError(
                f"{len(gone)} locked packages are not to be had any more, the first is {gone[0]}: build without "
                "--locked, or renew the lock file with --lock"
            )
        return wanted

    def _fetch(self, packages: list[Package], specs: list[str]) -> bool:
        """Download what the cache has not, whole; *specs* is how apt calls each. Whether all are there then."""
        by_name = {spec.split("=")[0]: spec for spec in specs}
        wanted = [package for package in packages if not _is_whole(package)]
        if wanted:
            folder = self._scratch / "downloads"
            folder.mkdir(exist_ok=True)
            self._run("apt-get", "download", *(by_name[package.name] for package in wanted), folder=folder)
            for package in wanted:
                got = folder / package.file.name
                if got.is_file():
                    got.replace(package.file)
        return all(_is_whole(package) for package in wanted)

    def _described(self, line: str) -> Package:
        """From a line of --print-uris: 'URI' FILE SIZE SHA256:DIGEST."""
        _, file, _, digest = line.rsplit(" ", 3)
        name, version, _ = file.removesuffix(".deb").rsplit("_", 2)
        kind, _, value = digest.partition(":")
        if kind != "SHA256":
            raise BuildError(f"apt names {file} by {kind} and not by SHA256")
        return Package(name, unquote(version), self._cache / file, value)

    def _tries(self) -> Iterator[bool]:
        """With apt's lists as they are, then with fresh ones of ours; True for the last."""
        yield False
        self._refresh()
        yield True

    def _refresh(self) -> None:
        """apt's package lists are the administrator's: where they are missing or old, fetch lists of our own."""
        if self._own_lists:
            return
        self._own_lists = True
        lists, cache = self._cache / "apt/lists", self._cache / "apt/cache"
        (lists / "partial").mkdir(parents=True, exist_ok=True)
        (cache / "archives/partial").mkdir(parents=True, exist_ok=True)
        with self._config.open("a") as config:
            config.write(f'Dir::State::Lists "{lists}";\nDir::Cache "{cache}";\n')
        self._run("apt-get", "--quiet=2", "update")

    def _run(self, *command: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "APT_CONFIG": str(self._config), "LC_ALL": "C"}
        try:
            return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            raise BuildError(f"there is no {command[0]} here: the image is made from Debian packages") from None


def _is_whole(package: Package) -> bool:
    if not package.file.is_file():
        return False
    with package.file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest() == package.sha256
