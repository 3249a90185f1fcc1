"""Writes `report.html`: one file that opens offline.

It loads nothing and runs only its own script, whatever a guest printed.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.console.safe import safe
from harness.evidence.bundle import Bundle
from harness.judge.verdict import RunVerdict
from harness.report.page import gather
from harness.writing import write_whole

if TYPE_CHECKING:
    from jinja2 import Template

_TEMPLATES = Path(__file__).parent / "templates"
_LIMIT = 64 * 1024  # characters of any one value; what is gathered is cut far below, this is the last line


def write_report(bundle: Bundle, verdict: RunVerdict) -> Path:
    """Write the report of a judged run into its bundle, whole or not at all, and return its path.

    It depends on the bundle and the verdict alone: the same give the same bytes. Memory is bounded: of the serial log
    and the journal it keeps parts, pictures are embedded up to `harness.report.pictures.BUDGET`; the page says what it
    left out.

    :raises OSError: if the bundle cannot be read, or the report not be written.
    """
    return write_page(bundle.path / "report.html", "report", gather(bundle, verdict))


def write_page(target: Path, name: str, page: object) -> Path:
    """Fill the template *name* with *page* and write it to *target*, whole or not at all.

    :raises OSError: if it cannot be written.
    """
    write_whole(target, _template(name).render(page=page))
    return target


@cache
def _template(name: str) -> Template:
    """`NAME.html.j2` with its script `NAME.js` and the style of all.

    Making it takes most of the time of the first report: 60 of 80 ms.
    """
    import jinja2
    from markupsafe import Markup

    def neutral(value: Any) -> Any:
        """Every value that reaches the page passes here, before it is escaped."""
        return value if isinstance(value, Markup) else safe(str(value), _LIMIT, newlines=True)

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=neutral,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = (_TEMPLATES / "report.css").read_text(encoding="utf-8")
    script = (_TEMPLATES / f"{name}.js").read_text(encoding="utf-8")
    environment.filters["data_uri"] = lambda picture: Markup(f"data:image/png;base64,{picture.data}")  # noqa: S704 - base64
    environment.globals["style"] = Markup(style)  # noqa: S704 - our own file
    environment.globals["script"] = Markup(script)  # noqa: S704 - our own file
    # No other script, no network, no frame, no HTML made of text: a browser refuses even what slipped through the
    # escaping.
    environment.globals["policy"] = (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; img-src data:; base-uri 'none';"
        " form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )
    return environment.get_template(f"{name}.html.j2")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}'"
