"""Findings as JSON and as a table."""

from __future__ import annotations

import io
import json
import math

from rich.console import Console

from mailripple.models.findings import Burst, Estimate, Findings, Relation, Ripple, Span
from mailripple.outputs.relations import findings_json, print_relations

FOUND = Findings(
    "All is well",
    (Relation("eq1", "A title", "a claim", "holds", "An answer.", (Estimate("m_S", 8.123456789, math.nan, 9.0, "queries"),), Span(0, 60_000_000, 60, 1)),),
    Ripple("holds", "cannot tell", "Every 30 min.", 1e-9, math.nan, bursts=(Burst(0, 12),), runners=1),
    "a.example",
)  # fmt: skip


def test_the_json_has_nulls_for_what_is_not_known() -> None:
    """No NaN, six digits, times as text."""
    data = json.loads(json.dumps(findings_json(FOUND), allow_nan=False))
    assert (data["headline"], data["domain_a"]) == ("All is well", "a.example")
    assert data["relations"][0]["estimates"][0] == {"name": "m_S", "value": 8.12346, "low": None, "high": 9.0, "unit": "queries", "meaning": ""}
    assert data["relations"][0]["span"]["end"].startswith("1970-01-01T00:01:00")
    assert data["ripple"]["p_growing"] is None
    assert data["ripple"]["bursts"][0]["size"] == 12


def test_the_table_shows_title_verdict_and_answer() -> None:
    """Each relation has its row."""
    out = io.StringIO()
    print_relations(Console(file=out, width=100), FOUND)
    assert all(word in out.getvalue() for word in ("eq1", "A title", "holds", "An answer.", "Every 30 min."))
