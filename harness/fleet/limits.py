"""The limits of a cluster, and whether its faults were felt: judged from its history alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from harness.fleet.history import FaultTime, Hearing, History, Told
from harness.judge.verdict import Check, CheckStatus
from harness.verdicts import Verdict

STARVED = 0.5  # share of a silence for which somebody waited for a CPU, or the harness was busy: above it not the guest
_AROUND_NS = 1_000_000_000  # a silence explains a lost peer that is told in it, or so long before or after it
_SHARES = ("run_delay_ratio", "throttled_ratio", "steal_ratio", "qemu_delay_ratio", "harness_busy_ratio")


@dataclass(frozen=True, slots=True)
class Broken:
    """A limit that did not hold, and the evidence of it."""

    at_ns: int
    verdict: Verdict
    cause: str
    what: str
    evidence: Mapping[str, object]


def judge_limits(history: History) -> Iterator[tuple[Check, Broken | None]]:
    """Each limit of the cluster and each fault of its link as a check, with what broke it first.

    A limit that speaks of peers lost is nobody's fault where the host starved one of the two: INCONCLUSIVE.
    """
    limits, begin = history.cluster.limits, history.begin_ns
    rows: list[tuple[str, Callable[[], Broken | None]]] = []
    if limits.nodes_down_at_most is not None:
        what = f"at most {_counted(limits.nodes_down_at_most, 'node')} down at once"
        rows.append((what, lambda: _down(history, begin or 0, limits.nodes_down_at_most or 0)))
    if limits.peers_at_least is not None:
        what = f"every node sees at least {_counted(limits.peers_at_least, 'peer')}"
        rows.append((what, lambda: _peers(history, limits.peers_at_least or 0)))
    if limits.peer_back_within is not None:
        what = f"every lost peer is back within {limits.peer_back_within:g} s"
        rows.append((what, lambda: _back(history, limits.peer_back_within or 0.0)))
    if limits.healed:
        rows.append(("every fault of the link was lifted", lambda: _healed(history)))
    for what, ask in rows:
        check = Check(None, "limit", what)
        broken = ask() if begin is not None else None
        if broken is not None:
            check.status, check.reason = CheckStatus.BROKEN, broken.what
        elif begin is None:
            check.reason = "not all nodes came up"
        elif history.complete:
            check.status = CheckStatus.MET
        yield check, broken
    yield from _felt(history)


# ---- one function a limit --------------------------------------------------------------------------------------------


def _down(history: History, begin: int, most: int) -> Broken | None:
    for at in sorted(t.down_ns for t in history.told if t.down_ns is not None):
        if not begin <= at < history.end_ns:
            continue
        down = [name for name in history.cluster.names if not _is_up(history, name, at)]
        if len(down) > most:
            what = f"{len(down)} nodes were down at once, {' and '.join(down)}: at most {most} may be"
            return Broken(at, Verdict.FAIL, "too-many-down", what, {"down": down})
    return None


def _peers(history: History, least: int) -> Broken | None:
    found = [broken for told in history.told if (broken := _peers_of(history, told, least)) is not None]
    return min(found, key=lambda broken: broken.at_ns, default=None)


def _peers_of(history: History, told: Told, least: int) -> Broken | None:
    seen: set[str] = set()
    enough = False
    for hearing in told.hearings:
        if hearing.at_ns >= history.end_ns:
            break
        (seen.add if hearing.up else seen.discard)(hearing.peer)
        enough = enough or len(seen) >= least
        if enough and len(seen) < least:
            what = f"{told.life.name} saw {_counted(len(seen), 'peer')}, after it lost {hearing.peer}: at least {least}"
            return _unless_starved(history, hearing, "too-few-peers", what, {"node": hearing.node, "seq": hearing.seq})
    if not enough and least and history.complete and told.is_up(history.end_ns - 1):
        what = f"{told.life.name} never saw {_counted(least, 'peer')}, only {len(seen)}"
        return Broken(history.end_ns, Verdict.FAIL, "too-few-peers", what, {"node": told.life.node})
    return None


def _back(history: History, within: float) -> Broken | None:
    found = [broken for told in history.told if (broken := _back_of(history, told, within)) is not None]
    return min(found, key=lambda broken: broken.at_ns, default=None)


def _back_of(history: History, told: Told, within: float) -> Broken | None:
    patience = round(within * history.slowdown * 1e9)
    stop = min(history.end_ns, told.down_ns if told.down_ns is not None else history.end_ns)
    for number, lost in enumerate(told.hearings):
        if lost.up or lost.at_ns >= stop:
            continue
        later = (h for h in told.hearings[number:] if h.up and h.peer == lost.peer)
        back = next((h.at_ns for h in later), None)
        possible = _could_be_heard(history, lost, stop if back is None else back)
        if possible is None or (back if back is not None else stop) - possible <= patience:
            continue  # it could not be heard any more, was back in time, or had not all of its time yet
        late = "did not see it again" if back is None else f"saw it again after {(back - possible) / 1e9:.1f} s"
        what = f"{told.life.name} lost {lost.peer} and {late}; limit {within:g} s from when it could be heard"
        return _unless_starved(history, lost, "peer-not-back", what, {"node": lost.node, "seq": lost.seq})
    return None


def _could_be_heard(history: History, lost: Hearing, until: int) -> int | None:
    """From when on the peer could be heard without a break up to *until*: when it was lost, or what kept it away ended.

    None if it could not.
    """
    if not _is_up(history, lost.peer, until - 1):
        return None
    since = [lost.at_ns]
    since += [t.up_ns for t in history.told if t.life.node == lost.peer and t.up_ns is not None and t.up_ns < until]
    for fault in history.faults:
        if fault.touches(lost.node, lost.peer) and fault.begin.host_ns < until:
            if fault.undone_ns is None or fault.undone_ns >= until:
                return None
            since.append(fault.undone_ns)
    return max(since)


def _healed(history: History) -> Broken | None:
    for fault in history.faults:
        if history.complete and (fault.undone_ns is None or fault.undone_ns >= history.end_ns):
            what = f"{_named(fault)} was never lifted by a step"
            return Broken(history.end_ns, Verdict.FAIL, "not-healed", what, dict(fault.begin.data))
    return None


def _felt(history: History) -> Iterator[tuple[Check, Broken | None]]:
    """A fault that met no frame was no fault. Of one that takes the carrier only the guest can tell."""
    for fault in history.faults:
        if fault.what in {"noisy-partition", "unplug"}:
            continue
        check = Check(None, "fault", f"{_named(fault)} was felt", CheckStatus.MET)
        if fault.frames:
            check.evidence.append({"frames": fault.frames})
            yield check, None
            continue
        if fault.undone is None:  # the journal ends before: what it did is not known
            check.status = CheckStatus.PENDING
            yield check, None
            continue
        check.status, check.reason = CheckStatus.BROKEN, "no frame passed meanwhile"
        at = fault.undone.host_ns
        what = f"{_named(fault)} met no frame: nothing was tried"
        yield check, Broken(at, Verdict.INCONCLUSIVE, "fault-idle", what, dict(fault.begin.data))


# ---- help ------------------------------------------------------------------------------------------------------------


def _is_up(history: History, node: str, at_ns: int) -> bool:
    return any(t.life.node == node and t.is_up(at_ns) for t in history.told)


def _unless_starved(history: History, lost: Hearing, cause: str, what: str, evidence: dict[str, object]) -> Broken:
    why = why_starved(history, lost)
    if why:
        return Broken(lost.at_ns, Verdict.INCONCLUSIVE, "host-starved", f"{what}; {why}", evidence)
    return Broken(lost.at_ns, Verdict.FAIL, cause, what, evidence)


def why_starved(history: History, lost: Hearing) -> str:
    """Why the host is to blame for a peer that was lost, or an empty string."""
    for event in history.events:
        if event.kind != "node.silent" or event.data.get("node") not in {lost.node, lost.peer}:
            continue
        began = event.host_ns - round(float(event.data["seconds"]) * 1e9)
        share = max(float(event.data.get(name, 0.0)) for name in _SHARES)
        if share > STARVED and began - _AROUND_NS <= lost.at_ns <= event.host_ns + _AROUND_NS:
            return (
                f"but {event.data['node']} was silent for {event.data['seconds']} s, for {share:.0%} of which the host"
                " kept it, or the harness, waiting for a CPU, or the harness did not listen"
            )
    return ""


def _named(fault: FaultTime) -> str:
    return f"{fault.what} of {' and '.join(fault.between)}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
