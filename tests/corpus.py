"""Score the formats against the shared corpus of real log lines, as its README says how to score.

`python tests/corpus.py` prints, by software: lines, labelled lines, labelled fields right and wrong, lines that no
pattern names.  The corpus lies beside the repository and is not part of it; without it there is nothing to score.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mailripple.formats.load import FormatSet, load_formats
from mailripple.parse import naive
from mailripple.parse.record import values_of

SHARED = Path(__file__).resolve().parents[1].parent / "shared"
CORPUS = SHARED / "corpus" / "corpus.jsonl"
SOFTWARE = ("sendmail", "bind", "qpopper", "dovecot")

#: Labels that say something else than the line does: id -> why.
KNOWN_WRONG_LABELS: dict[str, str] = {}

#: Kinds of our records -> `event` of the corpus.  Everything else is "other".
EVENTS = {"dns.query": "query", "dns.response": "response", "mail.from": "from", "mail.to": "to"}
POP_ACTIONS = {"pop.login": "login", "pop.logout": "logout", "pop.fail": "fail", "pop.connect": "connect"}


@dataclass(slots=True)
class Score:
    """What was found for one software."""

    lines: int = 0
    labelled: int = 0
    right: int = 0
    fields_right: int = 0
    wrong: list[str] = field(default_factory=list)
    rejects: list[str] = field(default_factory=list)


def corpus(software: str | None = None) -> Iterator[dict[str, Any]]:
    """The records of the corpus (of one software)."""
    with CORPUS.open(encoding="utf-8") as lines:
        for text in lines:
            record: dict[str, Any] = json.loads(text)
            if software is None or record["software"] == software:
                yield record


def claims(outcome: naive.Outcome) -> dict[str, Any]:
    """What we say of a line, in the words of the corpus."""
    pattern, line = outcome.pattern, outcome.line
    if pattern is None or line is None:
        return {"event": "other"}
    values = values_of(line.fields, outcome.status)
    pop = pattern.format == "qpopper" or pattern.kind.startswith("pop.") or "pop3" in pattern.id
    same = ("client_ip", "queue_id", "qname", "qtype", "size", "nrcpts", "relay", "dsn")
    found: dict[str, Any] = {k: values[k] for k in same if k in values}
    found["event"] = "pop" if pop else EVENTS.get(pattern.kind, "other")
    if pop:
        found["pop_action"] = POP_ACTIONS.get(pattern.kind, "other")
    if outcome.status:
        found["status"] = values["status"]
    elif pattern.kind == "mail.reject":
        found["status"] = "rejected"
    domains = values.get("rcpt_domains", [values.get("rcpt_domain")])
    if len(domains) == 1 and domains[0]:
        found["to_domain"] = domains[0]
    return found


def differences(expected: dict[str, Any], outcome: naive.Outcome) -> tuple[int, list[str]]:
    """(labelled fields that are right, "field: label, ours" of those that are not)."""
    found = claims(outcome)
    right, wrong = 0, []
    for name, label in expected.items():
        ours = found.get(name)
        if name == "ts":
            same = _same_time(str(label), outcome)
        elif name == "qname":
            same = str(ours).lower() == str(label).rstrip(".").lower()
        elif name == "pop_action":
            same = ours == label or (ours == "other" and label == "error")
        elif found["event"] in ("other", "pop") and ours is None:
            continue  # a skipped line makes no record, so it says nothing of the other fields
        elif name.startswith("relay_"):
            continue
        else:
            same = ours == label
        right += same
        if not same:
            wrong.append(f"{name}: label {label!r}, ours {ours!r}")
    return right, wrong


def _same_time(label: str, outcome: naive.Outcome) -> bool:
    """The label is the raw text of the stamp: read by itself it must give the same moment."""
    if outcome.line is None:
        return False
    for kind in ("rfc3164", "iso", "dmy"):
        line = naive.Line(label.encode())
        if naive.read_time(kind, line, 0) == len(line.text):
            return line.ts == outcome.line.ts
    return False


def text_of(record: dict[str, Any]) -> bytes:
    """The line as a file would hold it: with the program in front where the corpus gives the message alone."""
    text = str(record["line"]).encode()
    program = str(record.get("program", "")).encode()
    if record.get("form") == "message-only" and program and not text.startswith(program):
        text = program + b": " + text
    return text


def score(formats: FormatSet, software: str) -> Score:
    """Read all lines of one software."""
    total = Score()
    for record in corpus(software):
        outcome = naive.read_line(formats, text_of(record))
        total.lines += 1
        if outcome.what == "reject":
            total.rejects.append(f"{record['id']} {record['line'][:150]}")
        if record["expected"] is None or record["id"] in KNOWN_WRONG_LABELS:
            continue
        right, wrong = differences(record["expected"], outcome)
        total.labelled += 1
        total.right += not wrong
        total.fields_right += right
        total.wrong += [f"{record['id']} {w} | {record['line'][:150]}" for w in wrong]
    return total


def noise_events(formats: FormatSet) -> list[str]:
    """Lines of other programs that gave an event: there must be none."""
    found = []
    for record in corpus():
        if record["kind"] == "other-noise":
            outcome = naive.read_line(formats, text_of(record))
            if outcome.what == "event" and outcome.pattern is not None:
                found.append(f"{record['id']} {outcome.pattern.id} {record['line'][:150]}")
    return found


def read_file(formats: FormatSet, path: Path) -> tuple[Counter[str], list[str]]:
    """(lines by outcome, rejected lines) of a whole log file."""
    counts: Counter[str] = Counter()
    rejects = []
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as lines:
        for text in lines:
            outcome = naive.read_line(formats, text.rstrip(b"\n"))
            counts[outcome.what] += 1
            if outcome.what == "event" and outcome.pattern is not None:
                counts[outcome.pattern.kind] += 1
            if outcome.what == "reject":
                rejects.append(text.decode("utf-8", "backslashreplace").rstrip())
    return counts, rejects


def main(arguments: list[str]) -> int:
    """Print the scores; with file names: what becomes of their lines."""
    formats = load_formats()
    for name in arguments:
        counts, rejects = read_file(formats, Path(name))
        print(name, dict(counts))
        print("".join(f"    not understood: {text[:180]}\n" for text in rejects), end="")
    if arguments:
        return 0
    if not CORPUS.exists():
        print(f"no corpus at {CORPUS}: nothing to score", file=sys.stderr)
        return 0
    failures = 0
    for software in SOFTWARE:
        found = score(formats, software)
        failures += len(found.wrong)
        print(
            f"{software}: {found.lines} lines, {found.labelled} labelled, {found.right} of them right; "
            f"fields {found.fields_right} right, {len(found.wrong)} wrong; {len(found.rejects)} lines not understood"
        )
        print("".join(f"    wrong: {text}\n" for text in found.wrong), end="")
        print("".join(f"    not understood: {text}\n" for text in found.rejects), end="")
    noise = noise_events(formats)
    print(f"noise: {len(noise)} lines gave an event")
    print("".join(f"    {text}\n" for text in noise), end="")
    return 1 if failures or noise else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
