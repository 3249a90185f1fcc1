"""The screen of a guest, for a test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from harness.errors import UsageError
from harness.pytest_plugin.guest import Guest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__tracebackhide__ = True  # pytest shows the line of the test that called


class Screen:
    """The screen of a guest."""

    def __init__(self, guest: Guest) -> None:
        if guest.booted:
            raise UsageError("pictures are followed from the boot on", "ask for the fixture `screen` in the test")
        guest.looks = True
        self._guest = guest
        self._taken = 0

    def check(
        self,
        name: str = "",
        against: Literal["scene", "golden", "identity", "not-blank", "remembered", "clients"] = "scene",
        *,
        like: str = "",
        crop: tuple[int, int, int, int] | None = None,
        shifted: tuple[int, int] = (0, 0),
        tolerance: int = 0,
        timeout: float | None = None,
    ) -> None:
        """Take a picture and judge it: the step `check-frame` (docs/frames.md). Goldens lie in `goldens/` beside the
        test's file.
        """
        self._guest.check_frame(
            name or self._name(),
            against,
            like=like,
            crop=crop,
            shifted=shifted,
            tolerance=tolerance,
            timeout=timeout,
        )

    def remember(self, name: str) -> None:
        """Take a picture that later checks compare with: `screen.check(against="remembered", like=name)`."""
        self._guest.remember_frame(name)

    def pixels(self) -> NDArray[np.uint32]:
        """The screen as 0x00RRGGBB, shape (height, width). The picture is kept in the evidence."""
        from harness.frames.png import load_png

        name = self._name()
        self.remember(name)
        return load_png(self._guest.bundle / self._guest.live.pictures[name])

    def pixel(self, x: int, y: int) -> str:
        """The colour at (x, y), `rrggbb`."""
        return f"{int(self.pixels()[y, x]) & 0xFFFFFF:06x}"

    def _name(self) -> str:
        self._taken += 1
        return f"picture {self._taken}"
