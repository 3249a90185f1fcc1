"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from harness.writing import write_whole, written_whole


@pytest.mark.parametrize("durable", [False, True])
def test_the_new_file_takes_the_place_of_the_old_and_nothing_else_is_left(tmp_path: Path, durable: bool) -> None:
    target = tmp_path / "page.html"
    write_whole(target, b"old")
    write_whole(target, "n\N{LATIN SMALL LETTER E WITH ACUTE}w", durable=durable)
    assert target.read_text("utf-8") == "n\N{LATIN SMALL LETTER E WITH ACUTE}w"
    assert list(tmp_path.iterdir()) == [target]


def test_a_writer_that_fails_midway_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "page.html"
    write_whole(target, b"old")
    with suppress(KeyboardInterrupt), written_whole(target) as stream:
        stream.write(b"half of the ne")
        stream.flush()
        raise KeyboardInterrupt
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    link = tmp_path / "link"
    link.symlink_to("there/page.html")
    write_whole(link, b"new")
    assert link.is_symlink()
    assert (tmp_path / "there/page.html").read_bytes() == b"new"


def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()), daemon=True)
    reader.start()
    write_whole(pipe, b"through the pipe")
    reader.join()
    assert got == [b"through the pipe"]
    assert pipe.is_fifo()


def test_a_full_device_is_named_and_stays_a_device() -> None:
    full = Path("/dev/full")
    with pytest.raises(OSError, match="No space left") as caught:
        write_whole(full, b"more than goes in")
    assert caught.value.filename == "/dev/full"
    assert full.is_char_device()


def test_a_folder_that_is_not_there_is_told_by_the_name_that_was_asked_for(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        write_whole(tmp_path / "no" / "page.html", b"")
    assert caught.value.filename == str(tmp_path / "no" / "page.html")


def test_the_standard_output_is_a_place_to_write_to_when_it_is_a_pipe(tmp_path: Path) -> None:
    script = "import pathlib, harness.writing as w; w.write_whole(pathlib.Path('/dev/stdout'), b'x' * 70000)"
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout
    assert said == b"x" * 70000


def test_an_error_of_the_writer_about_another_file_keeps_that_files_name(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught, written_whole(tmp_path / "page.html"):
        (tmp_path / "source").read_bytes()
    assert caught.value.filename == str(tmp_path / "source")
    assert list(tmp_path.iterdir()) == []
