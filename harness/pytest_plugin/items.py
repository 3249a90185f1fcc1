"""What the plugin does for a test: makes its guest as its markers say, skips it, draws the conclusion at its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import pytest
from pydantic import Field, TypeAdapter, ValidationError

from harness.errors import UsageError
from harness.pytest_plugin.guest import Guest
from harness.pytest_plugin.outcome import attach
from harness.pytest_plugin.settings import batch_options
from harness.scenario.model import ClockMode, Proof, Rules, Scenario
from harness.toml import parse, problems_of, suggestion

if TYPE_CHECKING:
    from harness.engine.run import RunOutcome

_ALIASES = {"framebuffer": "screen", "keyboard": "input", "pointer": "input"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """The arguments of the marker `harness`: the words of a scenario's head."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    image: str = ""
    summary: str = ""
    seed: int = 1
    clock: ClockMode | None = None
    timeout: Annotated[float, Field(gt=0)] | None = None
    set: Mapping[str, Any] = field(default_factory=dict)
    forbid: tuple[str, ...] = ()
    crash: tuple[str, ...] = ()
    ignore_crash: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    prove: bool | Literal["identity", "scene"] = False


def guest_of(item: pytest.Item) -> Guest:
    """The guest of a test, not booted yet."""
    marked = _marked(item)
    scenario = Scenario(
        name=item.name,
        image=marked.image or str(item.config.getini("harness_image") or ""),
        summary=marked.summary,
        seed=marked.seed,
        clock=marked.clock,
        timeout=marked.timeout,
        set=marked.set,
        forbid=marked.forbid,
        crash=marked.crash,
        ignore_crash=marked.ignore_crash,
        rules=Rules(families=marked.rules),
        proof=None if not marked.prove else Proof() if marked.prove is True else Proof(against=marked.prove),
        folder=item.path.parent,
    )
    if not (scenario.image or item.config.getoption("harness_image")):
        raise UsageError(
            "no image is named for the fixture `guest`",
            'give --harness-image NAME, the setting harness_image, or @pytest.mark.harness(image="NAME")',
        )
    return Guest(scenario, batch_options(item.config))


def _marked(item: pytest.Item) -> Marked:
    """The arguments of the markers `harness`, the nearest first.

    :raises UsageError: naming everything wrong with them.
    """
    found: dict[str, Any] = {}
    for marker in item.iter_markers("harness"):
        if marker.args:
            raise UsageError("the marker `harness` takes its arguments by name", 'e.g. image="reference"')
        found = {**marker.kwargs, **found}
    adapter = TypeAdapter(Marked)
    try:
        return parse(adapter, found)
    except ValidationError as error:
        wrong = [
            problem.message + suggestion(problem.word, problem.known) for problem in problems_of(error, found, adapter)
        ]
        raise UsageError(
            f"the marker `harness` of {item.name}: {'; '.join(wrong)}",
            f"it knows {', '.join(sorted(each.name for each in fields(Marked)))}",
        ) from error


def skip_without(item: pytest.Item) -> None:
    """Skip *item* if the target lacks something that its markers `harness_needs` name.

    :raises UsageError: for a word that names no capability.
    """
    from harness.engine.targets import target_factory
    from harness.targets.base import Capability

    needed = []
    for marker in item.iter_markers("harness_needs"):
        for word in marker.args:
            name = _ALIASES.get(word, word)
            if name not in set(Capability):
                known = ", ".join([*Capability, *_ALIASES])
                raise UsageError(f"the marker `harness_needs` knows no {word!r}", f"it knows {known}")
            needed.append((word, Capability(name)))
    guest = guest_of(item)
    planned = guest.planned()
    options = batch_options(item.config)
    target = target_factory(options)(planned.profile, planned.scenario, planned.clock)
    lacking = [word for word, capability in needed if capability not in target.capabilities]
    if lacking:
        where = f" on {target.name}" if target.name != planned.profile.name else ""
        pytest.skip(f"the image {planned.profile.name}{where} has no {', no '.join(lacking)}")


def conclude(item: pytest.Item, guests: Sequence[Guest], error: BaseException | None) -> None:
    """The test's own code is done, with *error* or without: end its guests, and raise what their verdicts say."""
    raised: list[BaseException] = []
    for guest in guests:
        stopped = isinstance(error, (KeyboardInterrupt, SystemExit, pytest.exit.Exception))
        if stopped:
            guest.close("SIGINT")
        known = guest.outcome is not None  # then the error is the guest's own
        by_skip = isinstance(error, pytest.skip.Exception)
        if error is None or stopped or by_skip or known:
            guest.finish()
        else:
            own = isinstance(error, (AssertionError, pytest.fail.Exception))
            guest.finish(f"{item.nodeid}: {_said(error)}", "product" if own else "test")
        if guest.outcome is not None:
            attach(item, guest.outcome, pages=not stopped)
            if error is not None and not known:
                item.add_report_section("call", "harness", _where(guest.outcome))
            if error is None and (found := guest.verdict_of_test()) is not None:
                raised.append(found)
    if raised:
        raise raised[0]


def _said(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    first = text.splitlines()[0]
    return first if isinstance(error, AssertionError) else f"{type(error).__name__}: {first}"


def _where(outcome: RunOutcome) -> str:
    return f"{outcome.verdict.verdict}  {outcome.scenario.name}\n  evidence     {outcome.bundle.path}"
