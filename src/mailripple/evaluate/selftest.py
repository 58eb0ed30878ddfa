"""`mailripple selftest`: is a mailer found here?  On a made-up campus, or in one's own logs with a mailer put in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from mailripple.config import ReadOptions
from mailripple.errors import InputError
from mailripple.evaluate.measure import guilty_of, kinds_of, measure
from mailripple.evaluate.ours import ours
from mailripple.evaluate.tables import ORDINARY
from mailripple.evaluate.week import week_of
from mailripple.messages import Attempts
from mailripple.models.senders import Senders
from mailripple.parse import layout as L
from mailripple.run import read_all
from mailripple.simulate.site.attacks import Attack
from mailripple.simulate.site.generate import make_site
from mailripple.simulate.site.scene import site_scene
from mailripple.simulate.site.tables import Ints

MINUTE, HOUR = 60_000_000, 3_600_000_000
#: What is planted on the campus, in words.
PLANTED = {
    "a computer relays two messages a minute under many senders": Attack(path="relay", rate=2.0, start_hour=178.0),
    "a computer relays a message every two minutes": Attack(path="relay", rate=0.5, start_hour=170.0),
    "a computer relays a message a minute under one sender": Attack(
        path="relay", rate=1.0, senders=1, bounce=0.3, novelty=0.9, start_hour=178.0
    ),
    "an account is used from thirty addresses": Attack(
        path="account", rate=0.5, clients=30, senders=1, novelty=0.9, start_hour=170.0
    ),
    "a computer delivers mail itself": Attack(path="direct", rate=0.5, start_hour=178.0),
    "a computer guesses names of mail servers": Attack(path="guessed", rate=2.0, start_hour=182.0),
}
#: Who must not be accused, in words, and what may happen to them.
INNOCENT = {
    "computers that people use": ORDINARY,
    "newsletters, lists and forwarders": (
        *("known-newsletter", "list-server", "forwarder", "vacation", "cron", "printer"),
    ),
    "mail merges and new newsletters": ("merge", "new-newsletter", "invoices"),
}
#: Messages that a mailer put into one's own logs sends at most.
MOST = 600


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the table: what was planted, whether the answer is right, and the answer."""

    what: str
    good: bool
    said: str


def selftest(seed: int = 1) -> list[Line]:
    """Nine days of a campus of 300 computers with six mailers: what was found, and who was accused without cause."""
    attacks = list(PLANTED.values())
    site = make_site(site_scene("campus"), seed, days=9, clients=300, attacks=attacks)
    raised = ours(week_of(site))
    outcome = measure(site, raised)
    lines = []
    for what, attack in zip(PLANTED, outcome["attacks"], strict=True):
        alarm = attack["alarm"]
        unit = "names" if attack["path"] in ("direct", "guessed") else "messages"
        said = f"found after {alarm['messages']} {unit}, {alarm['minutes']:.0f} minutes" if alarm else "NOT FOUND"
        lines.append(Line(what, alarm is not None, said))
    kinds, guilty = kinds_of(site), guilty_of(site)
    for what, wanted in INNOCENT.items():
        n = sum(kind in wanted for kind in kinds.values())
        wrong = [r for r in raised if r.subject not in guilty and kinds.get(r.subject) in wanted]
        accused = sum(r.alarm is not None for r in wrong)
        warned = sum(r.alarm is None and r.warning is not None for r in wrong)
        said = f"{accused} of {n} accused" + (f", {warned} warned of" if warned else "")
        lines.append(Line(what, accused == 0, f"FALSE ALARM: {said}" if accused else said))
    return lines


def selftest_logs(logs: Sequence[str], options: ReadOptions, seed: int = 1) -> list[Line]:
    """Mailers put into one's own logs: three sorts, each at hosts that send little, as most do, and much.

    Raises InputError where there is no mail log, or one too short.
    """
    result = read_all(logs, options, keep_attempts=True)
    fold = max(result.stitched, key=len, default=None)
    if fold is None or len(fold) < 100:
        why, todo = "fewer than 100 deliveries", "name a mail log"
        raise InputError("too little mail to test with", why=why, where=", ".join(logs), todo=todo)
    lines = [_as_they_are(fold)]
    rng = np.random.default_rng(seed)
    sorts = (
        ("2 messages a minute, many senders", 2.0, 400, 0.2),
        ("a message every two minutes, many senders", 0.5, 400, 0.2),
        ("a message a minute, one sender", 1.0, 1, 0.3),
    )
    for size, client in zip(("little", "as most do", "much"), _hosts(fold), strict=False):
        for what, rate, senders, bounce in sorts:
            planted = _mailer(fold, client, rate, senders, bounce, rng)
            found = _found(fold, planted, client)
            said = f"found after {found} messages" if found else f"NOT FOUND in {planted.shape[1]} messages"
            lines.append(Line(f"at a host that sends {size}: {what}", found > 0, said))
    return lines


def _as_they_are(fold: Attempts) -> Line:
    senders = Senders()
    senders.step(fold)
    scores = senders.scores()
    alarms = sum(s.alarm is not None for s in scores)
    said = f"{alarms} of {len(scores)} hosts and accounts raise an alarm as the logs are"
    return Line("nothing planted", alarms == 0, said)


def _hosts(fold: Attempts) -> list[int]:
    """Keys of three hosts, by how much they send."""
    client, counts = np.unique(fold.columns[4][fold.columns[4] != 0], return_counts=True)
    order = client[np.argsort(counts, kind="stable")]
    return [int(order[int(q * (len(order) - 1))]) for q in (0.1, 0.5, 0.9)]


def _mailer(
    fold: Attempts, client: int, rate: float, senders: int, bounce: float, rng: np.random.Generator
) -> Ints:
    """Rows of attempts (12, n): a mailer at the host from three fifths of the log's time on."""
    ts, domain = fold.columns[0], fold.columns[7]
    begin = int(ts[0] + 0.6 * (ts[-1] - ts[0]))
    at = begin + np.cumsum(rng.exponential(MINUTE / rate, MOST)).astype(np.int64)
    at = at[at < max(int(ts[-1]), begin + HOUR)]
    n = len(at)
    known = np.unique(domain[fold.columns[4] == client])
    fresh = rng.integers(1 << 60, 1 << 61, n)
    out = np.zeros((12, n), np.int64)
    out[0], out[1], out[2] = at, int(fold.columns[1].max()) + 1 + np.arange(n), int(fold.columns[2][0])
    out[3] = rng.integers(1 << 60, 1 << 61, n)
    out[4] = client
    out[6] = rng.choice(rng.integers(1 << 60, 1 << 61, senders), n)
    out[7] = np.where(rng.random(n) < 0.6, fresh, rng.choice(known, n))
    failed = rng.random(n) < bounce
    out[8], out[9], out[10], out[11] = 1, np.where(failed, L.BOUNCED, L.SENT), np.where(failed, 5, 2), 1
    return out


def _found(fold: Attempts, planted: Ints, client: int) -> int:
    """Messages of the mailer up to the alarm at the host; 0 without one, or with one from before it began."""
    rows = np.concatenate([fold.columns, planted], axis=1)
    senders = Senders()
    senders.step(Attempts(np.ascontiguousarray(rows[:, np.lexsort((rows[1], rows[0]))])))
    (score,) = [s for s in senders.scores() if not s.account and s.key == client]
    return 0 if score.alarm is None else int((planted[0] <= score.alarm).sum())


def as_text(lines: Sequence[Line]) -> str:
    """The table as it is printed."""
    width = max(len(line.what) for line in lines)
    rows = [f"{'ok  ' if line.good else 'BAD '} {line.what:{width}}  {line.said}" for line in lines]
    bad = sum(not line.good for line in lines)
    last = "all is as it should be" if not bad else f"{bad} of {len(lines)} are not as they should be"
    return "\n".join([*rows, "", last])


def as_json(lines: Sequence[Line]) -> list[dict[str, object]]:
    """The table as JSON data."""
    return [asdict(line) for line in lines]
