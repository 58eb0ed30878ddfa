"""The mail server as a whole: more DNS questions, or more destinations, than its mail explains."""

from __future__ import annotations

from mailripple.detectors.contract import Alarm, Scores
from mailripple.models.findings import Surge

NAME = "surge"
MODEL = (
    "counts of 15 minutes against the relation of eq. 1 (questions) or eq. 6 (destinations a message), fitted on "
    "windows that are a day old; expected: within what hours wander"
)
#: Of each sort: verdict, level (a surge names nobody), what there is more of, and what else it may be.
SORTS = {
    "lookups": (
        "dns-anomaly",
        "warning",
        "DNS questions of the mail servers",
        "a list of blocked addresses that is new, a filter that asks more, or a cache that was switched off",
    ),
    "destinations": (
        "bulk-sender",
        "notice",
        "first attempts for the messages taken in",
        "a mailing with many recipients a message, or a list that has grown",
    ),
}


def decide(scores: Scores) -> list[Alarm]:
    """A warning or notice for each surge."""
    return sorted((_alarm(surge) for surge in scores.surges), key=lambda a: (a.onset, a.verdict))


def _alarm(surge: Surge) -> Alarm:
    verdict, level, what, innocent = SORTS[surge.what]
    return Alarm(
        detector=NAME,
        key=0,
        account=False,
        level=level,
        verdict=verdict,
        onset=surge.start,
        at=surge.at,
        last=surge.end,
        log_e=surge.evidence,
        evidence=surge.evidence,
        statistics={
            "expected": round(surge.expected),
            "observed": round(surge.observed),
            "hours_learnt": round(surge.learnt, 1),
        },
        why=(
            f"{surge.observed:,.0f} {what}; {surge.expected:,.0f} were expected by the {surge.learnt:.0f} hours before",
        ),
        innocent=innocent,
        kind="server",
    )
