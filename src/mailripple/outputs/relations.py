"""The findings of the models as JSON and on a terminal: one sentence, then each relation with its verdict."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from mailripple.models.findings import Estimate, Findings, Relation, Ripple, Span
from mailripple.parse.record import time_text

if TYPE_CHECKING:
    from rich.console import Console

_STYLES = {"holds": "green", "does not hold": "yellow", "cannot tell": "dim"}


def findings_json(findings: Findings) -> dict[str, Any]:
    """`headline`, `domain_a`, `relations` and `ripple`; what is not known is null."""
    return {
        "headline": findings.headline,
        "domain_a": findings.domain_a,
        "relations": [_relation(r) for r in findings.relations],
        "ripple": _ripple(findings.ripple) if findings.ripple is not None else None,
    }


def _relation(r: Relation) -> dict[str, Any]:
    return {
        "id": r.id,
        "title": r.title,
        "claim": r.claim,
        "verdict": r.verdict,
        "answer": r.answer,
        "estimates": [_estimate(e) for e in r.estimates],
        "span": _span(r.span),
        "conditions": list(r.conditions),
    }


def _ripple(r: Ripple) -> dict[str, Any]:
    return {
        "periodic": r.periodic,
        "growing": r.growing,
        "answer": r.answer,
        "p_periodic": _number(r.p_periodic),
        "p_growing": _number(r.p_growing),
        "estimates": [_estimate(e) for e in r.estimates],
        "bursts": [{"start": time_text(b.start), "size": b.size} for b in r.bursts],
        "runners": r.runners,
        "span": _span(r.span),
        "conditions": list(r.conditions),
    }


def _estimate(e: Estimate) -> dict[str, Any]:
    return {
        "name": e.name,
        "value": _number(e.value),
        "low": _number(e.low),
        "high": _number(e.high),
        "unit": e.unit,
        "meaning": e.meaning,
    }


def _span(span: Span | None) -> dict[str, Any] | None:
    if span is None:
        return None
    return {"start": time_text(span.start), "end": time_text(span.end), "bin_s": span.bin_s, "bins": span.bins}


def _number(value: float) -> float | None:
    """Six digits are more than the data say; the same bytes on every machine."""
    return float(f"{value:.6g}") if math.isfinite(value) else None


def print_relations(console: Console, findings: Findings) -> None:
    """The table of relations: title, verdict, answer."""
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=Text("What these logs say of the paper's relations", style="bold"),
        title_justify="left",
        box=None,
        padding=(0, 1),
        header_style="dim",
    )
    table.add_column("", no_wrap=True)
    table.add_column("relation", ratio=3)
    table.add_column("verdict", no_wrap=True)
    table.add_column("in these logs", ratio=5)
    for r in findings.relations:
        table.add_row(Text(r.id, style="dim"), Text(r.title), Text(r.verdict, style=_STYLES[r.verdict]), Text(r.answer))
    console.print(table)
    if findings.ripple is not None:
        console.print(Text(f"ripple: {findings.ripple.answer}", style="dim"))
    console.print()
