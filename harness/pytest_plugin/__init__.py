"""The pytest plugin: a guest as a fixture, scenario files as tests. See docs/pytest.md.

This module is imported by every pytest of an environment that has the harness, so it imports nothing of it: what a
test or a scenario file needs is imported when it is met.
"""

from __future__ import annotations

import argparse
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from harness.pytest_plugin.console import Console
    from harness.pytest_plugin.faults import Faults
    from harness.pytest_plugin.guest import Guest
    from harness.pytest_plugin.outcome import GuestFailure, GuestInconclusive
    from harness.pytest_plugin.screen import Screen

__all__ = ["Console", "Faults", "Guest", "GuestFailure", "GuestInconclusive", "Screen"]

_GUESTS: pytest.StashKey[list[Guest]] = pytest.StashKey()


def __getattr__(name: str) -> Any:
    """The classes, for annotations in tests: imported when they are asked for."""
    import importlib

    if name in __all__:
        module = "outcome" if name in {"GuestFailure", "GuestInconclusive"} else name.lower()
        return getattr(importlib.import_module(f"harness.pytest_plugin.{module}"), name)
    raise AttributeError(name)


# ---- options and markers ---------------------------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("harness", "kernels in QEMU or on boards (rayos-harness)")
    group.addoption("--harness-image", metavar="NAME", help="Image to boot instead of the test's or the scenario's.")
    group.addoption(
        "--harness-target", metavar="FILE", type=Path, help="Target file (TOML) of a board to use instead of QEMU."
    )
    group.addoption("--harness-seed", metavar="N", type=_seed, help="Seed instead of the test's or the scenario's.")
    group.addoption(
        "--harness-runs-dir",
        metavar="DIR",
        type=Path,
        help="Where evidence goes (default: HARNESS_RUNS_DIR, or runs/).",
    )
    group.addoption(
        "--harness-quarantine",
        metavar="FILE",
        type=Path,
        help="Known failures (TOML) of scenario files: expected failures until they expire.",
    )
    parser.addini("harness_image", "Image that the fixture `guest` boots where neither test nor command line say.")
    parser.addini(
        "harness_scenarios", "Folders whose *.toml files are scenarios, to be collected as tests.", type="paths"
    )


def _seed(text: str) -> int:
    """As `harness run --seed` takes it."""
    if not text.isdecimal() or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(f"{text!r} should be 0 to {2**32 - 1}")
    return int(text)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "harness(image, seed, clock, timeout, set, forbid, crash, ignore_crash, rules, prove): how `guest` is booted",
    )
    config.addinivalue_line(
        "markers", "harness_needs(*capabilities): skip the test where the image or the target lacks one of them"
    )


# ---- scenario files --------------------------------------------------------------------------------------------------


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    if file_path.suffix != ".toml":
        return None
    from harness.pytest_plugin.collection import is_asked_for

    if not is_asked_for(file_path, parent.session):
        return None
    from harness.pytest_plugin.scenarios import ScenarioFile

    return ScenarioFile.from_parent(parent, path=file_path)


# ---- fixtures --------------------------------------------------------------------------------------------------------


@pytest.fixture
def guest(request: pytest.FixtureRequest) -> Iterator[Guest]:
    """A kernel to be booted: `guest.boot()`, then commands, input, expectations. One machine a test."""
    from harness.pytest_plugin.items import guest_of

    made = guest_of(request.node)
    guests = request.node.stash.setdefault(_GUESTS, [])
    guests.append(made)
    yield made
    made.close()
    guests.remove(made)  # a plugin may run the same item again


@pytest.fixture
def console(guest: Guest) -> Console:
    """The serial console of `guest`: `console.expect("login:")`, `console.send("root")`."""
    from harness.pytest_plugin.console import Console

    return Console(guest)


@pytest.fixture
def screen(guest: Guest) -> Screen:
    """The screen of `guest`: `screen.check(against="scene")`."""
    from harness.pytest_plugin.screen import Screen

    return Screen(guest)


@pytest.fixture
def faults(guest: Guest) -> Faults:
    """What is done to `guest` on purpose: `faults.inject("client-kill", id=2)`."""
    from harness.pytest_plugin.faults import Faults

    return Faults(guest)


# ---- outcomes --------------------------------------------------------------------------------------------------------


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("harness_needs") is not None:
        from harness.pytest_plugin.items import skip_without

        skip_without(item)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """The verdict on a test's guests is part of the test: it falls when the test's own code is done."""
    try:
        result = yield
    except BaseException as error:
        _conclude(item, error)
        raise
    _conclude(item, None)
    return result


def _conclude(item: pytest.Item, error: BaseException | None) -> None:
    __tracebackhide__ = True
    guests: list[Guest] = item.stash.get(_GUESTS, [])
    if guests:
        from harness.pytest_plugin.items import conclude

        conclude(item, guests, error)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    error = None if call.excinfo is None else call.excinfo.value
    if error is None or type(error).__module__.partition(".")[0] != "harness":
        return (yield)
    from harness.pytest_plugin.outcome import blames_no_product

    hint = getattr(error, "hint", "")
    if hint:
        item.add_report_section(call.when, "harness", hint)
    report = yield
    if call.when == "call" and blames_no_product(error):
        report.when = "setup"  # what pytest, JUnit files and their readers call an error: no test failed
    return report
