"""The whole study on days with a known truth, and on next to nothing."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailripple.attempts import Attempts
from mailripple.models.evidence import Material
from mailripple.models.findings import Findings
from mailripple.models.minutes import Minutes
from mailripple.models.study import study
from mailripple.models.words import TITLES
from tests.models.days import START, Day, clock, quiet, simulate

METRICS = ("D_q", "dns.query", "mail.from", "mail.to", "mail.sent", "mail.deferred", "mail.out", "mail.attempt.first",
           "mail.attempt.retry", "pop.login", "mail.refused", "mail.bounced", "mail.other")  # fmt: skip


def verdicts(found: Findings) -> dict[str, str]:
    return {r.id: r.verdict for r in found.relations}


def sound(found: Findings) -> None:
    """Each relation has a verdict, a sentence, and no interval that its number lies outside of."""
    assert [r.id for r in found.relations] == list(TITLES)
    assert found.headline
    for r in found.relations:
        assert r.verdict in ("holds", "does not hold", "cannot tell")
        assert r.answer.endswith(".")
        assert "nan" not in r.answer
        assert "inf" not in r.answer.replace("inflow", "")
        for e in r.estimates:
            assert math.isnan(e.low) or e.low - 1e-9 <= e.value <= e.high + 1e-9, (r.id, e)
            if r.verdict != "cannot tell":
                assert math.isfinite(e.value), (r.id, e)


@pytest.mark.parametrize("cost", [0.0, 4.0])
def test_the_papers_day_is_told(cost: float) -> None:
    """The build-up, its period and inflow, domain A, and what a retry costs."""
    found = study(simulate(Day(retry_cost=cost), 1))
    sound(found)
    told = verdicts(found)
    assert (told["K5"], told["K6"], told["K7"], told["K12"]) == ("holds", "holds", "holds", "does not hold")
    assert (told["eq8"], told["K9"]) == (("holds", "does not hold") if cost else ("does not hold", "holds"))
    assert found.ripple is not None
    estimates = {e.name: e.value for e in found.ripple.estimates}
    assert estimates["period"] == pytest.approx(30, abs=1)
    assert estimates["inflow"] == pytest.approx(6 * 0.35, rel=0.15)
    assert "piling up since 16:" in found.headline or "piling up since 17:" in found.headline
    assert found.domain_a == "domain7.example"


def test_a_quiet_day_is_quiet() -> None:
    """No growth, and the sentence says so."""
    found = study(simulate(quiet(Day()), 2))
    sound(found)
    assert verdicts(found)["K6"] == "does not hold"
    assert found.headline.startswith("Nothing unusual")


series = st.one_of(
    st.just([]),
    st.lists(st.integers(0, 5), max_size=40),
    st.tuples(st.integers(0, 60), st.integers(0, 1500)).map(lambda t: [t[0]] * t[1]),
    st.tuples(st.integers(0, 2**32), st.integers(1, 3000)).map(
        lambda t: np.random.default_rng(t[0]).poisson(np.random.default_rng(t[0]).gamma(0.3, 9, t[1])).tolist()
    ),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(series, min_size=len(METRICS), max_size=len(METRICS)), st.integers(0, 2**32), st.booleans())
def test_nothing_makes_it_stumble(values: list[list[int]], seed: int, whole: bool) -> None:
    """Random, empty, constant and tiny series: no error, no NaN as an answer."""
    size = max(map(len, values))
    columns = {m: np.array(v + [0] * (size - len(v)), float) for m, v in zip(METRICS, values, strict=True) if any(v)}
    ok = np.ones(size, np.bool_) if whole else np.random.default_rng(seed).random(size) < 0.9
    sound(study(Material(Minutes(START, columns, ok, ok), Attempts(), None, str, clock)))


def test_one_log_alone_is_answered_in_part() -> None:
    """Mail only: what needs the DNS log cannot be told and says why; the ripple is there all the same."""
    material = simulate(Day(), 3)
    columns = {k: v for k, v in material.minutes.columns.items() if not k.startswith(("D_q", "dns"))}
    minutes = replace(material.minutes, columns=columns, dns=np.zeros(len(material.minutes), np.bool_))
    found = study(replace(material, minutes=minutes, dq_note="no DNS log was given"))
    sound(found)
    told = verdicts(found)
    assert {told[k] for k in ("eq1", "eq7", "eq8", "K1", "K2", "K8", "K9")} == {"cannot tell"}
    assert all("no DNS log" in r.answer for r in found.relations if r.id == "eq1")
    assert (told["K5"], told["K6"]) == ("holds", "holds")
