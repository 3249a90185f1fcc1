"""Runs in processes of their own, several at once: judging takes processor time, and one Python uses one processor."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from typing import TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")


def in_processes(
    work: Callable[[Job], Result], jobs: Sequence[Job], most: int, on_done: Callable[[Result], None] = lambda _: None
) -> list[Result]:
    """The result of *work* for each job, in their order; at most *most* at once. Both have to be picklable.

    :param on_done: called with each result as it comes, in this process.
    :raises HarnessError: what stopped one of them; those that have not begun are dropped.
    """
    if most == 1 or len(jobs) == 1:
        results = []
        for job in jobs:
            results.append(work(job))
            on_done(results[-1])
        return results
    context = multiprocessing.get_context("spawn")  # a fork of a process with an event loop is asking for trouble
    pool = ProcessPoolExecutor(most, mp_context=context)
    try:
        waiting: dict[Future[Result], int] = {pool.submit(work, job): n for n, job in enumerate(jobs)}
        found: dict[int, Result] = {}
        for future in as_completed(waiting):
            found[waiting[future]] = future.result()
            on_done(future.result())
    finally:
        pool.shutdown(cancel_futures=True)
    return [found[n] for n in range(len(jobs))]
