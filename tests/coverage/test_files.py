"""LCOV and Cobertura: what is written can be read, by us and by others, and merging adds up."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from harness.cli.main import cli
from harness.coverage.cobertura import write_cobertura
from harness.coverage.collect import COBERTURA, LCOV, merge, write
from harness.coverage.lcov import read_lcov, write_lcov
from harness.coverage.model import Coverage, FileCoverage, Function
from harness.errors import UsageError

HITS = st.integers(0, 3)
FILES = st.dictionaries(
    st.sampled_from(["/src/kernel/a.c", "/src/kernel/b.c", "/src/user/c:1.c"]),
    st.builds(
        FileCoverage,
        st.dictionaries(st.integers(1, 50), HITS),
        st.dictionaries(st.sampled_from(["f", "g<a,b>"]), st.builds(Function, st.integers(1, 50), HITS)),
    ),
)


@given(FILES)
def test_what_is_written_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, FileCoverage]
) -> None:
    target = tmp_path_factory.mktemp("lcov") / "coverage.info"
    write_lcov(Coverage(files), target, "first-light")
    assert {p: (f.lines, f.functions) for p, f in read_lcov(target).files.items()} == {
        p: (f.lines, f.functions) for p, f in files.items()
    }


@given(FILES, FILES)
def test_merging_adds_up_and_takes_nothing_away(one: dict[str, FileCoverage], two: dict[str, FileCoverage]) -> None:
    both = Coverage.merged([one, two])
    for files in (one, two):
        for path, file in files.items():
            assert file.lines.keys() <= both.files[path].lines.keys()
            assert all(both.files[path].lines[line] >= hits for line, hits in file.lines.items())
    total = sum(hits for files in (one, two) for file in files.values() for hits in file.lines.values())
    assert sum(hits for file in both.files.values() for hits in file.lines.values()) == total


def sample(hit: int) -> Coverage:
    functions = {"start": Function(3, 1), "panic": Function(9, hit)}
    return Coverage({"/src/kernel/a.c": FileCoverage({3: 1, 4: 1, 9: hit, 10: hit}, functions)})


def test_the_tracefile_is_lcovs(tmp_path: Path) -> None:
    write_lcov(sample(0), tmp_path / "coverage.info", "first-light")
    assert " ".join((tmp_path / "coverage.info").read_text().split()) == (
        "TN:first_light SF:/src/kernel/a.c FN:3,start FN:9,panic FNDA:1,start FNDA:0,panic FNF:2 FNH:1"
        " DA:3,1 DA:4,1 DA:9,0 DA:10,0 LF:4 LH:2 end_of_record"
    )


def test_tracefiles_of_others_can_be_merged_with_ours(tmp_path: Path) -> None:
    other = tmp_path / "other.info"
    other.write_text(
        "TN:\nSF:/src/kernel/a.c\nFN:9,11,panic\nFNDA:2,panic\nBRDA:9,0,0,1\nDA:9,2,AbCd\nVER:1\nend_of_record\n"
    )
    write_lcov(sample(0), tmp_path / "ours.info")
    both = merge([tmp_path / "ours.info", other], tmp_path / "out")
    (file,) = both.files.values()
    assert file.lines == {3: 1, 4: 1, 9: 2, 10: 0}
    assert file.functions["panic"] == Function(9, 2)
    assert read_lcov(tmp_path / "out/coverage.info").files["/src/kernel/a.c"].lines == file.lines


def test_cobertura_says_the_same(tmp_path: Path) -> None:
    write_cobertura(sample(0), tmp_path / "coverage.xml", Path("/src"))
    document = ElementTree.parse(tmp_path / "coverage.xml").getroot()
    assert (document.get("lines-valid"), document.get("lines-covered"), document.get("line-rate")) == (
        "4",
        "2",
        "0.5000",
    )
    (package,) = document.iter("package")
    (made,) = document.iter("class")
    assert (package.get("name"), made.get("filename")) == ("kernel", "kernel/a.c")
    lines = made.find("lines")
    assert lines is not None
    assert [(line.get("number"), line.get("hits")) for line in lines] == [
        ("3", "1"),
        ("4", "1"),
        ("9", "0"),
        ("10", "0"),
    ]


@pytest.mark.parametrize("text", ["hello\n", "SF:/a.c\nDA:x,1\n", "SF:/a.c\nDA:1\n"])
def test_what_is_no_tracefile_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.info").write_text(text)
    with pytest.raises(UsageError, match=r"x\.info"):
        read_lcov(tmp_path / "x.info")


def test_the_command_merges_bundles(tmp_path: Path) -> None:
    for name, hit in (("a", 0), ("b", 1)):
        (tmp_path / name).mkdir()
        write_lcov(sample(hit), tmp_path / name / "coverage.info")
    words = ["coverage", "merge", str(tmp_path / "a"), str(tmp_path / "b"), "-o", str(tmp_path / "out"), "--json"]
    done = CliRunner().invoke(cli, words, standalone_mode=False)
    assert done.exception is None
    told = json.loads(done.stdout)
    assert (told["lines"], told["lines_hit"], told["functions_hit"]) == (4, 4, 2)
    assert (tmp_path / "out/coverage.xml").is_file()


def test_a_bundle_without_coverage_is_refused_with_the_way_to_get_some(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no") as refused:
        merge([tmp_path], tmp_path / "out")
    assert "--coverage" in refused.value.hint


@pytest.mark.parametrize(
    ("files", "root"),
    [
        (["/home/u/k/arch/mm/a.c", "/home/u/k/lib/mm/b.c"], "/home/u/k"),
        (["/home/u/k/mm/a.c", "/home/u/k/mm/b.c"], "/home/u/k/mm"),
        (["/home/u/k/mm/a.c", "/usr/include/mm/b.h"], "."),
        (["mm/a.c"], "."),
    ],
)
def test_the_root_of_merged_sources_is_the_folder_that_all_lie_in(tmp_path: Path, files: list[str], root: str) -> None:
    write(Coverage({file: FileCoverage({1: 1}) for file in files}), tmp_path, "one")
    merge([tmp_path / LCOV], tmp_path / "out")
    document = ElementTree.parse(tmp_path / "out" / COBERTURA)
    assert document.findtext("sources/source") == root
    named = {one.attrib["filename"] for one in document.iter("class")}
    assert {str(Path(root) / name) for name in named} == {str(Path(file)) for file in files}
