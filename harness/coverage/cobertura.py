"""Cobertura's XML, which GitLab, Jenkins and Azure show beside a change."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree

from harness.coverage.model import Coverage, FileCoverage
from harness.writing import write_whole

_DTD = '<!DOCTYPE coverage SYSTEM "http://cobertura.sourceforge.net/xml/coverage-04.dtd">\n'


def write_cobertura(coverage: Coverage, target: Path, root: Path | None = None) -> None:
    """Write *coverage*, whole or not at all; a folder of the source is a package, a file a class.

    :param root: the folder to which file names are relative; those outside keep their whole path.
    :raises OSError: if it cannot be written.
    """
    document = ElementTree.Element("coverage", _rates(coverage.lines, coverage.lines_hit))
    document.attrib |= {
        "lines-valid": str(coverage.lines),
        "lines-covered": str(coverage.lines_hit),
        "branches-valid": "0",
        "branches-covered": "0",
        "complexity": "0",
        "version": "1",
        "timestamp": "0",  # the same runs give the same bytes
    }
    ElementTree.SubElement(ElementTree.SubElement(document, "sources"), "source").text = str(root or ".")
    packages: dict[str, list[tuple[str, FileCoverage]]] = defaultdict(list)
    for path, file in sorted(coverage.files.items()):
        named = PurePosixPath(path)
        if root is not None and named.is_relative_to(root):
            named = named.relative_to(root)
        packages[str(named.parent)].append((str(named), file))
    within = ElementTree.SubElement(document, "packages")
    for name, files in sorted(packages.items()):
        sums = [(len(file.lines), file.lines_hit) for _, file in files]
        package = ElementTree.SubElement(
            within,
            "package",
            {"name": name, **_rates(sum(n for n, _ in sums), sum(hit for _, hit in sums)), "complexity": "0"},
        )
        classes = ElementTree.SubElement(package, "classes")
        for path, file in files:
            _class(classes, path, file)
    ElementTree.indent(document, " ")
    body = ElementTree.tostring(document, encoding="unicode")
    write_whole(target, f'<?xml version="1.0" encoding="UTF-8"?>\n{_DTD}{body}\n')


def _class(classes: ElementTree.Element, path: str, file: FileCoverage) -> None:
    values = {"name": PurePosixPath(path).name, "filename": path, **_rates(len(file.lines), file.lines_hit)}
    made = ElementTree.SubElement(classes, "class", {**values, "complexity": "0"})
    methods = ElementTree.SubElement(made, "methods")
    for name, function in sorted(file.functions.items(), key=lambda entry: (entry[1].line, entry[0])):
        values = {"name": name, "signature": "", **_rates(1, int(function.hits > 0)), "complexity": "0"}
        method = ElementTree.SubElement(methods, "method", values)
        _line(ElementTree.SubElement(method, "lines"), function.line, function.hits)
    lines = ElementTree.SubElement(made, "lines")
    for number, hits in sorted(file.lines.items()):
        _line(lines, number, hits)


def _line(lines: ElementTree.Element, number: int, hits: int) -> None:
    ElementTree.SubElement(lines, "line", {"number": str(number), "hits": str(hits), "branch": "false"})


def _rates(valid: int, hit: int) -> dict[str, str]:
    return {"line-rate": f"{hit / valid:.4f}" if valid else "1", "branch-rate": "0"}
