"""`mailripple simulate`: a day's records as log files, and the truth about them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from mailripple.simulate.records import BOUNCE_DELIVERY_MS, Day, make_day
from mailripple.simulate.scenario import Variant, scenario
from mailripple.simulate.stamps import named, rfc3164, stamped, write_files
from mailripple.simulate.text_bind import query_lines
from mailripple.simulate.text_qpopper import pop_lines
from mailripple.simulate.text_sendmail import Sendmail
from mailripple.simulate.truth import truth_of

MAIL, QUERIES, TRUTH = "mail.log", "queries.log", "truth.json"


def simulate(name: str, out: Path, seed: int, variant: Variant | None = None) -> dict[str, Any]:
    """Write `mail.log`, `queries.log` and `truth.json` of a scenario into `out`; the truth is returned.

    The same arguments give the same bytes.  Raises UsageError, OutputError.
    """
    day = make_day(scenario(name), seed, variant or Variant())
    truth = truth_of(day)
    files = {
        MAIL: mail_log(day),
        QUERIES: query_log(day),
        TRUTH: (json.dumps(truth, indent=1) + "\n").encode("ascii"),
    }
    write_files(out, files, day.span.end // 1000)
    return truth


def mail_log(day: Day) -> bytes:
    """The mail server's syslog file."""
    sendmail = Sendmail(day.campus, day.span.zone, day.messages, day.deliveries)
    told, sent = sendmail.bounces(day.bounces)
    pop_ms, pop = pop_lines(day.campus, day.pop)
    at = (
        day.messages.ms[day.taken_in],
        day.attempts.ms,
        day.bounces.ms[day.bounces_told],
        day.bounces.ms[day.bounces_sent] + BOUNCE_DELIVERY_MS,
        pop_ms[day.shown(pop_ms)],
    )
    texts = [
        *sendmail.taken_in(day.taken_in),
        *sendmail.attempts(day.attempts),
        *[told[i] for i in np.flatnonzero(day.bounces_told)],
        *[sent[i] for i in np.flatnonzero(day.bounces_sent)],
        *[pop[i] for i in np.flatnonzero(day.shown(pop_ms))],
    ]
    return stamped(np.concatenate(at), texts, day.span.zone, rfc3164)


def query_log(day: Day) -> bytes:
    """The name server's query log, by its own clock."""
    ahead = round(day.variant.clock_offset * 60_000)
    queries = day.queries._replace(ms=day.queries.ms + ahead)
    return stamped(queries.ms, query_lines(day.campus, queries), day.span.zone, named)
