"""Campaigns: kept, killed, stopped, resumed; and runs that are played again to see whether they agree."""

from __future__ import annotations

import os
import random
import select
import shutil
import signal
from pathlib import Path

import pytest
from junitparser import JUnitXml

from harness.evidence.journal import read_events
from harness.verdicts import EXIT_INTERRUPTED, EXIT_LAB, EXIT_PRODUCT, EXIT_USAGE

from .campaigns import FRAMES, NEVER, SHORT, Campaign
from .live_harness import Harnesses

pytestmark = pytest.mark.system
# With sleep=on a guest that waits for its next frame wakes up when the host gets round to it. Eight runs of twelve such
# waits were eight different ones.
HOST_TIME = 'set = { "machine.extra" = ["-icount", "shift=1,sleep=on"] }\n'
WAITS = '[[step]]\ndo = "repeat"\ntimes = 12\n[[step.step]]\ndo = "command"\nsend = "frames n=4"\n'
STOPPED = 30.0  # s that a graceful stop may take


@pytest.mark.long
def test_a_run_that_host_time_enters_is_nondeterminism_and_names_the_first_event_that_differs(
    harnesses: Harnesses,
) -> None:
    scenario = harnesses.scenario(HOST_TIME + SHORT + FRAMES + WAITS, "drifting")
    junit = harnesses.folder / "junit.xml"
    ended = harnesses.run("run", scenario, "--repeat", "3", "--jobs", "2", "--json", "--junit", junit)
    (run,) = ended.document["runs"]
    assert (ended.code, run["verdict"]) == (EXIT_PRODUCT, "NONDETERMINISM")
    assert [repeat["verdict"] for repeat in run["repeats"]] == ["PASS"] * 3
    difference = run["difference"]
    assert run["first_cause"].startswith("runs-differ: ")
    assert difference["what"] in run["first_cause"]
    number = difference["event"]
    shown = [
        next(line for line in difference[which] if line.startswith(">")).split()[2] for which in ("first", "second")
    ]
    assert shown[0] != shown[1]
    assert all(text.startswith("RAYOS_CONTROL:READY:") for text in shown)
    assert f"> {number:>5}  " in ended.stderr
    (case,) = next(iter(JUnitXml.fromfile(str(junit))))
    assert case.result[0].type == "NONDETERMINISM"
    assert difference["what"] in case.result[0].message
    assert shown[1] in case.system_out
    log = [
        [line for line in (Path(repeat["bundle"]) / "serial.bin").read_text().splitlines() if line.startswith("RAYOS_")]
        for repeat in run["repeats"]
    ]
    mine, other = (log[n - 1] for n in difference["runs"])
    assert mine[: number - 1] == other[: number - 1]
    assert (mine[number - 1], other[number - 1]) == tuple(shown)


@pytest.mark.long
def test_reproducible_runs_agree_and_their_scenario_is_told_once(harnesses: Harnesses) -> None:
    files = [harnesses.scenario(SHORT + FRAMES, name) for name in ("one", "two")]
    ended = harnesses.run("run", *files, "--repeat", "3", "--jobs", "3", "--json")
    assert (ended.code, [run["scenario"] for run in ended.document["runs"]]) == (0, ["one", "two"])
    for run in ended.document["runs"]:
        assert len(run["repeats"]) == len({repeat["bundle"] for repeat in run["repeats"]}) == 3
        assert {repeat["fingerprint"] for repeat in run["repeats"]} == {run["fingerprint"]}
    assert ended.stderr.count("played 3 times: all agree") == 2


def two_images(harnesses: Harnesses, first: int) -> dict[str, str]:
    """Two images passed off as one: from its *first*-th start on QEMU gets another command line for the guest."""
    wrapper = harnesses.folder / "bin/qemu-system-x86_64"
    wrapper.parent.mkdir()
    starts, qemu = harnesses.folder / "starts", shutil.which("qemu-system-x86_64")
    other = f"if (($(wc -l <'{starts}') >= {first})); then set -- \"${{@/control=com2/control=com2 ident=1}}\"; fi"
    wrapper.write_text(f"#!/bin/bash\necho >>'{starts}'\n{other}\nexec {qemu} \"$@\"\n")
    wrapper.chmod(0o755)
    return {"PATH": f"{wrapper.parent}:{os.environ['PATH']}"}


FORBIDDING = 'forbid = ["RAYOS_FRAME:IDENT"]\n' + SHORT + FRAMES


@pytest.mark.long
def test_verdicts_that_differ_where_no_run_claims_to_be_reproducible_are_flaky(harnesses: Harnesses) -> None:
    scenario = harnesses.scenario('clock = "wall"\n' + FORBIDDING, "wobbling")
    ended = harnesses.run("run", scenario, "--repeat", "3", "--json", env=two_images(harnesses, 3))
    (run,) = ended.document["runs"]
    assert [repeat["verdict"] for repeat in run["repeats"]] == ["PASS", "PASS", "FAIL"]
    assert (ended.code, run["verdict"], run["fingerprint"]) == (EXIT_LAB, "FLAKY", None)
    assert run["first_cause"] == "verdicts-differ: the same scenario ended as PASS, PASS, FAIL"
    assert "difference" not in run


@pytest.mark.long
def test_where_frames_are_proved_the_first_one_that_differs_is_named(harnesses: Harnesses) -> None:
    proof = 'proof = { against = "identity" }\n'
    animate = '[[step]]\ndo = "command"\nsend = "animate id=1 on=1"\n'
    scenario = harnesses.scenario(proof + HOST_TIME + SHORT + FRAMES + animate + WAITS, "drifting")
    (run,) = harnesses.run("run", scenario, "--repeat", "3", "--json").document["runs"]
    difference = run["difference"]
    number = difference["event"]
    assert run["verdict"] == "NONDETERMINISM"
    assert difference["what"].startswith(f"event {number} of the proved frames: frame {number} at ")
    bundles = [Path(run["repeats"][n - 1]["bundle"]) for n in difference["runs"]]
    frames = [_proved(bundle) for bundle in bundles]
    assert frames[0][: number - 1] == frames[1][: number - 1]
    assert frames[0][number - 1] != frames[1][number - 1]


def _proved(bundle: Path) -> list[tuple[int, str]]:
    """Guest time and digest of each proved frame."""
    events = [event for event in read_events(bundle / "journal.jsonl") if event.kind == "proof"]
    return [pair for event in events for pair in zip(event.data["us"], event.data["digest"], strict=True)]


@pytest.mark.long
def test_reproducible_runs_with_different_verdicts_are_nondeterminism(harnesses: Harnesses) -> None:
    scenario = harnesses.scenario(FORBIDDING, "wobbling")
    ended = harnesses.run("run", scenario, "--repeat", "2", "--json", env=two_images(harnesses, 2))
    (run,) = ended.document["runs"]
    assert (ended.code, run["verdict"]) == (EXIT_PRODUCT, "NONDETERMINISM")
    assert [repeat["verdict"] for repeat in run["repeats"]] == ["PASS", "FAIL"]
    assert "the verdicts are PASS and FAIL" in run["first_cause"]
    assert "RAYOS_FRAME:IDENT" in run["difference"]["what"]


@pytest.mark.long
def test_jobs_tell_their_results_in_the_order_of_the_scenarios(harnesses: Harnesses) -> None:
    slow = SHORT + "".join(FRAMES.replace("id=1", f"id={n}").replace("n=30", "n=600") for n in range(1, 6))
    files = [harnesses.scenario(slow, "slow"), *(harnesses.scenario(SHORT, f"quick-{n}") for n in range(3))]
    ended = harnesses.run("run", *files, "--jobs", "2", "--json")
    assert ended.code == 0
    assert [run["scenario"] for run in ended.document["runs"]] == [file.stem for file in files]
    bundles = [Path(run["bundle"]) for run in ended.document["runs"]]
    assert all((bundle / page).exists() for bundle in bundles for page in ("report.html", "junit.xml", "verdict.json"))


@pytest.mark.long
def test_an_option_that_qemu_refuses_ends_a_batch_of_several_jobs_and_what_was_played_is_told(
    harnesses: Harnesses,
) -> None:
    refused = 'set = { "machine.devices" = ["no-such-device"] }\n'
    files = [harnesses.scenario(SHORT, "good"), harnesses.scenario(refused + SHORT, "bad")]
    ended = harnesses.run("run", *files, "--jobs", "2", "--json")
    assert (ended.code, ended.document["verdict"]) == (EXIT_USAGE, None)
    assert "no-such-device" in ended.document["error"]
    assert [(run["scenario"], run["verdict"]) for run in ended.document["runs"]] == [
        ("good", "PASS"), ("bad", "INCONCLUSIVE"),
    ]  # fmt: skip
    (bundle,) = (harnesses.folder / "runs").iterdir()
    assert "-good-" in bundle.name


def test_a_worker_that_is_killed_costs_its_own_run_and_no_other(harnesses: Harnesses) -> None:
    campaign = Campaign(harnesses)
    campaign.add("never", NEVER)
    campaign.add("quick-1")
    campaign.add("quick-2")
    live = campaign.start("--jobs", "2")
    campaign.until_in_flight(live, 1, "never")
    (bundle,) = campaign.bundles("never")
    (guest,) = campaign.guests("never")
    worker = _parent(guest)
    assert worker not in {0, live.process.pid}
    os.kill(worker, signal.SIGKILL)
    ended = live.finish()
    assert ended.code == EXIT_LAB
    assert [run["verdict"] for run in ended.document["runs"]] == ["INCONCLUSIVE", "PASS", "PASS"]
    assert ended.document["runs"][0]["first_cause"].startswith("harness-died: ")
    assert ended.document["runs"][0]["bundle"] == str(bundle)
    assert live.children() == []
    assert live.run_directories() == []


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


# ---- graceful stop ---------------------------------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_signal_with_20_runs_in_flight_checkpoints_all_of_them_and_leaves_nothing(
    number: int, harnesses: Harnesses
) -> None:
    stopped_in_flight(harnesses, number, 20)


def test_a_signal_with_two_runs_in_flight_checkpoints_all_of_them_and_resume_goes_on(harnesses: Harnesses) -> None:
    stopped_in_flight(harnesses, signal.SIGTERM, 2)


def stopped_in_flight(harnesses: Harnesses, number: int, count: int) -> None:
    campaign = Campaign(harnesses)
    for n in range(count + 4):  # four more than may begin
        campaign.add(f"s{n:02}", NEVER)
    live = campaign.start("--jobs", str(count))
    campaign.until_in_flight(live, count)
    live.signal(number)
    ended = live.finish()
    print(f"{count} in flight: {ended.seconds:.1f} s")
    assert (ended.code, ended.seconds < STOPPED) == (EXIT_INTERRUPTED, True)
    assert "Traceback" not in ended.stderr
    assert [run["scenario"] for run in ended.document["runs"]] == campaign.names[:count]
    name = signal.Signals(number).name
    assert {run["first_cause"] for run in ended.document["runs"]} == {f"interrupted: interrupted by {name}"}
    assert len(campaign.bundles()) == count, "another run was begun"
    assert live.children() == []
    assert live.run_directories() == []
    assert not any(_parent(pid) for pid in campaign.guests())
    for run in ended.document["runs"]:
        kinds = [event.kind for event in read_events(Path(run["bundle"]) / "journal.jsonl")]
        assert (kinds.count("run.interrupted"), kinds[-1]) == (1, "run.end"), "the run ended in order"
        (judged,) = harnesses.run("judge", run["bundle"], "--json").document["runs"] if count < 5 else (run,)
        assert {**judged, "host_s": 0} == {**run, "host_s": 0}
    again = campaign.start("--jobs", "2")
    campaign.until(again, len(campaign.events()) + 2)
    begun = [event["item"] for event in campaign.events() if event["kind"] == "run.begin"]
    assert begun[count : count + 2] == [0, 1], "what was interrupted is played again"
    again.signal(signal.SIGTERM)
    assert again.finish().code == EXIT_INTERRUPTED


@pytest.mark.long
def test_a_second_signal_hurries_and_what_was_in_flight_is_told_all_the_same(harnesses: Harnesses) -> None:
    campaign = Campaign(harnesses)
    for n in range(2):
        campaign.add(f"s{n}", NEVER)
    live = campaign.start("--jobs", "2")
    campaign.until_in_flight(live, 2)
    events = len(campaign.events())
    for guest in campaign.guests():
        os.kill(guest, signal.SIGSTOP)  # so that the ordinary end takes its time
    live.signal(signal.SIGINT)
    campaign.until(live, events + 1)
    live.signal(signal.SIGINT)
    ended = live.finish()
    assert ended.code == EXIT_INTERRUPTED
    assert [run["first_cause"] for run in ended.document["runs"]] == ["interrupted: interrupted by SIGINT"] * 2
    assert live.children() == []
    assert live.run_directories() == []


# ---- resume ----------------------------------------------------------------------------------------------------------


def killed_once(campaign: Campaign) -> None:
    """A campaign of three, killed in the first run's evidence."""
    for n in range(3):
        campaign.add(f"s{n}")
    live = campaign.start()
    campaign.until(live, 4)
    campaign.kill(live)


def test_a_killed_harness_takes_its_workers_and_their_guests_with_it(harnesses: Harnesses) -> None:
    campaign = Campaign(harnesses)
    campaign.add("s0", NEVER)
    campaign.add("s1", NEVER)
    live = campaign.start("--jobs", "2")
    campaign.until_in_flight(live, 2)
    assert len(live.children()) >= 4, "two workers and two guests"
    campaign.kill(live)
    assert len(campaign.guests()) == 2
    for bundle in campaign.bundles():
        (judged,) = harnesses.run("judge", bundle, "--json").document["runs"]
        assert judged["first_cause"].startswith("harness-died: ")


def test_a_killed_campaign_is_resumed_and_then_complete(harnesses: Harnesses) -> None:
    campaign = Campaign(harnesses)
    killed_once(campaign)
    live = campaign.start("--jobs", "2")
    campaign.check_whole(live.finish(), live)
    third = campaign.start()
    campaign.check_whole(third.finish(), third)  # nothing is left to do, and the same is told


@pytest.mark.long
def test_a_run_that_was_judged_before_the_kill_is_not_played_again(harnesses: Harnesses) -> None:
    campaign = Campaign(harnesses)
    campaign.add("s0")
    campaign.add("s1")
    live = campaign.start()
    campaign.check_whole(live.finish(), live)
    bundles = campaign.bundles()
    lines = campaign.journal.read_bytes().splitlines(keepends=True)
    ends = [number for number, line in enumerate(lines) if b'"kind":"run.end"' in line]
    campaign.journal.write_bytes(b"".join(lines[: ends[-1]]) + lines[ends[-1]][:40])
    again = campaign.start()
    campaign.check_whole(again.finish(), again)
    assert campaign.bundles() == bundles


def test_a_campaign_whose_image_or_scenario_changed_is_not_resumed(harnesses: Harnesses) -> None:
    campaign = Campaign(harnesses)
    killed_once(campaign)
    before = campaign.journal.read_bytes()
    kernel, second = campaign.image.parent / "build/reference.elf", campaign.files[1]
    whole, text = kernel.read_bytes(), second.read_text()

    def refused(*options: str, because: str) -> None:
        ended = campaign.start(*options).finish()
        assert (ended.code, ended.document["verdict"]) == (EXIT_USAGE, None)
        assert because in ended.document["error"]
        assert ended.document["hint"]

    kernel.write_bytes(whole + b"\0")
    refused(because=f"{kernel} is another one")
    kernel.write_bytes(whole)
    second.write_text(text.replace("DESKTOP", "BOOT"))
    refused(because="the scenario s1 says something else")
    second.write_text(text)
    refused("--seed", "7", because="--seed: not given when it was begun, now 7")
    assert campaign.journal.read_bytes() == before
    live = campaign.start()
    campaign.check_whole(live.finish(), live)


def test_two_at_once_on_one_campaign_and_a_second_beginning_are_refused(harnesses: Harnesses) -> None:
    campaign = Campaign(harnesses)
    campaign.add("never", NEVER)
    live = campaign.start()
    campaign.until_in_flight(live, 1)
    second = campaign.start().finish()
    assert (second.code, second.document["verdict"]) == (EXIT_USAGE, None)
    assert "another harness is at work" in second.document["error"]
    live.signal(signal.SIGTERM)
    assert live.finish().code == EXIT_INTERRUPTED
    again = harnesses.run("run", *campaign.files, "--campaign", campaign.folder, "--json")
    assert (again.code, "there is a campaign in" in again.document["error"]) == (EXIT_USAGE, True)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_a_campaign_killed_at_random_moments_plays_every_scenario_once(harnesses: Harnesses) -> None:
    """HARNESS_TEST_KILLS=50 is the full check."""
    seed = int(os.environ.get("HARNESS_TEST_SEED", "1"))
    kills = int(os.environ.get("HARNESS_TEST_KILLS", "6"))
    print(f"seed {seed}")
    draw, campaigns, done = random.Random(seed), 0, 0
    while done < kills:
        campaigns += 1
        campaign = Campaign(harnesses, f"campaign-{campaigns}")
        for n in range(5):
            campaign.add(f"s{n}", SHORT + (FRAMES if n % 2 else ""))
        while done < kills:
            jobs = draw.choice(["1", "2", "3"])
            moment, delay = draw.randrange(8), draw.choice([0.0, draw.uniform(0, 0.02), draw.uniform(0, 0.8)])
            live = campaign.start("--jobs", jobs)
            campaign.until(live, len(campaign.events()) + moment)
            if select.select([live.ended], [], [], delay)[0]:
                break
            campaign.kill(live)
            done += 1
        if not campaign.journal.exists():
            continue  # killed before it had begun
        live = campaign.start("--jobs", "2")
        campaign.check_whole(live.finish(), live)
        shutil.rmtree(campaign.folder)
    print(f"{done} kills in {campaigns} campaigns")
