"""What is true of a simulated day: the parameters, the coefficients, and a count of everything that was written."""

from __future__ import annotations

from typing import Any

import numpy as np

from mailripple.simulate.attempts import DEFERRED, FAILED, SENT
from mailripple.simulate.campus import A
from mailripple.simulate.day import LOCAL
from mailripple.simulate.lookups import MAIL_SERVER, PER_HOST, PER_MESSAGE, PER_SESSION
from mailripple.simulate.records import Day
from mailripple.simulate.stamps import iso

SCHEMA = "mailripple.truth/1"
_STEP_MS = 300_000
_SETTLED_MS = 3_600_000


def truth_of(day: Day) -> dict[str, Any]:
    """Everything, as JSON data.  Times are ISO 8601, UTC."""
    variant, values = day.variant, day.values
    m_s = PER_MESSAGE + PER_HOST * values["n"] * (1 - values["q"])
    return {
        "schema": SCHEMA,
        "scenario": day.scene.id,
        "seed": day.seed,
        "start": iso(day.span.start),
        "end": iso(day.span.end),
        "local_date": day.variant.date or day.scene.date,
        "time_zone": day.span.zone.key,
        "written": {"from": iso(day.written[0]), "to": iso(day.written[1])},
        "gap": {"from": iso(day.gap[0]), "to": iso(day.gap[1])} if variant.gap else None,
        "quiet": variant.quiet,
        "mail_server": day.campus.mail_server,
        "parameters": values,
        "coefficients": {
            "a": PER_MESSAGE,
            "b": PER_HOST,
            "c": PER_SESSION,
            "d": variant.retry_lookups,
            "m_S": m_s,
            "m_P": PER_SESSION,
            "m_SD": variant.retry_lookups,
            "q": values["q"],
            "n": values["n"],
        },
        "realised": _realised(day),
        "clock_offset_s": round(variant.clock_offset * 60),
        "queue": {
            "interval_s": round(variant.queue_interval * 60),
            "runners": variant.queue_runners,
            "spread_s": values["queue_spread"] * 60,
            "jitter_s": variant.queue_jitter * 60,
            "runs": [iso(ms) for ms in day.runs.tolist()],
        },
        "domain_a": None if day.close is None else _closed(day, day.close),
        "infected": _infected(day),
        "counts": counts_of(day),
    }


def counts_of(day: Day) -> dict[str, int]:
    """Every metric, of what was written.

    A first attempt is what the log shows as one: the first that is written of a message whose `from=` line is written.
    Only where `hours` or a gap cut it off is that not the first attempt of the server.
    """
    tries, status = day.attempts.tries, day.attempts.status
    first = np.zeros(len(tries), dtype=bool)
    first[np.unique(day.attempts.delivery, return_index=True)[1]] = True
    first &= np.isin(day.deliveries.message[day.attempts.delivery], day.taken_in)
    away = day.deliveries.domain[day.attempts.delivery] != LOCAL
    recipients = day.deliveries.recipients[day.attempts.delivery]
    counts = {
        "N_from": len(day.taken_in),
        "N_to": len(tries),
        "N_to1": np.sum(first),
        "N_ret": np.sum(~first),
        "N_out1": np.sum(first & away),
        "N_SS": np.sum(status == SENT),
        "N_SD": np.sum(status == DEFERRED),
        "N_SX": np.sum(status == FAILED),
        "N_P": day.logins,
        "N_dsn": np.sum(day.bounces_told),
        "N_dsn_to": np.sum(day.bounces_sent),
        "recipients": np.sum(recipients),
        "D_q": np.sum(day.queries.client == MAIL_SERVER),
        "queries": len(day.queries.ms),
        "mail_lines": day.mail_lines,
    }
    return {name: int(count) for name, count in counts.items()}


def _realised(day: Day) -> dict[str, float]:
    """Shares and means of the messages of the whole day, worm mail apart and included."""
    local = day.deliveries.domain == LOCAL
    ordinary = day.messages.worm < 0
    first_of = np.bincount(day.deliveries.message[~local], minlength=len(ordinary))
    background = first_of[ordinary]
    return {
        "q": float(np.mean(background == 0)),
        "n": float(background[background > 0].mean()),
        "q_with_worm": float(np.mean(first_of == 0)),
        "n_with_worm": float(first_of[first_of > 0].mean()),
        "m_S": float(PER_MESSAGE + PER_HOST * background.mean()),
        "m_S_with_worm": float(PER_MESSAGE + PER_HOST * first_of.mean()),
    }


def _closed(day: Day, close: int) -> dict[str, Any]:
    """Domain A, and the deliveries to it that can no longer be made: how many come in, and how many wait."""
    first = (day.attempts_all.tries == 0) & (day.attempts_all.status == DEFERRED)
    row, ms = day.attempts_all.delivery, day.attempts_all.ms
    stuck = first & (day.deliveries.domain[row] == A) & (ms >= close) & (ms < day.span.end)
    when = ms[stuck]
    edges = np.arange(day.span.start, day.span.end + 1, _STEP_MS)
    series = np.histogram(when, edges)[0]
    settled = close + _SETTLED_MS
    end = day.span.end
    return {
        "name": day.campus.domains[A],
        "closes": iso(close),
        "undeliverable": int(stuck.sum()),
        "inflow_per_minute": float(len(when) / (end - close) * 60_000),
        "inflow_per_minute_steady": float(np.sum(when >= settled) / (end - settled) * 60_000),
        "steady_from": iso(settled),
        "series": {"start": iso(day.span.start), "step_s": _STEP_MS // 1000, "count": series.tolist()},
    }


def _infected(day: Day) -> list[dict[str, Any]]:
    if day.worm is None:
        return []
    taken = day.messages.worm[day.taken_in]
    return [
        {
            "ip": day.campus.ips[host],
            "name": day.campus.host_names[host],
            "start": iso(start),
            "messages": int(np.sum(taken == i)),
            "per_minute": day.worm.rate,
        }
        for i, (host, start) in enumerate(zip(day.worm.hosts.tolist(), day.worm.starts.tolist(), strict=True))
    ]
