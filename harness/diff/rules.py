"""What of two runs may differ: a user's rules, from a small TOML file.

version = 1
slower = 1.3                         # times as long, and …
slower_ms = 5                        # … so much longer: what counts as slower; 0: never
boot = "RAYOS_KIT:BOOT"              # a boot begins with this marker (plain logs have no other sign of it)

[[rule]]
match = "RAYOS_NET:CARRIER"          # a pattern of docs/scenarios.md; of several that match the last one counts
do = "ignore"                        # as if it had not been printed

[[rule]]
match = "RAYOS_KIT:BOOT"
do = "normalise"                     # these fields count as equal: a schema's name, a key, or a place from 0
fields = ["version", 1]              # (default: all)

[[rule]]
match = "RAYOS_STRESS:LATENCY_SAMPLE"
do = "exact"                         # compare these too, though their type says that they are measured
fields = ["latency_us"]

[[rule]]
match = "re:build-[0-9a-f]+"         # on text: what matches is taken for the same
do = "normalise"
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from harness.errors import UsageError
from harness.markers.match import Pattern
from harness.toml import Problem, load_toml, refuse, validate

_LIKE_A_MARKER = re.compile(r"(?!re:|text:)\S*[A-Z_]")
_STRICT = {"extra": "forbid"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule. `match` is a pattern as in scenarios; `fields` are names of fields or places after the event, from 0.

    A pattern on text (`re:…`, plain text) is searched in a marker's canonical text: its prefix, its tokens, no seal.
    """

    __pydantic_config__: ClassVar = _STRICT
    match: str
    do: Literal["ignore", "normalise", "exact"]
    fields: tuple[str | int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """All of them. `exact`: nothing is normalised but what a rule names.

    `slower` and `slower_ms` None: 1.5 times and 20 ms where both runs have a virtual clock, else never.
    """

    __pydantic_config__: ClassVar = _STRICT
    version: Literal[1] = 1
    slower: float | None = None
    slower_ms: float | None = None
    boot: str = ""
    exact: bool = False
    rule: tuple[Rule, ...] = ()


DEFAULT_RULES = Rules()


def load_rules(path: Path) -> Rules:
    """The rules of a file.

    :raises harness.errors.UsageError: naming file, line and, for an unknown key, the nearest known one.
    """
    from pydantic import TypeAdapter

    document = load_toml(path)
    rules = validate(TypeAdapter(Rules), path, document)
    if problems := list(_problems(rules)):
        raise refuse(path, document.locate, problems)
    return rules


def rules_json(rules: Rules) -> dict[str, Any]:
    """*rules* as JSON, for `rules_of`."""
    from pydantic import TypeAdapter

    found: dict[str, Any] = TypeAdapter(Rules).dump_python(rules, mode="json")
    return found


def rules_of(data: Mapping[str, Any]) -> Rules:
    """What `rules_json` made JSON of."""
    from pydantic import TypeAdapter

    return TypeAdapter(Rules).validate_python(data)


def _problems(rules: Rules) -> Iterator[Problem]:
    """What a document of the right shape can still get wrong."""
    for key in ("slower", "slower_ms"):
        value = getattr(rules, key)
        if value is not None and not 0 <= value < float("inf"):
            yield Problem((key,), f"{key} must be a number from 0 on")
    if rules.slower is not None and 0 < rules.slower <= 1:
        yield Problem(("slower",), "slower must be over 1 (times as long), or 0 for never")
    for index, rule in enumerate(rules.rule):
        place = ("rule", index, "match")
        try:
            marker = _may_be_marker(rule.match)
        except UsageError as error:
            yield Problem(place, error.what)
            continue
        if rule.do == "ignore" and rule.fields:
            yield Problem(("rule", index, "fields"), "`ignore` takes the whole marker; to ignore fields: `normalise`")
        if rule.do == "exact" and not marker:
            yield Problem(place, "`exact` is about fields: it needs a pattern on markers")
        if rule.fields and not marker:
            yield Problem(place, "`fields` need a pattern on markers; a pattern on text normalises what it matches")
    if rules.boot:
        try:
            marker = _may_be_marker(rules.boot)
        except UsageError as error:
            yield Problem(("boot",), error.what)
        else:
            if not marker:
                yield Problem(("boot",), "a boot begins with a marker: give a pattern on markers")


def _may_be_marker(source: str) -> bool:
    """Whether *source* is on markers, of whatever prefix: which those are is known when streams are compared.

    :raises UsageError: for a pattern that cannot be used.
    """
    return Pattern.parse(source).is_marker or _LIKE_A_MARKER.match(source) is not None
