"""The search over simulated histories: how many runs it takes, how often it is right, what it calls a flake."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection

import numpy as np
import pytest

from harness.bisect.order import Graph, Line, Order
from harness.bisect.search import ENOUGH, Kind, Result, Search

Rate = Callable[[int], float]


def finish(search: Search, rate: Rate, seed: int = 0, silent: Collection[int] = ()) -> Result:
    """Run what the search asks for; images in *silent* have no vote, whatever comes."""
    random = np.random.default_rng(seed)
    while (image := search.next()) is not None:
        if image in silent:
            search.no_vote(image, for_good=True)
        else:
            search.observe(image, bool(random.random() < rate(image)))
    found = search.result()
    assert found is not None
    return found


def step(culprit: int, shows: float = 1.0, false: float = 0.0) -> Rate:
    return lambda image: shows if image >= culprit else false


# ---- one run an image ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 3, 5, 100, 255, 256, 257, 1000])
def test_a_reproducible_culprit_takes_two_ends_and_log2_runs_wherever_it_is(n: int) -> None:
    for culprit in {1, 2, n // 3 + 1, n // 2 + 1, n}:
        if culprit > n:
            continue
        search = Search(Line(n), reproducible=True)
        found = finish(search, step(culprit))
        assert (found.kind, found.commits) == (Kind.CULPRIT, (culprit,))
        assert found.posterior >= ENOUGH
        assert search.votes <= 2 + math.ceil(math.log2(n))
        assert search.tally(culprit) == (1, 1)
        assert search.tally(culprit - 1) == (0, 1)


def test_no_prior_however_wrong_takes_more_runs_than_log2() -> None:
    for seed in range(20):
        random = np.random.default_rng(seed)
        weights = random.choice([0.1, 1.0, 5.0, 25.0], 256)
        culprit = int(weights.argmin()) + 1
        search = Search(Line(256), weights, reproducible=True)
        assert finish(search, step(culprit)).commits == (culprit,)
        assert search.votes <= 10


def test_a_prior_that_is_right_saves_runs() -> None:
    weights = np.ones(200)
    weights[149] = 1000.0
    search = Search(Line(200), weights, reproducible=True)
    assert finish(search, step(150)).commits == (150,)
    assert search.votes <= 6


@pytest.mark.parametrize("seed", range(30))
def test_each_image_without_a_vote_costs_at_most_two_boots(seed: int) -> None:
    random = np.random.default_rng(seed)
    culprit = int(random.integers(2, 256))
    start = int(random.integers(1, 240))
    silent = {*random.integers(1, 256, 20).tolist(), *range(start, start + 12)} - {culprit, culprit - 1}
    search = Search(Line(256), reproducible=True)
    found = finish(search, step(culprit), silent=silent)
    assert found.commits == (culprit,)
    without = int(search.dead.sum())
    assert search.votes + without <= 10 + 2 * without


def test_a_culprit_among_images_without_a_vote_is_told_as_one_of_them() -> None:
    search = Search(Line(64), reproducible=True)
    found = finish(search, step(31), silent=range(29, 33))
    assert (found.kind, found.commits, found.good, found.bad) == (Kind.CULPRIT, (29, 30, 31, 32, 33), 28, 33)


def test_a_reproducible_search_that_is_contradicted_goes_on_until_it_knows() -> None:
    search = Search(Line(64), reproducible=True)
    for image, seen in ((0, False), (64, True), (32, True), (40, False)):  # no single culprit fits that
        search.observe(image, seen)
    assert search.result() is None
    found = finish(search, step(20))
    assert (found.kind, found.commits) == (Kind.CULPRIT, (20,))


def test_images_that_are_the_same_to_the_byte_acquit_what_lies_between() -> None:
    search = Search(Line(8), reproducible=True)
    search.same(3, 6)
    posterior = search.posterior()[:8]
    assert (posterior[3:6] == 0).all()
    assert (posterior[[0, 1, 2, 6, 7]] > 0).all()


# ---- ends ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reproducible", [True, False])
def test_an_image_that_cannot_vote_is_not_asked_for_again(reproducible: bool) -> None:
    search = Search(Line(16), reproducible=reproducible)
    while (image := search.next()) is not None:
        assert not search.dead[image]
        if 5 <= image <= 11:
            search.no_vote(image, for_good=True)
        else:
            search.observe(image, image >= 8)
    found = search.result()
    assert found is not None
    assert found.commits == tuple(range(5, 13))


def test_ends_that_do_not_differ_are_told_at_once() -> None:
    search = Search(Line(100), reproducible=True)
    assert finish(search, lambda _: 0.0).kind is Kind.SAME
    assert search.votes == 2


@pytest.mark.parametrize("end", [0, 9])
def test_an_end_without_a_vote_ends_the_search(end: int) -> None:
    assert finish(Search(Line(9), reproducible=True), step(5), silent={end}).kind is Kind.NO_VOTE


# ---- flaky -----------------------------------------------------------------------------------------------------------


def _histories(count: int, rate: Callable[[int], Rate], most: int = 120) -> list[tuple[int, Result, int]]:
    """(culprit, result, runs) of simulated histories of 1,024 commits."""
    found = []
    for seed in range(count):
        culprit = int(np.random.default_rng(seed + 10_000).integers(1, 1025))
        search = Search(Line(1024), reproducible=False, most=most)
        found.append((culprit, finish(search, rate(culprit), seed), search.votes))
    return found


@pytest.mark.parametrize(("count", "least"), [(10, 9), pytest.param(100, 98, marks=pytest.mark.long)])
def test_histories_with_80_percent_hits_and_20_percent_false_alarms_are_right_in_120_runs(
    count: int, least: int
) -> None:
    found = _histories(count, lambda culprit: step(culprit, 0.8, 0.2))
    called = [(culprit, result) for culprit, result, _ in found if result.kind is Kind.CULPRIT]
    assert sum(result.commits == (culprit,) for culprit, result in called) >= least
    assert all(result.posterior >= ENOUGH for _, result in called)
    assert max(runs for _, _, runs in found) <= 120


@pytest.mark.parametrize(("count", "least"), [(8, 7), pytest.param(100, 95, marks=pytest.mark.long)])
@pytest.mark.parametrize("level", [0.3, 0.5, 0.8])
def test_pure_flakes_are_called_flakes_in_120_runs(level: float, count: int, least: int) -> None:
    found = _histories(count, lambda _: lambda _: level)
    assert sum(result.kind is Kind.FLAKE for _, result, _ in found) >= least


def test_a_defect_in_half_of_the_runs_without_false_alarms_is_found_too() -> None:
    found = _histories(6, lambda culprit: step(culprit, 0.5, 0.0), most=300)
    assert sum(result.commits == (culprit,) for culprit, result, _ in found) >= 5


def test_a_defect_that_came_and_went_and_came_with_equal_images_leaves_a_culprit() -> None:
    search = Search(Line(4), reproducible=False)
    search.same(0, 2)
    search.same(1, 4)  # together they would acquit every commit
    assert np.isfinite(search.posterior()).all()
    assert search.posterior()[:4].sum() > 0


def test_what_begins_with_time_and_not_with_a_commit_is_the_environment() -> None:
    search = Search(Line(64), reproducible=False)
    while (image := search.next()) is not None:
        search.observe(image, search.votes >= 1)  # the first run was the last good one
    found = search.result()
    assert found is not None
    assert found.kind in {Kind.ENVIRONMENT, Kind.FLAKE}
    assert not found.commits


def test_a_passing_trouble_is_tried_again_and_a_lasting_one_given_up() -> None:
    search = Search(Line(8), reproducible=True)
    search.observe(0, False)
    search.observe(8, True)
    search.no_vote(4, for_good=False)
    assert not search.dead[4]
    search.no_vote(4, for_good=False)
    search.no_vote(4, for_good=False)
    assert search.dead[4]


# ---- graphs ----------------------------------------------------------------------------------------------------------


def _branches() -> Graph:
    """1 - 2 - 3 - 4 ------- 8 - 9, with 5 - 6 - 7 from 1, merged by 8."""
    return Graph([[0], [1], [2], [3], [1], [5], [6], [4, 7], [8]])


@pytest.mark.parametrize("culprit", range(1, 10))
def test_a_culprit_on_a_branch_is_found_by_what_contains_it(culprit: int) -> None:
    order = _branches()
    search = Search(order, reproducible=True)
    while (image := search.next()) is not None:
        search.observe(image, bool(order.contains(image)[culprit - 1]))
    found = search.result()
    assert found is not None
    assert found.commits == (culprit,)


def test_a_line_given_as_a_graph_is_the_same_order() -> None:
    line, graph = Line(20), Graph([[number] for number in range(20)])
    random = np.random.default_rng(1)
    images, commits, some = random.random(21), random.random(20), random.random(21) < 0.5
    some[[0, 20]] = True

    def facts(order: Order) -> list[object]:
        edges = [order.edges(commit, some) for commit in range(1, 21)]
        alike = [order.alike(commit, some).tolist() for commit in range(1, 21)]
        return [order.above(images).round(4).tolist(), order.within(commits).round(4).tolist(), edges, alike]

    assert facts(line) == facts(graph)
