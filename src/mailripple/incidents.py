"""Attribute: from alarms to incidents, one a subject: who, since when, how sure, and on which lines it rests.

A subject is an address that handed mail in or asked, or an account that was authenticated.  What a client only claims
(envelope sender, HELO, From) is never one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mailripple.detectors.contract import LEVELS, Alarm
from mailripple.models.discoveries import discoveries
from mailripple.parse.record import time_text

#: Prior chance that a host is infected in a given week (a setting; it is shown beside the confidence).
PRIOR = 1e-3
#: Lines that an incident shows.
SHOWN = 5
_PLACE = (1 << 40) - 1
_WORDS = {
    "infected-host": "behaves like a host infected by a mass mailer",
    "stolen-account": "sends mass mail like a stolen account",
    "hijacked-relay": "relays mass mail",
    "bulk-sender": "sends bulk mail",
    "dns-anomaly": "asks for mail exchangers like a mailer",
    "remote-outage": "could not be reached",
    "greylisting": "makes new senders come again (greylisting)",
    "dns-outage": "could reach nobody: the DNS or the line failed",
    "closed-to-us": "takes no mail from us",
}
_SERVER_WORDS = {
    "dns-anomaly": "asks the DNS more than its mail explains",
    "bulk-sender": "sends each message to more destinations than it used to",
}


@dataclass(frozen=True, slots=True)
class Evidence:
    """A log line that an incident rests on: place of its source among the run's, number, and text once it is read."""

    source: int
    line: int
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Incident:
    """The story of one subject; `confidence` is a probability given the prior, times are microseconds since 1970."""

    kind: str
    value: str
    verdict: str
    severity: str
    onset: int
    detected: int
    last_seen: int
    confidence: float
    statistics: dict[str, Any]
    evidence: tuple[Evidence, ...]
    why: tuple[str, ...]
    innocent: str
    user: str | None = None
    onset_latest: int | None = None

    @property
    def id(self) -> str:
        """The same for the same subject in every run."""
        began = f"@{time_text(self.onset)[:16]}" if self.kind in ("domain", "server") else ""
        return f"{self.kind}:{self.value}{began}"

    @property
    def sentence(self) -> str:
        """What is the matter, in one sentence without the time."""
        subject = f"account {self.value}" if self.kind == "account" else self.value or "the mail server"
        words = _SERVER_WORDS.get(self.verdict) if self.kind == "server" else None
        return f"{subject} {words or _WORDS[self.verdict]}"

    @property
    def explanation(self) -> str:
        """Why it is thought so, and what else it could be."""
        text = f"{self.sentence}: {'; '.join(self.why)}. If innocent: {self.innocent}."
        return text + (f" Last mailbox user there: {self.user}." if self.user else "")


def attribute(
    alarms: Sequence[Alarm],
    address: Callable[[int], str],
    text: Callable[[int], str],
    watched: int = 0,
    acting: Mapping[int, int] | None = None,
) -> list[Incident]:
    """One incident a subject, the gravest first; `address` and `text` give the texts of keys, inert.

    `acting`: of addresses that hand mail in as one account only, that account.  Where several of them stand out, and
    their account too, it is the account that is stolen, and they are its story.

    `watched`: how many hosts and accounts were looked at.  Where it is known the statistics say of each of them whether
    it stands out among so many (`fdr_rejected`: e-BH at 5 %, see `models.discoveries`).
    """
    subjects: dict[tuple[str, int, int], list[Alarm]] = {}
    for alarm in _with_accomplices(alarms, acting or {}, address):
        # Outages of one destination are stories of their own.
        subjects.setdefault((alarm.subject, alarm.key, alarm.onset if alarm.kind else 0), []).append(alarm)
    found = [_incident(mine, address, text) for mine in subjects.values()]
    if watched:
        found = _standing_out(found, watched)
    return sorted(found, key=lambda i: (-LEVELS.index(i.severity), -i.confidence, i.onset, i.kind, i.value))


def _with_accomplices(
    alarms: Sequence[Alarm], acting: Mapping[int, int], address: Callable[[int], str]
) -> list[Alarm]:
    """The alarms without those of addresses that only use an account which is under alarm itself from several."""
    stolen = {a.key for a in alarms if a.subject == "account" and a.level != "notice"}
    using: dict[int, set[int]] = {}
    for alarm in alarms:
        if alarm.subject == "ip" and acting.get(alarm.key) in stolen:
            using.setdefault(acting[alarm.key], set()).add(alarm.key)
    several = {account: keys for account, keys in using.items() if len(keys) > 1}
    told = {key for keys in several.values() for key in keys}
    found = []
    for alarm in alarms:
        if alarm.subject == "account" and alarm.key in several:
            names = sorted(address(key) for key in several[alarm.key])
            more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
            found.append(replace(alarm, why=(*alarm.why, f"used from {', '.join(names[:SHOWN])}{more}")))
        elif alarm.subject != "ip" or alarm.key not in told:
            found.append(alarm)
    return found


def _standing_out(incidents: Sequence[Incident], watched: int) -> list[Incident]:
    """The incidents; those of hosts and accounts with what e-BH says of them."""
    ours = [i for i in incidents if i.kind in ("ip", "account")]
    evidence = np.array([i.statistics["log10_evidence"] for i in ours]) * math.log(10)
    rejected = iter(discoveries(evidence, max(watched, len(ours))).tolist())
    return [
        replace(i, statistics=i.statistics | {"fdr_rejected": next(rejected)}) if i.kind in ("ip", "account") else i
        for i in incidents
    ]


def _incident(alarms: Sequence[Alarm], address: Callable[[int], str], text: Callable[[int], str]) -> Incident:
    ranked = sorted(alarms, key=lambda a: (-LEVELS.index(a.level), -a.log_e, a.detector))
    first = ranked[0]
    evidence = mean_evidence([a.evidence for a in ranked])
    same = [a for a in ranked if a.level == first.level]
    login = next((a.login for a in ranked if a.login), 0)
    named = address if first.subject == "ip" else text
    return Incident(
        first.subject,
        "" if first.subject == "server" else named(first.key),
        first.verdict,
        first.level,
        min(a.onset for a in same),
        min(a.at for a in same),
        max(a.last for a in ranked),
        confidence(evidence),
        {
            "log10_e": round(first.log_e / math.log(10), 2),
            "log10_evidence": round(evidence / math.log(10), 2),
            "prior": PRIOR,
        }
        | {a.detector: a.statistics for a in ranked},
        tuple(Evidence(order >> 40, order & _PLACE) for a in ranked for order in a.lines[:SHOWN])[: 2 * SHOWN],
        tuple(clause for a in ranked for clause in a.why),
        first.innocent,
        text(login) if login else None,
        min((a.by for a in same if a.by is not None), default=None),
    )


def mean_evidence(logs: Sequence[float]) -> float:
    """log of the mean of e-values given as logarithms: an e-value whatever their dependence (Vovk and Wang 2021)."""
    top = max(logs)
    return top + math.log(sum(math.exp(x - top) for x in logs) / len(logs))


def confidence(log_evidence: float) -> float:
    """Posterior chance of a change, 1 / (1 + (1 - pi) / pi / E), with the prior pi."""
    odds = math.log((1 - PRIOR) / PRIOR) - log_evidence
    return 1 / (1 + math.exp(min(odds, 700.0)))


def with_texts(incident: Incident, texts: Callable[[int, int], str | None]) -> Incident:
    """The incident with the texts of its lines; `texts` gives that of (source, line), None where it cannot be read."""
    return replace(incident, evidence=tuple(replace(e, text=texts(e.source, e.line)) for e in incident.evidence))


def as_json(incident: Incident, sources: Sequence[str]) -> dict[str, Any]:
    """An incident as JSON data; `sources` are the names of the sources, inert."""
    return {
        "id": incident.id,
        "subject": {"type": incident.kind, "value": incident.value},
        "verdict": incident.verdict,
        "severity": incident.severity,
        "onset": time_text(incident.onset),
        "onset_latest": None if incident.onset_latest is None else time_text(incident.onset_latest),
        "detected": time_text(incident.detected),
        "last_seen": time_text(incident.last_seen),
        "confidence": min(round(incident.confidence, 4), 0.9999),  # never certain
        "probable_user": incident.user,
        "statistics": incident.statistics,
        "evidence": [{"source": sources[e.source], "line": e.line, "text": e.text} for e in incident.evidence],
        "explanation": incident.explanation,
    }
