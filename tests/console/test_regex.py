"""Regular expressions that cannot work on a stream are refused."""

from __future__ import annotations

import pytest

from harness.console.regex import compile_regex
from harness.errors import UsageError


@pytest.mark.parametrize("source", ["", "a*", "(?=x)", "^", "$", r"\b", "a|", "(?:ab)?", "x{0,3}"])
def test_what_can_match_nothing_is_refused(source: str) -> None:
    with pytest.raises(UsageError, match="match nothing"):
        compile_regex(source)


@pytest.mark.parametrize(
    "source",
    [
        "(a+)+b",
        "(?:a*b*)*c",
        "x(?:(?:a|b)+,)*y",
        "(?:a+|b)+c",
        "(?=(a+)+)b",
        "((a{2,}){3,})b",
        "(a{1,30})+b",
        r"(?:\w{1,20}\s?){1,20}:",
        "(a|aa)+b",
        "(?:a|b|ab)*c",
    ],
)
def test_a_repeated_repeat_is_refused(source: str) -> None:
    with pytest.raises(UsageError, match="repeats a repeat"):
        compile_regex(source)


@pytest.mark.parametrize("source", ["a+", "login:.*", "x{2,}"])
def test_no_longest_match_is_refused_only_where_it_matters(source: str) -> None:
    compile_regex(source)
    with pytest.raises(UsageError, match="no longest match"):
        compile_regex(source, bounded=True)


@pytest.mark.parametrize(
    "source",
    [
        "login: ",
        r"[0-9]{1,9} ms",
        "(?:ok|failed)$",
        r"\[ {0,8}[0-9]{1,9}\] done",
        "(?:ab){3}",
        r"(?:\d{1,3}\.){3}\d{1,3}",
        "(?:[0-9a-f]{1,4}:){7}",
        "(?:foo|bar){1,80}x",
        "(?:ab?){1,80}c",
    ],
)
def test_usual_patterns_pass(source: str) -> None:
    compile_regex(source, bounded=True)


def test_a_syntax_error_is_the_callers() -> None:
    with pytest.raises(UsageError, match="not a regular expression"):
        compile_regex("(")
