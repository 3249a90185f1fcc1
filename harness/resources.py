"""Where the images and scenarios that ship with the harness lie: beside the package in a checkout, inside it when
installed.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def data_folder(name: str) -> Path | None:
    """The folder `images` or `scenarios`, or None if this installation has none."""
    for root in (_PACKAGE.parent, _PACKAGE / "_data"):
        folder = root / name
        if folder.is_dir() and (root.name == "_data" or (root / "pyproject.toml").is_file()):
            return folder
    return None
