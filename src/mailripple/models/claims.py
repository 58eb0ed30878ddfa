"""The paper's claims as tests: K1 to K9, K11 and K12 of statistics 1.4."""

from __future__ import annotations

import math

import numpy as np

from mailripple.models.evidence import Evidence, hourly, ratio, share
from mailripple.models.findings import Estimate, Relation, Verdict
from mailripple.models.minutes import BoolArray, FloatArray, rolled
from mailripple.models.resending import resent
from mailripple.models.ripple import stretch
from mailripple.models.traffic import as_many, cost_of_deferral, no_build_up, normal_bins, per_message
from mailripple.models.trend import normal_tail
from mailripple.models.words import clocks, holes, named, relation, unknown

#: Level of the tests of single claims.
LEVEL = 1e-3
#: Bins of an analysis, at least: two hours.
FEW_BINS = 24
#: Share of what N_from leaves that N_to must explain for the claim that D_q looks like it.
PARTIAL = 0.2


def claims(evidence: Evidence) -> list[Relation]:
    """All of them."""
    return [
        drivers(evidence),
        coefficients(evidence),
        as_many(evidence, "K3", (("mail.to", "N_to/N_from", "delivery records a message"),)),
        outbreak(evidence),
        ripples(evidence),
        growth(evidence),
        domain_a(evidence),
        follows(evidence),
        cost_of_deferral(evidence, "K9"),
        resent(evidence),
        whose_retries(evidence),
    ]


def drivers(evidence: Evidence) -> Relation:
    """K1: what share of the queries mail and POP3 explain."""
    bins, cost = evidence.bins, evidence.cost
    if cost is None:
        return unknown("K1", evidence.why)
    used = bins.both
    total = max(float(bins["D_q"][used].sum()), float(cost.fitted[used].sum()))
    parts = {t: float(bins[t][used].sum()) / total for t in evidence.terms if t != "intercept"}
    if "pop.login" not in parts:
        return unknown("K1", "the logs hold no POP3 log-ins to compare with", bins.span(used))
    weights = np.array([0.0 if t in ("intercept", "pop.login") else parts[t] for t in evidence.terms])
    pop = np.array([parts[t] if t == "pop.login" else 0.0 for t in evidence.terms])
    mail = _interval(cost.replicates @ weights, float(cost.beta @ weights))
    log_ins = _interval(cost.replicates @ pop, float(cost.beta @ pop))
    more = _interval(cost.replicates @ (weights - pop), float(cost.beta @ (weights - pop)))
    verdict: Verdict = "holds" if more.low > 0 else "does not hold" if more.high < 0 else "cannot tell"
    answer = f"Mail accounts for {mail.value:.0%} of the mail server's DNS queries, POP3 for {log_ins.value:.0%}."
    estimates = (
        named(mail, "mail", "share of D_q that mail explains"),
        named(log_ins, "POP3", "share of D_q that log-ins explain"),
    )
    return relation("K1", verdict, answer, estimates, bins.span(used), clocks(evidence))


def _interval(values: FloatArray, value: float) -> Estimate:
    """The value with the 95 % interval of its resamples."""
    low, high = (float(np.quantile(values, q)) for q in (0.025, 0.975))
    return Estimate("", value, min(low, value), max(high, value))


def coefficients(evidence: Evidence) -> Relation:
    """K2: m_S from the costs by kind and this log's mix, so that a mix that changes does not bias it."""
    bins, cost = evidence.bins, evidence.cost
    if cost is None:
        return unknown("K2", evidence.why)
    used = bins.both
    m_s = per_message(evidence)
    estimates = [
        named(m_s, "m_S", "DNS queries a message, with the destinations that this log's messages have", "queries")
    ]
    m_p = evidence.term("pop.login")
    if m_p is not None:
        estimates.append(named(m_p, "m_P", "DNS queries a POP3 log-in", "queries"))
    inside = m_s.high >= 8 and m_s.low <= 9 and (m_p is None or m_p.low <= 1.0 <= m_p.high)
    wide = m_s.high - m_s.low > 2
    verdict: Verdict = "does not hold" if not inside else "cannot tell" if wide or m_p is None else "holds"
    answer = f"A message costs {m_s.value:.1f} DNS queries"
    answer += f", a POP3 log-in {m_p.value:.2f}." if m_p is not None else "; there are no POP3 log-ins."
    conditions = (*clocks(evidence), "holds: the intervals meet 8 to 9 and 1, and m_S is known to within 2")
    return relation("K2", verdict, answer, tuple(estimates), bins.span(used), conditions)


def outbreak(evidence: Evidence) -> Relation:
    """K4: hours with more deliveries than the usual ratio allows (beta-binomial, statistics 3.1 D2)."""
    bins = evidence.bins
    to, taken = (hourly(bins[name], bins.mail) for name in ("mail.to", "mail.from"))
    span = bins.span(bins.mail)
    usual = ratio(bins["mail.to"], bins["mail.from"], normal_bins(evidence))
    good = (to + taken) >= 20
    if usual is None or usual.value <= 0 or np.count_nonzero(good) < 6:
        return unknown("K4", "fewer than six hours of the mail log have twenty records", span)
    both, x = (to + taken)[good], to[good]
    p0 = usual.value / (1 + usual.value)
    z2 = (x - both * p0) ** 2 / (both * p0 * (1 - p0))
    spread = 1.4826**2 * float(np.median(z2))  # over-dispersion against the binomial, from the calm half of the hours
    z = (x - both * p0) / np.sqrt(both * p0 * (1 - p0) * max(spread, 1.0))
    worst = int(np.argmax(z))
    p = min(1.0, normal_tail(float(z[worst])) * len(z))
    top = float(x[worst] / max(both[worst] - x[worst], 1.0))
    excess = top / usual.value
    verdict: Verdict = "holds" if p < LEVEL and excess > 1.2 else "does not hold"
    extra = float(np.sum((x - usual.value * (both - x))[z > 3])) if verdict == "holds" else 0.0
    answer = f"Usually there are {usual.value:.2f} delivery records a message, in the worst hour {top:.2f}."
    if verdict == "holds":
        answer += f" {extra:,.0f} records are more than usual."
    estimates = (
        named(usual, "kappa", "delivery records a message in a usual hour"),
        Estimate("worst", top, math.nan, math.nan, "", "delivery records a message in the worst hour"),
        Estimate("p", p, math.nan, math.nan, "", "chance of such an hour if nothing had changed"),
    )
    return relation(
        "K4", verdict, answer, estimates, span, ("by the hour; 'much greater': a fifth more, and beyond chance",)
    )


def ripples(evidence: Evidence) -> Relation:
    """K5: a period, and near half an hour."""
    ripple, period = evidence.ripple, evidence.period
    if not evidence.material.minutes["mail.to"].any():
        return unknown("K5", "the mail log holds no delivery records")
    if ripple.periodic == "cannot tell":
        return unknown(
            "K5", f"{len(ripple.bursts)} bursts of deferred mail are too few to see an interval", ripple.span
        )
    p = Estimate("p", ripple.p_periodic, math.nan, math.nan, "", "chance of such regular bursts without a period")
    if ripple.periodic == "does not hold" or period is None:
        return relation("K5", "does not hold", ripple.answer, (p,), ripple.span, ripple.conditions)
    half = abs(period.minutes * ripple.runners - 30) <= 3
    answer = f"Deferred mail comes back every {period.minutes:.1f} minutes, {len(ripple.bursts)} bursts in all."
    estimates = (*(e for e in ripple.estimates if e.name == "period"), p)
    verdict: Verdict = "holds" if half else "does not hold"
    return relation("K5", verdict, answer, estimates, ripple.span, (*ripple.conditions, *holes(evidence)))


def growth(evidence: Evidence) -> Relation:
    """K6: the build-up itself."""
    ripple, found = evidence.ripple, evidence.growth
    if ripple.growing == "cannot tell":
        return unknown("K6", "there are too few queue runs to see whether they grow", ripple.span)
    p = Estimate(
        "p", ripple.p_growing, math.nan, math.nan, "", "chance of such a growth if runs only followed the traffic"
    )
    if ripple.growing == "does not hold" or found is None:
        answer = "The queue runs do not grow beyond what the day's traffic brings."
        return relation("K6", "does not hold", answer, (p,), ripple.span, ripple.conditions)
    when = stretch(found, evidence.material.minutes, evidence.material.clock)
    inflow = next(e for e in ripple.estimates if e.name == "inflow")
    rate = f"{inflow.value:.2g} undeliverable messages a minute"
    bring = "brings" if found.end is None else "brought"
    answer = f"{when[0].upper()}{when[1:]} each queue run {bring} {found.slope:.0f} more: {rate}."
    estimates = (*(e for e in ripple.estimates if e.name in ("growth", "inflow")), p)
    return relation("K6", "holds", answer, estimates, ripple.span, ripple.conditions)


def domain_a(evidence: Evidence) -> Relation:
    """K7: the share of the top destination, in the build-up if there is one; A against the rest."""
    material, bins = evidence.material, evidence.bins
    rows = material.attempts.deferred
    top = material.domain_a
    if top is None or top.all_deferred < FEW_BINS:
        return unknown("K7", "hardly any mail was deferred", bins.span(bins.mail))
    name = material.name(top.key)
    used = bins.mail & evidence.after_onset() if evidence.onset is not None else bins.mail
    if not rows.complete or not used.any():
        part = share(top.deferred, top.all_deferred)
        span, conditions = bins.span(bins.mail), ("over the whole log",)
        estimates = [named(part, "share", f"deferred records that are for {name}")]
    else:
        at = rows["ts"] // 60_000_000 - material.minutes.start
        inside = (at >= 0) & (at < len(material.minutes))
        mine = inside & (rows["domain"] == top.key)
        counts = [
            rolled(np.bincount(at[chosen], minlength=len(material.minutes)).astype(float), material.minutes.start, 5)
            for chosen in (mine, inside)
        ]
        part = _clustered(counts[0], counts[1], used)
        span = bins.span(used)
        conditions = ("since the build-up began" if evidence.onset is not None else "over the whole log",)
        estimates = [named(part, "share", f"deferred records that are for {name}")]
        r = _part_rest(counts[0], counts[1] - counts[0], used)
        if r is not None:
            estimates.append(r)
    verdict: Verdict = "holds" if part.low > 0.5 else "does not hold" if part.high < 0.5 else "cannot tell"
    answer = f"{part.value:.0%} of the deferred records are for {name}."
    reading = "'mainly driven' is read as more than half; A is part of N_SD, so likeness of the curves says nothing"
    return relation("K7", verdict, answer, tuple(estimates), span, (*conditions, reading))


def _clustered(part: FloatArray, whole: FloatArray, used: BoolArray) -> Estimate:
    """part / whole with an interval from resampled half hours: records of one queue run are one event."""
    a, b = (np.add.reduceat(v[used], np.arange(0, np.count_nonzero(used), 6)) for v in (part, whole))
    total = float(b.sum())
    if total <= 0:
        return share(0.0, 0.0)
    draws = np.random.default_rng(4).integers(0, len(a), (400, len(a)))
    below = b[draws].sum(axis=1)
    shares = a[draws].sum(axis=1)[below > 0] / below[below > 0]
    plain = share(float(a.sum()), total)
    low, high = (float(np.quantile(shares, q)) for q in (0.025, 0.975)) if len(shares) else (0.0, 1.0)
    return Estimate("", plain.value, min(low, plain.low), max(high, plain.high))


def _part_rest(mine: FloatArray, rest: FloatArray, used: BoolArray) -> Estimate | None:
    from mailripple.models.regression import correlation

    r = correlation(mine, rest, used)
    if math.isnan(r):
        return None
    return Estimate("r", r, math.nan, math.nan, "", "correlation of its deferred records with all others'")


def follows(evidence: Evidence) -> Relation:
    """K8: in the build-up, does N_to explain what N_from leaves?  Partial r^2, resampled in blocks of half an hour."""
    bins = evidence.bins
    if evidence.cost is None:
        return unknown("K8", evidence.why)
    if evidence.onset is None:
        return unknown("K8", no_build_up(evidence), bins.span(bins.both))
    after = bins.both & evidence.after_onset()
    before = bins.both & ~evidence.after_onset()
    span = bins.span(after)
    if np.count_nonzero(after) < FEW_BINS:
        return unknown("K8", "the build-up is shorter than two hours", span)
    to = _explained(evidence, "mail.to", "mail.from", after)
    taken = _explained(evidence, "mail.from", "mail.to", after)
    verdict: Verdict = "holds" if to.low > PARTIAL else "does not hold" if to.high < PARTIAL else "cannot tell"
    answer = f"Since the build-up began, N_to explains {to.value:.0%} of what N_from leaves unexplained in D_q"
    estimates = [
        named(to, "r^2(N_to | N_from)", "share of what N_from leaves that N_to explains, since the build-up began"),
        named(taken, "r^2(N_from | N_to)", "the other way round"),
    ]
    if np.count_nonzero(before) >= FEW_BINS:
        was = _explained(evidence, "mail.to", "mail.from", before).value
        estimates.append(Estimate("before", was, math.nan, math.nan, "", "the first of the two, before the build-up"))
        answer += f"; before, {was:.0%}"
    reading = "'looks like N_to' is read as: N_to explains a fifth or more of what N_from leaves"
    return relation(
        "K8", verdict, answer + ".", tuple(estimates), span, (*clocks(evidence), "since the build-up began", reading)
    )


def _explained(evidence: Evidence, by: str, beside: str, used: BoolArray) -> Estimate:
    """Squared partial correlation of D_q and `by` given `beside`, with an interval from resampled half hours."""
    bins = evidence.bins
    values = np.stack([bins[name][used] - bins[name][used].mean() for name in ("D_q", by, beside)])
    products = np.concatenate([values, values[[0, 1, 2, 0, 0, 1]] * values[[0, 1, 2, 1, 2, 2]]])
    blocks = np.add.reduceat(products, np.arange(0, values.shape[1], 6), axis=1)
    size = np.diff(np.append(np.arange(0, values.shape[1], 6), values.shape[1]))
    draws = np.random.default_rng(5).multinomial(len(size), np.full(len(size), 1 / len(size)), 300)
    whole = np.ones((1, len(size)))
    one, many = (_partial(w @ blocks.T, w @ size) for w in (whole, draws.astype(np.float64)))
    return _interval(many, float(one[0]))


def _partial(sums: FloatArray, n: FloatArray) -> FloatArray:
    """Squared partial correlation of y and x given z from their sums (b, 9): y, x, z, yy, xx, zz, yx, yz, xz.

    0 where it is negative or nothing varies.
    """
    y, x, z = (sums[:, i] / n for i in range(3))
    yy, xx, zz = (sums[:, 3 + i] / n - m * m for i, m in enumerate((y, x, z)))

    def r(product: FloatArray, a: FloatArray, b: FloatArray, spread: FloatArray) -> FloatArray:
        some = spread > 1e-9
        return np.where(some, (product / n - a * b) / np.sqrt(np.where(some, spread, 1.0)), 0.0).clip(-1, 1)

    yx, yz, xz = r(sums[:, 6], y, x, yy * xx), r(sums[:, 7], y, z, yy * zz), r(sums[:, 8], x, z, xx * zz)
    rest = (1 - yz**2) * (1 - xz**2)
    top = np.maximum(yx - yz * xz, 0.0) ** 2
    return np.where(rest > 1e-9, np.minimum(top / np.maximum(rest, 1e-9), 1.0), 0.0)


def whose_retries(evidence: Evidence) -> Relation:
    """K12: records of mail that waits here already are this server's own queue runs."""
    rows, ripple = evidence.material.attempts.deferred, evidence.ripple
    bins = evidence.bins
    if len(rows) < FEW_BINS:
        return unknown("K12", "hardly any mail was deferred", bins.span(bins.mail))
    if ripple.periodic != "holds":
        return unknown("K12", "there is no ripple to explain", ripple.span)
    first = float(np.count_nonzero(rows["first"]))
    own = share(len(rows) - first, float(len(rows)))
    verdict: Verdict = "does not hold" if own.low > 0.5 else "holds" if own.high < 0.5 else "cannot tell"
    answer = f"{own.value:.0%} of the deferred records are of mail that waits in this server's own queue"
    if evidence.interval is not None:
        answer += f", tried again every {evidence.interval:.0f} min"
    estimates = [named(own, "own", "deferred records that are this server's own retries")]
    if evidence.interval is not None:
        estimates.append(
            Estimate("interval", evidence.interval, math.nan, math.nan, "min", "from one try of a message to the next")
        )
    conditions = ("a client whose message was accepted does not send it again by itself: its queue is empty",)
    return relation("K12", verdict, answer + ".", tuple(estimates), ripple.span, conditions)
