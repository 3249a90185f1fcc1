"""The driver on images that are made up: ends, votes, shared results, resuming, what goes into the log."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from threading import Lock

import numpy as np
import pytest

from harness.bisect.driver import Driver, Found, Interrupted
from harness.bisect.evidence import Parting, Ran, vote
from harness.bisect.journal import FILE, SearchJournal
from harness.bisect.order import Line
from harness.bisect.outcome import bisect_log, document, exit_code
from harness.bisect.search import Kind
from harness.bisect.slots import Made, Slots
from harness.bisect.source import Image
from harness.errors import HarnessError, UsageError
from harness.evidence.journal import read_events
from harness.verdicts import EXIT_LAB, EXIT_PASS


def begin(folder: Path, **options: object) -> SearchJournal:
    journal = SearchJournal.create(folder)
    journal.begin(options)
    return journal


@dataclass
class Bench:
    """Images whose runs show what `shows` says: a signature, "" for none, or a verdict in capitals."""

    folder: Path
    shows: Callable[[int], str]
    n: int = 16
    broken: Sequence[int] = ()
    digest: Callable[[int], str] = str
    reproducible: bool = True
    signature: str = ""
    stop_at: int = 0  # the boot that a signal hits; 0: none
    boots: list[int] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    jobs: int = 1
    lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        self.order = Line(self.n)
        self.names = [f"{number:040x}" for number in range(self.n + 1)]
        self.titles = [f"{number:07x} change {number}" for number in range(self.n + 1)]
        self.prior = [1.0] * self.n
        self.first_parent = False

    def image(self, number: int, slot: int = 0) -> Image:
        if number in self.broken:
            return Image(None, reason="the build failed (exit code 1)")
        return Image(self.folder / str(number), self.digest(number))

    def describe(self) -> dict[str, object]:
        return {}

    def stop(self) -> None:
        pass

    def play(self, number: int, image: Image) -> Ran:
        with self.lock:
            return self._played(number, image)

    def _played(self, number: int, image: Image) -> Ran:
        self.boots.append(number)
        shown = self.shows(number)
        if shown == "refused":
            raise UsageError("QEMU refuses it")
        verdict = shown if shown.isupper() else "FAIL" if shown.startswith("bad") else "PASS"
        bundle = Path(mkdtemp(dir=self.folder))
        (bundle / "shown").write_text(shown)
        return Ran(number, image.digest, str(bundle), verdict, "cause: x", len(self.boots) == self.stop_at)

    @staticmethod
    def compare(good: Path, other: Path) -> Parting:
        reference, shown = (bundle.joinpath("shown").read_text() for bundle in (good, other))
        was, is_ = (set(filter(None, text.split("+"))) for text in (reference, shown))
        all_ = [word for word in shown.split("+") if word in is_ - was] + [f"no {word}" for word in sorted(was - is_)]
        return Parting(all_[0] if all_ else "", shown, all_)

    def find(self) -> tuple[Found, Driver]:
        where = self.folder / "search"
        open_ = SearchJournal.resume if (where / FILE).exists() else begin
        with closing(open_(where)) as journal, closing(Slots([Maker(self) for _ in range(self.jobs)])) as slots:
            driver = Driver(
                self, self.play, self.compare, journal, reproducible=self.reproducible, signature=self.signature,
                slots=slots if self.jobs > 1 else None, say=self.said.append,
            )  # fmt: skip
            return driver.find(), driver


@dataclass
class Maker:
    """A slot that builds and plays what the bench says."""

    bench: Bench

    def __call__(self, number: int) -> Made:
        image = self.bench.image(number)
        try:
            return Made(image, self.bench.play(number, image) if image.file else None)
        except HarnessError as error:
            return Made(image, error=error)

    def stop(self) -> None:
        pass

    def close(self) -> None:
        pass


def test_the_culprit_is_found_by_the_first_divergence_of_the_bad_end(tmp_path: Path) -> None:
    bench = Bench(tmp_path, lambda number: "bad picture" if number >= 11 else "")
    found, driver = bench.find()
    assert (found.result.kind, found.result.commits, found.signature) == (Kind.CULPRIT, (11,), "bad picture")
    assert found.runs == len(bench.boots) <= 6
    assert found.good is not None
    assert found.bad is not None
    assert (found.good.image, found.bad.image) == (10, 11)
    told = document(bench, driver, found)
    assert (told["exit_code"], told["culprits"][0]["name"]) == (EXIT_PASS, bench.names[11])


def test_an_unrelated_crash_a_broken_build_and_a_starved_host_have_no_vote(tmp_path: Path) -> None:
    def shows(number: int) -> str:
        return "CRASH" if number == 8 else "INCONCLUSIVE" if number == 12 else "bad" if number >= 11 else ""

    bench = Bench(tmp_path, shows, broken=[7, 9])
    found, _ = bench.find()
    assert found.result.commits == (11,)
    assert set(found.without_vote) <= {7, 8, 9, 12}
    assert 8 in found.without_vote


def test_an_image_that_qemu_refuses_has_no_vote(tmp_path: Path) -> None:
    def shows(number: int) -> str:
        return "refused" if number in {7, 8, 9} else "bad" if number >= 12 else ""

    found, _ = Bench(tmp_path, shows).find()
    assert found.result.commits == (12,)
    assert found.without_vote[8] == "QEMU refuses it"


def test_ends_that_do_not_differ_end_the_search_with_3(tmp_path: Path) -> None:
    found, _ = Bench(tmp_path, lambda _: "").find()
    assert (found.result.kind, exit_code(found), found.runs) == (Kind.SAME, EXIT_LAB, 2)
    assert "do not differ" in found.reason


def test_ends_that_are_one_image_are_told_without_a_boot(tmp_path: Path) -> None:
    bench = Bench(tmp_path, lambda _: "", digest=lambda _: "same")
    found, _ = bench.find()
    assert (found.result.kind, exit_code(found), bench.boots) == (Kind.SAME, EXIT_LAB, [])
    assert "the same image" in found.reason


@pytest.mark.parametrize("end", [0, 16])
def test_an_end_that_cannot_be_built_or_judged_ends_the_search_with_3(tmp_path: Path, end: int) -> None:
    found, _ = Bench(tmp_path, lambda _: "", broken=[end]).find()
    assert (found.result.kind, exit_code(found)) == (Kind.NO_VOTE, EXIT_LAB)
    (tmp_path / "more").mkdir()
    starved = Bench(tmp_path / "more", lambda number: "INCONCLUSIVE" if number == end else "")
    found, _ = starved.find()
    assert (found.result.kind, starved.boots.count(end)) == (Kind.NO_VOTE, 3)


def test_images_with_the_same_bytes_share_their_result_and_a_warning_is_given(tmp_path: Path) -> None:
    bench = Bench(tmp_path, lambda number: "bad" if number >= 12 else "", digest=lambda number: str(number // 4))
    found, _ = bench.find()
    assert found.result.commits == (12,)
    assert len({number // 4 for number in bench.boots}) == len(bench.boots)
    assert any("is the same as that of" in line for line in bench.said)


def test_a_search_that_was_interrupted_anywhere_goes_on_and_boots_nothing_twice(tmp_path: Path) -> None:
    whole = Bench(tmp_path / "whole", lambda number: "bad" if number >= 6 else "")
    whole.folder.mkdir()
    whole.find()
    for stop_at in range(1, len(whole.boots) + 1):
        folder = tmp_path / str(stop_at)
        folder.mkdir()
        torn = Bench(folder, whole.shows, stop_at=stop_at)
        with pytest.raises(Interrupted):
            torn.find()
        with (folder / "search" / FILE).open("ab") as journal:
            journal.write(b'{"seq": 99, "half a li')
        again = Bench(folder, whole.shows)
        found, _ = again.find()
        assert found.result.commits == (6,)
        assert torn.boots[:-1] + again.boots == whole.boots
        assert found.runs == len(whole.boots)


def test_a_journal_that_was_cut_at_any_byte_is_taken_up_and_what_it_tells_of_is_not_booted_again(
    tmp_path: Path,
) -> None:
    whole = Bench(tmp_path / "whole", lambda number: "bad" if number >= 3 else "", n=4)
    whole.folder.mkdir()
    whole.find()
    journal = (whole.folder / "search" / FILE).read_bytes()
    begun = journal.index(b"\n") + 1
    ends = [at + behind for at, byte in enumerate(journal) if byte == 0x0A for behind in (0, 1)]
    for cut in sorted({*range(0, len(journal), 53), *ends}):
        folder = whole.folder / "search"
        (folder / FILE).write_bytes(journal[:cut])
        kept = [event.data["image"] for event in read_events(folder / FILE) if event.kind == "run"]
        if cut < begun:
            with pytest.raises(UsageError, match="not the journal of a search"):
                SearchJournal.resume(folder).close()
            begin(folder).close()  # it can be begun again there
            continue
        again = Bench(whole.folder, whole.shows, n=4)
        found, _ = again.find()
        assert found.result.commits == (3,), cut
        assert kept + again.boots == whole.boots, cut


@pytest.mark.parametrize("jobs", [2, 3, 7])
def test_runs_that_are_made_ahead_change_neither_the_votes_nor_the_answer(tmp_path: Path, jobs: int) -> None:
    def shows(number: int) -> str:
        return "refused" if number == 30 else "CRASH" if number in {32, 33} else "bad" if number >= 45 else ""

    benches = [Bench(tmp_path / str(count), shows, n=64, broken=[48], jobs=count) for count in (1, jobs)]
    for bench in benches:
        bench.folder.mkdir()
    (one, _), (many, _) = (bench.find() for bench in benches)
    assert one.result == many.result
    assert benches[0].said == benches[1].said
    assert set(benches[0].boots) <= set(benches[1].boots)


def test_what_was_made_ahead_before_an_interruption_is_not_booted_again(tmp_path: Path) -> None:
    torn = Bench(tmp_path, lambda number: "bad" if number >= 6 else "", n=64, jobs=3, stop_at=6)
    with pytest.raises(Interrupted):
        torn.find()
    again = Bench(tmp_path, torn.shows, n=64, jobs=3)
    told = [event.data["image"] for event in read_events(tmp_path / "search" / FILE) if event.kind == "run"]
    assert told
    found, _ = again.find()
    assert found.result.commits == (6,)
    assert not set(told) & set(again.boots)


def noisy(seed: int, culprit: int, shows: float, false: float, word: str = "bad") -> Callable[[int], str]:
    """Runs that show *word* as often as that."""
    draw = np.random.default_rng(seed)
    return lambda number: word if draw.random() < (shows if number >= culprit else false) else ""


@pytest.mark.parametrize("word", ["bad", "other"])  # a run that shows it fails, or passes all the same
def test_a_good_end_that_shows_the_defect_now_and_then_is_a_good_end_still(tmp_path: Path, word: str) -> None:
    right = 0
    for seed in range(8):
        folder = tmp_path / str(seed)
        folder.mkdir()
        found, _ = Bench(folder, noisy(seed, 20, 0.9, 0.2, word), n=32, reproducible=False).find()
        right += found.result.commits == (20,) and found.signature == word
    assert right >= 7


def test_of_several_differences_the_one_is_looked_for_that_the_good_end_shows_least(tmp_path: Path) -> None:
    turns = iter(range(10_000))

    def shows(number: int) -> str:
        noise = ["noise"] * (next(turns) % 3 == 1)
        return "+".join(noise + ["defect"] * (number >= 20))

    found, _ = Bench(tmp_path, shows, n=32, reproducible=False).find()
    assert (found.signature, found.result.commits) == ("defect", (20,))


def test_a_flaky_defect_is_found_although_the_good_end_shows_it_now_and_then(tmp_path: Path) -> None:
    turns = iter(range(10_000))

    def shows(number: int) -> str:
        turn = next(turns)
        return "bad" if (turn % 5 != 0 if number >= 20 else turn % 7 == 6) else ""

    found, driver = Bench(tmp_path, shows, n=32, reproducible=False).find()
    assert found.result.commits == (20,)
    assert driver.search.tally(19)[1]
    assert driver.search.tally(20)[1]


def test_a_defect_that_comes_and_goes_everywhere_is_no_culprit(tmp_path: Path) -> None:
    turns = iter(range(10_000))
    found, _ = Bench(tmp_path, lambda _: "bad" if next(turns) * 7 % 5 < 2 else "", n=32, reproducible=False).find()
    assert found.result.kind in {Kind.FLAKE, Kind.SAME}
    assert exit_code(found) == EXIT_LAB


def test_a_signature_that_is_given_is_looked_for_behind_other_differences(tmp_path: Path) -> None:
    def shows(number: int) -> str:
        return "+".join(["banner"] * (number >= 3) + ["bad pixel"] * (number >= 13)) or ""

    found, _ = Bench(tmp_path, shows, signature="bad pixel").find()
    assert found.result.commits == (13,)


def _ran(folder: Path, name: str, shown: str, verdict: str) -> Ran:
    (folder / name).mkdir()
    (folder / name / "shown").write_text(shown)
    return Ran(1, "d", str(folder / name), verdict)


@pytest.mark.parametrize(
    ("shown", "verdict", "seen"),
    [
        ("", "PASS", False),
        ("bad", "FAIL", True),
        ("banner+bad", "FAIL", True),
        ("banner", "PASS", False),  # something else differs, and the whole scenario went right
        ("banner", "FAIL", None),
        ("panic", "CRASH", None),
        ("", "INCONCLUSIVE", None),
    ],
)
def test_a_run_votes_only_by_the_defect_that_is_looked_for(
    tmp_path: Path, shown: str, verdict: str, seen: bool | None
) -> None:
    good = _ran(tmp_path, "good", "", "PASS")
    said = vote(_ran(tmp_path, "other", shown, verdict), good, "bad", Bench.compare, reproducible=True)
    assert said.seen is seen
    assert bool(said.reason) == (seen is None or shown == "banner")
    assert said.for_good == (seen is None and verdict != "INCONCLUSIVE")


@pytest.mark.parametrize("merges", [False, True])
def test_git_reads_the_log_and_names_the_same_commit(tmp_path: Path, merges: bool) -> None:
    def git(*words: str) -> str:
        words = ("-C", str(tmp_path), "-c", "user.name=S", "-c", "user.email=s@example.org", *words)
        return subprocess.run(["git", *words], capture_output=True, text=True, check=True, timeout=60).stdout.strip()

    git("init", "--quiet", "--initial-branch=main")
    bench = Bench(tmp_path / "bench", lambda number: "bad" if number >= 5 else "", n=32, broken=[6, 16])
    bench.folder.mkdir()
    bench.first_parent = merges
    for number in range(33):
        if merges and number:  # each brings two commits
            git("checkout", "--quiet", "-B", "side")
            for part in "ab":
                git("commit", "--quiet", "--allow-empty", "-m", f"part {part}")
            git("checkout", "--quiet", "main")
            git("merge", "--quiet", "--no-ff", "-m", f"change {number}", "side")
        else:
            git("commit", "--quiet", "--allow-empty", "-m", f"change {number}")
        bench.names[number] = git("rev-parse", "HEAD")
    found, driver = bench.find()
    log = tmp_path / "bench/git-bisect.log"
    log.write_text(bisect_log(bench, driver, found))
    git("bisect", "replay", str(log))
    assert git("bisect", "log").splitlines()[-1] == f"# first bad commit: [{bench.names[5]}] change 5"


def test_a_search_is_begun_once_and_belongs_to_one_process(tmp_path: Path) -> None:
    with (
        closing(begin(tmp_path / "search", a=1)),
        pytest.raises(UsageError, match="another harness is at work"),
    ):
        SearchJournal.resume(tmp_path / "search")
    with pytest.raises(UsageError, match="there is a search"):
        SearchJournal.create(tmp_path / "search")
    with pytest.raises(UsageError, match="there is no search"):
        SearchJournal.resume(tmp_path)
    with closing(SearchJournal.resume(tmp_path / "search")) as journal:
        assert journal.options == {"a": 1}


def test_a_search_is_begun_in_a_folder_of_its_own_which_git_ignores(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/worktree").mkdir()
    with pytest.raises(UsageError, match="something else"):
        SearchJournal.create(tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["worktree"]
    begin(tmp_path / "search").close()
    assert (tmp_path / "search/.gitignore").read_text() == "*\n"
