"""Proves: what the models say can be written as JSON, unknown numbers included."""

from __future__ import annotations

import json
import math

import msgspec

from mailripple.models.findings import Estimate, Findings, Relation


def test_findings_become_json() -> None:
    """Every part has a JSON form, and what is not known is null there."""
    unknown = Estimate("m_S", math.nan, math.nan, math.nan, "queries a message")
    found = Findings("nothing", (Relation("eq1", "title", "claim", "cannot tell", "too little", (unknown,)),))
    data = json.loads(msgspec.json.encode(found))
    assert data["relations"][0]["estimates"][0]["value"] is None
    assert data["ripple"] is None
