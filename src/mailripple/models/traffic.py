"""Equations 1 to 8 of the paper, put to the logs (statistics 1.2 to 1.5)."""

from __future__ import annotations

import math

import numpy as np

from mailripple.models.evidence import STEP, Evidence, hourly, ratio, share
from mailripple.models.findings import Estimate, Relation, Verdict
from mailripple.models.minutes import BoolArray
from mailripple.models.regression import correlation, fit, r_squared
from mailripple.models.words import clocks, holes, named, relation, unknown

#: "~" of the paper: within a quarter.
NEAR = (0.8, 1.25)
#: A cost below that many queries is none.
NO_COST = 0.25
#: Records that an answer about records needs.
FEW, FEW_RETRIES = 100, 50
#: Bins without which a poor fit is no answer: six hours.
LONG = 72


def equations(evidence: Evidence) -> list[Relation]:
    """All eight."""
    return [
        queries(evidence),
        as_many(evidence, "eq2", (("mail.to", "N_to/N_from", "delivery records a message"),)),
        not_fewer(evidence),
        balance(evidence),
        as_many(
            evidence,
            "eq5",
            (
                ("mail.to", "N_to/N_from", "delivery records a message"),
                ("mail.sent", "N_SS/N_from", "successful deliveries a message"),
            ),
        ),
        build_up(evidence),
        cost_of_deferral(evidence, "eq7"),
        cost_of_deferral(evidence, "eq8"),
    ]


def queries(evidence: Evidence) -> Relation:
    """Equation 1: the paper's two terms, beside the composition that `cost` has."""
    bins, cost = evidence.bins, evidence.cost
    if cost is None:
        return unknown("eq1", evidence.why)
    used = bins.both
    plain = fit(bins["D_q"], np.column_stack([bins["mail.from"], bins["pop.login"]]), used, np.array([8.5, 1.0]), STEP)
    if plain is None or math.isnan(plain.r2):
        return unknown("eq1", "both logs together cover too little time", bins.span(used))
    estimates = [
        named(
            per_message(evidence), "m_S", "DNS queries a message, with the destinations that this log's have", "queries"
        ),
        Estimate(
            "m_S (two terms)", *_term(plain, 0), "queries", "the same with two terms alone: biased if the mix changes"
        ),
        Estimate("m_P (two terms)", *_term(plain, 1), "queries", "DNS queries a POP3 log-in, likewise"),
        Estimate("R^2", plain.r2, math.nan, math.nan, "", "share of the ups and downs of D_q that the two explain"),
        Estimate(
            "R^2 (by kind)",
            cost.r2,
            math.nan,
            math.nan,
            "",
            "the same, with messages, destinations, log-ins and retries apart",
        ),
    ]
    meanings = {
        "intercept": ("b_0", "queries in five minutes that have nothing to do with mail"),
        "mail.from": ("a", "queries for taking a message in (the paper: 2)"),
        "mail.out": ("b", "queries for a first attempt to another machine (the paper: 4)"),
        "pop.login": ("c", "queries a POP3 log-in (the paper: 1)"),
        "retry": ("d", "queries for trying a deferred message again"),
        "refused": ("e", "queries for a session that was refused"),
    }
    for term in evidence.terms:
        found = evidence.term(term)
        if found is not None:
            estimates.append(named(found, *meanings[term], unit="queries"))
    estimates += receivers(evidence, per_message(evidence).value)
    missing = plain.r2 < 0.5 or cost.r2 - plain.r2 > 0.1
    verdict: Verdict = "holds" if plain.r2 >= 0.8 else "cannot tell"
    if verdict != "holds" and missing and plain.bins >= LONG:
        verdict = "does not hold"
    rest = "" if plain.r2 >= 0.8 or cost.r2 < plain.r2 + 0.1 else f"; told apart by kind, mail explains {cost.r2:.0%}"
    answer = f"Messages and log-ins explain {plain.r2:.0%} of the ups and downs of the mail server's DNS queries{rest}."
    conditions = [
        *clocks(evidence),
        *holes(evidence),
        "m_S depends on the mix of mail: the costs by kind are what to compare with another day",
    ]
    if cost.condition > 50:
        conditions.append("messages and destinations go up and down together: their costs lean on the paper's 2 and 4")
    return relation("eq1", verdict, answer, tuple(estimates), bins.span(used), tuple(conditions))


def _term(found: object, i: int) -> tuple[float, float, float]:
    return float(found.beta[i]), float(found.low[i]), float(found.high[i])  # type: ignore[attr-defined]


def per_message(evidence: Evidence) -> Estimate:
    """m_S from the costs by kind and this log's mix of mail, so that a mix that changes does not bias it."""
    bins, cost = evidence.bins, evidence.cost
    assert cost is not None
    used = bins.both
    out, taken = (hourly(bins[name], used) for name in ("mail.out", "mail.from"))
    draws = np.random.default_rng(7).integers(0, len(taken), (len(cost.replicates), len(taken)))
    mixes = out[draws].sum(axis=1) / np.maximum(taken[draws].sum(axis=1), 1.0)
    a, b = (np.array([t == term for t in evidence.terms], np.float64) for term in ("mail.from", "mail.out"))
    mix = a + b * (float(out.sum()) / max(float(taken.sum()), 1.0))
    value = float(cost.beta @ mix)
    values = cost.replicates @ a + (cost.replicates @ b) * mixes
    low, high = (float(np.quantile(values, q)) for q in (0.025, 0.975))
    least = float(np.max((cost.high - cost.low) / 2 * mix)) / 2  # no surer than half of its widest part
    return Estimate("", value, min(low, value - least), max(high, value + least))


def receivers(evidence: Evidence, m_s: float) -> list[Estimate]:
    """q, and n counted and by the paper's formula; empty where single attempts are not known from the start on."""
    rows = (evidence.material.attempts.deferred, evidence.material.attempts.other)
    if not all(r.complete for r in rows):
        return []
    messages = float(evidence.material.minutes["mail.from"].sum())
    first = [r["first"] == 1 for r in rows]
    out = float(evidence.material.minutes["mail.out"].sum())
    keys = np.concatenate([np.stack([r["server"][f], r["queue"][f]]) for r, f in zip(rows, first, strict=True)], axis=1)
    if messages < FEW or not keys.shape[1]:
        return []
    keys = keys[:, np.lexsort(keys)]
    sent_on = 1 + int(np.count_nonzero((keys[:, 1:] != keys[:, :-1]).any(axis=0)))
    q = share(max(messages - sent_on, 0.0), messages)
    found = [
        named(q, "q", "share of the messages that stay on the server"),
        Estimate("n", out / sent_on, math.nan, math.nan, "", "destinations of a message that leaves, counted"),
    ]
    if q.value < 0.95:
        by_formula = (m_s - 2) / (4 * (1 - q.value))
        found.append(
            Estimate("n (by m_S)", by_formula, math.nan, math.nan, "", "the same by the paper's m_S = 2 + 4 n (1 - q)")
        )
    return found


def normal_bins(evidence: Evidence) -> BoolArray:
    """Bins of the mail log before a build-up."""
    if evidence.onset is None:
        return evidence.bins.mail
    found: BoolArray = evidence.bins.mail & (evidence.bins.minute() < evidence.onset)
    return found


def as_many(evidence: Evidence, key: str, parts: tuple[tuple[str, str, str], ...]) -> Relation:
    """Equations 2 and 5, claim 3: ratios to N_from, within a quarter of 1."""
    bins = evidence.bins
    used = normal_bins(evidence)
    span = bins.span(used)
    found: list[Estimate] = []
    for column, symbol, meaning in parts:
        one = ratio(bins[column], bins["mail.from"], used)
        if one is None:
            return unknown(key, "the mail log has fewer than three hours with messages", span)
        found.append(named(one, symbol, meaning))
    inside = all(NEAR[0] <= e.low and e.high <= NEAR[1] for e in found)
    outside = any(e.high < NEAR[0] or e.low > NEAR[1] for e in found)
    verdict: Verdict = "holds" if inside else "does not hold" if outside else "cannot tell"
    answer = "; ".join(f"{e.value:.2f} {e.meaning}" for e in found) + "."
    window = "all of the mail log" if evidence.onset is None else "the hours before the build-up of deferred mail"
    conditions = (
        f"median of the hours; window: {window}",
        f"'~' is read as within {NEAR[0]} to {NEAR[1]}",
        "a message to several destinations has several delivery records: where equation 1 has n > 1, this cannot hold",
    )
    return relation(key, verdict, answer[0].upper() + answer[1:], tuple(found), span, conditions)


def not_fewer(evidence: Evidence) -> Relation:
    """Equation 3, by the hour."""
    bins = evidence.bins
    to, taken = (hourly(bins[name], bins.mail) for name in ("mail.to", "mail.from"))
    good = taken + to >= 10
    span = bins.span(bins.mail)
    if np.count_nonzero(good) < 6:
        return unknown("eq3", "fewer than six hours of the mail log have ten records", span)
    kept = share(float(np.count_nonzero(to[good] >= taken[good])), float(np.count_nonzero(good)))
    verdict: Verdict = "holds" if kept.value >= 0.95 else "does not hold" if kept.high < 0.95 else "cannot tell"
    answer = f"In {kept.value:.0%} of the hours there were at least as many delivery records as messages."
    estimates = (named(kept, "share", "hours with N_to >= N_from"),)
    return relation("eq3", verdict, answer, estimates, span, ("an hour may defer what it took in to the next",))


def balance(evidence: Evidence) -> Relation:
    """Equation 4: what is neither sent nor deferred."""
    minutes = evidence.material.minutes
    to, failed, other = (float(v.sum()) for v in (minutes["mail.to"], minutes.failed, minutes["mail.other"]))
    span = evidence.bins.span(evidence.bins.mail)
    if to < FEW:
        return unknown("eq4", f"the mail log has fewer than {FEW} delivery records", span)
    lost = share(failed, to)
    rest = share(failed + other, to)
    verdict: Verdict = "holds" if rest.high < 0.01 else "does not hold" if rest.low > 0.01 else "cannot tell"
    answer = (
        f"{rest.value:.1%} of the delivery records are neither sent nor deferred: "
        f"{failed:,.0f} failed for good, {other:,.0f} were queued, held or discarded."
    )
    estimates = (
        named(lost, "N_SX/N_to", "delivery records that failed for good"),
        named(rest, "rest", "delivery records neither sent nor deferred"),
    )
    conditions = ("with N_SX and the rest the balance is exact", "'=' is read as: no more than 1 % are something else")
    return relation("eq4", verdict, answer, estimates, span, conditions)


def build_up(evidence: Evidence) -> Relation:
    """Equation 6: only a build-up can show it."""
    bins = evidence.bins
    if evidence.onset is None:
        return unknown("eq6", no_build_up(evidence), bins.span(bins.mail))
    used = bins.mail & evidence.after_onset()
    more = ratio(bins["mail.to"], bins["mail.from"], used)
    both = ratio(bins["mail.sent"] + bins["mail.deferred"], bins["mail.to"], used)
    span = bins.span(used)
    if more is None or both is None:
        return unknown("eq6", "the build-up is shorter than three hours", span)
    verdict: Verdict = "cannot tell"
    if more.low > 1 and both.low > NEAR[0]:
        verdict = "holds"
    elif more.high < 1 or both.high < NEAR[0]:
        verdict = "does not hold"
    rest = f"{both.value:.0%} of them sent or deferred"
    answer = f"Since the build-up began there are {more.value:.1f} delivery records a message, {rest}."
    estimates = (
        named(more, "N_to/N_from", "delivery records a message"),
        named(both, "(N_SS+N_SD)/N_to", "delivery records that are sent or deferred"),
    )
    return relation("eq6", verdict, answer, estimates, span, ("median of the hours since the build-up began",))


def no_build_up(evidence: Evidence) -> str:
    """Why a relation of the build-up has no answer."""
    if evidence.ripple.growing == "cannot tell":
        return "whether deferred mail builds up is not known either"
    return "there is no build-up of deferred mail in these logs"


def retry_cost(evidence: Evidence) -> tuple[Verdict, Estimate | None]:
    """Does a retry cost queries?  The verdict on "yes", and the cost."""
    found = evidence.term("retry")
    if found is None:
        return "cannot tell", None
    if found.low > 0.0 and found.value >= NO_COST:
        return "holds", found
    return ("does not hold" if found.high < NO_COST else "cannot tell"), found


def cost_of_deferral(evidence: Evidence, key: str) -> Relation:
    """Equations 7 and 8, and claim 9 (which says the opposite)."""
    bins = evidence.bins
    if evidence.cost is None:
        return unknown(key, evidence.why)
    verdict, found = retry_cost(evidence)
    retries = float(bins["retry"][bins.both].sum())
    if found is None or retries < FEW_RETRIES:
        return unknown(key, f"only {retries:.0f} retries fall into the time of both logs", bins.span(bins.both))
    if verdict == "holds":
        answer = f"Trying a deferred message again costs {found.value:.1f} DNS queries."
    elif verdict == "does not hold":
        answer = f"Trying a deferred message again costs no DNS queries (at most {found.high:.2f})."
    else:
        answer = f"A retry may cost anything from {found.low:.1f} to {found.high:.1f} DNS queries."
    if key == "K9":
        opposite: dict[Verdict, Verdict] = {
            "holds": "does not hold",
            "does not hold": "holds",
            "cannot tell": "cannot tell",
        }
        verdict = opposite[verdict]
    estimates = (named(found, "m_SD", "DNS queries for each retry", "queries"), *explained(evidence))
    conditions = (
        *clocks(evidence),
        "reading: only retries are charged, since a message's first attempt is charged by equation 1 already",
        "judged by m_SD and its interval, not by R^2, which depends on the bin, the window and the clocks",
    )
    return relation(key, verdict, answer, estimates, bins.span(bins.both), conditions)


def explained(evidence: Evidence) -> list[Estimate]:
    """R^2 of equation 8 as the paper took it (m_S = 8.5, clocks as they are), and with costs by kind and clocks set."""
    bins, cost = evidence.bins, evidence.cost
    assert cost is not None
    from mailripple.models.evidence import bins_of

    as_is = bins_of(evidence.material.minutes, 0)
    rest = as_is["D_q"] - 8.5 * as_is["mail.from"] - as_is["pop.login"]
    r = correlation(rest, as_is["mail.deferred"], as_is.both)
    i = evidence.terms.index("retry")
    left = bins["D_q"] - cost.fitted + cost.beta[i] * bins["retry"]
    best = correlation(left, bins["retry"], bins.both)
    return [
        Estimate(
            "R^2 (paper)",
            r * r,
            math.nan,
            math.nan,
            "",
            "as the paper took it: m_S = 8.5, clocks as they are, all N_SD",
        ),
        Estimate("R^2", best * best, math.nan, math.nan, "", "with the costs by kind, clocks set, retries only"),
    ]


__all__ = ["as_many", "cost_of_deferral", "equations", "normal_bins", "r_squared", "retry_cost"]
