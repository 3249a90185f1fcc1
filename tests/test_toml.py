"""harness.toml: places in a document, and problems told with file, line and the nearest word."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, TypeAdapter

from harness.errors import UsageError
from harness.toml import Problem, load_toml, refuse, validate

_STRICT = {"extra": "forbid"}


@dataclass(frozen=True, kw_only=True)
class Wait:
    __pydantic_config__: ClassVar = _STRICT
    do: Literal["wait"]
    timeout: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Type:
    __pydantic_config__: ClassVar = _STRICT
    do: Literal["type"]
    text: str


@dataclass(frozen=True, kw_only=True)
class Machine:
    __pydantic_config__: ClassVar = _STRICT
    memory_mb: int = 1
    kind: Literal["board", "emulator"] = "board"


@dataclass(frozen=True, kw_only=True)
class Document:
    __pydantic_config__: ClassVar = _STRICT
    name: str
    machine: Machine = field(default_factory=Machine)
    steps: tuple[Annotated[Wait | Type, Field(discriminator="do")], ...] = ()
    file: Path | None = None


ADAPTER: TypeAdapter[Any] = TypeAdapter(Document)


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "a file.toml"
    path.write_text(text)
    return path


def refusal(tmp_path: Path, text: str) -> list[str]:
    path = write(tmp_path, text)
    with pytest.raises(UsageError) as caught:
        validate(ADAPTER, path, load_toml(path))
    return [line.removeprefix(f"{path}:") for line in caught.value.what.splitlines()]


def test_a_valid_document_becomes_the_type(tmp_path: Path) -> None:
    path = write(tmp_path, 'name = "n"\nfile = "x/y"\n[[steps]]\ndo = "wait"\ntimeout = 2\n')
    assert validate(ADAPTER, path, load_toml(path)) == Document(
        name="n", file=Path("x/y"), steps=(Wait(do="wait", timeout=2.0),)
    )


def test_every_problem_is_listed_with_its_line_and_the_nearest_word(tmp_path: Path) -> None:
    text = """\
nane = "n"

[machine]
memory_mb = "64"
kind = "bord"
memry_mb = 3

[[steps]]
do = "wait"

[[steps]]
do = "wait"
timeot = 3

[[steps]]
do = "tpye"
text = ""

[[steps]]
text = "no kind"
"""
    assert refusal(tmp_path, text) == [
        "1: the key 'name' is missing at the top level",
        "1: unknown key 'nane' at the top level (did you mean 'name'?)",
        "4: machine.memory_mb: should be a valid integer, not '64'",
        "5: machine.kind: should be 'board' or 'emulator', not 'bord' (did you mean 'board'?)",
        "6: unknown key 'memry_mb' in [machine] (did you mean 'memory_mb'?)",
        "13: unknown key 'timeot' in steps[1] (did you mean 'timeout'?)",
        "16: steps[2].do: unknown value 'tpye' (did you mean 'type'?)",
        "19: the key 'do' is missing in steps[3]",
    ]


def test_a_key_of_another_member_of_the_union_is_not_suggested(tmp_path: Path) -> None:
    assert refusal(tmp_path, 'name = ""\n[[steps]]\ndo = "wait"\ntexd = ""') == ["4: unknown key 'texd' in steps[0]"]


def test_a_scalar_where_a_table_belongs_is_said_so(tmp_path: Path) -> None:
    assert refusal(tmp_path, 'name = ""\nmachine = 3') == ["2: machine: should be a table, not 3"]


def test_numbers_are_not_truth_values_and_truth_values_no_numbers(tmp_path: Path) -> None:
    assert refusal(tmp_path, 'name = ""\nmachine.memory_mb = true') == [
        "2: machine.memory_mb: should be a valid integer, not True"
    ]


def test_a_syntax_error_names_its_line(tmp_path: Path) -> None:
    path = write(tmp_path, "a = 1\nb = = 2\n")
    with pytest.raises(UsageError, match=r"a file\.toml:2: invalid value"):
        load_toml(path)


@pytest.mark.parametrize("content", [b"a = '\xff'", None])
def test_an_unreadable_file_is_the_users_error(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "x.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=r"x\.toml"):
        load_toml(path)


PLACES = '''\
# comment with [brackets] and "quotes
top = """
many lines [not.a.table]
key = 3
"""
"quoted.key" = 'literal # no comment'
a.b.c = 1.5
date = 1979-05-27 07:32:00

[table] # comment
array = [
    1, # one
    [2, 3],
    { x = 1, y.z = "]" },
]

[[steps]]
do = 1
[steps.inner]
deep = 1
[[steps.list]]
k = 1
[[steps.list]]
k = 2
[[ steps ]]
do = 2
[steps.inner]
deep = 2
'''


@pytest.mark.parametrize(
    ("loc", "line"),
    [
        (("top",), 2),
        (("quoted.key",), 6),
        (("a", "b", "c"), 7),
        (("date",), 8),
        (("table",), 10),
        (("table", "array"), 11),
        (("table", "array", 0), 12),
        (("table", "array", 1, 1), 13),
        (("table", "array", 2, "y", "z"), 14),
        (("steps", 0), 17),
        (("steps", 0, "inner", "deep"), 20),
        (("steps", 0, "list", 1, "k"), 24),
        (("steps", 1), 25),
        (("steps", 1, "inner", "deep"), 28),
        (("steps", 1, "absent"), 25),
        (("absent",), 1),
    ],
)
def test_a_place_is_found(tmp_path: Path, loc: tuple[str | int, ...], line: int) -> None:
    assert load_toml(write(tmp_path, PLACES)).locate(loc) == line


_SCALARS = st.sampled_from(["1", "-2.5", "true", '"a]b#"', "'c{d'", '"""e\nf"""', "1979-05-27T07:32:00Z", "0x1F"])


def _value(depth: int) -> st.SearchStrategy[str]:
    if depth == 0:
        return _SCALARS
    inner = _value(depth - 1)
    arrays = st.lists(inner, max_size=3).map(lambda items: "[\n" + ", # c\n".join(items) + "\n]")
    pairs = st.lists(inner, max_size=3).map(lambda items: [f"k{i} = {v}" for i, v in enumerate(items)])
    tables = pairs.map(lambda items: "{" + ", ".join(items) + "}")
    return st.one_of(_SCALARS, arrays, tables)


@given(st.lists(_value(2), min_size=1, max_size=8))
def test_a_key_after_any_value_is_still_found(tmp_path_factory: pytest.TempPathFactory, values: list[str]) -> None:
    path = tmp_path_factory.mktemp("t") / "x.toml"
    text = "".join(f"key{i} = {value}\n" for i, value in enumerate(values))
    path.write_text(text)
    locate = load_toml(path).locate
    lines = text.splitlines()
    for i in range(len(values)):
        assert lines[locate((f"key{i}",)) - 1].startswith(f"key{i} = ")


def test_hand_made_problems_are_sorted_by_line(tmp_path: Path) -> None:
    path = write(tmp_path, "one = 1\ntwo = 2\n")
    error = refuse(path, load_toml(path).locate, [Problem(("two",), "b"), Problem(("one",), "a", "x", ("xy",))])
    assert error.what == f"{path}:1: a (did you mean 'xy'?)\n{path}:2: b"
