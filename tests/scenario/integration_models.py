"""The ten integration scenarios written with the builder; loops are Python's."""

from __future__ import annotations

from collections.abc import Callable

from harness.scenario.builder import ScenarioBuilder
from harness.scenario.steps import Count

INTEGRATION = "RAYOS_INTEGRATION"
NO_LOG = "nobody reads the log on its disk when it starts: there a client keeps one (fault-disk-errors)"
NOT_ON_WESTON = {
    "emergency-shutdown": NO_LOG,
    "idle-then-surge": "it counts frames of the whole desktop, and Weston tells nobody how many it presented",
    "logout-unsaved-work": NO_LOG,
    "media-while-compositing": "Wayland lets no client move, lower or hide its window, and Weston does it for nobody"
    " else",
    "rapid-resize": "a size at every tick takes a desktop whose ticks are commanded: Weston draws when it likes",
    "theme-change": "a stock Weston has no theme to change",
}


def scenario(name: str, summary: str, image: str = "reference", *families: str) -> ScenarioBuilder:
    """What all of them have in common: every frame proved against the scene, nothing refused, nothing failed."""
    builder = ScenarioBuilder(name, image=image, summary=summary)
    if name in NOT_ON_WESTON:
        builder.prove("scene").not_on("weston", NOT_ON_WESTON[name])
    else:
        builder.prove("scene", not_on=["weston"])
    return builder.rules(*families).forbid("RAYOS_CONTROL:ERROR", "RAYOS_FAILURE", f"{INTEGRATION}:VERIFY:*:fail")


def milestones(*names: str) -> list[str]:
    return [f"{INTEGRATION}:MILESTONE:{name}" for name in names]


def verified(*checks: str) -> list[str]:
    return [f"{INTEGRATION}:VERIFY:{check}:pass" for check in checks]


def complete(name: str) -> str:
    return f"{INTEGRATION}:SCENARIO_COMPLETE:{name}:pass"


def destroy(*ids: int) -> list[str]:
    return [f"destroy id={id_}" for id_ in ids]


def clipboard_stress() -> ScenarioBuilder:
    name, summary = "clipboard-stress", "Sixty copies and pastes between three clients, each told by the pasted text"
    built = scenario(name, summary, "reference", "SOAK", "INTEGRATION").boot(timeout=300)
    built.command(
        f"scenario name={name}",
        "create id=1 x=40 y=60 w=300 h=300 color=3a6ea5",
        "create id=2 x=360 y=60 w=300 h=300 color=8b5a2b",
        "create id=3 x=680 y=60 w=300 h=300 color=2e7d5b",
        "frames n=1",
        "milestone name=up",
    )
    for n in range(1, 21):
        to_second = ("focus id=1", f"copy id=1 text=a{n}", "focus id=2", "paste id=2")
        to_third = (f"copy id=2 text=b{n}", "focus id=3", "paste id=3")
        to_first = (f"copy id=3 text=c{n}", "focus id=1", "paste id=1")
        built.command(*to_second, *to_third, *to_first, "frames n=1")
    built.check_frame("sixty pastes")
    texts = [f"text.{id_}" for id_ in (1, 2, 3)]
    built.command(
        *(f"verify check={text} want=51" for text in texts),
        "verify check=focus want=1",
        "milestone name=pasted",
        "complete",
    )
    order = [*milestones("up"), *verified(*texts), *milestones("pasted"), complete(name)]
    return built.expect(order=order, since="boot").command(*destroy(1, 2, 3)).shutdown()


def emergency_shutdown() -> ScenarioBuilder:
    name, window = "emergency-shutdown", "create id=1 x=60 y=80 w=400 h=240"
    summary = "Power cut with windows open and records written; the next boot replays the log and works on"
    built = scenario(name, summary, "reference-disk").boot()
    built.command(
        f"scenario name={name}",
        f"{window} color=3a6ea5 kind=checker",
        "animate id=1 on=1",
        *(f"disk do=append data={record}" for record in ("one", "two", "three")),
        "disk do=flush",
        "frames n=10",
        "milestone name=power-fails-now",
    )
    built.check_frame("before the cut")
    started = f"{INTEGRATION}:SCENARIO_START:{name}"
    built.expect("RAYOS_DISK:REPLAY:0:0", started, *milestones("power-fails-now"), since="boot")
    built.relaunch().expect("RAYOS_DISK:REPLAY:3:0", since="boot").check_frame("after the cut")
    built.command(
        "scenario name=recovered",
        "disk do=append data=four",
        "disk do=flush",
        f"{window} color=2e7d5b",
        "frames n=2",
        "verify check=windows want=1",
        "milestone name=working-again",
        "complete",
    )
    built.check_frame("working again").expect(order=[*milestones("working-again"), complete("recovered")], since="boot")
    return built.relaunch().expect("RAYOS_DISK:REPLAY:4:0", since="boot").shutdown()


def fullscreen_video() -> ScenarioBuilder:
    name = "fullscreen-video"
    summary = "A film takes the whole desktop and gives it back; what went on behind it shows as it is now"
    built = scenario(name, summary, "reference", "SOAK", "INTEGRATION").boot(timeout=300)
    built.command(
        f"scenario name={name}",
        "create id=1 x=60 y=80 w=320 h=220 color=202020",
        "create id=2 x=430 y=90 w=240 h=200 color=8b5a2b kind=checker",
        "create id=3 x=200 y=360 w=300 h=200 color=3a6ea5 kind=checker",
        *("animate id=2 on=1", "animate id=3 on=1", "work id=1 name=media seed=5 rate=30"),
        *("frames n=10", "milestone name=windowed"),
        *("focus id=1", "fullscreen id=1 on=1", "frames n=30", "milestone name=fullscreen"),
        "verify check=focus want=1",
    )
    built.check_frame("film over everything", timeout=120).key("a").expect("RAYOS_INPUT:KEY:*:down:1e:1")
    built.command(
        "frames n=1", "fullscreen id=1 on=0", "frames n=10", "milestone name=back", "verify check=text.1 want=1"
    )
    built.check_frame("back in its window", timeout=120).command("complete", *destroy(1, 2, 3), "frames n=1")
    order = [*milestones("windowed", "fullscreen"), *verified("focus"), *milestones("back"), complete(name)]
    return built.expect(order=order, since="boot").check_frame("empty again", timeout=120).shutdown()


def idle_then_surge() -> ScenarioBuilder:
    name = "idle-then-surge"
    summary = "Five guest seconds of idleness, then eight clients redraw at every tick; no frame is late or missing"
    built = scenario(name, summary, "reference", "SOAK", "INTEGRATION").boot().command(f"scenario name={name}")
    places = [(x, y) for y in (40, 300) for x in (8, 256, 504, 744)]
    for id_, (x, y) in enumerate(places, 1):
        built.command(f"create id={id_} x={x} y={y} w=240 h=176 color=406080 kind=checker", f"work id={id_} name=surge")
    built.command("frames n=1", "milestone name=idle").check_frame("idle")
    built.command("frames n=299", "frame").expect("RAYOS_FRAME:IDENT:2").check_frame("still idle")
    built.command("milestone name=surge", "frames n=60", "verify check=frame_at_least want=62", "milestone name=over")
    built.check_frame("after the surge").command("frames n=10", "complete")
    order = [*milestones("idle", "surge"), *verified("frame_at_least"), *milestones("over"), complete(name)]
    built.expect(order=order, since="boot")
    for line in destroy(*range(1, 9)):
        built.command(line)
    return built.shutdown()


def logout_unsaved_work() -> ScenarioBuilder:
    name = "logout-unsaved-work"
    summary = "Typed text is saved and flushed before the session ends; the next session finds it on the disk"
    built = scenario(name, summary, "reference-disk", "SOAK", "INTEGRATION").boot()
    built.command(
        f"scenario name={name}",
        "create id=1 x=60 y=80 w=400 h=240 color=3a6ea5",
        "create id=2 x=500 y=300 w=300 h=200 color=8b5a2b kind=checker",
        "focus id=1",
    )
    built.type("unsaved").command("frames n=1", "verify check=text.1 want=7", "milestone name=unsaved-work")
    built.check_frame("unsaved work")
    built.command(
        *("disk do=append data=unsaved", "disk do=flush", "milestone name=saved"),
        *(*destroy(1, 2), "frames n=1"),
        *("verify check=windows want=0", "milestone name=logged-out", "complete"),
    )
    built.check_frame("logged out")
    built.expect(
        order=[
            *milestones("unsaved-work", "saved"),
            "RAYOS_SOAK:CLIENT_DESTROYED:1",
            *milestones("logged-out"),
            complete(name),
        ],
        count=[Count(pattern="RAYOS_INPUT:KEY:*:down:*:1", exactly=7)],
        since="boot",
    )
    built.relaunch().expect("RAYOS_DISK:REPLAY:1:0", since="boot")
    return built.check_frame("fresh desktop").shutdown()


def media_while_compositing() -> ScenarioBuilder:
    name = "media-while-compositing"
    summary = "Two players keep their rates while windows are moved over them, hidden and shown"
    built = scenario(name, summary, "reference", "SOAK", "INTEGRATION").boot()
    built.command(
        f"scenario name={name}",
        "create id=1 x=40 y=60 w=340 h=220 color=202020",
        "create id=2 x=440 y=60 w=340 h=220 color=303030",
        "create id=3 x=200 y=340 w=300 h=200 color=7a3b69 kind=checker",
        "create id=4 x=600 y=400 w=200 h=160 color=2e7d5b",
        *(f"work id={id_} name=media seed={rate} rate={rate}" for id_, rate in ((1, 24), (2, 30))),
        *("animate id=3 on=1", "frames n=60", "milestone name=playing"),
    )
    built.check_frame("a second of film")
    built.command(
        *("move id=3 x=150 y=180", "frames n=20"),
        *("lower id=3", "frames n=20"),
        *("hide id=4", "move id=1 x=300 y=120", "frames n=20"),
        *("show id=4", "raise id=1", "frames n=20", "milestone name=composited"),
    )
    built.check_frame("films under moved windows")
    built.command(
        *("work id=1 name=stop", "work id=2 name=stop", "animate id=3 on=0"),
        *("verify check=windows want=4", "verify check=frame_at_least want=130", "complete"),
        *(*destroy(1, 2, 3, 4), "frames n=1"),
    )
    order = [*milestones("playing", "composited"), *verified("frame_at_least"), complete(name)]
    built.expect(order=[*order, "RAYOS_SOAK:CLIENT_DESTROYED:4"], since="boot")
    return built.check_frame("empty again").shutdown()


def rapid_resize() -> ScenarioBuilder:
    name = "rapid-resize"
    summary = "128 sizes in 128 ticks by the client, 40 more by configure; edges, titles and contents fit each of them"
    built = scenario(name, summary, "reference", "SOAK", "INTEGRATION").boot()
    built.command(
        f"scenario name={name}",
        "create id=1 x=60 y=80 w=240 h=180 color=3a6ea5 kind=checker",
        "create id=2 x=280 y=200 w=300 h=200 color=8b5a2b",
        *("lower id=1", "frames n=1", "work id=1 name=resize", "milestone name=start"),
        *("frames n=128", "milestone name=client-resized"),
    )
    built.check_frame("back at its size").command("frames n=16", "work id=1 name=stop").check_frame("sixteen larger")
    for _ in range(20):
        built.command("resize id=2 w=300 h=220", "frames n=1", "resize id=2 w=100 h=80", "frames n=1")
    built.check_frame("small at the end")
    built.command("verify check=windows want=2", "milestone name=configured", "complete", *destroy(1, 2), "frames n=1")
    built.expect(order=[*milestones("start", "client-resized", "configured"), complete(name)], since="boot")
    return built.check_frame("empty again").shutdown()


def realistic_desktop() -> ScenarioBuilder:
    name = "realistic-desktop"
    summary = "Four programs used side by side: typing, dragging, stacking, copy and paste, closing"
    built = (
        scenario(name, summary, "reference", "SOAK", "INTEGRATION")
        .set(guest__confirm_key="RAYOS_INPUT:KEY")
        .boot(timeout=300)
    )
    built.command(
        f"scenario name={name}",
        "create id=1 x=40 y=60 w=360 h=240 color=3a6ea5",
        "create id=2 x=420 y=80 w=200 h=160 color=8b5a2b kind=checker",
        "create id=3 x=140 y=330 w=340 h=240 color=2e7d5b",
        "create id=4 x=560 y=380 w=320 h=260 color=7a3b69 kind=checker",
        *("animate id=2 on=1", "work id=4 name=media seed=7 rate=24", "frames n=30", "milestone name=programs-up"),
    )
    built.check_frame("four programs").pointer(200, 450, "click").command("frames n=30")
    built.type("Dear team,\nthe build is green.")
    built.command(
        "frames n=2", "verify check=focus want=3", "verify check=text.3 want=30", "milestone name=letter-typed"
    )
    built.expect(*verified("focus", "text.3")).check_frame("letter typed").pointer(425, 90, "press")
    built.command("frames n=60").pointer(565, 140, "release")
    built.command(
        *("frames n=10", "copy id=2 text=green", "focus id=3", "paste id=3", "frames n=2"),
        *("verify check=text.3 want=35", "milestone name=pasted"),
    )
    built.check_frame("pasted")
    built.command(
        *("work id=4 name=stop", "animate id=2 on=0", *destroy(2, 1, 4, 3), "frames n=1"),
        *("verify check=windows want=0", "milestone name=all-closed", "complete"),
    )
    built.expect(
        order=[
            *milestones("programs-up", "letter-typed", "pasted"),
            "RAYOS_SOAK:CLIENT_DESTROYED:3",
            *milestones("all-closed"),
            complete(name),
        ],
        count=[Count(pattern="RAYOS_INPUT:KEY:*:down:*:3", exactly=31)],
        since="boot",
    )
    return built.check_frame("empty again").shutdown()


def sixteen_apps_drag_and_drop() -> ScenarioBuilder:
    name = "sixteen-apps-drag-and-drop"
    summary = "Sixteen clients at once; drag and drop between eight pairs of them, each told by the text that arrives"
    built = (
        scenario(name, summary, "reference", "SOAK", "INTEGRATION").boot(timeout=300).command(f"scenario name={name}")
    )
    places = [(x, y) for y in (32, 216, 400, 584) for x in (8, 256, 504, 744)]
    for id_, (x, y) in enumerate(places, 1):
        built.command(f"create id={id_} x={x} y={y} w=240 h=176 color=3a6ea5 kind=checker")
    built.command("frames n=1", "verify check=windows want=16", "milestone name=sixteen-up")
    built.check_frame("sixteen programs")
    for source in range(1, 16, 2):
        target = 17 - source
        built.command(f"drag from={source} to={target}", "frames n=1").check_frame(f"dropped {source} on {target}")
    built.command(
        *("verify check=text.16 want=6", "verify check=text.2 want=7", "verify check=text.1 want=0"),
        *("milestone name=all-dropped", "complete"),
    )
    built.expect(
        order=[
            "RAYOS_SOAK:CLIENT_CREATED:16",
            *milestones("sixteen-up"),
            *verified("text.16", "text.2"),
            *milestones("all-dropped"),
            complete(name),
        ],
        count=[Count(pattern="RAYOS_SOAK:CLIENT_CREATED", exactly=16)],
        since="boot",
    )
    for line in destroy(*range(1, 17)):
        built.command(line)
    return built.shutdown()


def theme_change() -> ScenarioBuilder:
    name = "theme-change"
    summary = "Dark to light and back: desktop, panel, titles and every client's text change together"
    built = scenario(name, summary, "reference", "SOAK", "INTEGRATION").boot()
    built.command(
        f"scenario name={name}",
        "create id=1 x=40 y=60 w=300 h=200 color=3a6ea5",
        "create id=2 x=420 y=80 w=280 h=220 color=8b5a2b kind=checker",
        "create id=3 x=300 y=240 w=300 h=200 color=2e7d5b",
        "frames n=1",
    )
    built.type("text in every theme").command("frames n=1", "milestone name=dark").check_frame("dark")
    built.command("theme name=light", "frames n=1", "milestone name=light").check_frame("light")
    built.command(
        *("move id=3 x=100 y=400", "create id=4 x=600 y=420 w=260 h=200 color=7a3b69 kind=checker"),
        *("frames n=1", "milestone name=used-in-light"),
    )
    built.check_frame("used in light")
    built.command(
        *("theme name=dark", "frames n=1", "verify check=windows want=4"),
        *("milestone name=dark-again", "complete"),
    )
    built.check_frame("dark again")
    built.expect(
        order=[*milestones("dark", "light", "used-in-light", "dark-again"), complete(name)],
        count=[Count(pattern="RAYOS_INPUT:KEY:*:down:*:3", exactly=19)],
        since="boot",
    )
    return built.command(*destroy(1, 2, 3, 4)).shutdown()


SCENARIOS: dict[str, Callable[[], ScenarioBuilder]] = {
    "clipboard-stress": clipboard_stress,
    "emergency-shutdown": emergency_shutdown,
    "fullscreen-video": fullscreen_video,
    "idle-then-surge": idle_then_surge,
    "logout-unsaved-work": logout_unsaved_work,
    "media-while-compositing": media_while_compositing,
    "rapid-resize": rapid_resize,
    "realistic-desktop": realistic_desktop,
    "sixteen-apps-drag-and-drop": sixteen_apps_drag_and_drop,
    "theme-change": theme_change,
}
"""By name."""
