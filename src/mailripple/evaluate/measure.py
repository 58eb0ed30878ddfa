"""Hold what a rule says against what is true of a site."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from mailripple.detectors.contract import Scores
from mailripple.evaluate.week import Raised, Subject, Week, kept_of
from mailripple.incidents import confidence
from mailripple.models.discoveries import discoveries
from mailripple.models.outages import find_outages
from mailripple.parse.emit import GUESSES
from mailripple.simulate.site.queue import GREYLIST_BY, GREYLIST_OF
from mailripple.simulate.site.tables import Cause, Site

LABELS = tuple(label.decode() for label in GUESSES)
#: What is kept of a site and rule, as JSON data.
Outcome = dict[str, Any]


def guilty_of(site: Site) -> dict[Subject, int]:
    """The subjects that ought to be named, and the number of their cause."""
    found: dict[Subject, int] = {}
    for number, cause in enumerate(site.causes):
        if cause.harm and cause.host >= 0:
            found[False, cause.host + 1] = number
        if cause.harm and cause.account >= 0:
            found[True, cause.account + 1] = number
    return found


def accomplices_of(site: Site) -> set[Subject]:
    """Addresses outside through which attackers sent: to name them is neither right nor wrong."""
    harm = np.array([cause.harm for cause in site.causes])
    clients = np.unique(site.messages.client[harm[site.messages.cause]]).tolist()
    return {(False, client + 1) for client in clients}


def kinds_of(site: Site) -> dict[Subject, str]:
    """What each innocent subject is: a benign sender, or its kind of host."""
    found: dict[Subject, str] = {(False, i + 1): kind for i, kind in enumerate(site.hosts.kinds)}
    found |= {(True, i + 1): "account" for i in range(len(site.names.accounts))}
    found |= {(False, cause.host + 1): cause.kind for cause in site.causes if not cause.harm and cause.host >= 0}
    for subject in guilty_of(site):
        found.pop(subject, None)
    return found


def measure(site: Site, raised: Sequence[Raised], watched: int = 0) -> Outcome:
    """Attacks with how soon they were named, and innocents by kind: how many there are, accused, warned of.

    `watched`: subjects that were looked at, of a rule with e-values; then it is told of the accused whether they stand
    out among so many (e-BH, as in a report: "stands_out" of attacks, "standing_out" of innocents by kind).
    """
    guilty, others = guilty_of(site), accomplices_of(site)
    kinds = kinds_of(site)
    said = {r.subject: r for r in raised}
    out = _standing_out(raised, watched)
    attacks = [
        _attack(site, site.causes[number], number, said.get(subject)) | {"stands_out": subject in out}
        for subject, number in guilty.items()
    ]
    innocent = [kinds[subject] for subject in out if subject in kinds and subject not in others]
    accused: Counter[str] = Counter()
    warned: Counter[str] = Counter()
    sure: list[tuple[float, int]] = []
    for subject, r in said.items():
        if subject in guilty:
            sure.append((round(confidence(r.evidence), 3), 1))
            continue
        if subject in others or subject not in kinds:
            continue
        sure.append((round(confidence(r.evidence), 3), 0))
        accused[kinds[subject]] += r.alarm is not None
        warned[kinds[subject]] += r.alarm is None and r.warning is not None
    return {
        "seed": site.seed,
        "weeks": (site.end - site.start) / 604_800_000,
        "attacks": attacks,
        "hosts": dict(Counter(kinds.values())),
        "accused": dict(accused),
        "warned": dict(warned),
        "standing_out": dict(Counter(innocent)),
        "confidence": sure,
    }


def _standing_out(raised: Sequence[Raised], watched: int) -> set[Subject]:
    """The accused that stand out among all that were looked at."""
    if not watched:
        return set()
    rejected = discoveries(np.array([r.evidence for r in raised]), max(watched, len(raised))).tolist()
    return {r.subject for r, out in zip(raised, rejected, strict=True) if out and r.alarm is not None}


#: Powers of ten that e-values of innocents are held against.
POWERS = (1, 2, 3, 4, 5)


def exceedance(site: Site, scores: Scores, ordinary: Sequence[str]) -> dict[str, list[int]]:
    """How many ordinary hosts a path judges, and how many of them ever had an e-value of 10, 100, ... or more.

    Were the null model true, no more than a tenth, a hundredth, ... of them would (Ville's inequality): (1 + powers).
    """
    hosts = {key for (account, key), kind in kinds_of(site).items() if kind in ordinary and not account}
    mail = [s for part in scores.senders for s in part if not s.account and s.key in hosts]
    asked = [s for part in scores.lookups for s in part if s.key in hosts]
    found = {}
    for path, evidence in (("mail", [s.evidence for s in mail]), ("DNS", [s.evidence for s in asked])):
        found[path] = [len(evidence), *(sum(e >= k * math.log(10) for e in evidence) for k in POWERS)]
    return found


#: What the report calls a happening.
CAUSES = {"remote-down": "remote-outage"}


def verdicts(site: Site, week: Week) -> dict[str, Any]:
    """Happenings with what was said of them, and what else was said: by cause, of destinations that greylist or not.

    `first` of a happening: deferred first attempts that it alone made; what made none cannot be seen.
    """
    kept = kept_of(week)
    found = find_outages(kept)
    said: set[int] = set()
    happened = []
    for happening in site.happenings:
        start, end = happening.start * 1000, happening.end * 1000
        mine = [
            i
            for i, o in enumerate(found)
            if o.domain == max(happening.domain + 2, 0) * (happening.domain >= 0) and o.start < end and o.end > start
        ]
        said.update(mine)
        rows = kept.deferred
        hit = (rows["first"] == 1) & (rows["ts"] >= start) & (rows["ts"] < end)
        for other in site.happenings:  # a host that takes nothing from us anyway cannot be seen to be down
            if other.kind == "closed-to-us" != happening.kind and other.domain == happening.domain:
                hit &= (rows["ts"] < other.start * 1000) | (rows["ts"] >= other.end * 1000)
        hit &= (rows["domain"] == happening.domain + 2) | (happening.domain < 0)
        wanted = CAUSES.get(happening.kind, happening.kind)
        causes = [found[i].cause for i in mine]
        verdict = wanted if wanted in causes else next(iter(causes), None)
        happened.append({"kind": wanted, "first": int(hit.sum()), "said": verdict})
    share = site.values["greylists"] * GREYLIST_OF
    others: Counter[str] = Counter()
    for i, outage in enumerate(found):
        grey = outage.domain >= 2 and (outage.domain - 2) * GREYLIST_BY % GREYLIST_OF < share
        if i not in said:
            others[f"{outage.cause}, {'a' if grey else 'no'} greylisting destination"] += 1
    return {"happened": happened, "else": dict(others)}


def _attack(site: Site, cause: Cause, number: int, raised: Raised | None) -> dict[str, Any]:
    """An attack, and minutes and messages (or distinct names asked for) until the alarm and the warning."""
    out: dict[str, Any] = {"path": cause.kind, **cause.details, "alarm": None, "warning": None, "onset_error": None}
    if raised is None:
        return out
    for level, at in (("alarm", raised.alarm), ("warning", raised.warning or raised.alarm)):
        if at is not None and at >= cause.start * 1000:
            out[level] = {"minutes": (at - cause.start * 1000) / 60e6, "messages": _sent(site, cause, number, at)}
    if raised.onset is not None and out["alarm"]:
        out["onset_error"] = abs(raised.onset - cause.start * 1000) / 60e6
    return out


def _sent(site: Site, cause: Cause, number: int, at: int) -> int:
    """Messages of the attack taken in until then; of one with an engine of its own, names that it asked for."""
    if cause.kind in ("direct", "guessed"):
        mine = (site.queries.client == cause.host) & (site.queries.ms >= cause.start) & (site.queries.ms * 1000 <= at)
        names = {site.names.questions[i] for i in np.unique(site.queries.name[mine]).tolist()}
        if cause.kind == "direct":
            return sum(not name.startswith(("mx1.", "mx2.", "mx3.", "www.", "mail.")) for name in names)
        return len({name.split(".", 1)[1] for name in names if name.startswith(LABELS)})
    return int(((site.messages.cause == number) & (site.messages.ms * 1000 <= at)).sum())
