"""One simulated day: all records and who made them, cut to what is written."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mailripple.errors import UsageError
from mailripple.simulate import lookups as dns
from mailripple.simulate.attempts import Attempts, Bounces, attempt_all, queue_runs
from mailripple.simulate.campus import Campus
from mailripple.simulate.columns import Ints, chosen
from mailripple.simulate.day import (
    Deliveries,
    Messages,
    Sessions,
    Worm,
    background,
    intensity,
    merged,
    moments,
    outbreak,
    sessions,
)
from mailripple.simulate.scenario import Scenario, Span, Variant, close_time, day_span

BOUNCE_DELIVERY_MS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """`messages`, `deliveries`, `attempts_all`, `bounces`, `pop` are the whole day; `taken_in` (rows of messages),
    `attempts`, `bounces_told`, `bounces_sent`, `pop_login`, `pop_end` (masks) and `queries` what is written of it."""

    scene: Scenario
    variant: Variant
    seed: int
    span: Span
    written: tuple[int, int]
    gap: tuple[int, int]
    values: dict[str, float]
    campus: Campus
    worm: Worm | None
    close: int | None
    runs: Ints
    messages: Messages
    deliveries: Deliveries
    attempts_all: Attempts
    bounces: Bounces
    pop: Sessions
    taken_in: Ints
    attempts: Attempts
    bounces_told: npt.NDArray[np.bool_]
    bounces_sent: npt.NDArray[np.bool_]
    queries: dns.Queries

    def shown(self, ms: Ints) -> npt.NDArray[np.bool_]:
        """Which of these moments are written."""
        return _shown(ms, self.written, self.gap)

    @property
    def logins(self) -> int:
        """POP log-ins written."""
        return int(self.shown(self.pop.ms).sum())

    @property
    def mail_lines(self) -> int:
        """Lines of the mail log."""
        ends = int(self.shown(self.pop.ms + 300 + 200 * self.pop.mails).sum())
        bounces = int(self.bounces_told.sum() + self.bounces_sent.sum())
        return len(self.taken_in) + len(self.attempts.ms) + bounces + self.logins + ends


def _shown(ms: Ints, written: tuple[int, int], gap: tuple[int, int]) -> npt.NDArray[np.bool_]:
    return (ms >= written[0]) & (ms < written[1]) & ~((ms >= gap[0]) & (ms < gap[1]))


def check(variant: Variant) -> None:
    """Raises UsageError for a number that makes no sense."""
    for name, ok, what in (
        ("--retry-lookups", 0 <= variant.retry_lookups <= 8, "0 to 8"),
        ("--queue-interval", 1 <= variant.queue_interval <= 720, "1 to 720 minutes"),
        ("--queue-runners", 1 <= variant.queue_runners <= 20, "1 to 20"),
        ("--queue-spread", variant.queue_spread is None or 0 <= variant.queue_spread <= 120, "0 to 120 minutes"),
        ("--queue-jitter", 0 <= variant.queue_jitter <= 120, "0 to 120 minutes"),
        ("--clock-offset", -720 <= variant.clock_offset <= 720, "-720 to 720 minutes"),
    ):
        if not ok:
            raise UsageError(f"{name} out of range", where=name, todo=f"give {what}")


def make_day(scene: Scenario, seed: int, variant: Variant) -> Day:
    """The day of that seed.  The same arguments give the same records.  Raises UsageError."""
    check(variant)
    span = day_span(scene, variant)
    written = span.stretch(variant.hours, "--hours")
    gap = span.stretch(variant.gap, "--gap") if variant.gap else (span.end, span.end)
    draws = [np.random.default_rng(stream) for stream in np.random.SeedSequence(seed).spawn(8)]
    values = scene.parameters(draws[0])
    values["worm_hosts"] = float(round(values["worm_hosts"]))
    if variant.queue_spread is not None:
        values["queue_spread"] = variant.queue_spread
    campus = Campus.build(scene.campus, draws[1])
    mail = background(scene, campus, span, values, draws[2])
    worm, close = None, None
    if not variant.quiet:
        drawn = outbreak(scene, campus, span, values, draws[3])
        worm = drawn[0]
        mail = merged(mail, drawn[1:])
        close = close_time(scene, span)
    runs = queue_runs(span, variant, values["queue_phase"], draws[4])
    tried, bounces = attempt_all(*mail, runs, values["queue_spread"] * 60_000, close, span.end)
    pop = sessions(scene, campus, span, values, draws[5])
    idle = moments(span, scene.campus["browsing"] * intensity(scene, span, values, draws[6]), draws[6])
    asked = dns.browsing(campus, span, idle, draws[6])
    queries = dns.lookups(campus, *mail, tried, pop, variant.retry_lookups, asked, values["dns_repeats"], draws[7])
    return Day(
        scene=scene,
        variant=variant,
        seed=seed,
        span=span,
        written=written,
        gap=gap,
        values=values,
        campus=campus,
        worm=worm,
        close=close,
        runs=runs,
        messages=mail[0],
        deliveries=mail[1],
        attempts_all=tried,
        bounces=bounces,
        pop=pop,
        taken_in=np.flatnonzero(_shown(mail[0].ms, written, gap)),
        attempts=chosen(tried, _shown(tried.ms, written, gap)),
        bounces_told=_shown(bounces.ms, written, gap),
        bounces_sent=_shown(bounces.ms + BOUNCE_DELIVERY_MS, written, gap),
        queries=chosen(queries, _shown(queries.ms, written, gap)),
    )
