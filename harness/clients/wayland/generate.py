"""Makes the shipped protocol tables from the published descriptions: the same XML without its prose.

    python -m harness.clients.wayland.generate

needs Debian's libwayland-dev and wayland-protocols, and a checkout. What stays is what `protocol.parse` reads and the
copyright notice, which its licence wants kept.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

from harness.clients.wayland.protocol import SHIPPED
from harness.resources import data_folder

_PUBLISHED = {
    "wayland": "/usr/share/wayland/wayland.xml",
    "xdg-shell": "/usr/share/wayland-protocols/stable/xdg-shell/xdg-shell.xml",
    "presentation-time": "/usr/share/wayland-protocols/stable/presentation-time/presentation-time.xml",
}
_PROSE = {"description", "summary"}  # elements and attributes for people


def source(name: str) -> Path:
    """The description that the shipped table *name* is made from."""
    if name in _PUBLISHED:
        return Path(_PUBLISHED[name])
    images = data_folder("images")
    assert images is not None, "made in a checkout"
    return images / "reference" / f"{name}.xml"


def table(description: bytes) -> bytes:
    """*description* without its prose."""
    root = ET.fromstring(description)  # noqa: S314 - the distribution's own file
    _strip(root)
    ET.indent(root, " ")
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode").encode() + b"\n"


def _strip(element: ET.Element) -> None:
    for child in list(element):
        if child.tag in _PROSE:
            element.remove(child)
        else:
            _strip(child)
    for attribute in _PROSE & set(element.attrib):
        del element.attrib[attribute]


def main() -> None:
    folder = Path(__file__).parent / "protocols"
    for name in SHIPPED:
        (folder / f"{name}.xml").write_bytes(table(source(name).read_bytes()))


if __name__ == "__main__":
    main()
