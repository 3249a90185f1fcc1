"""From one scenario file to many scenarios: the matrix of parameters, repeated steps, and `${word}` in any text."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.errors import UsageError
from harness.scenario.filled import Filled
from harness.toml import Locate, Problem, refuse
from harness.toml_positions import Loc

_WORD = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_DIRECT = frozenset({"image", "seed", "clock"})
MAX_STEPS = 100_000  # a typing error in `times` must not eat the memory


def cases(path: Path, data: Mapping[str, Any], locate: Locate) -> Iterator[tuple[str, dict[str, Any]]]:
    """The combinations of the `[matrix]` table, as (label, values). One empty combination without a matrix.

    :raises UsageError: if the table is not one of non-empty arrays of scalars.
    """
    matrix = data.get("matrix", {})
    if not isinstance(matrix, dict):
        raise refuse(path, locate, [Problem(("matrix",), "matrix: should be a table of arrays")])
    flat = dict(_flatten(matrix))
    for key, values in flat.items():
        if not isinstance(values, list) or not values or any(isinstance(v, (list, dict)) for v in values):
            raise refuse(
                path,
                locate,
                [Problem(("matrix", *key.split(".")), f"matrix.{key}: should be a non-empty array of plain values")],
            )
    for combination in itertools.product(*flat.values()):
        chosen = dict(zip(flat, combination, strict=True))
        yield ",".join(f"{key.rsplit('.', 1)[-1]}={value}" for key, value in chosen.items()), chosen


def apply_case(data: Mapping[str, Any], chosen: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """The document with a combination applied: image, seed, clock and dotted profile keys are set, other words can
    be used as `${word}`.
    """
    out = {k: v for k, v in data.items() if k != "matrix"}
    words: dict[str, str] = {}
    overrides = dict(out.get("set", {}))
    for key, value in chosen.items():
        if key in _DIRECT:
            out[key] = value
        elif "." in key:
            overrides[key] = value
        else:
            words[key] = str(value)
    if overrides:
        out["set"] = overrides
    return out, words


def take_words(path: Path, data: dict[str, Any], given: Mapping[str, Any], locate: Locate) -> dict[str, str]:
    """Takes the table `[words]`, the default values of words, out of *data*; those that are *given* replace them.

    :raises UsageError: if it is no table of plain values, or has not all that are given.
    """
    defaults = data.pop("words", {})
    if not isinstance(defaults, dict) or any(isinstance(v, (dict, list)) for v in defaults.values()):
        raise refuse(path, locate, [Problem(("words",), "words: should be a table of plain values")])
    unknown = sorted(set(given) - set(defaults))
    if unknown:
        raise UsageError(f"{path} has no word {unknown[0]!r} in its [words]")
    return {key: str(value) for key, value in {**defaults, **given}.items()}


def expand_steps(path: Path, steps: Any, words: Mapping[str, str], locate: Locate) -> list[tuple[dict[str, Any], Loc]]:
    """Steps with `repeat` unrolled and words put in, each with its place in the file.

    :raises UsageError: for a `repeat` without a count, or for too many steps.
    """
    out: list[tuple[dict[str, Any], Loc]] = []
    _expand(path, steps, ("step",), words, locate, out)
    return out


def _expand(
    path: Path, steps: Any, place: Loc, words: Mapping[str, str], locate: Locate, out: list[tuple[dict[str, Any], Loc]]
) -> None:
    if not isinstance(steps, list):
        raise refuse(path, locate, [Problem(place, "steps are written as [[step]] tables")])
    for index, step in enumerate(steps):
        here = (*place, index)
        if not isinstance(step, dict) or step.get("do") != "repeat":
            out.append((substitute(path, step, words, here, locate), here))
            if len(out) > MAX_STEPS:
                raise refuse(path, locate, [Problem(here, f"more than {MAX_STEPS} steps after expansion")])
            continue
        extra = set(step) - {"do", "times", "over", "step"}
        if extra:
            word = sorted(extra)[0]
            raise refuse(
                path,
                locate,
                [Problem((*here, word), f"unknown key {word!r} in a repeat", word, ("times", "over", "step"))],
            )
        for turn in _turns(path, step, here, locate):
            _expand(path, step.get("step", []), (*here, "step"), {**words, **turn}, locate, out)


def _turns(path: Path, step: Mapping[str, Any], here: Loc, locate: Locate) -> list[dict[str, str]]:
    times, over = step.get("times"), step.get("over")
    if isinstance(times, int) and not isinstance(times, bool) and over is None and 1 <= times <= MAX_STEPS:
        return [{"n": str(n)} for n in range(1, times + 1)]
    arrays = list(over.values()) if times is None and isinstance(over, dict) else []
    if (
        isinstance(over, dict)
        and arrays
        and all(isinstance(a, list) and a and len(a) == len(arrays[0]) for a in arrays)
    ):
        rows = enumerate(zip(*arrays, strict=True), 1)
        return [{"n": str(n), **{k: str(v) for k, v in zip(over, row, strict=True)}} for n, row in rows]
    raise refuse(
        path,
        locate,
        [
            Problem(
                here,
                f"a repeat needs either times = 1…{MAX_STEPS} or over = {{word = [...]}} with arrays of one length",
            )
        ],
    )


def substitute(path: Path, value: Any, words: Mapping[str, str], place: Loc, locate: Locate) -> Any:
    """*value* with every `${word}` replaced; a text that was one word and nothing else becomes `Filled`.

    :raises UsageError: for a word that nothing defines.
    """
    if isinstance(value, str):

        def one(match: re.Match[str]) -> str:
            if match[1] not in words:
                raise refuse(path, locate, [Problem(place, f"nothing defines ${{{match[1]}}}", match[1], tuple(words))])
            return words[match[1]]

        text = _WORD.sub(one, value)
        return Filled(text) if _WORD.fullmatch(value) else text
    if isinstance(value, list):
        return [substitute(path, v, words, (*place, i), locate) for i, v in enumerate(value)]
    if isinstance(value, dict):
        return {k: substitute(path, v, words, (*place, k), locate) for k, v in value.items()}
    return value


def _flatten(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
