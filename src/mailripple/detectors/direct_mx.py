"""A host that is no mail server asks for mail exchangers as a mailer does: it delivers with an engine of its own."""

from __future__ import annotations

from mailripple.detectors.contract import Alarm, Scores
from mailripple.models.lookups import LookupScore

NAME = "direct-mx"


def decide(scores: Scores) -> list[Alarm]:
    """An alarm for each client that reached a level and is no known mail server; of several logs the strongest."""
    best: dict[int, LookupScore] = {}
    for score in (s for fold in scores.lookups for s in fold):
        known = best.get(score.key)
        if known is None or (score.log_most, score.names) > (known.log_most, known.names):
            best[score.key] = score
    found = [_alarm(s, scores) for s in best.values() if s.notice is not None and s.key not in scores.mail_hosts]
    return sorted(found, key=lambda a: a.key)


def _alarm(score: LookupScore, scores: Scores) -> Alarm:
    reached = ((score.alarm, "alarm"), (score.warning, "warning"), (score.notice, "notice"))
    at, level = next((t, name) for t, name in reached if t is not None)
    server = score.key in scores.ask_reverse
    why = f"asked for the mail exchangers of {score.names} domains, and is no known mail server"
    return Alarm(
        detector=NAME,
        key=score.key,
        account=False,
        level="notice" if server else level,
        verdict="infected-host" if level == "alarm" and not server else "dns-anomaly",
        onset=score.onset if score.onset is not None else score.first,
        at=at,
        last=score.last,
        log_e=score.log_most,
        evidence=score.evidence,
        statistics={"names": score.names, "names_to_alarm": score.names_to_alarm},
        why=(why + (", but asks for the names of addresses as one does" if server else ""),),
        innocent="a mail server or monitor that was not made known (--mail-server), or a script that checks addresses",
        lines=score.lines,
    )
