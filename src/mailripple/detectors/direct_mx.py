"""A host that is no mail server asks for mail exchangers as a mailer does: it delivers with an engine of its own.

Some ask for no exchanger but guess its name: mx., mail., smtp. and the like before the domain (Mytob, 2005).
"""

from __future__ import annotations

from mailripple.detectors.contract import Alarm, Scores
from mailripple.models.lookups import LookupScore
from mailripple.models.lookups_kernel import GUESS

NAME = "direct-mx"
MODEL = (
    "gaps between names that are new to the client, against clumps that come rarely, and whether it goes on to an "
    "address; expected: of a host that is no mail server a few names, close together or hours apart"
)


def decide(scores: Scores) -> list[Alarm]:
    """An alarm for each client that reached a level and is no known mail server; of several logs the strongest."""
    best: dict[tuple[int, int], LookupScore] = {}
    for score in (s for fold in scores.lookups for s in fold):
        known = best.get((score.key, score.asked))
        if known is None or (score.log_most, score.names) > (known.log_most, known.names):
            best[score.key, score.asked] = score
    exchangers = {s.key: s.names for s in best.values() if s.asked != GUESS}
    found = [
        _alarm(s, s.key in scores.ask_reverse)
        for s in best.values()
        if s.notice is not None and s.key not in scores.mail_hosts and not _asks_first(s, exchangers)
    ]
    return sorted(found, key=lambda a: (a.key, a.why))


def _asks_first(score: LookupScore, exchangers: dict[int, int]) -> bool:
    """True for guesses that are none: exchangers are often called mail. or mx., and who asks for their addresses has
    asked for the exchangers first; one that guesses asks for none."""
    return score.asked == GUESS and 3 * exchangers.get(score.key, 0) >= score.names


def _alarm(score: LookupScore, server: bool) -> Alarm:
    reached = ((score.alarm, "alarm"), (score.warning, "warning"), (score.notice, "notice"))
    at, level = next((t, name) for t, name in reached if t is not None)
    what = "guessed the mail servers of" if score.asked == GUESS else "asked for the mail exchangers of"
    why = f"{what} {score.names} domains"
    if 2 * score.followed >= score.names:
        why += f", {score.followed} times at once for another host's address too, as who delivers does"
    why += ", and is no known mail server"
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
        statistics={"names": score.names, "followed": score.followed, "names_to_alarm": score.names_to_alarm},
        why=(why + (", but asks for the names of addresses as one does" if server else ""),),
        innocent="a mail server or monitor that was not made known (--mail-server), or a script that checks addresses",
        lines=score.lines,
        by=score.notice,
        warned=None if server else score.warning,
    )
