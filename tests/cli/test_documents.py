"""Exit codes and JSON documents of every command: stable keys, one document on stdout, and nothing else there."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from .conftest import ROOT, Call, Said

BATCH = {"verdict", "exit_code", "runs"}
RUN = {
    "scenario",
    "verdict",
    "first_cause",
    "fingerprint",
    "bundle",
    "seed",
    "clock",
    "frames_checked",
    "markers",
    "faults",
    "host_s",
    "guest_s",
}
REFUSED = {"verdict", "exit_code", "error", "hint"}

Write = Callable[..., Path]


def the_run(said: Said) -> dict[str, Any]:
    """The only run of a batch, once the whole document has the promised shape."""
    document = said.document
    assert set(document) == BATCH
    assert document["exit_code"] == said.code
    (run,) = document["runs"]
    assert set(run) == RUN
    assert document["verdict"] == run["verdict"]
    assert isinstance(run["host_s"], float)
    return dict(run)


@pytest.mark.system
@pytest.mark.parametrize(
    ("steps", "code", "verdict"),
    [
        ('{ do = "check-frame", name = "desk" }', 0, "PASS"),
        ('{ do = "command", send = "destroy id=9" }', 1, "FAIL"),
        ('{ do = "command", send = "crash kind=ud" }, { do = "expect", all = ["RAYOS_X:Y"], timeout = 5 }', 1, "CRASH"),
        (
            '{ do = "command", send = "crash kind=clihlt", timeout = 1 }, { do = "frames" }',
            1,
            "HANG",
        ),
    ],
)
def test_a_run_prints_its_document_and_judging_it_again_prints_the_same(
    call: Call, write_scenario: Write, steps: str, code: int, verdict: str
) -> None:
    said = call("run", write_scenario("one", steps), "--json", "--seed", "7")
    run = the_run(said)
    assert (said.code, run["verdict"], run["scenario"], run["seed"], run["clock"]) == (
        code,
        verdict,
        "one",
        7,
        "virtual",
    )
    assert (run["first_cause"] is None) == (code == 0)
    assert said.stderr.startswith(f"{verdict}  one  ")
    again = call("judge", run["bundle"], "--json")
    assert (again.code, the_run(again)) == (code, run)


@pytest.mark.system
def test_a_boot_prints_one_run_and_keeps_its_bundle(call: Call, tmp_path: Path) -> None:
    said = call("boot", "reference", "--expect", "RAYOS_KIT:DESKTOP", "--json", "--junit", "out/junit.xml")
    run = the_run(said)
    assert (said.code, run["verdict"], run["frames_checked"], run["seed"]) == (0, "PASS", 0, 1)
    assert Path(run["bundle"]).parent == tmp_path / "runs"
    assert (tmp_path / "out/junit.xml").is_file()


@pytest.mark.system
def test_a_boot_without_anything_to_check_is_no_pass(call: Call) -> None:
    said = call("boot", "--kernel", ROOT / "images/reference/build/reference.elf", "--json")
    assert (said.code, the_run(said)["verdict"]) == (4, "NOTHING_CHECKED")


@pytest.mark.system
def test_a_batch_gives_the_worst_verdict_and_says_each_run_when_it_ends(call: Call, write_scenario: Write) -> None:
    good = write_scenario("good", '{ do = "check-frame", name = "desk" }')
    bad = write_scenario("bad", '{ do = "command", send = "destroy id=9" }')
    skipped = write_scenario("skipped", "", 'skip = "needs a printer"')
    said = call("run", good, bad, skipped, "--json")
    document = said.document
    assert (said.code, document["exit_code"], document["verdict"]) == (1, 1, "FAIL")
    assert [run["verdict"] for run in document["runs"]] == ["PASS", "FAIL", "SKIPPED"]
    assert document["runs"][2]["first_cause"] == "skipped: needs a printer"
    assert [set(run) for run in document["runs"]] == [RUN] * 3
    assert said.stderr.rstrip().endswith("1 FAIL, 1 PASS, 1 SKIPPED")


def test_a_batch_of_skipped_runs_is_no_pass(call: Call, write_scenario: Write) -> None:
    said = call("run", write_scenario("skipped", "", 'skip = "needs a printer"'), "--json")
    assert (said.code, the_run(said)["verdict"]) == (4, "SKIPPED")


def test_an_image_that_is_not_there_costs_none_of_the_runs_before_it(
    call: Call, tmp_path: Path, write_scenario: Write
) -> None:
    (tmp_path / "absent.toml").write_text('version = 1\nname = "absent"\n[boot]\nkernel = "none.elf"\n')
    first = write_scenario("first", '{ do = "check-frame", name = "desk" }')
    second = write_scenario("second", '{ do = "check-frame", name = "desk" }')
    second.write_text(second.read_text().replace('"reference"', '"absent.toml"'))
    said = call("run", first, second, "--json")
    assert (said.code, said.document["verdict"]) == (2, None)
    assert "none.elf" in said.document["error"]
    assert not list((tmp_path / "runs").glob("*")), "nothing ran"


def test_the_doctor_names_accelerators_tools_and_problems(call: Call) -> None:
    said = call("doctor", "--json")
    document = said.document
    assert set(document) == {"accelerators", "tools", "problems"}
    assert set(document["accelerators"]) == {"kvm", "tcg"}
    assert all(set(found) == {"usable", "reason"} for found in document["accelerators"].values())
    assert document["accelerators"]["tcg"] == {"usable": True, "reason": ""}
    assert said.code == (3 if document["problems"] else 0)


def test_images_runs_and_checks_are_one_document_each(call: Call, write_scenario: Write) -> None:
    images = call("image", "list", "--json").document["images"]
    assert {"reference", "reference-zoo", "debian-linux"} <= {image["name"] for image in images}
    assert call("runs", "list", "--json").document == {"runs": []}
    good = write_scenario("good", '{ do = "check-frame", name = "desk" }')
    said = call("scenario", "check", good, "--json")
    assert (said.code, said.document["files"][0]["scenarios"]) == (0, [{"name": "good", "steps": 2}])
    assert call("scenario", "schema").document["title"] == "rayos-harness scenario"


def test_markers_are_one_object_a_line(call: Call) -> None:
    said = call("markers", "-", "--json", "--validate", stdin=b"RAYOS_SOAK:COMPLETE:pass\n")
    lines = [json.loads(line) for line in said.stdout.splitlines()]
    assert [line["kind"] for line in lines] == ["marker", "violation"]
    assert (said.code, lines[0]["text"], lines[1]["rule"]) == (1, "RAYOS_SOAK:COMPLETE:pass", "order")


@pytest.mark.parametrize(
    ("log", "code"),
    [(b"RAYOS_SOAK:START:0:1\nRAYOS_SOAK:COMPLETE:pass\n", 0), (b"RAYOS_SOAK:COMPLETE:pass\n", 1), (b"nothing\n", 4)],
)
def test_validating_a_log_passes_only_what_has_markers_that_keep_the_rules(call: Call, log: bytes, code: int) -> None:
    assert call("markers", "-", "--validate", stdin=log).code == code


@pytest.mark.parametrize(
    "arguments",
    [
        ["--no-such-option"],
        ["rnu"],
        ["run"],
        ["run", "nowhere.toml"],
        ["run", "x.toml", "--sead", "1"],
        ["run", "x.toml", "--clock", "virtul"],
        ["run", "x.toml", "--junit", "/proc/nowhere/junit.xml"],
        ["boot"],
        ["boot", "referense"],
        ["boot", "--kernel", "nowhere.elf"],
        ["boot", "reference", "--kernel", "both.elf"],
        ["boot", "reference", "--timeout", "0"],
        ["boot", "reference", "--runs-dir", "/proc/nowhere"],
        ["judge", "nowhere"],
        ["judge", "."],
        ["markers", "nowhere.log"],
        ["markers", "."],
        ["markers", "/dev/null", "--schema", "nowhere.toml"],
        ["scenario", "chek"],
        ["scenario", "check", "nowhere.toml"],
        ["scenario", "schema", "too", "much"],
        ["image", "lst"],
        ["image", "build", "referense"],
        ["console", "referense"],
        ["runs", "prune", "--keep", "-1"],
        ["doctor", "extra"],
    ],
    ids=" ".join,
)
def test_a_usage_error_is_exit_code_2_and_a_null_verdict(call: Call, arguments: list[str]) -> None:
    plain, said = call(*arguments), call(*arguments, "--json")
    assert (plain.code, plain.stdout) == (2, "")
    assert plain.stderr.strip()
    assert "Traceback" not in plain.stderr
    assert said.code == 2
    assert (said.document["verdict"], said.document["exit_code"]) == (None, 2)
    if "files" not in said.document:
        assert set(said.document) == REFUSED
        assert said.document["error"]


@pytest.mark.parametrize(
    ("arguments", "nearest"),
    [
        (["rnu", "x"], "run"),
        (["markrs", "x"], "markers"),
        (["run", "x.toml", "--sead", "1"], "--seed"),
        (["boot", "reference", "--expekt", "x"], "--expect"),
        (["scenario", "chek"], "check"),
        (["image", "lst"], "list"),
        (["boot", "referense"], "reference"),
        (["run", "x.toml", "--clock", "virtul"], "virtual"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else value,
)
def test_a_typing_error_is_told_with_the_nearest_word(call: Call, arguments: list[str], nearest: str) -> None:
    assert f"'{nearest}'" in call(*arguments, "--json").document["error"]


def test_a_defect_of_the_harness_does_not_look_like_one_of_the_product(environment: Mapping[str, str]) -> None:
    script = (
        "import sys, harness.cli.main as m, harness.targets.loader as l\n"
        "def broken(name): raise ZeroDivisionError('a defect')\n"
        "l.find_image = broken\n"
        "sys.argv = ['harness', 'boot', 'reference', '--json']\n"
        "m.main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env=dict(environment), capture_output=True, text=True, check=False
    )
    assert done.returncode == 3
    assert json.loads(done.stdout)["verdict"] == "INCONCLUSIVE"
    assert "ZeroDivisionError" in json.loads(done.stdout)["error"]
    assert "Traceback" in done.stderr


def test_a_reader_that_leaves_early_is_no_failure_of_the_product(
    environment: Mapping[str, str], tmp_path: Path
) -> None:
    log = tmp_path / "serial.log"
    log.write_text("".join(f"RAYOS_PERF:SAMPLE:x:{n}:50\n" for n in range(50_000)))
    pipeline = f'"{sys.executable}" -m harness.cli.main markers "{log}" | head -1; exit "${{PIPESTATUS[0]}}"'
    done = subprocess.run(["bash", "-c", pipeline], env=dict(environment), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.count("\n")) == (130, 1)
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


@pytest.mark.system
def test_an_interrupted_run_prints_its_document_and_ends_with_130(
    environment: Mapping[str, str], tmp_path: Path, write_scenario: Write
) -> None:
    """The guest's own marker starts the companion that interrupts us, so nothing depends on time."""
    file = write_scenario("interrupted", '{ do = "expect", all = ["RAYOS_NEVER:COMES"], timeout = 60 }', "timeout = 60")
    respond = '\n[[respond]]\nwhen = "RAYOS_CONTROL:READY"\nrun = ["sh", "-c", "kill -INT $(cat pid)"]\n'
    file.write_text(file.read_text() + respond)
    command = [sys.executable, "-P", "-m", "harness.cli.main", "run", str(file), "--json"]
    with subprocess.Popen(
        ["sh", "-c", 'echo $$ > pid; exec "$@"', "sh", *command],
        cwd=tmp_path,
        env=dict(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        stdout, _ = child.communicate(timeout=90)
    run = the_run(Said(child.returncode, stdout, ""))
    assert child.returncode == 130
    assert run["verdict"] == "INCONCLUSIVE"
    assert str(run["first_cause"]).startswith("interrupted")
    assert (Path(run["bundle"]) / "verdict.json").is_file()
