"""What day it is: asked once, by whoever begins, and handed to all that judges by it."""

from __future__ import annotations

import datetime
from collections.abc import Callable

Today = Callable[[], datetime.date]


def utc_today() -> datetime.date:
    """The day by UTC: the same for everybody who shares a mask or a quarantine."""
    return datetime.datetime.now(datetime.UTC).date()
