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
