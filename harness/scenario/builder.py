"""The fluent way to write a scenario in Python; it makes the same model as a TOML file.

scenario = (
    ScenarioBuilder("two-windows", image="reference")
    .boot()
    .command("create id=1 x=40 y=60 w=300 h=200 color=3a6ea5")
    .frames(1)
    .check_frame("one window")
    .build()
)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from harness.measure.kinds import Statistic
from harness.scenario import steps as s
from harness.scenario.model import ClockMode, Lackable, Proof, Responder, Rules, Scenario

if TYPE_CHECKING:
    from harness.scenario.faulting import Fault


__tracebackhide__ = True  # in a test that plays while it builds, pytest shows the test's own line


class ScenarioBuilder:
    """Collects steps in order. Every method returns the builder; `build` gives the scenario."""

    def __init__(
        self,
        name: str,
        *,
        image: str = "",
        summary: str = "",
        seed: int = 1,
        clock: ClockMode | None = None,
        timeout: float | None = None,
    ) -> None:
        self._scenario = Scenario(name=name, image=image, summary=summary, seed=seed, clock=clock, timeout=timeout)
        self._steps: list[s.Step] = []

    def build(self, folder: Path = Path()) -> Scenario:
        """The scenario; *folder* is where its goldens and pictures lie."""
        return replace(self._scenario, steps=tuple(self._steps), folder=folder)

    def set(self, **overrides: Any) -> Self:
        """Override profile keys; `machine__memory_mb=128` stands for `machine.memory_mb`."""
        self._scenario = replace(
            self._scenario, set={**self._scenario.set, **{k.replace("__", "."): v for k, v in overrides.items()}}
        )
        return self

    def forbid(self, *patterns: str) -> Self:
        self._scenario = replace(self._scenario, forbid=(*self._scenario.forbid, *patterns))
        return self

    def crash(self, *patterns: str) -> Self:
        self._scenario = replace(self._scenario, crash=(*self._scenario.crash, *patterns))
        return self

    def optional(self, *words: Lackable) -> Self:
        """What needs one of these is left out, by name, where the target lacks it."""
        self._scenario = replace(self._scenario, optional=words)
        return self

    def rules(self, *families: str) -> Self:
        self._scenario = replace(self._scenario, rules=Rules(families=families))
        return self

    def prove(
        self, against: Literal["identity", "scene"] = "identity", *, damage: bool = True, not_on: Sequence[str] = ()
    ) -> Self:
        self._scenario = replace(self._scenario, proof=Proof(against=against, damage=damage, not_on=tuple(not_on)))
        return self

    def not_on(self, image: str, why: str) -> Self:
        """The scenario is skipped on the image profile *image*, and says *why*."""
        self._scenario = replace(self._scenario, not_on={**self._scenario.not_on, image: why})
        return self

    def faults(self, *faults: Fault, seed: int | None = None) -> Self:
        """Add faults of the plan; *seed* is that of all of them."""
        from harness.scenario.faulting import Plan

        before = self._scenario.faults or Plan()
        self._scenario = replace(self._scenario, faults=replace(before, fault=(*before.fault, *faults), seed=seed))
        return self

    def respond(
        self, when: str, *, send: str | None = None, keys: Sequence[str] = (), run: Sequence[str] = (), times: int = 1
    ) -> Self:
        responder = Responder(when=when, send=send, keys=tuple(keys), run=tuple(run), times=times)
        self._scenario = replace(self._scenario, respond=(*self._scenario.respond, responder))
        return self

    def boot(self, until: str = "", *, timeout: float | None = None) -> Self:
        return self._add(s.Boot(until=until, timeout=timeout))

    def command(self, *payloads: str, refused: str = "", timeout: float | None = None) -> Self:
        send = payloads[0] if len(payloads) == 1 else payloads
        return self._add(s.Command(send=send, refused=refused, timeout=timeout))

    def frames(self, ticks: int = 1, *, timeout: float | None = None) -> Self:
        return self._add(s.Frames(ticks=ticks, timeout=timeout))

    def send(self, text: str, *, enter: bool = True) -> Self:
        return self._add(s.Send(text=text, enter=enter))

    def type(self, text: str) -> Self:
        return self._add(s.Type(text=text))

    def key(self, *keys: str) -> Self:
        return self._add(s.Key(keys=keys))

    def pointer(
        self,
        x: int,
        y: int,
        action: Literal["move", "press", "release", "click", "double-click", "drag"] = "move",
        *,
        button: s.Button = "left",
        to: tuple[int, int] | None = None,
    ) -> Self:
        to_x, to_y = to if to is not None else (None, None)
        return self._add(s.Pointer(x=x, y=y, action=action, button=button, to_x=to_x, to_y=to_y))

    def expect(
        self,
        *patterns: str,
        any: Sequence[str] = (),
        order: Sequence[str] = (),
        none: Sequence[str] = (),
        count: Sequence[s.Count] = (),
        since: Literal["action", "boot", "start"] = "action",
        within: float | None = None,
        during: float | None = None,
        timeout: float | None = None,
    ) -> Self:
        return self._add(
            s.Expect(
                all=patterns,
                any=tuple(any),
                order=tuple(order),
                none=tuple(none),
                count=tuple(count),
                since=since,
                within=within,
                during=during,
                timeout=timeout,
            )
        )

    def dialogue(self, *exchanges: tuple[str, str | None], timeout: float | None = None) -> Self:
        return self._add(
            s.Dialogue(exchange=tuple(s.Exchange(expect=e, send=t) for e, t in exchanges), timeout=timeout)
        )

    def measure(
        self,
        name: str,
        of: str,
        field: str | int = "",
        statistic: Statistic = "mean",
        *,
        at_least: float | None = None,
        at_most: float | None = None,
        stored: bool = False,
        tolerance: float = 2.0,
        since: Literal["action", "boot", "start"] = "boot",
    ) -> Self:
        return self._add(
            s.Measure(
                name=name,
                of=of,
                field=field,
                statistic=statistic,
                at_least=at_least,
                at_most=at_most,
                stored=stored,
                tolerance=tolerance,
                since=since,
            )
        )

    def check_frame(
        self,
        name: str,
        against: Literal["scene", "golden", "identity", "not-blank", "remembered", "clients"] = "scene",
        *,
        like: str = "",
        crop: tuple[int, int, int, int] | None = None,
        shifted: tuple[int, int] = (0, 0),
        changed: int = 0,
        tolerance: int = 0,
        timeout: float | None = None,
    ) -> Self:
        return self._add(
            s.CheckFrame(
                name=name,
                against=against,
                like=like,
                crop=crop,
                shifted=shifted,
                changed=changed,
                tolerance=tolerance,
                timeout=timeout,
            )
        )

    def remember_frame(self, name: str) -> Self:
        return self._add(s.RememberFrame(name=name))

    def same_frame(
        self,
        name: str,
        like: str,
        *,
        crop: tuple[int, int, int, int] | None = None,
        shifted: tuple[int, int] = (0, 0),
    ) -> Self:
        """`check_frame` against the remembered picture *like*."""
        return self.check_frame(name, "remembered", like=like, crop=crop, shifted=shifted)

    def find_click(self, picture: Path, *, button: s.Button = "left", timeout: float | None = None) -> Self:
        return self._add(s.FindClick(picture=picture, button=button, timeout=timeout))

    def reset(self, until: str = "", *, timeout: float | None = None) -> Self:
        return self._add(s.Reset(until=until, timeout=timeout))

    def relaunch(self, until: str = "", *, timeout: float | None = None) -> Self:
        return self._add(s.Relaunch(until=until, timeout=timeout))

    def recover(self, ticks: int = 600, *, timeout: float | None = None) -> Self:
        return self._add(s.Recover(ticks=ticks, timeout=timeout))

    def mark(self, name: str) -> Self:
        return self._add(s.Mark(name=name))

    def stop(self) -> Self:
        return self._add(s.Stop())

    def cont(self) -> Self:
        return self._add(s.Cont())

    def shutdown(self, how: Literal["command", "acpi"] = "command", *, timeout: float | None = None) -> Self:
        return self._add(s.Shutdown(how=how, timeout=timeout))

    def expect_exit(
        self, reason: str = "guest-shutdown", *, code: int | None = None, timeout: float | None = None
    ) -> Self:
        return self._add(s.ExpectExit(reason=reason, code=code, timeout=timeout))

    def _add(self, step: s.Step) -> Self:
        self._steps.append(step)
        return self
