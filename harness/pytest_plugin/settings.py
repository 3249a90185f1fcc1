"""What the command line and the settings of pytest say about runs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from harness.campaign.quarantine import Quarantine
    from harness.engine.options import BatchOptions


_QUARANTINE: pytest.StashKey[Quarantine | None] = pytest.StashKey()


def quarantine_of(config: pytest.Config) -> Quarantine | None:
    """The known failures, if there are any.

    :raises UsageError: for a file that is wrong.
    """
    if _QUARANTINE not in config.stash:
        file = config.getoption("harness_quarantine")
        known = None
        if file is not None:
            from harness.campaign.quarantine import load_quarantine

            known = load_quarantine(config.invocation_params.dir / file, batch_options(config).today())
        config.stash[_QUARANTINE] = known  # not before: a file that is wrong is wrong for every scenario
    return config.stash[_QUARANTINE]


def batch_options(config: pytest.Config) -> BatchOptions:
    """The options of a run."""
    from harness.engine.options import BatchOptions
    from harness.targets.loader import typed_image

    invoked_in = config.invocation_params.dir
    target = config.getoption("harness_target")
    return BatchOptions(
        runs_dir=invoked_in / (config.getoption("harness_runs_dir") or os.environ.get("HARNESS_RUNS_DIR") or "runs"),
        image=typed_image(config.getoption("harness_image")),
        target=None if target is None else invoked_in / target,
        seed=config.getoption("harness_seed"),
    )
