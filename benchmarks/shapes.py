"""Do simulated logs have the shape of real ones?  Folders of logs, read by `mailripple` alone, side by side.

    python benchmarks/shapes.py FOLDER FOLDER ...

A folder holds `mail.log` (and `pop.log`), `queries.log`, packed or not, and a `truth.json` of which only the zone, the
year and the address of the mail server are taken.  Everything else is counted from what `mailripple report --json` and
`mailripple events` print; nothing here knows how any log is made.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

QUANTILES = (0.1, 0.5, 0.9)
MAIL, QUERIES = ("mail.log", "pop.log"), ("queries.log",)
SESSIONS = ("pop.", "imap.")


def files(folder: Path, names: tuple[str, ...]) -> list[str]:
    """The logs of these names, packed or not."""
    return [str(p) for name in names for p in (folder / name, folder / f"{name}.gz") if p.exists()]


def settings(folder: Path) -> tuple[list[str], str]:
    """Options for reading the folder's logs, and the address of its mail server."""
    truth = json.loads((folder / "truth.json").read_text())
    zone = truth.get("time_zone") or truth["tz"]
    return ["--tz", zone, "--year", truth["start"][:4]], truth.get("mail_server") or truth["mx_ip"]


def command(*arguments: str) -> Iterator[str]:
    """The lines that `mailripple` prints."""
    with subprocess.Popen([sys.executable, "-m", "mailripple", *arguments], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        yield from run.stdout
    if run.returncode:
        raise SystemExit(f"mailripple {arguments[0]} failed")


def quantiles(values: list[float]) -> str:
    """The 10th, 50th and 90th percent."""
    values = sorted(values)
    if not values:
        return "-"
    return " / ".join(f"{values[min(int(q * len(values)), len(values) - 1)]:.4g}" for q in QUANTILES)


def deliveries(events: Iterator[str]) -> dict[str, Any]:
    """Moments of deliveries: from acceptance to the first record, and between the attempts of one destination."""
    taken: dict[str, float] = {}
    tried: dict[tuple[str, str], float] = {}
    waits: list[float] = []
    gaps: list[float] = []
    recipients: Counter[int] = Counter()
    lines = 0
    for line in events:
        event = json.loads(line)
        if event["kind"].startswith(SESSIONS):
            continue
        lines += 1
        queue = event.get("queue_id", "")
        if event["kind"] == "mail.from" and event.get("nrcpts", 1) and queue not in taken:
            taken[queue] = datetime.fromisoformat(event["ts"]).timestamp()
        elif event["kind"] == "mail.to" and event.get("status") != "skipped" and queue in taken:
            now = datetime.fromisoformat(event["ts"]).timestamp()
            place = queue, event.get("rcpt_domain", "")
            if place not in tried:
                waits.append(now - taken[queue])
            elif now - tried[place] > 60:
                gaps.append((now - tried[place]) / 60)
            tried[place] = now
            recipients[len(event.get("env_rcpt", ()))] += 1
    return {
        "mail events a message": lines / max(len(taken), 1),
        "recipients a record": sum(n * k for n, k in recipients.items()) / max(sum(recipients.values()), 1),
        "destinations a message": len(tried) / max(len(taken), 1),
        "seconds to the first record (10/50/90 %)": quantiles(waits),
        "minutes between attempts (10/50/90 %)": quantiles(gaps),
    }


def lookups(events: Iterator[str], server: str) -> dict[str, Any]:
    """Types of the mail server's questions."""
    types: Counter[str] = Counter()
    for line in events:
        event = json.loads(line)
        if event["kind"] == "dns.query" and event.get("client_ip") == server:
            types[event["qtype"]] += 1
    asked = max(sum(types.values()), 1)
    return {f"questions of type {name} (share)": types[name] / asked for name in ("PTR", "A", "AAAA", "MX", "TXT")}


def shape(folder: Path) -> dict[str, Any]:
    """Everything that is compared, of one folder."""
    options, server = settings(folder)
    mail, queries = files(folder, MAIL), files(folder, QUERIES)
    report = json.loads("".join(command("report", "--json", "--mail-server", server, *options, *mail, *queries)))
    t = report["totals"]
    messages = max(t["N_from"], 1)
    attempts = max(t["mail.attempt.first"] + t["mail.attempt.retry"], 1)
    lines = sum(s["lines"] for s in report["sources"] if Path(s["source"]).name.startswith("mail"))
    found = {
        "messages": t["N_from"],
        "lines in mail.log, a message": lines / messages,
        "lines not understood": sum(s["rejected"] for s in report["sources"]),
        "D_q a message": t["D_q"] / messages,
        "N_to / N_from": t["N_to"] / messages,
        "retries (share of attempts)": t["mail.attempt.retry"] / attempts,
        "deferred (share of records)": t["N_SD"] / max(t["N_to"], 1),
        "failed for good (share of records)": t["N_SX"] / max(t["N_to"], 1),
        "bounces a message": t["mail.dsn"] / messages,
        "refusals a message": t["mail.reject"] / messages,
        "POP3 and IMAP log-ins a message": (t["N_P"] + t["imap.login"]) / messages,
    }
    found |= deliveries(command("events", *options, *mail))
    return found | lookups(command("events", *options, *queries), server)


def main() -> None:
    folders = [Path(name) for name in sys.argv[1:]]
    if not folders:
        raise SystemExit(__doc__)
    shapes = [shape(folder) for folder in folders]
    print("| |" + "".join(f" {folder.name} |" for folder in folders))
    print("|---|" + "---:|" * len(folders))
    for name in shapes[0]:
        values = [s[name] for s in shapes]
        print(f"| {name} |" + "".join(f" {v:.3g} |" if isinstance(v, float) else f" {v} |" for v in values))


if __name__ == "__main__":
    main()
