"""A marker as a typed event."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Flag, StrEnum, auto
from types import MappingProxyType
from typing import NamedTuple

Value = int | float | str
NO_VALUES: Mapping[str, Value] = MappingProxyType({})


class Dialect(StrEnum):
    """The shape in which a marker came."""

    PLAN = "plan"  # RAYOS_<FAMILY>:<EVENT>[:<positional>...]
    BARE = "bare"  # no colon: RAYOS_LINUX_AGENT_READY
    ASSIGN = "assign"  # RAYOS_KBD_ASCII=0x68
    KEYVALUE = "keyvalue"  # a tail of key=value words
    INSTANCE = "instance"  # ...CHAIN_DESC#0000000000000000 ...
    BRACKET = "bracket"  # [RAYOS_GUI_CMD:LAUNCH] app=terminal, window_id=4
    FREETEXT = "freetext"  # RAYOS_INPUT_LINE::fault pf


class MarkerFlag(Flag):
    """Why a marker should be trusted less. Any of ECHO, TORN, REJOINED, DAMAGED, PROSE decides nothing alone."""

    NONE = 0
    ECHO = auto()  # the harness sent this text, the guest echoed it
    TORN = auto()  # its end is missing
    REJOINED = auto()  # put together from pieces
    DAMAGED = auto()  # its seal's CRC is wrong or missing, or it holds bytes that are no text
    PROSE = auto()  # stands inside a sentence
    PREFIXED = auto()  # text stands in front of it on its line
    AGAIN = auto()  # the same marker again from another sink (kmsg prefix)


UNTRUSTED = MarkerFlag.ECHO | MarkerFlag.TORN | MarkerFlag.REJOINED | MarkerFlag.DAMAGED | MarkerFlag.PROSE


class Marker(NamedTuple):
    """One marker. `text` is canonical: prefix, tokens, no seal, no kmsg prefix, no line end.

    A named tuple: making a frozen dataclass of 13 fields took 2.4 us, a quarter of the time that a marker takes.
    """

    text: str
    family: str  # SOAK; the whole word after RAYOS_ for bare and assign shapes
    tokens: tuple[str, ...]  # what follows the family, split at colons, uninterpreted; none of a key=value tail
    event: str  # by schema where one knows the family, else the first token, else ""
    args: tuple[str, ...]  # positional tokens after the event
    values: Mapping[str, Value] = NO_VALUES  # named and converted, by schema or key=value tail
    dialect: Dialect = Dialect.PLAN
    flags: MarkerFlag = MarkerFlag.NONE
    seq: int | None = None  # from its seal
    line: int = 0
    epoch: int = 0
    offset: int = 0  # byte offset in the serial stream
    host_ns: int = 0

    @property
    def trusted(self) -> bool:
        """Whether this marker may decide something alone."""
        return not self.flags & UNTRUSTED
