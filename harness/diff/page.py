"""A comparison as one page that opens offline, runs nothing and loads nothing, whatever the guest printed."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from html import escape
from pathlib import Path

from harness.console.safe import safe
from harness.diff import show
from harness.diff.model import Comparison, Picture
from harness.diff.point import Point, points
from harness.writing import write_whole

LISTED = 2000  # differences in the page
_LIMIT = 64 * 1024  # characters of any one value
_PICTURE = 8 << 20  # bytes of a PNG that are embedded
_PNG = b"\x89PNG\r\n\x1a\n"

_STYLE = """
:root { color-scheme: light dark; --page: #fff; --panel: #f6f7f9; --line: #dde1e7; --text: #1c2430; --soft: #5a6574;
  --less: #fdecea; --more: #e8f5ed; --other: #fdf3dc; --bad: #b3261e; --good: #1a7a47 }
@media (prefers-color-scheme: dark) { :root { --page: #12161c; --panel: #1a2028; --line: #2d3642; --text: #dfe5ed;
  --soft: #95a1b1; --less: #33191a; --more: #13291e; --other: #2f2512; --bad: #ff8278; --good: #4fc585 } }
body { margin: 0 auto; max-width: 1200px; padding: 20px; background: var(--page); color: var(--text);
  font: 14px/1.45 system-ui, sans-serif }
h1 { font-size: 20px } h2 { font-size: 15px; margin-top: 28px; border-bottom: 1px solid var(--line) }
code, pre, table { font: 12px/1.5 ui-monospace, monospace }
pre { background: var(--panel); padding: 8px; overflow-x: auto }
table { border-collapse: collapse; width: 100% } td, th { padding: 1px 8px; text-align: left; vertical-align: top;
  overflow-wrap: anywhere } td.n { color: var(--soft); text-align: right; white-space: nowrap }
tr.less td { background: var(--less) } tr.more td { background: var(--more) } tr.other td { background: var(--other) }
.two { display: grid; grid-template-columns: 1fr 1fr; gap: 16px } .two > div { min-width: 0 }
@media (max-width: 700px) { .two { grid-template-columns: 1fr } }
img { max-width: 100%; border: 1px solid var(--line) } mark { background: var(--other); color: inherit }
.good { color: var(--good) } .bad { color: var(--bad) } .soft { color: var(--soft) }
"""
_CLASS = {"<": "less", ">": "more", "~": "other", " ": "same"}


def write_page(found: Comparison, path: Path) -> None:
    """Write the page, whole or not at all.

    :raises OSError: if it cannot be written, or a log or picture not be read.
    """
    write_whole(path, "\n".join(_page(found)))


def _page(found: Comparison) -> Iterator[str]:
    digest = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode("ascii")
    # No script, no network: a browser refuses even what slipped through the escaping.
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    yield "<!doctype html>"
    yield f'<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy}">'
    yield '<meta name="viewport" content="width=device-width">'
    yield f"<title>{_text(found.a.name)} and {_text(found.b.name)}</title><style>{_STYLE}</style></head><body>"
    yield f"<p>A <code>{_text(show.describe(found.a))}</code><br>B <code>{_text(show.describe(found.b))}</code></p>"
    first = found.first
    if first is None:
        yield f'<h1 class="good">The same</h1><p>{found.matched:,} markers in both.</p></body></html>'
        return
    yield f'<h1>First divergence: <span class="bad">{first.kind}</span></h1>'
    yield f"<p>{_text(first.what)}</p><p>Signature: <code>{_text(found.signature)}</code></p>"
    yield "<h2>Markers there</h2><table><tr><th></th><th>A</th><th></th><th>B</th></tr>"
    for row in found.around:
        cells = "".join(
            f'<td class="n">{"" if place is None else place + 1}</td><td>{_text(show.text_of(stream, place))}</td>'
            for stream, place in ((found.a, row.a), (found.b, row.b))
        )
        yield f'<tr class="{_CLASS[row.mark]}">{cells}</tr>'
    yield '</table><h2>The runs there</h2><div class="two">'
    for letter, point in zip("AB", points(found, first), strict=True):
        yield from _point(letter, point)
    yield "</div>"
    counts = ", ".join(f"{count:,} {kind}" for kind, count in found.counts.items())
    yield f"<h2>All differences</h2><p>{counts}; {found.matched:,} markers in both.</p>"
    yield "<table><tr><th>A</th><th>B</th><th></th><th></th></tr>"
    for one in found.differences[:LISTED]:
        places = f'<td class="n">{one.a + 1}</td><td class="n">{one.b + 1}</td>'
        yield f'<tr>{places}<td class="n">{one.kind}</td><td>{_text(one.what)}</td></tr>'
    yield "</table>"
    if len(found.differences) > LISTED:
        yield f'<p class="soft">The first {LISTED:,} are listed.</p>'
    yield "</body></html>"


def _point(letter: str, point: Point) -> Iterator[str]:
    time = "" if point.guest_us is None else f", guest time {point.guest_us / 1000:.3f} ms"
    place = "" if point.offset is None else f", byte {point.offset}"
    yield f"<div><p><b>{letter}</b><span class='soft'>{time}{place}</span></p>"
    if point.lines:
        rows = (f"<mark>{_text(text) or ' '}</mark>" if here else _text(text) for here, text in point.lines)
        yield "<pre>" + "\n".join(rows) + "</pre>"
    if point.picture is not None:
        yield _picture(point.picture)
    yield "</div>"


def _picture(picture: Picture) -> str:
    name = f"{_text(picture.name)} <span class='soft'>{_text(picture.digest)}</span>"
    if picture.file is None or picture.file.stat().st_size > _PICTURE:
        return f"<p>{name} (not in this page)</p>"
    data = picture.file.read_bytes()
    if not data.startswith(_PNG):
        return f"<p>{name} (no PNG file)</p>"
    encoded = base64.b64encode(data).decode("ascii")
    return f'<p>{name}</p><img alt="{_text(picture.name)}" src="data:image/png;base64,{encoded}">'


def _text(value: object) -> str:
    """Every value that reaches the page passes here."""
    return escape(safe(str(value), _LIMIT), quote=True)
