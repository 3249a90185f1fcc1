"""TOML files with places: every problem is told as `file:line: message (did you mean 'x'?)`."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from harness.errors import UsageError
from harness.toml_positions import Loc, positions

if TYPE_CHECKING:
    from pydantic import TypeAdapter, ValidationError
    from pydantic_core import ErrorDetails

T = TypeVar("T")
Locate = Callable[[Loc], int]
"""The line (from 1) of a place; of its nearest enclosing table or key where the place itself is not written down."""


class TomlFile(NamedTuple):
    """A parsed document and the way from places to lines."""

    data: dict[str, Any]
    locate: Locate


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a document. `known` are the words that would have been right at the place of `word`."""

    loc: Loc
    message: str
    word: str = ""
    known: tuple[str, ...] = ()


def load_toml(path: Path) -> TomlFile:
    """Read and parse *path*.

    :raises UsageError: if it cannot be read, is not UTF-8 or is not TOML; names file and line.
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8 at byte {error.start}") from error
    text = text.replace("\r\n", "\n")
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"^(.*) \(at line (\d+), column \d+\)$", str(error), re.S)
        message, line = (found[1], int(found[2])) if found else (str(error), text.count("\n") + 1)
        raise UsageError(f"{path}:{line}: {message[:1].lower()}{message[1:]}") from error
    except RecursionError as error:
        raise UsageError(f"{path}: nested too deeply") from error
    lines = positions(text)

    def locate(loc: Loc) -> int:
        for end in range(len(loc), 0, -1):
            if loc[:end] in lines:
                return lines[loc[:end]]
        return 1

    return TomlFile(data, locate)


def validate(adapter: TypeAdapter[T], path: Path, document: TomlFile) -> T:
    """*document* as the adapter's type, by `parse`.

    :raises UsageError: listing all problems.
    """
    from pydantic import ValidationError

    try:
        return parse(adapter, document.data)
    except ValidationError as error:
        raise explain(error, path, document, adapter) from error


def parse(adapter: TypeAdapter[T], data: Mapping[str, Any]) -> T:
    """*data* as the adapter's type. Strict: a number in quotes is no number, 1 is not true.

    :raises pydantic.ValidationError: see `problems_of`.
    """
    # JSON mode is strict about scalars and yet takes arrays for tuples and strings for paths: TOML has neither.
    return adapter.validate_json(json.dumps(data, default=str), strict=True)


def explain(error: ValidationError, path: Path, document: TomlFile, adapter: TypeAdapter[Any]) -> UsageError:
    """All problems of a validation error, one per line, with the nearest known key or value where there is one."""
    return refuse(path, document.locate, problems_of(error, document.data, adapter))


def problems_of(error: ValidationError, data: Mapping[str, Any], adapter: TypeAdapter[Any]) -> list[Problem]:
    """What a validation error says of *data*."""
    schema = _Schema(adapter)
    return [_problem(details, data, schema) for details in error.errors()]


def refuse(path: Path, locate: Locate, problems: Iterable[Problem]) -> UsageError:
    """A UsageError that lists *problems* in the order of their lines. To be raised by the caller."""
    placed = sorted({(locate(p.loc), p.message + suggestion(p.word, p.known)) for p in problems})
    return UsageError("\n".join(f"{path}:{line}: {message}" for line, message in placed))


def suggestion(word: str, known: Iterable[str]) -> str:
    """` (did you mean 'x'?)`, or an empty string if nothing known is near *word*."""
    near = get_close_matches(word, list(known), n=1) if word else []
    return f" (did you mean {near[0]!r}?)" if near else ""


# ---- validation errors -----------------------------------------------------------------------------------------------


def _problem(details: ErrorDetails, data: Any, schema: _Schema) -> Problem:
    kind, context = details["type"], details.get("ctx", {})
    loc = _real(details["loc"], data)
    if kind in {"extra_forbidden", "unexpected_keyword_argument"}:
        key = str(loc[-1])
        return Problem(loc, f"unknown key {key!r} {_inside(loc[:-1])}", key, schema.keys(loc[:-1], data))
    if kind in {"missing", "missing_keyword_only_argument", "missing_argument"}:
        return Problem(loc, f"the key {str(details['loc'][-1])!r} is missing {_inside(loc)}")
    if kind in {"union_tag_not_found", "union_tag_invalid"}:
        key = str(context.get("discriminator", "")).strip("'")
        known = tuple(re.findall(r"'([^']*)'", str(context.get("expected_tags", ""))))
        if kind == "union_tag_not_found":
            return Problem(loc, f"the key {key!r} is missing {_inside(loc)}")
        tag = str(context.get("tag", ""))
        return Problem((*loc, key), f"{_dotted((*loc, key))}: unknown value {tag!r}", tag, known)
    value = details["input"]
    message = str(details["msg"]).removeprefix("Value error, ").replace("Input should", "should")
    if kind in {"dataclass_type", "model_type", "model_attributes_type"}:
        message = "should be a table"
    shown = f", not {value!r}" if isinstance(value, (str, int, float, bool)) and kind != "value_error" else ""
    known = tuple(re.findall(r"'([^']*)'", str(context.get("expected", ""))))
    return Problem(loc, f"{_dotted(loc)}: {message[:1].lower()}{message[1:]}{shown}", str(value), known)


def _real(loc: Sequence[str | int], data: Any) -> Loc:
    """*loc* without what the validator adds to it: tags of unions, names of branches, the name of a missing key."""
    real: list[str | int] = []
    for part in loc:
        in_array = isinstance(data, list) and isinstance(part, int) and 0 <= part < len(data)
        if in_array or (isinstance(data, Mapping) and part in data):
            data = data[part]
            real.append(part)
    return tuple(real)


def _dotted(loc: Loc) -> str:
    text = ""
    for part in loc:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text or "the document"


def _inside(loc: Loc) -> str:
    if not loc:
        return "at the top level"
    return f"in {_dotted(loc)}" if isinstance(loc[-1], int) else f"in [{_dotted(loc)}]"


class _Schema:
    """The JSON schema of a type, asked which keys a place may have."""

    def __init__(self, adapter: TypeAdapter[Any]) -> None:
        self._root: dict[str, Any] = adapter.json_schema()

    def keys(self, loc: Loc, data: Any) -> tuple[str, ...]:
        nodes = self._expand(self._root)
        for part in loc:
            data = data[part]
            nodes = [leaf for node in nodes for child in self._children(node, part) for leaf in self._expand(child)]
        tables = [node["properties"] for node in nodes if "properties" in node]
        # Of a union, the member that knows most of the keys given here is the one that was meant; its tags must agree.
        scores = [sum(_fits(table.get(key), value) for key, value in data.items()) for table in tables]
        best = [table for table, score in zip(tables, scores, strict=True) if score == max(scores)]
        return tuple(dict.fromkeys(key for table in best for key in table))

    def _expand(self, node: dict[str, Any]) -> list[dict[str, Any]]:
        if "$ref" in node:
            return self._expand(self._root["$defs"][str(node["$ref"]).rsplit("/", 1)[1]])
        branches = [branch for word in ("anyOf", "oneOf", "allOf") for branch in node.get(word, ())]
        return [leaf for branch in branches for leaf in self._expand(branch)] if branches else [node]

    @staticmethod
    def _children(node: dict[str, Any], part: str | int) -> list[dict[str, Any]]:
        if isinstance(part, int):
            prefix = node.get("prefixItems", [])
            child = prefix[part] if part < len(prefix) else node.get("items")
        else:
            child = node.get("properties", {}).get(part, node.get("additionalProperties"))
        return [child] if isinstance(child, dict) else []


def _fits(schema: dict[str, Any] | None, value: Any) -> int:
    if schema is None:
        return 0
    return -1000 if schema.get("const", value) != value else 1
