"""Destinations that could not be reached, and why: what looks like an attack's echo, and what may be one."""

from __future__ import annotations

from mailripple.detectors.contract import Alarm, Scores
from mailripple.models.outages import Outage

NAME = "outage"
MODEL = "first attempts that are deferred in a row, against how often that happens there; expected: one in fifty"
INNOCENT = {
    "remote-outage": "nothing to do here: the mail is tried again",
    "greylisting": "a common defence against spam: the mail goes through on the next try",
    "dns-outage": "the resolver, or the line to the outside; the mail is tried again",
    "closed-to-us": "a host that was moved or given up, with few people writing to it",
}


def decide(scores: Scores) -> list[Alarm]:
    """A notice for each outage: information, for deferrals alone convict nobody."""
    return [_alarm(outage) for outage in scores.outages]


def _alarm(outage: Outage) -> Alarm:
    senders = f"{outage.sources:.1f} senders' worth" if outage.sources < 100 else "many senders"
    why = f"{outage.messages} messages were deferred, {outage.first} of them on their first try, from {senders}"
    after = "mail is taken again" if outage.over else "mail is not taken yet"
    return Alarm(
        detector=NAME,
        key=outage.domain,
        account=False,
        level="notice",
        verdict=outage.cause,
        onset=outage.start,
        at=outage.start,
        last=outage.end,
        log_e=outage.evidence,
        evidence=outage.evidence,
        statistics={
            "messages": outage.messages,
            "first_attempts": outage.first,
            "sources": round(outage.sources, 1),
            "minutes": round((outage.end - outage.start) / 60e6, 1),
            "over": int(outage.over),
        },
        why=(why, after),
        innocent=INNOCENT[outage.cause],
        lines=outage.lines,
        kind="domain" if outage.domain else "server",
    )
