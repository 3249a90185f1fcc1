"""Values that are given for the words of scenario files."""

from __future__ import annotations

import pytest

from harness.errors import UsageError
from harness.scenario.files import collect

LONG = """
version = 1
name = "long"
summary = "for ${seconds} s"
words = { seconds = 30 }
step = [{ do = "boot" }]
"""


def folder(tmp_path):
    (tmp_path / "long.toml").write_text(LONG)
    (tmp_path / "other.toml").write_text('version = 1\nname = "other"\nstep = [{ do = "boot" }]\n')
    return [tmp_path]


def test_a_word_that_is_given_goes_to_the_files_that_have_it(tmp_path):
    assert [one.summary for one in collect(folder(tmp_path))] == ["for 30 s", ""]
    assert [one.summary for one in collect(folder(tmp_path), words={"seconds": "300"})] == ["for 300 s", ""]


def test_a_word_that_no_file_has_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no scenario has a word 'second'"):
        collect(folder(tmp_path), words={"second": "300"})
