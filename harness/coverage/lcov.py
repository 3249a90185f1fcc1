"""LCOV's tracefile format: what `geninfo` writes, and genhtml, editors and CI services read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from harness.coverage.model import Coverage, FileCoverage, Function
from harness.errors import UsageError
from harness.writing import written_whole


def write_lcov(coverage: Coverage, target: Path, name: str = "") -> None:
    """Write *coverage*, whole or not at all.

    :param name: of the test; LCOV allows letters, digits and underscores.
    :raises OSError: if it cannot be written.
    """
    test = "".join(c if c.isascii() and c.isalnum() else "_" for c in name)
    with written_whole(target) as stream:
        for path, file in sorted(coverage.files.items()):
            stream.writelines(f"{line}\n".encode() for line in _record(test, path, file))


def _record(test: str, path: str, file: FileCoverage) -> Iterator[str]:
    yield f"TN:{test}"
    yield f"SF:{path}"
    functions = sorted(file.functions.items(), key=lambda entry: (entry[1].line, entry[0]))
    yield from (f"FN:{function.line},{name}" for name, function in functions)
    yield from (f"FNDA:{function.hits},{name}" for name, function in functions)
    yield f"FNF:{len(functions)}"
    yield f"FNH:{file.functions_hit}"
    yield from (f"DA:{line},{hits}" for line, hits in sorted(file.lines.items()))
    yield f"LF:{len(file.lines)}"
    yield f"LH:{file.lines_hit}"
    yield "end_of_record"


def read_lcov(source: Path) -> Coverage:
    """The lines and functions of a tracefile, of whatever origin; branches and checksums are left out.

    :raises UsageError: if it cannot be read, or is none.
    """
    out = Coverage()
    try:
        text = source.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {source}: {getattr(error, 'strerror', None) or error}") from error
    file: FileCoverage | None = None
    for number, line in enumerate(text.splitlines(), 1):
        key, _, rest = line.partition(":")
        try:
            if key == "SF":
                file = out.files.setdefault(rest, FileCoverage())
            elif key == "end_of_record":
                file = None
            elif file is not None:
                _take(file, key, rest)
        except ValueError as error:
            raise UsageError(f"{source}:{number}: not a line of an LCOV tracefile: {line[:80]!r}") from error
    if not out.files and text.strip():
        raise UsageError(f"{source} is no LCOV tracefile", "give coverage.info files, or bundles that hold one")
    return out


def _take(file: FileCoverage, key: str, rest: str) -> None:
    if key == "DA":
        line, hits = rest.split(",")[:2]
        file.lines[int(line)] = file.lines.get(int(line), 0) + int(hits)
    elif key == "FN":
        line, _, name = rest.partition(",")
        end, _, after = name.partition(",")
        name = after if after and end.isdecimal() else name  # LCOV 2 tells where the function ends, too
        before = file.functions.get(name)
        file.functions[name] = Function(int(line), before.hits if before else 0)
    elif key == "FNDA":
        hits, _, name = rest.partition(",")
        before = file.functions.get(name, Function(0, 0))
        file.functions[name] = Function(before.line, before.hits + int(hits))
