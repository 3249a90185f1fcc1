"""The build command of an image: run in its folder, alone, and believed only as far as its files go."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.targets.build import build
from harness.targets.profile import Boot, Build, Profile


def image(folder: Path, *command: str) -> Profile:
    return Profile(name="toy", boot=Boot(kernel=folder / "kernel"), build=Build(command=command), folder=folder)


def test_a_build_runs_in_the_images_folder_and_reports_what_it_made(tmp_path: Path) -> None:
    built = build(image(tmp_path, "sh", "-c", "printf hello >kernel"))
    (file,) = built.files
    assert built.ran
    assert (file.path, file.bytes) == (tmp_path / "kernel", 5)
    assert file.sha256 == hashlib.sha256(b"hello").hexdigest()


def test_the_words_of_the_command_reach_it_without_a_shell(tmp_path: Path) -> None:
    (tmp_path / "a file; $(not run)").write_text("x")
    build(image(tmp_path, "cp", "--", "a file; $(not run)", "kernel"))
    assert (tmp_path / "kernel").read_text() == "x"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("sh", "-c", "exit 3"), r"failed \(exit code 3\): sh -c exit 3, in "),
        (("sh", "-c", "kill -9 $$"), r"failed \(signal 9\)"),
        (("./no-such-program",), r"cannot build toy: \./no-such-program: No such file"),
        (("true",), r"succeeded, but there is still no .*kernel"),
        ((), r"has no build command"),
    ],
)
def test_a_build_that_gave_no_image_is_a_usage_error(tmp_path: Path, command: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        build(image(tmp_path, *command))


def test_its_output_goes_to_stderr_and_leaves_stdout_alone(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    build(image(tmp_path, "sh", "-c", "echo compiling; echo warning >&2; touch kernel"))
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err == "compiling\nwarning\n"


def test_a_second_build_waits_for_the_first_and_then_has_nothing_to_do(tmp_path: Path) -> None:
    """The build fails if two run at once: `mkdir` takes a name only one can have."""
    script = "mkdir running && echo run >>log && cat pipe >/dev/null && touch kernel && rmdir running"
    toy = image(tmp_path, "sh", "-c", script)
    os.mkfifo(tmp_path / "pipe")
    results: list[bool] = []
    builders = [threading.Thread(target=lambda: results.append(build(toy, force=False).ran)) for _ in range(2)]
    for builder in builders:
        builder.start()
    with (tmp_path / "pipe").open("w"):  # opens once the first build reads; the build goes on when it is closed
        pass
    for builder in builders:
        builder.join(10)
    assert sorted(results) == [False, True]
    assert (tmp_path / "log").read_text() == "run\n"
