"""Mass mail handed in by a host or an authenticated account: failures, first contacts and changing senders."""

from __future__ import annotations

import math

from mailripple.detectors.contract import Alarm, Scores
from mailripple.models.senders import SenderScore

NAME = "mass-mail"
MODEL = (
    "failures against a beta-binomial null in each mailing, first contacts against Pitman and Yor, senders likewise; "
    "expected: a few per cent fail, new recipients become rare, senders do not change"
)
#: An e-value of 20 for clustered failures: below it volume and novelty convict nobody.
GATE = math.log(20)
#: Envelope senders change like a mailer's from this e-value on.
CHANGING = math.log(100)
#: Plain failures this strong, though clustered ones are not: many dead addresses in one mailing.
STALE = math.log(100_000)


def decide(scores: Scores) -> list[Alarm]:
    """An alarm for each subject that reached a level; of several folds the one with the largest evidence."""
    best: dict[tuple[bool, int], SenderScore] = {}
    for fold in scores.senders:
        for score in fold:
            known = best.get((score.account, score.key))
            if known is None or (score.log_most, score.units) > (known.log_most, known.units):
                best[score.account, score.key] = score
    found = [_alarm(s, scores) for s in best.values() if s.notice is not None or s.log_plain >= STALE]
    return sorted(found, key=lambda a: (a.account, a.key))


def _level(score: SenderScore) -> str:
    """Volume and novelty alone are worth a notice: failures or changing senders must speak too."""
    if score.alarm is not None:
        return "alarm"
    speaks = score.log_clustered >= GATE or score.log_senders >= CHANGING
    return "warning" if score.warning is not None and speaks else "notice"


def _verdict(score: SenderScore, level: str, scores: Scores) -> str:
    if level == "notice":
        return "bulk-sender"
    if score.account:
        return "stolen-account"
    return "hijacked-relay" if score.key in scores.mail_hosts else "infected-host"


def _alarm(score: SenderScore, scores: Scores) -> Alarm:
    level = _level(score)
    at = next((t for t in (score.alarm, score.warning, score.notice) if t is not None), score.last)
    share = score.failed / max(score.units, 1)
    why = [
        f"{score.failed} of {score.units} messages failed for good ({share:.0%})",
        f"{score.new} first contacts with a recipient domain",
    ]
    if score.log_senders >= CHANGING:
        what = "pairs of sender and client address" if score.account else "envelope senders"
        why.append(f"{score.senders} different {what} (senders are claims; nobody is blamed for them)")
    return Alarm(
        detector=NAME,
        key=score.key,
        account=score.account,
        level=level,
        verdict=_verdict(score, level, scores),
        onset=score.onset if score.onset is not None else score.first,
        at=at,
        last=score.last,
        log_e=score.log_most,
        evidence=score.evidence,
        statistics=_statistics(score),
        why=tuple(why),
        innocent="a mailing to an old list, a mailer for many people, or a relay that was not made known",
        lines=score.lines,
        login=score.login,
        by=score.notice,
        warned=None if level == "notice" else score.warning,
    )


def _statistics(score: SenderScore) -> dict[str, float | int]:
    return {
        "messages": score.units,
        "failed": score.failed,
        "first_contacts": score.new,
        "senders": score.senders,
        "deferred_first": score.deferred,
        "messages_to_alarm": score.units_to_alarm,
        "log_e_failures": round(score.log_clustered, 3),
        "log_e_failures_unclustered": round(score.log_plain, 3),
    }
