# ruff: noqa: E501 (rows of tables are read as rows)
"""docs/evaluation.md: what was run, what came out, and what each rule would have cost."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mailripple.evaluate import grid
from mailripple.evaluate import tables as t
from mailripple.evaluate.intervals import share
from mailripple.evaluate.measure import POWERS, Outcome
from mailripple.evaluate.peers import PEERS

OURS = "mailripple"
_INTRO = """# Evaluation

Made by `{command}`; nothing on this page is typed by hand.

No public log of an outbreak says which hosts were infected.  So detection is measured on simulated campuses whose
truth is known (`mailripple simulate`, docs/simulator.md): {seeds} sites of {clients:,} computers, two weeks each, with
lists, newsletters, mail merges, old address lists, forwarders, outages and people of several habits; parameters are
drawn for each site, and most hosts do *not* behave as the detectors' own null model says.  From the second week on
twenty attacks begin at each site, so that about one computer in a hundred is infected; every site has seven rates from
.05 to 100 messages a minute, with levels of the other factors dealt out at random (`evaluate/grid.py`).  A second site
of each seed has 23 attacks of the sort that the goals speak of (relayed mail of which .2 or more fails, .55 or more of
the domains new; three with .05), so that a share of .99 can be shown at all: that takes 299 attacks.  Seeds {report}
are reported; seeds {tuned} were used to choose numbers, and are not among them; seeds {spent} were looked at while the
detectors were changed, and are spent.

A mailer that keeps its one sender address looks like a mailing to an old list, and is reported apart, line by line, and
with all the others.  False-discovery control is e-BH at 5 % among all hosts and accounts that were looked at; a report
says of each incident whether it holds.

Intervals are 95 %, exact (Garwood for counts, Clopper and Pearson for shares).  An attack that was never named counts
as a failure, also in medians.  There is no point adjustment: a host counts once.
"""


def page(results: Mapping[str, Sequence[Outcome]], limits: Mapping[str, float], facts: Mapping[str, Any]) -> str:
    """The page; `results` outcomes of all report seeds by rule, ours first; `limits` the tuned number of each rule."""
    ours = list(results[OURS])
    parts = [
        _INTRO.format(**facts),
        "## What mailripple does\n",
        *_goals(ours),
        "\n## By rate\n",
        *_rates(ours),
        "\n## By what makes it hard\n",
        *_factors(ours),
        "\n## Who is accused without cause\n",
        *_innocents(ours),
        "\n## How sure it is\n",
        *_confidence(ours),
        "\n## Are its e-values honest?\n",
        *_exceedance(ours),
        "\n## Outages and greylisting\n",
        *_verdicts(ours),
        "\n## What other rules would have cost\n",
        *_peers(results, limits),
        _ratio(ours),
        "\n## What cannot be seen\n",
        _LIMITS,
    ]
    return "\n".join(parts).rstrip() + "\n"


_LIMITS = """Of mailers of which 2 or 5 % fail, few are accused, and most are only warned of (above, by what makes it hard). A mailer
with few failures *and* few new recipients looks like its host. One that keeps its one sender address
looks like a mailing to an old list until it has sent more than such lists have. Look-ups through DNS over HTTPS, or by a
resolver of one's own, and mail by the interface of a cloud service leave no line in these logs.
"""


def _ratio(ours: list[Outcome]) -> str:
    """What the paper's own sign would have said in weeks without an attack."""
    above, hours = (sum(o["ratio"][i] for o in ours) for i in (1, 2))
    return (
        "\nThe paper's own sign, more than 1.5 delivery records a message within an hour, names nobody; in the weeks "
        f"before any attack it was up in {above:,} of {hours:,} hours with 20 messages or more."
    )


def row(*cells: object) -> str:
    """A row of a table."""
    return "| " + " | ".join(str(c) for c in cells) + " |"


def head(*cells: str) -> list[str]:
    """The first two rows of a table."""
    return [row(*cells), row(*("---" for _ in cells))]


def number(value: float) -> str:
    """Messages or minutes; a delay without end is `never`."""
    if math.isnan(value):
        return "-"
    return "never" if math.isinf(value) else f"{value:.0f}"


def core(a: t.Attack) -> bool:
    """A mailer through the server that the goals speak of."""
    return bool(a["path"] == "relay" and a["bounce"] >= 0.2 and a["novelty"] >= 0.55)


def _senders(n: int) -> str:
    return "one sender" if n == 1 else f"{n} senders"


def _delays(attacks: list[t.Attack]) -> str:
    """Median and 90 % quantile of messages."""
    return f"{number(t.delay(attacks, 0.5))} / {number(t.delay(attacks, 0.9))}"


def _goals(ours: list[Outcome]) -> list[str]:
    relay = t.goal_attacks(ours, core)
    fast = [a for a in relay if a["rate"] >= 0.5]
    slow = [a for a in relay if a["rate"] == 0.1]
    changing, slowly = ([a for a in some if a["senders"] > 1] for some in (relay, slow))
    low = t.goal_attacks(ours, lambda a: a["bounce"] == 0.05)
    direct = t.attacks_in(ours, lambda a: a["path"] == "direct")
    many = t.attacks_in(ours, lambda a: a["path"] == "account" and a["clients"] > 1)
    everyone = t.attacks_in(ours, lambda a: a["path"] in ("direct", "guessed", "account", "script") or core(a))
    ordinary, spread = t.false_alarms(ours, t.ORDINARY)
    by_dns, _ = t.false_alarms(ours, ("pc", "shared-pc", "monitor", "printer", "gateway"))
    said = "" if math.isnan(spread) or spread < 2 else f"; seeds differ {spread:.1f} times as much as chance"
    lines = head("what", "goal", "measured", "rests on")
    lines += [
        row("false alarms on ordinary hosts, per 1,000 host-weeks", "<= 1.0", ordinary.text() + said, f"{ordinary.n:,} host-weeks"),
        row("recall at >= 0.5 messages/min", ">= .99", t.recall(fast).text(), f"{len(fast)} attacks"),
        row("recall at >= 0.5 messages/min, within 8 h", "-", t.recall(fast, within=480).text(), f"{len(fast)} attacks"),
        row("recall at 0.1/min within 12 h, where senders change", ">= .95", t.recall(slowly, within=720).text(), f"{len(slowly)} attacks"),
        *(row(f"- with {_senders(n)}", "", t.recall(some, within=720).text(), f"{len(some)} attacks") for n in grid.SENDERS if (some := [a for a in slow if a["senders"] == n])),
        row("- all of them", "", t.recall(slow, within=720).text(), f"{len(slow)} attacks"),
        row("messages before the alarm, median / p90, where senders change", "<= 20 / <= 50", _delays(changing), f"{len(changing)} attacks"),
        *(row(f"- with {_senders(n)}", "", _delays(some), f"{len(some)} attacks, recall {t.recall(some).text()}") for n in grid.SENDERS if (some := [a for a in relay if a["senders"] == n])),
        row("- all of them", "", _delays(relay), f"{len(relay)} attacks, recall {t.recall(relay).text()}"),
        row("low-bounce mailer (5 %), warned of, >= 0.5/min", ">= .95", t.recall(low, "warning").text(), f"{len(low)} attacks"),
        row("own engine: distinct names before the alarm, median of all rates", "<= 8", number(t.delay(direct, 0.5)), f"{len(direct)} attacks, recall {t.recall(direct).text()}"),
        row("accused on the DNS path or otherwise, per 1,000 host-weeks, monitors included", "-", by_dns.text(), f"{by_dns.n:,} host-weeks"),
        row("stolen account from many addresses: messages before the alarm, median", "<= 40", number(t.delay(many, 0.5)), f"{len(many)} attacks"),
        row("precision of named subjects, false-discovery control on", ">= .95", t.precision_standing_out(ours).text(), f"{t.precision_standing_out(ours).n} subjects, all kinds of innocents"),
        row("recall of named subjects, false-discovery control on", ">= .97", t.recall_standing_out(everyone).text(), f"{len(everyone)} attacks at the goals' cells, all paths"),
        row("- precision and recall of every alarm", "", f"{t.precision(ours).text()}; {t.recall(everyone).text()}", f"{t.precision(ours).n} subjects"),
        row("surges of the whole server, per quiet server-week", "<= .25", t.server_alarms(ours).text(), f"{t.server_alarms(ours).n} weeks"),
        *(row(f"accused: {kind}", goal, t.flagged(ours, kind).text(), f"{t.flagged(ours, kind).n} hosts") for kind, goal in (("known-newsletter", "0"), ("new-newsletter", "<= .25"), ("merge", "<= .10"))),
        row("onset error, median minutes, >= 0.5/min", "<= 5", f"{t.onset_error(fast):.1f}", f"{len(fast)} attacks"),
    ]  # fmt: skip
    return lines


def _rates(ours: list[Outcome]) -> list[str]:
    lines = head(
        "path", "messages/min", "attacks", "named", "within 1 h", "within 8 h", "messages, median [p90]", "warned",
        "minutes, median",
    )
    for path in ("relay", "direct", "guessed", "account", "script"):
        for rate in sorted({a["rate"] for a in t.attacks_in(ours, lambda a, p=path: a["path"] == p)}):  # type: ignore[misc]
            some = t.attacks_in(ours, lambda a, p=path, r=rate: a["path"] == p and a["rate"] == r)  # type: ignore[misc]
            lines.append(
                row(
                    path,
                    f"{rate:g}",
                    len(some),
                    t.recall(some).text(),
                    f"{t.recall(some, within=60).value:.2f}",
                    f"{t.recall(some, within=480).value:.2f}",
                    f"{number(t.delay(some, 0.5))} [{number(t.delay(some, 0.9))}]",
                    f"{t.recall(some, 'warning').value:.2f}",
                    number(t.delay(some, 0.5, unit="minutes")),
                )
            )
    return lines


def _factors(ours: list[Outcome]) -> list[str]:
    lines = head("mailer through the server", "attacks", "named", "warned", "messages, median [p90]")
    factors: list[tuple[str, Sequence[Any]]] = [
        ("bounce", sorted(grid.BOUNCES)),
        ("novelty", sorted(grid.NOVELTIES)),
        ("senders", grid.SENDERS),
        ("shape", ("steady", "ramp", "duty")),
        ("recipients", (1, 3)),
    ]
    for name, levels in factors:
        for level in levels:
            some = t.attacks_in(ours, lambda a, n=name, v=level: a["path"] == "relay" and a[n] == v)  # type: ignore[misc]
            lines.append(
                row(
                    f"{name} {level}",
                    len(some),
                    t.recall(some).text(),
                    f"{t.recall(some, 'warning').value:.2f}",
                    f"{number(t.delay(some, 0.5))} [{number(t.delay(some, 0.9))}]",
                )
            )
    return lines


def _innocents(ours: list[Outcome]) -> list[str]:
    lines = head("kind", "subjects", "accused", "warned of", "share accused")
    accused, warned = t.totals(ours, "accused"), t.totals(ours, "warned")
    for kind in t.kinds(ours):
        accusations = t.flagged(ours, kind)
        lines.append(row(kind, f"{accusations.n:,}", accused[kind], warned[kind], accusations.text(4)))
    return lines


def _confidence(ours: list[Outcome]) -> list[str]:
    lines = head("confidence told", "subjects", "mean told", "share that was guilty")
    for name, n, told, guilty in t.reliability(ours):
        lines.append(row(name, n, f"{told:.3f}", guilty.text()))
    return lines


def _exceedance(ours: list[Outcome]) -> list[str]:
    lines = [
        "An e-value of 1,000 should come to at most one innocent host in 1,000, however long one looks (Ville). Ordinary",
        "hosts that were judged over two weeks, and how many ever had as much:\n",
        *head("e-value", "nominal, at most", "mail path", "DNS path"),
    ]
    for power in POWERS:
        shares = (t.exceeding(ours, path, power).text(5) for path in ("mail", "DNS"))
        lines.append(row(f"{10**power:,}", f"{10**-power:g}", *shares))
    return lines


def _verdicts(ours: list[Outcome]) -> list[str]:
    """What was said of things that defer mail and are no attack."""
    lines = head("what happened", "seen by at least five first attempts", "verdict right", "another verdict", "nothing said")
    happened = [h for o in ours for h in o["verdicts"]["happened"] if h["first"] >= 5]
    for kind in sorted({h["kind"] for h in happened}):
        some = [h for h in happened if h["kind"] == kind]
        right = sum(h["said"] == kind for h in some)
        silent = sum(h["said"] is None for h in some)
        figure = t.Figure(*share(right, len(some)), len(some))
        lines.append(row(kind, len(some), figure.text(), len(some) - right - silent, silent))
    said: Counter[str] = Counter()
    for o in ours:
        said.update(o["verdicts"]["else"])
    weeks = sum(o["weeks"] for o in ours)
    lines += ["\nWhat else was said of destinations, in all " + f"{weeks:g} weeks of these servers:\n", *head("said", "times")]
    lines += [row(what, n) for what, n in sorted(said.items())]
    return lines


def _peers(results: Mapping[str, Sequence[Outcome]], limits: Mapping[str, float]) -> list[str]:
    lines = [
        "Each rule as it is usually set, and set so that on the tuning seeds it accuses no more ordinary hosts than",
        "mailripple does (`matched`), as far as its number can be raised: where it still accuses more than twice as many,",
        "it says so. Rules stop at the first alarm of a host: one that accused a host before its attack began has not",
        "named the attack, and so rules that accuse nearly everybody look worse here than they are.\n",
        *head(
            "rule", "number", "false alarms, 1,000 host-weeks", "newsletters and lists accused", "attacks named",
            "of those >= 0.5/min that the goals speak of", "messages, median",
        ),
    ]  # fmt: skip
    sources = {p.name: p for p in PEERS}

    def add(name: str, key: str, limit: str, wanted: Callable[[t.Attack], bool]) -> None:
        outcomes = list(results[key])
        alarms, _ = t.false_alarms(outcomes, t.ORDINARY)
        bulk = ("known-newsletter", "new-newsletter", "merge", "list-server", "forwarder", "invoices")
        hit = sum(t.totals(outcomes, "accused")[k] for k in bulk)
        n = sum(o["hosts"].get(k, 0) for o in outcomes for k in bulk)
        every = t.attacks_in(outcomes, lambda a: a["path"] != "guessed" or name == OURS)
        some = t.goal_attacks(outcomes, wanted) if wanted is mail else t.attacks_in(outcomes, wanted)
        lines.append(
            row(
                name,
                limit,
                alarms.text(),
                f"{hit} of {n}",
                f"{t.recall(every).value:.2f}",
                f"{t.recall(some).value:.2f}",
                number(t.delay(some, 0.5)),
            )
        )

    def mail(a: t.Attack) -> bool:
        return core(a) and bool(a["rate"] >= 0.5)

    def dns(a: t.Attack) -> bool:
        return bool(a["path"] == "direct" and a["rate"] >= 0.5)

    add(f"**{OURS}**, through the server", OURS, "-", mail)
    add(f"**{OURS}**, own engine", OURS, "-", dns)
    for name, peer in sources.items():
        wanted = mail if peer.path == "mail" else dns
        add(f"{name} ({peer.source})", name, f"{peer.usual:g}", wanted)
        add(f"{name}, {_matched(results, name)}", f"{name}, matched", f"{limits[name]:g}", wanted)
    return [*lines, *_ahead(results, mail)]


def _matched(results: Mapping[str, Sequence[Outcome]], name: str) -> str:
    """`matched`, or that it could not be."""
    ours, theirs = (t.false_alarms(list(results[k]), t.ORDINARY)[0].value for k in (OURS, f"{name}, matched"))
    return "matched" if theirs <= 2 * ours + 0.05 else "could not be matched"


def _ahead(results: Mapping[str, Sequence[Outcome]], wanted: Callable[[t.Attack], bool]) -> list[str]:
    """In words, which rules name more of the mailers through the server that the goals speak of, or name them sooner."""
    ours = t.goal_attacks(results[OURS], wanted)
    found = []
    for peer in PEERS:
        for key, how in ((peer.name, "as usually set"), (f"{peer.name}, matched", "matched")):
            theirs = t.goal_attacks(results[key], wanted) if peer.path == "mail" else []
            if theirs and (t.recall(theirs).value > t.recall(ours).value or t.delay(theirs, 0.5) < t.delay(ours, 0.5)):
                accused = t.totals(list(results[key]), "accused")
                bulk = sum(accused[k] for k in ("known-newsletter", "new-newsletter", "merge", "invoices"))
                alarms = t.false_alarms(list(results[key]), t.ORDINARY)[0].value
                found.append(
                    f"- {peer.name} ({how}): {t.recall(theirs).value:.2f} named, after {number(t.delay(theirs, 0.5))} "
                    f"messages; {alarms:.2f} false alarms per 1,000 host-weeks, {bulk} newsletters and mailings accused."
                )
    said = "\n**Where mailripple is not ahead**, of mailers through the server at 0.5 messages a minute or more "
    said += f"({t.recall(ours).value:.2f} named, after {number(t.delay(ours, 0.5))}):\n"
    return [said, *(found or ["- nowhere."])]
