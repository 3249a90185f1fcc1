"""One function a kind of step: what it does to the target and what it waits for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from harness.engine.commanding import exchange, rendezvous, watch_ready
from harness.engine.context import Context, StepFailedError
from harness.engine.waits import Deadline, StepTimeoutError
from harness.errors import ForgottenError
from harness.markers.match import Pattern
from harness.markers.types import Marker
from harness.scenario import steps as s
from harness.timeouts import TIMEOUTS, host

Handler = Callable[[Context, int, Any], Awaitable[None]]


async def boot(ctx: Context, index: int, step: s.Boot | s.Relaunch | s.Reset) -> None:
    """Power on and wait for readiness. A boot step without any condition is done at the first byte of output."""
    watch = watch_ready(ctx, step.until)
    deadline = ctx.deadline(step.timeout, TIMEOUTS.step)
    if isinstance(step, s.Boot):
        ctx.opening.tell(ctx.evaluator)  # from here on, so that what is watched for was not missed
        await ctx.opening.power_on()
    else:
        ctx.journal.append("epoch", number=ctx.evaluator.epoch + 1, why=step.do)
        if isinstance(step, s.Reset):
            await ctx.target.reset()
        else:
            await ctx.target.relaunch()
        if ctx.link is not None:
            ctx.link.forget()
    if not deadline.left:  # it took so long to get going that what was said meanwhile came too late as well
        raise StepTimeoutError(deadline.seconds)
    await ctx.waits.until(watch, deadline)
    await ctx.settle_frames()
    if ctx.injector is not None:
        await ctx.injector.at_rendezvous()


async def command(ctx: Context, index: int, step: s.Command) -> None:
    """Send each command, take its reply, and wait for the rendezvous after it."""
    for payload in (step.send,) if isinstance(step.send, str) else step.send:
        await _command(ctx, payload, ctx.deadline(step.timeout, TIMEOUTS.control_reply), step.refused)


async def _command(ctx: Context, payload: str, deadline: Deadline, refused: str = "", *, counts: bool = True) -> None:
    try:
        reply = await exchange(ctx, payload, deadline)
    except ForgottenError:
        if ctx.injector is None:
            raise
        await ctx.guarded(ctx.injector.settled(), deadline)  # a fault in the middle of it; now the guest waits again
        await ctx.injector.at_rendezvous(counts=counts)
        return
    if refused:
        if reply.ok or reply.reason != refused:
            got = "it was accepted" if reply.ok else f"it was refused with {reply.reason}"
            raise StepFailedError("not-refused", f"`{payload}` should be refused with {refused}, but {got}")
    elif not reply.ok:
        raise StepFailedError("refused", f"the guest refused `{payload}`: {reply.payload}")
    await rendezvous(ctx, reply, deadline)
    if ctx.injector is not None and ctx.evaluator.clock.ready_seq == reply.seq:
        await ctx.injector.at_rendezvous(reply.payload, counts=counts)


async def frames(ctx: Context, index: int, step: s.Frames) -> None:
    """Let the ticks pass; in pieces where a fault is due within them."""
    left, limit = step.ticks, None if step.timeout is None else ctx.deadline(step.timeout, TIMEOUTS.step)
    while left:
        ticks = left if ctx.injector is None else ctx.injector.ticks(left)
        left -= ticks
        deadline = limit or ctx.deadline(None, TIMEOUTS.step)  # for each piece, and of one there is but one
        await _command(ctx, f"frames n={ticks}", deadline, counts=not left)


async def recover(ctx: Context, index: int, step: s.Recover) -> None:
    """Tick by tick, so that no more of them pass than it takes."""
    if ctx.injector is not None:
        await ctx.injector.release()
    faults, limit = ctx.evaluator.faults, None if step.timeout is None else ctx.deadline(step.timeout, TIMEOUTS.step)
    for _ in range(step.ticks):
        if faults is None or faults.recovered:
            return
        await _command(ctx, "frames n=1", limit or ctx.deadline(None, TIMEOUTS.step), counts=False)
    if faults is not None and not faults.recovered:
        raise StepFailedError("not-recovered", f"after {step.ticks} ticks: {faults.missing()}")


async def send(ctx: Context, index: int, step: s.Send) -> None:
    await ctx.console.write((step.text + ("\r" if step.enter else "")).encode())


async def type_text(ctx: Context, index: int, step: s.Type) -> None:
    from harness.qmp.input import text_events

    ctx.journal.append("typed", text=step.text)  # a guest may echo it: a marker typed here proves nothing
    for event in text_events(step.text):
        await _inject(ctx, event, ctx.profile.guest.confirm_key)


async def key(ctx: Context, index: int, step: s.Key) -> None:
    from harness.qmp.input import chord_events

    for chord in step.keys:
        for event in chord_events(chord):
            await _inject(ctx, event, ctx.profile.guest.confirm_key)


async def pointer(ctx: Context, index: int, step: s.Pointer) -> None:
    from harness.qmp.input import pointer_events

    width, height = await ctx.screen_size()
    for event in pointer_events(step, width, height):
        await _inject(ctx, event, ctx.profile.guest.confirm_pointer)


async def _inject(ctx: Context, event: Any, confirm: str) -> None:
    """Send one input event and wait until the guest says that it delivered it (where the profile says how it says
    so).
    """
    from harness.qmp.input import send_event

    ctx.journal.append("input", **event.to_json())
    if not confirm:
        await send_event(ctx.qmp, event)
        return
    pattern = Pattern.parse(confirm)
    seen: list[Marker] = []

    def note(marker: Marker) -> None:
        if pattern.match_marker(marker):
            seen.append(marker)

    ctx.evaluator.on_marker.append(note)
    try:
        await send_event(ctx.qmp, event)
        await ctx.waits.until(lambda: bool(seen), ctx.deadline(None, TIMEOUTS.input_confirm))
    except StepTimeoutError as error:
        what = f"the guest did not confirm {event} with {confirm} within {error.seconds:g} s"
        raise StepFailedError("input-lost", what) from None
    finally:
        ctx.evaluator.on_marker.remove(note)


async def expect(ctx: Context, index: int, step: s.Expect) -> None:
    """Wait for the evaluator to settle this step's expectation. With `during`, the time to watch is the wait."""
    if step.during is not None:
        try:
            await ctx.waits.until(lambda: ctx.evaluator.is_settled(index), ctx.deadline(step.during, TIMEOUTS.step))
        except StepTimeoutError:
            raise WatchElapsed from None
        return
    patient = step.timeout is not None or bool(ctx.scenario.respond)  # who says how long to wait, waits
    if not patient and await _says_no_more(ctx) and not ctx.evaluator.is_settled(index):
        raise StepFailedError("expectation", f"{NO_MORE}{ctx.evaluator.checks.missing(index)}")
    await ctx.waits.until(lambda: ctx.evaluator.is_settled(index), ctx.deadline(step.timeout, TIMEOUTS.step))


NO_MORE = "the guest stands at its rendezvous, where virtual time does not pass, so nothing more will come; "


async def _says_no_more(ctx: Context) -> bool:
    """Whether the guest waits for us with no timer armed, and all that it printed before was read."""
    if not ctx.evaluator.facts.reproducible or ctx.link is None:
        return False
    await ctx.console.drained()
    ctx.waits.check_fatal()
    return ctx.evaluator.clock.ready_seq == ctx.link.last_sequence


class WatchElapsed(Exception):
    """The `during` time of an expectation is over."""


async def dialogue(ctx: Context, index: int, step: s.Dialogue) -> None:
    from harness.console.dialogue import Dialogue, DialogueTimeoutError

    deadline = ctx.deadline(step.timeout, TIMEOUTS.step)
    async with Dialogue(ctx.console) as talk:
        for number, exchange in enumerate(step.exchange, 1):
            ctx.journal.append("dialogue", step=index, exchange=number, expect=exchange.expect)
            try:
                await ctx.guarded(talk.expect([exchange.expect], deadline.left), deadline)
            except DialogueTimeoutError:
                raise StepTimeoutError(deadline.seconds) from None
            if exchange.send is not None:
                await talk.sendline(exchange.send)


async def check_frame(ctx: Context, index: int, step: s.CheckFrame) -> None:
    camera, deadline = await ctx.open_camera(), ctx.deadline(step.timeout, TIMEOUTS.frame_stable)
    with ctx.bounded(deadline.left + host(TIMEOUTS.capture)):
        await camera.check(index, step, deadline)
    ctx.waits.check_fatal()


async def remember_frame(ctx: Context, index: int, step: s.RememberFrame) -> None:
    camera = await ctx.open_camera()
    with ctx.bounded(host(TIMEOUTS.capture)):
        await camera.remember(index, step.name)


async def measure(ctx: Context, index: int, step: s.Measure) -> None:
    """The judge has the figure already; with `--update-goldens` it is approved and stored beside the scenario."""
    figure = ctx.evaluator.checks.gauges[index].figure
    if not ctx.update_goldens or not step.stored or figure is None:
        return
    from harness.measure.stored import read_values, values_file, write_values

    path = values_file(ctx.scenario.folder, ctx.scenario.name)
    write_values(path, {**read_values(path), step.name: figure})
    ctx.updated_values.add(str(path))
    ctx.journal.append("value", step=index, figure=float(f"{figure:.6g}"))


async def find_click(ctx: Context, index: int, step: s.FindClick) -> None:
    camera = await ctx.open_camera()
    deadline = ctx.deadline(step.timeout, TIMEOUTS.step)
    with ctx.qmp.bounded(deadline.left + host(TIMEOUTS.capture)):
        spot = await camera.find(index, ctx.scenario.folder / step.picture, deadline)
    if spot is None:
        raise StepFailedError("picture-not-found", f"{step.picture.name} is not on the screen")
    await pointer(ctx, index, s.Pointer(x=spot[0], y=spot[1], action="click", button=step.button))


async def stop(ctx: Context, index: int, step: s.Stop) -> None:
    await ctx.qmp.execute("stop")


async def cont(ctx: Context, index: int, step: s.Cont) -> None:
    await ctx.qmp.execute("cont")


async def mark(ctx: Context, index: int, step: s.Mark) -> None:
    """Its beginning in the journal is what it is for. Where faults are given one by one, it is their instant."""
    if ctx.injector is not None:
        await ctx.injector.inject_given()


async def shutdown(ctx: Context, index: int, step: s.Shutdown) -> None:
    deadline = ctx.deadline(step.timeout, TIMEOUTS.step)
    if step.how == "command":
        await ctx.guarded(ctx.control.command("poweroff", deadline.left), deadline)
    else:
        await ctx.qmp.execute("system_powerdown")
    await ctx.waits.until(lambda: ctx.evaluator.is_settled(index), deadline)


async def expect_exit(ctx: Context, index: int, step: s.ExpectExit) -> None:
    await ctx.waits.until(lambda: ctx.evaluator.is_settled(index), ctx.deadline(step.timeout, TIMEOUTS.step))


HANDLERS: dict[str, Handler] = {
    "boot": boot,
    "command": command,
    "frames": frames,
    "send": send,
    "type": type_text,
    "key": key,
    "pointer": pointer,
    "expect": expect,
    "dialogue": dialogue,
    "check-frame": check_frame,
    "remember-frame": remember_frame,
    "measure": measure,
    "find-click": find_click,
    "reset": boot,
    "relaunch": boot,
    "recover": recover,
    "stop": stop,
    "cont": cont,
    "mark": mark,
    "shutdown": shutdown,
    "expect-exit": expect_exit,
}
