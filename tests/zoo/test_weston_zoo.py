"""The zoo of the Weston desktop: as many defects as promised, each of which the guest's code knows."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from harness.zoo.model import load_zoo
from harness.zoo.play import detectors

ROOT = Path(__file__).parents[2]
ZOO = load_zoo(ROOT / "tests/zoo/weston")


def test_it_has_eight_misbehaviours_of_clients_and_five_sabotages_of_the_desktop() -> None:
    assert Counter(defect.kind for defect in ZOO.defects) == {"clients": 8, "desktop": 5}


def test_the_client_knows_each_by_its_name_and_no_detector_does() -> None:
    code = (ROOT / "images/weston/client/orders.c").read_text()
    (detector,) = detectors(ZOO).values()
    for defect in ZOO.defects:
        assert f'"{defect.name}"' in code
    assert "lie=" not in detector.read_text()
