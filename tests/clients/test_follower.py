"""The scene from a journal alone."""

import pytest

from harness.clients.follower import Claim, SceneFollower
from harness.clients.scene import SceneView
from harness.clients.words import UnknownSceneError
from harness.evidence.journal import Event
from harness.markers.types import Marker, MarkerFlag

CREATE = "create id=1 x=0 y=0 w=100 h=100 color=112233"


def feed(follower, *items):
    """Commands as (payload, reply payload), markers as text."""
    for n, item in enumerate(items, 1):
        if isinstance(item, str):
            tokens = tuple(item.split(":"))
            follower.observe_marker(Marker(item, tokens[0].removeprefix("RAYOS_"), tokens[1:], tokens[1], tokens[2:]))
        else:
            payload, answer = item
            follower.observe(Event(0, 0, "control.send", {"cseq": n, "payload": payload}))
            if answer is not None:
                ok = answer.startswith("ok")
                follower.observe(Event(0, 0, "control.reply", {"cseq": n, "ok": ok, "payload": answer}))
    return follower


def test_commands_inputs_and_ticks_make_the_view():
    follower = feed(
        SceneFollower(),
        (CREATE, "ok"),
        "RAYOS_INPUT:KEY:1:down:1e:1",
        "RAYOS_INPUT:KEY:2:up:1e:1",
        "RAYOS_INPUT:POINTER:3:500:400:0:0",
        ("frames n=1", "ok ticks=1 presented=1 frame=2 crc=00c0ffee us=16666"),
    )
    view = follower.view()
    assert [(w.id, w.text) for w in view.windows] == [(1, "a")]
    assert view.cursor == (500, 400)
    assert follower.claim == Claim(2, 0x00C0FFEE)
    assert follower.exact


def test_a_refused_command_changes_nothing():
    assert feed(SceneFollower(), (CREATE, "limit"), ("frames n=1", "ok")).view() == SceneView()


@pytest.mark.parametrize("begin", ["RAYOS_KIT:BOOT:1.0:release", "epoch"])
def test_a_new_boot_begins_with_the_empty_desktop_and_no_claim(begin):
    follower = feed(SceneFollower(), (CREATE, "ok"), ("frames n=1", "ok frame=2 crc=00000001"), ("wobble", "ok"))
    if begin == "epoch":
        follower.observe(Event(0, 0, "epoch", {"number": 1, "why": "reset"}))
    else:
        feed(follower, begin)
    assert follower.view() == SceneView()
    assert follower.claim is None


def test_a_lost_input_confirmation_makes_the_scene_unknown():
    follower = feed(SceneFollower(), "RAYOS_INPUT:KEY:1:down:1e:0", "RAYOS_INPUT:KEY:3:down:1e:0")
    with pytest.raises(UnknownSceneError, match="2 to 2 were lost"):
        follower.view()


def test_a_confirmation_seen_twice_counts_once():
    follower = feed(SceneFollower(), (CREATE, "ok"), *["RAYOS_INPUT:KEY:1:down:1e:1"] * 2, ("frames n=1", "ok"))
    assert follower.view().windows[0].text == "a"


@pytest.mark.parametrize(
    "text", ["RAYOS_INPUT:KEY:1:down:zz:0", "RAYOS_INPUT:WHEEL:1:4", "RAYOS_INPUT:POINTER:1:a:b:0:0"]
)
def test_a_confirmation_that_cannot_be_read_makes_the_scene_unknown(text):
    with pytest.raises(UnknownSceneError, match="cannot be read"):
        feed(SceneFollower(), text).view()


def test_a_command_without_an_answer_makes_the_scene_unknown_at_the_next_one():
    follower = feed(SceneFollower(), (CREATE, None), ("frames n=1", "ok"))
    with pytest.raises(UnknownSceneError, match="whether the guest executed"):
        follower.view()


def test_a_command_that_the_model_does_not_know_stays_unknown_whatever_follows():
    follower = feed(SceneFollower(), ("wobble id=1", "ok"), ("frames n=1", "ok frame=2 crc=00000001"))
    with pytest.raises(UnknownSceneError, match="wobble"):
        follower.view()


def test_an_untrusted_marker_is_not_believed():
    follower = SceneFollower()
    text = "RAYOS_FRAME:IDENT:9:00000001"
    follower.observe_marker(Marker(text, "FRAME", (), "IDENT", (), flags=MarkerFlag.ECHO))
    assert follower.claim is None
    feed(follower, text)
    assert follower.claim == Claim(9, 1)


def test_an_older_claim_that_arrives_late_does_not_replace_a_newer_one():
    follower = feed(SceneFollower(), ("frame", "ok frame=5 crc=00000005"), "RAYOS_FRAME:IDENT:4:00000004")
    assert follower.claim == Claim(5, 5)


def test_a_malformed_claim_is_no_claim():
    assert feed(SceneFollower(), ("frame", "ok frame=x crc=5")).claim is None


def test_the_least_frame_number_is_what_the_ticks_made_due_even_if_the_guest_claims_less():
    follower = feed(SceneFollower(), (CREATE, "ok"), ("frames n=1", "ok frame=1 crc=00000001"))
    assert follower.least == 2
    feed(follower, ("frame", "ok frame=5 crc=00000001"))
    assert follower.least == 5


def test_a_scene_that_is_unknown_makes_no_frame_due():
    follower = feed(SceneFollower(), ("wobble", "ok"), (CREATE, "ok"), ("frames n=1", "ok"))
    assert follower.least == 0


def test_input_that_overtakes_a_reply_on_the_other_port_goes_to_the_window_that_the_command_made() -> None:
    def follow(*, overtaken: bool) -> SceneView:
        follower = SceneFollower()
        events = [
            Event(0, 0, "control.send", {"cseq": 1, "payload": "create id=1 x=40 y=60 w=300 h=200 color=3a6ea5"}),
            Event(1, 0, "control.reply", {"cseq": 1, "ok": True, "payload": "ok"}),
        ]
        texts = ["RAYOS_CONTROL:READY:1:9105", "RAYOS_INPUT:KEY:1:down:1e:1", "RAYOS_INPUT:KEY:2:up:1e:1"]
        markers = [Marker(text, text.split(":")[0].removeprefix("RAYOS_"), (), "", ()) for text in texts]
        follower.observe(events[0])
        if overtaken:
            for marker in markers:
                follower.observe_marker(marker)
            follower.observe(events[1])
        else:
            follower.observe(events[1])
            for marker in markers:
                follower.observe_marker(marker)
        frames = Event(2, 0, "control.send", {"cseq": 2, "payload": "frames n=1"})
        follower.observe(frames)
        follower.observe(Event(3, 0, "control.reply", {"cseq": 2, "ok": True, "payload": "ok ticks=1 presented=1"}))
        return follower.view()

    assert follow(overtaken=True) == follow(overtaken=False)
    assert follow(overtaken=True).windows[0].text == "a"


def shown(follower):
    return [(w.id, w.x) for w in follower.view().windows]


TICK = ("frames n=1", "ok ticks=1 presented=1 frame=2 crc=00000001")
DEATH = ["RAYOS_FAILURE:DETECTED:page_fault:1", "RAYOS_SOAK:CLIENT_DESTROYED:1"]
RESTART = ["RAYOS_FAILURE:RECOVERY_START:1", "RAYOS_SOAK:CLIENT_CREATED:1", "RAYOS_FAILURE:RECOVERY_COMPLETE:1:success"]


@pytest.mark.parametrize("early", [True, False])
def test_the_dead_vanish_whichever_port_is_read_first(early):
    follower = feed(SceneFollower(), (CREATE, "ok"), TICK)
    follower.observe(Event(0, 0, "control.send", {"cseq": 9, "payload": "misbehave id=1 how=page_fault"}))
    reply = Event(0, 0, "control.reply", {"cseq": 9, "ok": True, "payload": "ok"})
    if not early:
        follower.observe(reply)
    feed(follower, *DEATH)
    if early:
        follower.observe(reply)
    assert feed(follower, TICK).view() == SceneView()


def test_a_supervised_client_is_back_as_it_was_created():
    follower = feed(SceneFollower(), (CREATE, "ok"), ("move id=1 x=500 y=5", "ok"), ("kill id=1", "ok"))
    feed(follower, *DEATH, *RESTART, TICK)
    assert shown(follower) == [(1, 0)]


def test_a_client_that_hangs_or_is_silent_lives_on():
    follower = feed(SceneFollower(), (CREATE, "ok"), TICK)
    feed(follower, "RAYOS_FAILURE:DETECTED:hang:1", "RAYOS_FAILURE:DETECTED:unresponsive:1", TICK)
    assert shown(follower) == [(1, 0)]


@pytest.mark.parametrize("restart", [[], RESTART])
def test_a_death_in_the_middle_of_a_run_was_presented_by_it(restart):
    follower = feed(SceneFollower(), (CREATE, "ok"))
    follower.observe(Event(0, 0, "control.send", {"cseq": 9, "payload": "frames n=100"}))
    feed(follower, *DEATH, *restart)
    words = "ok ticks=100 presented=3 frame=4 crc=00000001"
    follower.observe(Event(0, 0, "control.reply", {"cseq": 9, "ok": True, "payload": words}))
    assert shown(follower) == [(1, 0)] * bool(restart)
    assert follower.least == 4
    feed(follower, ("frames n=1", "ok frame=4 crc=00000001"))
    assert follower.least == 4  # nothing was damaged any more
    feed(follower, ("create id=2 x=0 y=0 w=100 h=100 color=112233", "ok"), ("frames n=1", "ok frame=4 crc=00000001"))
    assert follower.least == 5


def test_letters_typed_around_a_death_in_a_run_are_not_guessed_at():
    follower = feed(SceneFollower(), (CREATE, "ok"), ("create id=2 x=0 y=0 w=100 h=100 color=112233", "ok"))
    feed(follower, ("work id=2 name=typist", "ok"))
    follower.observe(Event(0, 0, "control.send", {"cseq": 9, "payload": "frames n=100"}))
    feed(follower, *DEATH)
    follower.observe(Event(0, 0, "control.reply", {"cseq": 9, "ok": True, "payload": "ok"}))
    with pytest.raises(UnknownSceneError, match="typist"):
        follower.view()


def test_the_markers_of_commands_change_nothing_twice():
    soak = ["RAYOS_SOAK:START:1:1", "RAYOS_SOAK:CLIENT_CREATED:1", "RAYOS_SOAK:CLIENT_DESTROYED:1"]
    follower = feed(SceneFollower(), *soak, ("soak clients=1 seconds=1", "ok frames=60"), *soak[1:])
    assert [w.phase for w in follower.view().windows] == [60 % 16]
    feed(follower, (CREATE, "ok"), "RAYOS_SOAK:CLIENT_CREATED:1", TICK, ("destroy id=1", "ok"), *DEATH[1:], TICK)
    assert follower.view() == SceneView()


def test_a_soak_that_was_typed_into_leaves_an_unknown_screen():
    follower = SceneFollower()
    follower.observe(Event(0, 0, "control.send", {"cseq": 9, "payload": "soak clients=1 seconds=1"}))
    feed(follower, "RAYOS_INPUT:KEY:1:down:1e:1")
    follower.observe(Event(0, 0, "control.reply", {"cseq": 9, "ok": True, "payload": "ok frames=60"}))
    with pytest.raises(UnknownSceneError, match="soak"):
        follower.view()
