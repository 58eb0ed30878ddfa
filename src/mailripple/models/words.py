"""What each relation is called and what the paper says of it.  Numbers as in the paper; K1 to K12 are its claims."""

from __future__ import annotations

import math

from mailripple.models.evidence import Evidence
from mailripple.models.findings import Estimate, Relation, Span, Verdict
from mailripple.models.minutes import gaps

TITLES = {
    "eq1": ("DNS queries follow from messages and log-ins", "D_q = m_S N_S + m_P N_P, with m_S = 2 + 4 n (1 - q)"),
    "eq2": ("One delivery record a message", "N_to ~ N_from"),
    "eq3": ("Never fewer delivery records than messages", "N_to >= N_from"),
    "eq4": ("Every delivery record is sent or deferred", "N_to = N_SS + N_SD"),
    "eq5": ("In quiet hours what comes in goes out", "N_to ~ N_from ~ N_SS"),
    "eq6": ("In a build-up deliveries outnumber messages", "N_to ~ N_SS + N_SD > N_from"),
    "eq7": ("Deferred mail costs DNS queries", "R_SD = m_SD N_SD"),
    "eq8": ("Queries beyond the normal come from deferred mail", "D_q(observed) - D_q(calculated) = m_SD N_SD"),
    "K1": ("Mail drives DNS queries, more than POP3 does", "D_q is driven by SMTP access"),
    "K2": ("A message costs 8 to 9 queries, a log-in one", "m_S = 8 to 9, m_P = 1"),
    "K3": ("Normally deliveries keep pace with messages", "N_to ~ N_from in normal situation"),
    "K4": ("At times there are far more deliveries than messages", "N_to is sometimes much greater than N_from"),
    "K5": ("Deferred mail comes in ripples", "N_SD repeats at intervals of about half an hour"),
    "K6": ("The ripples grow", "the amplitude of N_SD gradually increases"),
    "K7": ("One destination makes the deferrals", "N_SD is mainly driven by domain A"),
    "K8": ("In a build-up DNS queries follow the deliveries", "after 18:00 D_q looks like N_to, not like N_from"),
    "K9": ("Retries cost no DNS queries", "the R^2 of equation 8 is almost zero"),
    "K11": ("People send deferred mail again", "users repeat to send deferred e-mail"),
    "K12": ("The ripples are other servers trying again", "servers that relay through this one retry periodically"),
}


def relation(
    key: str,
    verdict: Verdict,
    answer: str,
    estimates: tuple[Estimate, ...] = (),
    span: Span | None = None,
    conditions: tuple[str, ...] = (),
) -> Relation:
    """A relation under its title; estimates without a value are left out."""
    title, claim = TITLES[key]
    known = tuple(e for e in estimates if not math.isnan(e.value))
    return Relation(key, title, claim, verdict, answer, known, span, conditions)


def unknown(key: str, why: str, span: Span | None = None) -> Relation:
    """No answer, and why."""
    return relation(key, "cannot tell", f"Cannot be told: {why}.", (), span, (why,))


def named(estimate: Estimate, name: str, meaning: str, unit: str = "") -> Estimate:
    """The estimate under its symbol, in words."""
    return Estimate(name, estimate.value, estimate.low, estimate.high, unit, meaning)


def holes(evidence: Evidence) -> tuple[str, ...]:
    """Gaps of the logs, as conditions; the first three of each."""
    minutes, clock = evidence.material.minutes, evidence.material.clock
    found = []
    for log, covered in (("mail", minutes.mail), ("DNS", minutes.dns)):
        for a, b in gaps(covered)[:3]:
            found.append(f"no line in the {log} log from {clock(minutes.micros(a))} to {clock(minutes.micros(b))}")
    return tuple(found)


def clocks(evidence: Evidence) -> tuple[str, ...]:
    """What is known of the two logs' clocks, as a condition."""
    lag = evidence.lag
    if lag is None:
        return ("too little data to compare the clocks of the two logs",)
    if not evidence.shift:
        return ("the clocks of the two logs agree to the minute",) if lag.p < 1e-3 else ("clocks taken as they are",)
    way = "ahead of" if lag.minutes > 0 else "behind"
    return (f"the DNS log's clock is {abs(lag.minutes):.1f} min {way} the mail log's: it was moved",)
