"""How often are ordinary hosts accused, and after how many messages is a mailer named?

    python benchmarks/hosts.py [--seeds 100-103] [--hosts 2000] [--weeks 2]

Attempts are made by processes that are not the detector's null: address books of Zipf shape with a constant share of
strangers, projects that bring a dozen new partners in a week, dead entries in address books, shared PCs and gateways
with many senders, newsletters known and new, mail merges, stale lists.  Parameters are drawn a seed.  Prints a table.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from mailripple.messages import Attempts
from mailripple.models.senders import Senders, SenderScore
from mailripple.parse import layout as L

SECOND = 1_000_000
DAY = 86_400 * SECOND
START = 1_700_006_400 * SECOND
Row = tuple[int, int, int, int, int, int, int]  # ts, queue, client, account, sender, domain, failed


def zipf(rng: np.random.Generator, size: int, exponent: float, n: int) -> npt.NDArray[np.int64]:
    """n draws from 0..size-1."""
    weights = (np.arange(size) + 1.0) ** -exponent
    return rng.choice(size, n, p=weights / weights.sum())


def moments(rng: np.random.Generator, n: int, days: int) -> npt.NDArray[np.int64]:
    """Times of n messages in office hours, in sessions."""
    sessions = rng.integers(0, days, n) * DAY + (8 * 3600 + rng.integers(0, 10 * 3600, n)) * SECOND
    sessions = rng.choice(sessions, n)
    return START + np.sort(sessions + rng.exponential(240, n).astype(np.int64) * SECOND)


class Site:
    """The world of a seed."""

    def __init__(self, seed: int, hosts: int, weeks: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.hosts, self.days = hosts, 7 * weeks
        self.fails = self.rng.uniform(0.015, 0.045)
        self.typo = self.rng.uniform(1.2, 2.2)
        self.strangers = self.rng.uniform(0.03, 0.2)
        self.exponent = self.rng.uniform(0.7, 1.3)
        self.kinds: dict[int, str] = {}
        self.begins: dict[int, int] = {}
        self.queue = 0

    def row(self, ts: int, host: int, sender: int, domain: int, failed: bool) -> Row:
        self.queue += 1
        return ts, self.queue, host, 0, sender, domain, int(failed)

    def ordinary(self, host: int) -> Iterator[Row]:
        """An office host: its address book, strangers, some dead entries, now and then a project."""
        rng = self.rng
        n = int(min(rng.lognormal(np.log(40), 1.1) * self.days / 7, 3000))
        book = rng.permutation(3000)[: int(rng.integers(5, 80))] + 1000 * (host % 7)
        dead = rng.random(len(book)) < self.fails / 2
        own = self.fails * rng.gamma(3, 1 / 3)
        strangers = min(0.6, self.strangers * rng.gamma(2, 0.5))
        senders = 1 if rng.random() < 0.8 else int(rng.integers(2, 6))
        if rng.random() < 0.02:
            senders = int(rng.integers(20, 200))
            self.kinds[host] = "gateway"
        picks = zipf(rng, len(book), self.exponent, n)
        for ts, pick in zip(moments(rng, n, self.days).tolist(), picks.tolist(), strict=True):
            sender = host * 1000 + int(rng.integers(senders))
            if rng.random() < strangers:
                yield self.row(ts, host, sender, 100_000 + int(rng.integers(20_000)), rng.random() < own * self.typo)
            else:
                yield self.row(ts, host, sender, int(book[pick]), dead[pick] or rng.random() < own / 2)
        if rng.random() < 0.2:
            yield from self.project(host, own)

    def project(self, host: int, own: float) -> Iterator[Row]:
        rng = self.rng
        partners = rng.integers(200_000, 220_000, int(rng.integers(8, 25)))
        begin = START + int(rng.integers(self.days)) * DAY
        for _ in range(int(rng.integers(20, 80))):
            ts = begin + int(rng.integers(3 * 86_400)) * SECOND
            yield self.row(ts, host, host * 1000, int(rng.choice(partners)), rng.random() < own * self.typo)

    def mailing(self, host: int, size: int, dead: float, pace: float, seed: int | None = None) -> Iterator[Row]:
        """A mailing to a list; `seed` of the list where it is sent again."""
        rng = self.rng if seed is None else np.random.default_rng(seed)
        domains = np.where(rng.random(size) < 0.4, zipf(rng, 30, 1.0, size), rng.integers(300_000, 330_000, size))
        lost = rng.random(size) < dead
        at = START + int(self.rng.integers(self.days)) * DAY + int(self.rng.integers(9, 16)) * 3600 * SECOND
        for i in range(size):
            yield self.row(at + int(i * pace * SECOND), host, host * 1000 + 7, int(domains[i]), bool(lost[i]))

    def worm(self, host: int, rate: float, bounce: float, novelty: float, senders: int, limit: int) -> Iterator[Row]:
        """A mailer beside the ordinary mail of its host."""
        rng = self.rng
        begin = START + int(self.days * 0.6) * DAY + int(rng.integers(86_400)) * SECOND
        self.begins[host] = begin
        ts, old = float(begin), rng.integers(0, 3000, 60)
        for _ in range(limit):
            ts += rng.exponential(60 / rate) * SECOND
            if ts > begin + DAY:
                return
            domain = int(rng.integers(400_000, 430_000)) if rng.random() < novelty else int(rng.choice(old))
            sender = 900_000_000 + (host * 1000 if senders == 1 else int(rng.integers(senders)))
            yield self.row(int(ts), host, sender, domain, rng.random() < bounce)


BENIGN = (("newsletter", 6), ("new list", 6), ("merge", 12), ("stale list", 6))


Worm = tuple[str, float, float, float, int]  # label, messages a minute, failures, first contacts, senders


def world(seed: int, hosts: int, weeks: int, worms: tuple[Worm, ...]) -> tuple[Site, list[Row]]:
    """All rows of a seed; kinds of hosts in `Site.kinds`."""
    site = Site(seed, hosts, weeks)
    rows = [row for host in range(1, hosts + 1) for row in site.ordinary(host)]
    host = hosts
    for kind, n in BENIGN:
        for _ in range(n):
            host += 1
            rows += benign(site, kind, host, weeks)
            site.kinds[host] = kind
    for label, rate, bounce, novelty, senders in worms:
        for _ in range(4):
            host += 1
            rows += [*site.ordinary(host), *site.worm(host, rate, bounce, novelty, senders, 1500)]
            site.kinds[host] = label
    return site, sorted(rows)


def benign(site: Site, kind: str, host: int, weeks: int) -> list[Row]:
    """A host that sends mailings; newsletters go twice a week to the same list."""
    rng = site.rng
    size, pace, dead = int(rng.integers(200, 3000)), rng.uniform(0.2, 5), rng.uniform(0.01, 0.06)
    if kind == "newsletter":
        return [row for _ in range(2 * weeks) for row in site.mailing(host, size, dead, pace, 1_000_000 + host)]
    if kind == "new list":
        return list(site.mailing(host, size, 2 * dead, pace))
    if kind == "merge":
        size, dead, pace = int(rng.integers(50, 300)), rng.uniform(0.01, 0.05), rng.uniform(1, 30)
    else:
        size, dead, pace = int(rng.integers(40, 150)), rng.uniform(0.15, 0.35), rng.uniform(1, 60)
    return [*site.ordinary(host), *site.mailing(host, size, dead, pace)]


def attempts(rows: list[Row]) -> Attempts:
    """Rows as the columns of `Attempts`."""
    table = np.array(rows, np.int64).T
    out = np.zeros((12, len(rows)), np.int64)
    out[0], out[3] = table[0], table[1]
    out[4], out[6], out[7] = table[2] + (1 << 32), table[4] + 1, table[5] + (1 << 62)
    out[1] = np.arange(len(rows)) + 1
    out[2] = 1
    out[8] = out[11] = 1
    out[9] = np.where(table[6], L.BOUNCED, L.SENT)
    return Attempts(out)


SORTS = ((0.2, 0.55, 500), (0.05, 0.9, 500), (0.2, 0.55, 1), (0.3, 0.9, 20))
WORMS = tuple(
    (f"{rate}/min fails {bounce:.0%} new {novelty:.0%} senders {senders}", rate, bounce, novelty, senders)
    for bounce, novelty, senders in SORTS
    for rate in (0.1, 0.5, 2.0, 10.0)
)


def delay(rows: list[Row], score: SenderScore, begin: int, moment: int | None) -> float:
    """Messages of the worm up to a moment."""
    if moment is None:
        return float("inf")
    return float(sum(1 for r in rows if r[2] == score.key - (1 << 32) and begin <= r[0] <= moment))


def summary(values: npt.NDArray[np.float64]) -> str:
    """Share found, median and 90 % quantile."""
    high = np.quantile(values, 0.9, method="higher")
    return f"{np.isfinite(values).mean():.2f} {np.median(values):5.0f} [{high:5.0f}]"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--seeds", default="0-3")
    parser.add_argument("--hosts", type=int, default=1000)
    parser.add_argument("--weeks", type=int, default=2)
    parser.add_argument("--quiet", action="store_true", help="without worms")
    options = parser.parse_args()
    first, last = (int(x) for x in options.seeds.split("-"))
    levels: dict[str, list[str]] = defaultdict(list)
    delays: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
    for seed in range(first, last + 1):
        site, rows = world(seed, options.hosts, options.weeks, () if options.quiet else WORMS)
        senders = Senders(0)
        senders.step(attempts(rows))
        judge(site, rows, senders.scores(), levels, delays)
        print(f"seed {seed}: {len(rows)} messages, rate {senders.rate:.3f}, true {site.fails:.3f}", flush=True)
    for kind, found in levels.items():
        if kind not in delays:
            counts = " ".join(f"{level} {found.count(level):4}" for level in ("alarm", "warning", "notice"))
            rate = 1000 * found.count("alarm") / len(found) / options.weeks
            print(f"{kind:44} n {len(found):6} {counts}  alarms per 1,000 host-weeks {rate:.2f}")
    for kind, values in delays.items():
        alarm, warning, error = np.array(values).T
        print(
            f"{kind:44} n {len(alarm):3} alarm {summary(alarm)} warn {summary(warning)} onset {np.median(error):5.1f}"
        )


def judge(
    site: Site,
    rows: list[Row],
    scores: list[SenderScore],
    levels: dict[str, list[str]],
    delays: dict[str, list[tuple[float, float, float]]],
) -> None:
    """Add the levels that hosts reached by kind, and for mailers messages to alarm, to warning, and error of onset."""
    by_host: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        by_host[row[2]].append(row)
    for score in scores:
        host = score.key - (1 << 32)
        kind = site.kinds.get(host, "ordinary")
        levels[kind].append(
            "alarm" if score.alarm else "warning" if score.warning else "notice" if score.notice else ""
        )
        if host in site.begins:
            begin = site.begins[host]
            error = abs((score.onset or 0) - begin) / (60 * SECOND) if score.alarm else float("inf")
            needed = [delay(by_host[host], score, begin, moment) for moment in (score.alarm, score.warning)]
            delays[kind].append((needed[0], needed[1], error))


if __name__ == "__main__":
    main()
