"""Decide: from scores to alarms.  A file each, listed here by hand; docs/detectors.md has a section for each."""

from __future__ import annotations

from mailripple.detectors import direct_mx, mass_mail, outage, surge
from mailripple.detectors.contract import Alarm, Scores

DETECTORS = (mass_mail, direct_mx, outage, surge)


def decide_all(scores: Scores) -> list[Alarm]:
    """The alarms of all detectors."""
    return [alarm for detector in DETECTORS for alarm in detector.decide(scores)]


__all__ = ["DETECTORS", "Alarm", "Scores", "decide_all"]
