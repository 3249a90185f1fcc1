"""Golden corpus: serial logs of every shape and trap that real kernels were seen to print, with the markers in them.

`corpus/NAME.txt` is the input, `NAME.sent` (if there) what the harness sent before, `NAME.json` what is expected.
After a deliberate change: `pytest tests/markers --update-corpus`, then read the difference.
"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from harness.console.stream import ConsoleStream
from harness.console.types import Chunk, Line, LineFlag
from harness.markers.parser import MarkerParser
from harness.markers.scan import scan
from harness.markers.types import Marker, MarkerFlag

CORPUS = Path(__file__).parent / "corpus"
NAMES = sorted(path.stem for path in CORPUS.glob("*.txt"))
SHOWN = 300  # characters of a line that the expectation holds


def read(data: bytes, sent: str, chunk: int) -> tuple[list[Line], list[Marker], int]:
    stream, parser = ConsoleStream(), MarkerParser()
    if sent:
        stream.sent(sent)
    lines = [line for at in range(0, len(data), chunk) for line in stream.feed(Chunk(at, data[at : at + chunk], 0))]
    lines += stream.finish()
    markers = [marker for line in lines for marker in parser.feed(line)] + parser.finish()
    return lines, markers, parser.lost


def as_json(lines: list[Line], markers: list[Marker], lost: int) -> dict[str, Any]:
    return {
        "lines": [
            {"text": line.text[:SHOWN], "flags": names(line.flags), **({"echo": list(line.echo)} if line.echo else {})}
            for line in lines
        ],
        "markers": [
            {
                "line": m.line,
                "offset": m.offset,
                "text": m.text,
                "family": m.family,
                "tokens": m.tokens,
                "event": m.event,
                "args": m.args,
                "values": dict(m.values),
                "dialect": m.dialect.value,
                "flags": names(m.flags),
                "seq": m.seq,
                "trusted": m.trusted,
            }
            for m in markers
        ],
        "lost": lost,
    }


def names(flags: LineFlag | MarkerFlag) -> list[str]:
    return [str(flag.name) for flag in flags]


def inputs(name: str) -> tuple[bytes, str]:
    sent = CORPUS / f"{name}.sent"
    return (CORPUS / f"{name}.txt").read_bytes(), sent.read_bytes().decode() if sent.exists() else ""


@pytest.mark.parametrize("name", NAMES)
def test_the_corpus_reads_as_it_did(name: str, request: pytest.FixtureRequest) -> None:
    data, sent = inputs(name)
    got = json.loads(json.dumps(as_json(*read(data, sent, len(data)))))
    expected = CORPUS / f"{name}.json"
    if request.config.getoption("--update-corpus", default=False):
        expected.write_text(json.dumps(got, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    assert got == json.loads(expected.read_text(encoding="utf-8"))


@pytest.mark.parametrize("chunk", [1, 7, 4096])
@pytest.mark.parametrize("name", NAMES)
def test_the_corpus_reads_the_same_however_it_is_cut(name: str, chunk: int) -> None:
    data, sent = inputs(name)
    assert read(data, sent, chunk) == read(data, sent, len(data))


@pytest.mark.parametrize("name", [n for n in NAMES if not (CORPUS / f"{n}.sent").exists()])
def test_the_fast_scan_finds_what_the_parser_finds(name: str) -> None:
    data, _ = inputs(name)
    parser = MarkerParser()
    assert list(scan(io.BytesIO(data), parser)) == read(data, "", len(data))[1]


def test_each_trap_of_real_logs_is_in_the_corpus() -> None:
    seen = {flag for name in NAMES for marker in read(*inputs(name), 1 << 20)[1] for flag in marker.flags}
    assert seen == set(MarkerFlag)
    seen_lines = {flag for name in NAMES for line in read(*inputs(name), 1 << 20)[0] for flag in line.flags}
    assert seen_lines == set(LineFlag) - {LineFlag.PARTIAL}
