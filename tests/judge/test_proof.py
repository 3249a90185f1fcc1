"""The judge of a run frame by frame, fed by hand: each thing that can be wrong has its own name and place."""

from types import SimpleNamespace

import pytest

from harness.clients.follower import SceneFollower
from harness.clients.scene_views import DESKTOP
from harness.errors import LabError
from harness.evidence.journal import Event
from harness.frames.digest import digest_of
from harness.frames.oracle import render
from harness.frames.prediction import Prediction
from harness.frames.types import Frame
from harness.judge.coming import Coming
from harness.judge.proof import ProofJudge
from harness.scenario.model import Proof
from tests.frames.strips import screen, tile_crc

CREATE = "create id=1 x=40 y=60 w=300 h=200 color=3a6ea5 kind=checker"


class Run:
    """A guest, as journal and pictures tell of it."""

    def __init__(self, against="scene", damage=True):
        self.follower = SceneFollower()
        self.judge = ProofJudge(Proof(against=against, damage=damage), self.follower)
        self.seq = self.sequence = 0
        self.number = 0
        self.shown = None

    def event(self, kind, **data):
        self.seq += 1
        event = Event(self.seq, self.seq, kind, data)
        if not kind.startswith("proof"):
            self.judge.observe(event)
            self.follower.observe(event)
        return event

    def good(self, digest, *, number=None, settled=False):
        self.number = self.number + 1 if number is None else number
        columns = {"us": [self.number * 16667], "crc": ["00000000"], "digest": [digest]}
        return self.judge.take(self.event("proof", first=self.number, settled=settled, **columns))

    def next_good(self):
        """The frame that is due, told by the judge itself."""
        assert isinstance(self.judge.coming(), Coming)
        shown = Prediction(self.judge._ahead[0].view)
        self.judge._ahead[0].digest = shown.digest
        self.shown = render(self.judge._ahead[0].view)
        trouble = self.good(shown.digest)
        assert trouble is None, trouble

    def settle(self):
        return self.judge.take(self.event("proof", first=0, us=[], crc=[], digest=[], settled=True))

    def ask(self, payload):
        self.sequence += 1
        self.event("control.send", cseq=self.sequence, payload=payload)
        return self.sequence

    def command(self, payload, ok=True, answer="ok"):
        sequence = self.ask(payload)
        self.event("control.reply", cseq=sequence, ok=ok, payload=answer)

    def refuse(self, spoil, *, number=None, crc=None):
        """What is wrong with the frame that is due, once *spoil* changed its desktop or its screen."""
        coming = self.judge.coming()
        before = frame(screen(self.shown, self.number))
        desktop = render(coming.view) if isinstance(coming, Coming) else self.shown.copy()
        pixels = screen(desktop, self.number + 1)
        intended = tile_crc(desktop)
        pixels = spoil(pixels, desktop)
        self.number = self.number + 1 if number is None else number
        data = {"number": self.number, "crc": f"{intended if crc is None else crc:08x}"}
        return self.judge.refuse(self.event("proof.bad", **data), frame(pixels), before).trouble


def frame(pixels):
    return Frame(pixels, digest_of(pixels), 0, "vram")


@pytest.fixture
def run():
    started = Run()
    started.next_good()
    assert started.settle() is None
    started.command(CREATE)
    return started


def pixel(x, y):
    def spoil(pixels, _):
        pixels[y, x] ^= 1
        return pixels

    return spoil


def drawn(x, y):
    """A pixel that the guest meant to be so: its checksums are right."""

    def spoil(pixels, desktop):
        desktop[y, x] ^= 1
        return screen(desktop, 2)

    return spoil


def test_frames_that_are_what_was_asked_for_are_counted(run):
    run.ask("frames n=3")
    run.next_good()
    assert run.settle() is None
    assert (run.judge.frames, run.judge.last) == (2, 2)


def test_a_frame_that_is_due_and_never_comes_is_missing(run):
    run.command("animate id=1 on=1")
    run.ask("frames n=3")
    run.next_good()
    run.next_good()
    trouble = run.settle()
    assert (trouble.cause, trouble.reason) == ("frame-missing", "frame 4 was due and was not presented")


def test_a_soak_may_have_fewer_frames_than_there_could_be(run):
    run.command("destroy id=1")
    run.ask("soak clients=1 seconds=1")
    for _ in range(58):
        run.next_good()
    assert run.settle() is None


def test_a_frame_more_than_asked_for_is_unexpected(run):
    run.ask("frames n=3")
    run.next_good()
    assert run.good("0" * 16).cause == "frame-unexpected"


def test_a_refused_command_presents_nothing(run):
    run.command("frames n=0", ok=False, answer="argument n")
    assert run.settle() is None
    assert run.good("0" * 16).cause == "frame-unexpected"


@pytest.mark.parametrize(
    ("number", "cause"), [(4, "frame-missing"), (1, "frame-repeated"), (0, "frame-repeated"), (9, "frame-missing")]
)
def test_a_number_that_is_not_the_next_is_told_as_what_it_is(run, number, cause):
    run.ask("frames n=1")
    assert run.good("0" * 16, number=number).cause == cause


def test_a_guest_that_claims_a_frame_which_nobody_saw_is_caught(run):
    sequence = run.ask("frames n=1")
    run.next_good()
    run.event("control.reply", cseq=sequence, ok=True, payload="ok frame=3 crc=00000000")
    trouble = run.settle()
    assert trouble.cause == "frame-missing"
    assert "frame 3" in trouble.reason


def test_a_pixel_outside_of_the_damage_is_named_with_both_places():
    run = Run("identity")
    run.next_good()
    run.command(CREATE)
    run.ask("frames n=1")

    trouble = run.refuse(drawn(800, 700), crc=tile_crc(_spoilt(run, 800, 700)))
    assert trouble.cause == "frame-damage"
    assert "1 pixel changed outside of the damage, in 1×1 at (800, 700)" in trouble.reason
    assert "300×200 at (40, 60)" in trouble.reason


def _spoilt(run, x, y):
    from itertools import islice

    fork = run.follower.scene.fork()
    (present,) = islice(fork.coming("frames n=1"), 1)
    desktop = render(present.view)
    desktop[y, x] ^= 1
    return desktop


def test_without_the_damage_rule_that_pixel_is_no_fault_of_the_identity():
    run = Run("identity", damage=False)
    run.next_good()
    run.command(CREATE)
    run.ask("frames n=1")
    with pytest.raises(LabError, match="no fault"):
        run.refuse(drawn(800, 700), crc=tile_crc(_spoilt(run, 800, 700)))


def test_against_the_scene_a_well_signed_wrong_pixel_is_a_mismatch_with_its_tile(run):
    run.ask("frames n=1")
    trouble = run.refuse(drawn(100, 100), crc=tile_crc(_spoilt(run, 100, 100)))
    assert trouble.cause == "frame-mismatch"
    assert "1 pixel differs, in 1×1 at (100, 100)" in trouble.reason
    assert "tile (3, 3)" in trouble.reason


def test_a_pixel_that_is_not_what_the_guest_meant_is_a_mismatch_with_its_tile(run):
    run.ask("frames n=1")
    trouble = run.refuse(pixel(991, 767))
    assert trouble.cause == "frame-mismatch"
    assert "tile (30, 23)" in trouble.reason


def test_a_screen_left_as_it_was_is_stale(run):
    run.ask("frames n=1")
    assert run.refuse(lambda _pixels, _desktop: screen(run.shown, 1)).cause == "frame-stale"


def test_nothing_wrong_with_a_refused_frame_is_the_harnesses_fault(run):
    run.ask("frames n=1")
    with pytest.raises(LabError, match="no fault"):
        run.refuse(lambda pixels, _: pixels)


def test_a_client_that_dies_in_a_run_is_followed_where_every_frame_stands_in_order(run):
    run.command("animate id=1 on=1")
    run.ask("frames n=3")
    run.next_good()
    run.judge.observe_marker(SimpleNamespace(text="RAYOS_SOAK:CLIENT_DESTROYED:1", trusted=True))
    coming = run.judge.coming()
    assert isinstance(coming, Coming)
    assert coming.view.windows == ()
    by_identity = Run("identity")
    by_identity.next_good()
    by_identity.command(CREATE)
    by_identity.ask("frames n=3")
    by_identity.judge.observe_marker(SimpleNamespace(text="RAYOS_SOAK:CLIENT_DESTROYED:1", trusted=True))
    assert isinstance(by_identity.judge.coming(), str), "no more is told of this run"


def test_equal_runs_have_equal_digests_and_another_frame_another(run):
    again = Run()
    again.next_good()
    again.settle()
    again.command(CREATE)
    assert again.judge.digest == run.judge.digest
    run.ask("frames n=1")
    run.next_good()
    assert again.judge.digest != run.judge.digest


def test_after_an_epoch_the_first_frame_is_number_1_again(run):
    run.event("epoch", number=1, why="relaunch")
    run.number = 0
    run.next_good()
    assert (run.judge.frames, run.judge.last) == (2, 1)


def test_painting_only_what_may_differ_gives_the_same_digest_as_painting_all(run):
    run.command("animate id=1 on=1")
    run.ask("frames n=4")
    stepwise = Prediction()
    for first in (True, False, False, False):
        coming = run.judge.coming()
        assert isinstance(coming, Coming)
        stepwise.show(coming.view, (DESKTOP,) if first else coming.allowed)
        assert stepwise.digest == Prediction(coming.view).digest
        assert (stepwise.pixels == render(coming.view)).all()
