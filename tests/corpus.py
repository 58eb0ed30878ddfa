"""Score the formats against the shared corpus of real log lines, as its README says how to score.

`python tests/corpus.py` (`make corpus`) prints a table by software: lines, labelled lines and those all right, labelled
fields right and wrong, fields that we say nothing of, lines that were not understood; `-v` lists what is wrong.  With
file names: what becomes of their lines.  The corpus lies beside the repository and is not part of it; without it there
is nothing to score.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
if __name__ == "__main__":
    sys.path[:0] = [str(ROOT / "src"), str(ROOT)]

from mailripple.formats.load import FormatSet, load_formats  # noqa: E402
from mailripple.parse import naive  # noqa: E402
from mailripple.parse.naive_records import Table  # noqa: E402
from mailripple.parse.record import values_of  # noqa: E402

#: Beside the checkout, or beside the folder of its worktrees.
SHARED = next((p / "shared" for p in ROOT.parents[:2] if (p / "shared").is_dir()), ROOT.parent / "shared")
CORPUS = SHARED / "corpus" / "corpus.jsonl"
#: Software that has formats here, and so must reach the goals; the others are only shown.
SOFTWARE = (
    *("sendmail", "bind", "qpopper", "dovecot", "postfix", "exim", "courier", "cyrus", "opensmtpd"),
    *("unbound", "dnsmasq", "pdns", "knot", "coredns", "windns"),
)
SOFTWARE += ("zeek", "suricata")
#: Share of the lines that may fit nothing: what an administrator lets Exim's access lists write is free text.
FREE_TEXT = {"exim": 0.06}
#: Share of the labelled fields that must be right: over all supported software, and in each.
GOAL_ALL, GOAL_EACH = 0.995, 0.98

#: The origin's names of its tests stand where the program should.
PROGRAMS = {"postfix/tls_features": "postfix/smtp"}

#: Labels that say something else than the line does: hash of the line (see `line_hash`) -> field -> why.  The field
#: "line" says why a line need not be understood.
WRONG_LABELS_FILE = Path(__file__).with_name("corpus_labels.json")

#: Kinds of our records -> `event` of the corpus.  Everything else is "other".
EVENTS = {"dns.query": "query", "dns.response": "response", "mail.from": "from", "mail.to": "to"}
POP_ACTIONS = {"pop.login": "login", "pop.logout": "logout", "pop.fail": "fail", "pop.connect": "connect"}
#: Fields of ours that the corpus has under the same name.
SAME = ("client_ip", "queue_id", "qname", "qtype", "size", "nrcpts", "relay", "relay_ip", "dsn", "sasl_user")


@dataclass(frozen=True, slots=True)
class Reading:
    """What became of one line: `what` is event, skip, other, reject or blank; `kind` and `pattern` name the record.

    `values` as `mailripple events` prints them; `ts` in microseconds where the line has a time.
    """

    what: str
    kind: str = ""
    pattern: str = ""
    values: dict[str, Any] = field(default_factory=dict)
    ts: int | None = None


@dataclass(slots=True)
class Score:
    """What was found for one software."""

    lines: int = 0
    labelled: int = 0
    right: int = 0
    fields_right: int = 0
    fields_wrong: Counter[str] = field(default_factory=Counter)
    unsaid: Counter[str] = field(default_factory=Counter)
    labels_wrong: int = 0
    wrong: list[str] = field(default_factory=list)
    rejects: list[str] = field(default_factory=list)

    @property
    def share(self) -> float:
        """Share of the labelled fields that are right."""
        return self.fields_right / max(self.fields_right + self.fields_wrong.total(), 1)


def line_hash(line: str) -> str:
    """Key of a line in the file of wrong labels: the corpus itself is not part of the repository."""
    return hashlib.sha256(line.encode()).hexdigest()[:16]


def wrong_labels() -> dict[str, dict[str, str]]:
    """hash of a line -> field -> why its label is wrong."""
    found: dict[str, dict[str, str]] = json.loads(WRONG_LABELS_FILE.read_text(encoding="utf-8"))
    return found


def corpus(software: str | None = None) -> Iterator[dict[str, Any]]:
    """The records of the corpus (of one software)."""
    with CORPUS.open(encoding="utf-8") as lines:
        for text in lines:
            record: dict[str, Any] = json.loads(text)
            if software is None or record["software"] == software:
                yield record


def text_of(record: dict[str, Any]) -> bytes:
    """The line as a file would hold it: with the program in front where the corpus gives the message alone."""
    text = str(record["line"]).encode()
    program = str(record.get("program", ""))
    program_text = PROGRAMS.get(program, program).encode()
    if record.get("form") == "message-only" and program and not text.startswith(program.encode()):
        text = program_text + b": " + text
    return text


def read_text(formats: FormatSet, record: dict[str, Any]) -> Reading:
    """Read a line of text."""
    return reading_of(naive.read_line(formats, text_of(record)))


def reading_of(outcome: naive.Outcome) -> Reading:
    """An outcome of the slow reference in the words of the scorer."""
    line = outcome.line
    ts = line.ts if line is not None and line.ts_kind else None
    if outcome.pattern is None or line is None:
        return Reading(outcome.what, ts=ts)
    return Reading(
        outcome.what, outcome.pattern.kind, outcome.pattern.id, values_of(line.fields, outcome.status), ts
    )


def read_row(formats: FormatSet, record: dict[str, Any]) -> Reading:
    """Read the row of a table, below the header that the corpus gives with it."""
    table = Table()
    naive.read_line(formats, str(record["header"]).encode(), table)
    return reading_of(naive.read_line(formats, text_of(record), table))


#: How a record is read, by the `form` of the corpus; text where nothing is said.
READERS: dict[str, Callable[[FormatSet, dict[str, Any]], Reading]] = {"tsv": read_row}


def read(formats: FormatSet, record: dict[str, Any]) -> Reading:
    """Read a record of the corpus."""
    return READERS.get(str(record.get("form", "")), read_text)(formats, record)


def claims(reading: Reading, label: dict[str, Any]) -> dict[str, Any]:
    """What we say of a line, in the words of the corpus; `label` tells POP3 servers' lines that we pass over."""
    values = reading.values
    found: dict[str, Any] = {k: values[k] for k in SAME if k in values}
    pop = reading.kind.startswith("pop.") or (label.get("event") == "pop" and not reading.kind)
    found["event"] = "pop" if pop else EVENTS.get(reading.kind, "other")
    if reading.kind == "mail.to" and "env_rcpt" not in values:
        found["event"] = "other"  # a result of the whole message
    if pop:
        found["pop_action"] = POP_ACTIONS.get(reading.kind, "other")
    if "status" in values:
        found["status"] = values["status"]
    elif reading.kind == "mail.reject":
        found["status"] = "rejected"
    if reading.kind == "mail.to" and "nrcpts" in label:
        found["nrcpts"] = len(values.get("env_rcpt", []))
    domains = values.get("rcpt_domains", [values.get("rcpt_domain")])
    if len(domains) == 1 and domains[0]:
        found["to_domain"] = domains[0]
    return found


def differences(label: dict[str, Any], reading: Reading) -> tuple[int, dict[str, str], list[str]]:
    """(labelled fields that are right, field -> "label, ours" of the wrong ones, fields that we say nothing of).

    A line that gives no event says nothing of any field but that, its time and what it is.
    """
    found = claims(reading, label)
    right, wrong, unsaid = 0, {}, []
    for name, value in label.items():
        ours = found.get(name)
        if name == "ts":
            same = _same_time(str(value), reading.ts)
        elif name == "qname":
            same = str(ours).lower() == str(value).rstrip(".").lower()
        elif name == "pop_action":
            same = ours == value or (ours == "other" and value == "error")
        elif (found["event"] in ("other", "pop") and ours is None) or name == "relay_host":
            unsaid.append(name)
            continue
        else:
            same = ours == value
        right += same
        if not same:
            wrong[name] = f"label {value!r}, ours {ours!r}"
    return right, wrong, unsaid


def _same_time(label: str, ts: int | None) -> bool:
    """The label is the raw text of the stamp: read by itself it must give the same moment."""
    for kind in ("rfc3164", "iso", "dmy", "win"):
        line = naive.Line(label.encode())
        if naive.read_time(kind, line, 0) == len(line.text):
            return line.ts == ts
    number = re.fullmatch(r"(\d+)\.(\d{1,6})\d*", label)
    return number is not None and ts == int(number[1]) * 1_000_000 + int(number[2].ljust(6, "0"))


def score(formats: FormatSet, software: str) -> Score:
    """Read all lines of one software."""
    total = Score()
    known_wrong = wrong_labels()
    for record in corpus(software):
        reading = read(formats, record)
        total.lines += 1
        bad = known_wrong.get(line_hash(record["line"]), {})
        if reading.what == "reject" and "line" not in bad:
            total.rejects.append(f"{record['id']} {record['line'][:150]}")
        if record["expected"] is None:
            continue
        label = {name: value for name, value in record["expected"].items() if name not in bad}
        right, wrong, unsaid = differences(label, reading)
        total.labelled += 1
        total.right += not wrong
        total.fields_right += right
        total.fields_wrong.update(wrong.keys())
        total.unsaid.update(unsaid)
        total.labels_wrong += len(bad)
        total.wrong += [f"{record['id']} {name}: {w} | {record['line'][:170]}" for name, w in wrong.items()]
    return total


def noise_events(formats: FormatSet) -> list[str]:
    """Lines of other programs that gave an event: there must be none."""
    found = []
    for record in corpus():
        if record["kind"] == "other-noise":
            reading = read(formats, record)
            if reading.what == "event" and reading.kind != "repeat":
                found.append(f"{record['id']} {reading.pattern} {record['line'][:150]}")
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


def print_row(name: str, found: Score, *, verbose: bool) -> None:
    """One line of the table, and below it what is wrong."""
    fields = found.fields_right + found.fields_wrong.total()
    share = f"{100 * found.share:6.2f}" if fields else "     -"
    by_field = ", ".join(f"{name} {n}" for name, n in found.fields_wrong.most_common())
    print(
        f"{name:12}{found.lines:7}{found.labelled:10}{found.right:7}{fields:8}{found.fields_wrong.total():7}{share:>9}"
        f"{found.unsaid.total():8}{found.labels_wrong:8}{len(found.rejects):8}  {by_field}"
    )
    if verbose:
        print("".join(f"    wrong: {text}\n" for text in found.wrong), end="")
        print("".join(f"    not understood: {text}\n" for text in found.rejects), end="")


def table(formats: FormatSet, chosen: list[str], *, verbose: bool) -> bool:
    """Print the scores; True if the supported software reaches the goals."""
    names = sorted({record["software"] for record in corpus()} & set(chosen) if chosen else {r["software"] for r in corpus()})
    print("software      lines  labelled  right  fields  wrong  % right  unsaid  labels  not under-")
    print("                                                                        wrong   stood")
    reached, right, fields = True, 0, 0
    for name in names:
        found = score(formats, name)
        print_row(name + ("" if name in SOFTWARE else " *"), found, verbose=verbose)
        if name in SOFTWARE:
            reached = reached and found.share >= GOAL_EACH
            right += found.fields_right
            fields += found.fields_right + found.fields_wrong.total()
    print(f"all supported (without *): {right} of {fields} fields right, {100 * right / max(fields, 1):.2f} %")
    return reached and right >= GOAL_ALL * fields


def main(arguments: list[str]) -> int:
    """Print the scores (of the software that is named); with file names: what becomes of their lines."""
    formats = load_formats()
    verbose = "-v" in arguments
    chosen = [a for a in arguments if a != "-v"]
    files = [Path(a) for a in chosen if Path(a).is_file()]
    for path in files:
        counts, rejects = read_file(formats, path)
        print(path, dict(counts))
        print("".join(f"    not understood: {text[:180]}\n" for text in rejects), end="")
    if files:
        return 0
    if not CORPUS.exists():
        print(f"no corpus at {CORPUS}: nothing to score", file=sys.stderr)
        return 0
    reached = table(formats, chosen, verbose=verbose)
    noise = noise_events(formats)
    print(f"noise: {len(noise)} lines of other programs gave an event")
    print("".join(f"    {text}\n" for text in noise), end="")
    return 0 if reached and not noise else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
