"""Responders: when a pattern matches, send a line, press keys or run a program on the host."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.console.safe import safe
from harness.console.types import Line
from harness.errors import HarnessError
from harness.judge.sight import find_text
from harness.markers.match import Pattern
from harness.markers.types import Marker
from harness.scenario.model import Responder
from harness.targets.spawn import dying_with_us

if TYPE_CHECKING:
    from harness.engine.context import Context

_COMPANION_OUTPUT = 4096  # bytes of a companion's output kept in the journal


@dataclass(slots=True)
class _Armed:
    spec: Responder
    pattern: Pattern
    fired: int = 0
    line: int = 0  # the last one that it fired on; a prompt becomes a whole line later

    @property
    def spent(self) -> bool:
        return self.spec.times > 0 and self.fired >= self.spec.times


class Responders:
    """All responders of a run; each firing is in the journal (`responder` events)."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._armed = [_Armed(r, Pattern.parse(r.when)) for r in ctx.scenario.respond]
        self._tasks: set[asyncio.Task[None]] = set()
        if self._armed:
            ctx.evaluator.on_line.append(self._line)
            ctx.evaluator.on_change.append(self._partial)
            ctx.evaluator.on_marker.append(self._marker)

    async def close(self) -> None:
        """End what is still under way, companions included."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _partial(self) -> None:
        if any(not armed.spent and not armed.pattern.is_marker for armed in self._armed):
            partial = self._ctx.evaluator.partial
            if partial is not None:
                self._line(partial)

    def _line(self, line: Line) -> None:
        for armed in self._armed:
            if armed.spent or armed.pattern.is_marker or line.number == armed.line:
                continue
            if find_text(armed.pattern, line):
                armed.line = line.number
                self._fire(armed, line.text)

    def _marker(self, marker: Marker) -> None:
        for armed in self._armed:
            if not armed.spent and marker.trusted and armed.pattern.is_marker and armed.pattern.match_marker(marker):
                self._fire(armed, marker.text)

    def _fire(self, armed: _Armed, text: str) -> None:
        armed.fired += 1
        task = asyncio.create_task(self._respond(armed.spec, safe(text, 1024)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _respond(self, spec: Responder, text: str) -> None:
        journal = self._ctx.journal
        journal.append("responder", when=spec.when, text=text)
        try:
            if spec.send is not None:
                await self._ctx.console.write((spec.send + "\r").encode())
            if spec.keys:
                from harness.qmp.input import chord_events, send_event

                for chord in spec.keys:
                    for event in chord_events(chord):
                        await send_event(self._ctx.qmp, event)
            if spec.run:
                await self._companion(spec.run, text)
        except (HarnessError, OSError) as error:
            journal.append("lab.error", cause="responder", what=f"the responder to {spec.when} failed: {error}")

    async def _companion(self, argv: tuple[str, ...], text: str) -> None:
        process = await asyncio.create_subprocess_exec(
            *dying_with_us(),
            *argv,
            cwd=self._ctx.scenario.folder,
            env={**os.environ, "HARNESS_MATCH": text, "HARNESS_BUNDLE": str(self._ctx.bundle.path)},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            output = b""
            while process.stdout is not None and (part := await process.stdout.read(4096)):
                output = (output + part)[:_COMPANION_OUTPUT]
            code = await process.wait()
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, 9)
                await process.wait()
        self._ctx.journal.append(
            "companion",
            argv=list(argv),
            returncode=code,
            output=safe(output.decode("utf-8", "replace"), _COMPANION_OUTPUT),
        )
        if code != 0:
            self._ctx.journal.append(
                "lab.error", cause="companion", what=f"the companion {argv[0]} ended with status {code}"
            )
