"""The check that every presented frame was proved: from the frame judge's word to check, finding and fingerprint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.errors import LabError
from harness.judge.verdict import Check, CheckStatus
from harness.verdicts import Verdict

if TYPE_CHECKING:
    from harness.evidence.fingerprint import Fingerprint
    from harness.evidence.journal import Event
    from harness.judge.frame_judge import FrameJudge
    from harness.scenario.model import Proof

KIND = "proof"


class ProofCheck:
    """One check for all frames of a run. It is met at the first rendezvous by which frames were proved, and can be
    broken until the end."""

    def __init__(self, proof: Proof) -> None:
        damage = ", and nothing drawn outside of its damage" if proof.damage else ""
        self.check = Check(None, KIND, f"every presented frame against {proof.against}{damage}")
        self.frames = 0
        self.last: int | None = None

    def take(
        self, event: Event, frames: FrameJudge, fingerprint: Fingerprint
    ) -> tuple[Verdict, str, str, dict[str, Any]] | None:
        """Judge a `proof`, `proof.bad` or `proof.garbage` event; what it found: verdict, cause, sentence, evidence."""
        check = self.check
        if event.kind == "proof.garbage":
            check.status, check.reason = CheckStatus.BROKEN, f"the guest said of a frame: {event.data['text']!r}"
            return Verdict.FAIL, "proof-garbage", check.reason, {}
        try:
            trouble = frames.prove(event)
        except LabError as error:
            check.status, check.reason = CheckStatus.BROKEN, error.what
            return Verdict.INCONCLUSIVE, "no-proof", f"{check.what}: {error.what}", {}
        self.frames, last, digest = frames.proved
        self.last = last or self.last
        check.evidence = [{"frames": self.frames, "last": last, "digest": digest}]
        if trouble is not None:
            cause, reason, details = trouble
            check.status, check.reason = CheckStatus.BROKEN, reason
            check.evidence.append(details)
            return Verdict.FAIL, cause, reason, details
        if event.data["settled"]:
            fingerprint.frame(KIND, digest)
            fingerprint.cut()
            if self.frames and check.status is CheckStatus.PENDING:
                check.status = CheckStatus.MET
        return None
