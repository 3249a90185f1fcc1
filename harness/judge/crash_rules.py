"""The rules by which crashes are recognised in console text: data (`crash_rules.toml`), which a user's file extends."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Self

from harness.console.regex import compile_regex
from harness.errors import UsageError
from harness.toml import suggestion

FILE = Path(__file__).parent / "crash_rules.toml"
LINES = 80  # of a block, unless its rule says otherwise
_MOST_LINES = 400
_FOLLOWS = ("", "crash", "any")
_HEAD = frozenset({"version", "deaths", "prefixes", "skip", "trace", "registers", "rule"})
_RULE = {
    "name": str,
    "kind": str,
    "hint": str,
    "start": str,
    "next": str,
    "find": list,
    "end": str,
    "lines": int,
    "minor": bool,
    "follows": str,
    "title": str,
}
_REGISTER = (
    r"(?<![\w.])(?P<name>{names})(?:\s{{0,3}}[:=-]\s{{0,3}}(?:\d{{4}}:)?(?:0x)?|\s{{1,3}}0x)"
    r"(?P<value>[0-9a-f]{{1,16}})(?![\w:+])"
)
_JOINED = frozenset({"prefixes", "skip", "registers"})  # lists that become one regular expression each
_TRACE_GROUPS = frozenset({"index", "address", "guess", "function", "offset", "size", "module", "file", "line"})


@dataclass(frozen=True, slots=True)
class Rule:
    """One way in which a crash begins; the keys are explained in `crash_rules.toml`."""

    name: str
    kind: str
    start: re.Pattern[str]
    title: str
    hint: str = ""
    next: re.Pattern[str] | None = None
    find: tuple[re.Pattern[str], ...] = ()
    end: re.Pattern[str] | None = None
    lines: int = LINES
    minor: bool = False
    follows: str = ""


@dataclass(frozen=True, slots=True)
class Rules:
    """All that is known of how crashes look. Earlier rules win over later ones."""

    rules: tuple[Rule, ...] = ()
    prefixes: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    trace: tuple[re.Pattern[str], ...] = ()
    registers: tuple[str, ...] = ()
    prefix: re.Pattern[str] = field(init=False, repr=False)
    register: re.Pattern[str] = field(init=False, repr=False)
    skipped: re.Pattern[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        def any_of(words: Sequence[str]) -> str:
            return "|".join(f"(?:{word})" for word in words) or "(?!)"

        names = any_of(self.registers)
        object.__setattr__(self, "prefix", re.compile(rf"(?:{any_of(self.prefixes)})"))
        object.__setattr__(self, "register", re.compile(_REGISTER.format(names=names), re.I))
        object.__setattr__(self, "skipped", re.compile(any_of(self.skip)))

    @classmethod
    def load(cls, *files: Path) -> Self:
        """The built-in rules, extended by *files*: of several the first comes first.

        :raises UsageError: naming file, rule and key for what is wrong in one of them.
        """
        every = [_read(file) for file in (*files, FILE)]

        def joined(key: str) -> tuple[Any, ...]:
            return tuple(item for read in every for item in read[key])

        return cls(joined("rule"), joined("prefixes"), joined("skip"), joined("trace"), joined("registers"))

    def causes_nothing(self, function: str) -> bool:
        """Whether *function* only tells of crashes, or carries them out."""
        return self.skipped.fullmatch(function) is not None


def deaths(file: Path) -> tuple[str, ...]:
    """Patterns (of `harness.markers.match`) by which the judge is to know a death, out of a user's *file*.

    :raises UsageError: naming what is wrong in the file, be it there or elsewhere.
    """
    return tuple(f"re:{text}" for text in _read(file)["deaths"])


@cache
def built_in_deaths() -> tuple[str, ...]:
    """Those of the built-in rules. The first that matches names the crash.

    Every run asks for them, so only the lists are read: the rules behind them take ten times as long.
    """
    head = FILE.read_text(encoding="utf-8").partition("\n[[rule]]")[0]
    return tuple(f"re:{text}" for text in tomllib.loads(head)["deaths"])


def _read(file: Path) -> dict[str, list[Any]]:
    try:
        with file.open("rb") as stream:
            data = tomllib.load(stream)
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: {error}") from error
    if data.get("version") != 1:
        raise UsageError(f"{file}: version is missing or not 1", "begin the file with version = 1")
    _known(data, _HEAD, str(file))
    out: dict[str, list[Any]] = {}
    for key in ("deaths", "prefixes", "skip", "registers", "trace"):
        words = data.get(key, [])
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            raise UsageError(f"{file}: {key} is not a list of regular expressions")
        patterns = [_pattern(word, f"{file}: {key}") for word in words]
        out[key] = patterns if key == "trace" else words
        if key in _JOINED:
            for pattern in patterns:
                _joins(pattern, f"{file}: {key}")
    for pattern in out["trace"]:
        _known(pattern.groupindex, _TRACE_GROUPS, f"{file}: trace, groups of {pattern.pattern!r}")
    rules = data.get("rule", [])
    if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
        raise UsageError(f"{file}: rule is not a list of tables", "write each as [[rule]]")
    out["rule"] = [_rule(rule, f"{file}: rule {rule.get('name') or number}") for number, rule in enumerate(rules, 1)]
    return out


def _rule(data: Mapping[str, Any], where: str) -> Rule:
    _known(data, frozenset(_RULE), where)
    for key, value in data.items():
        if not isinstance(value, _RULE[key]) or (_RULE[key] is int and isinstance(value, bool)):
            raise UsageError(f"{where}: {key} is not a {_RULE[key].__name__}")
    for key in ("name", "kind", "start", "title"):
        if not data.get(key):
            raise UsageError(f"{where}: {key} is missing")
    if data.get("follows", "") not in _FOLLOWS:
        raise UsageError(f"{where}: follows is {data['follows']!r}", 'it is "crash", "any", or left out')
    lines = data.get("lines", LINES)
    if not 1 <= lines <= _MOST_LINES:
        raise UsageError(f"{where}: lines is {lines}", f"a block has 1 to {_MOST_LINES} lines")
    patterns = {key: _pattern(data[key], f"{where}: {key}") for key in ("start", "next", "end") if key in data}
    find = tuple(_pattern(one, f"{where}: find") for one in data.get("find", []))
    facts = {"where"}.union(*(p.groupindex for p in (*patterns.values(), *find)))
    _known(dict.fromkeys(re.findall(r"\{(\w*)\}", data["title"])), frozenset(facts), f"{where}: title, facts")
    return Rule(
        data["name"],
        data["kind"],
        patterns["start"],
        data["title"],
        data.get("hint", ""),
        patterns.get("next"),
        find,
        patterns.get("end"),
        lines,
        data.get("minor", False),
        data.get("follows", ""),
    )


def _pattern(source: Any, where: str) -> re.Pattern[str]:
    if not isinstance(source, str):
        raise UsageError(f"{where} is not a regular expression")
    try:
        return compile_regex(source)
    except UsageError as error:
        raise UsageError(f"{where}: {error.what}", error.hint) from error


def _joins(pattern: re.Pattern[str], where: str) -> None:
    """:raises UsageError: if *pattern*, which stands by itself, cannot be one of several in a longer one."""
    hint = "write (?i:…) for (?i)…, and neither named groups nor \\1: the list becomes one regular expression"
    try:
        re.compile(_REGISTER.format(names=f"(?:{pattern.pattern})"))
    except re.error as error:
        raise UsageError(f"{where}: {pattern.pattern!r} cannot stand in a list: {error}", hint) from error
    if pattern.groupindex:
        raise UsageError(f"{where}: {pattern.pattern!r} cannot stand in a list: it names a group", hint)


def _known(keys: Mapping[str, Any], known: frozenset[str], where: str) -> None:
    for key in keys:
        if key not in known:
            raise UsageError(f"{where}: unknown {key!r}{suggestion(key, sorted(known))}")
