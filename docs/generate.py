"""Write the pages that are made from the code: `python docs/generate.py`.

docs/reference.md: commands, metrics, fields, kinds, formats; docs/formats-list.md: every format with an example.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from mailripple import counts
from mailripple.cli import cli
from mailripple.explain import COUNTS_INTO
from mailripple.formats import Format, load_formats
from mailripple.tables import ATTEMPTS, COUNTS, FIELDS, KINDS, QTYPES, REFUSALS, STATUSES

PLACE = Path(__file__).parent / "reference.md"
LIST = Path(__file__).parent / "formats-list.md"

MEANINGS = {
    "dns.query": "DNS questions",
    "dns.lookup": "questions without the resolver's repetitions (same client, name and type within 5 s)",
    "dns.response": "answers that repeat the question",
    "dns.packet": "packets to or from the DNS port (iplog)",
    "mail.from": "messages taken in (N_from)",
    "mail.to": "delivery records (N_to)",
    "mail.sent": "records that ended well (N_SS)",
    "mail.deferred": "records with a temporary failure (N_SD)",
    "mail.bounced": "records with a permanent failure",
    "mail.expired": "records given up after too many tries",
    "mail.rejected": "records rejected by policy",
    "mail.other": "records queued, held or discarded",
    "mail.rcpt": "recipients of the delivery records",
    "mail.attempt.first": "first attempts: queue id, destination",
    "mail.attempt.retry": "later attempts",
    "mail.dsn": "bounces and notices that the server made itself",
    "mail.dsn.to": "delivery records of those",
    "mail.reject": "clients, senders or recipients refused",
    "mail.refused": "sessions in which no recipient was accepted",
    "mail.internal": "hand-overs on the same machine: from MSP to MTA, to a content filter, to an alias's own message",
    "mail.skipped": "records of no attempt (Exim: retry time not reached); part of mail.to",
    "mail.accepted": "recipients accepted with the messages taken in",
    "mail.out": "first attempts that leave the machine (its mailer is not local, prog, a file, ...)",
    "pop.login": "POP3 log-ins (N_P)",
    "pop.fail": "failed POP3 log-ins",
    "pop.logout": "ends of POP3 sessions",
    "pop.connect": "POP3 connections without a log-in",
    "imap.login": "IMAP log-ins",
    "imap.fail": "failed IMAP log-ins",
    "imap.logout": "ends of IMAP sessions",
    "late": "records that came more than 120 s late: counted, but not joined to their message",
}


def reference() -> str:
    """The whole page."""
    return "\n".join([*_commands(), *_metrics(), *_fields(), *_tables(), *_formats()]) + "\n"


def _commands() -> Iterator[str]:
    yield "# Reference\n\nMade from the code by `docs/generate.py`.\n\n## Commands\n"
    context = click.Context(cli, info_name="mailripple")
    for name in sorted(cli.commands):
        command = cli.commands[name]
        arguments = " ".join(
            f"{p.human_readable_name}..." if p.nargs == -1 else p.human_readable_name
            for p in command.params
            if isinstance(p, click.Argument)
        )
        usage = f"mailripple {name} {arguments}".strip()
        yield f"### `{usage}`\n\n{(command.help or '').strip()}\n"
        options = [p for p in command.get_params(context) if isinstance(p, click.Option) and "--help" not in p.opts]
        if options:
            yield "| option | meaning |\n|---|---|"
            for option in options:
                yield f"| `{', '.join(option.opts)}{' ' + option.metavar if option.metavar else ''}` | {option.help} |"
            yield ""


def _metrics() -> Iterator[str]:
    yield "## Metrics\n\n`mail.failed` is `mail.bounced`, `mail.expired` and `mail.rejected` together; `D_q` is `dns.query` of the mail servers, `mail.deferred.A` is `mail.deferred` of the most deferred destination (domain A).\n"
    yield "| metric | counts |\n|---|---|"
    for name in counts.METRIC_NAMES:
        meaning = MEANINGS.get(name) or f"questions of type {name.removeprefix('dns.query.')}"
        yield f"| `{name}` | {meaning} |"
    yield f"\nOf a client, an account or a destination: {', '.join(f'`{m}`' for m in counts.ENTITY_METRICS)}."
    yield f"\nOf a DNS client: `dns.query` by the minute, {', '.join(f'`{m}`' for m in counts.CLIENT_METRICS)}.\n"


def _fields() -> Iterator[str]:
    yield "## Records of `events`\n\nEach has `source`, `line`, `format`, `pattern`, `kind` and `ts` (ISO 8601, UTC; null where the line has no time).\n"
    yield "| field | meaning |\n|---|---|"
    for name, meaning in FIELDS.items():
        yield f"| `{name}` | {meaning} |"
    yield "| `rcpt_domain` | domain of the recipients, where they have one and the same |"
    yield "| `rcpt_domains` | their domains, where they differ |"
    yield f"| `status` | one of {', '.join(STATUSES[1:])} |\n"
    yield "| kind | counts into |\n|---|---|"
    for kind in KINDS[1:]:
        yield f"| `{kind}` | {COUNTS_INTO[kind]} |"
    yield f"\nQuery types counted by themselves: {', '.join(QTYPES[1:])}.\n"


def _tables() -> Iterator[str]:
    for title, table in (("Counts", COUNTS), ("Attempts", ATTEMPTS)):
        yield f"## Table {title}\n\n| column | type | unit | meaning |\n|---|---|---|---|"
        for c in table:
            yield f"| `{c.name}` | {c.type} | {c.unit} | {c.meaning} |"
        yield ""


def _formats() -> Iterator[str]:
    yield "## Formats\n\n| id | what | programs | events |\n|---|---|---|---|"
    formats = load_formats()
    for f in (*formats.envelopes, *formats.messages):
        kinds = ", ".join(sorted({p.kind for p in f.patterns if p.kind}))
        programs = ", ".join(f"`{p}`" for p in f.programs)
        yield f"| `{f.id}` | {f.title} | {programs} | {kinds or 'envelope' if f.subject == 'envelope' else kinds} |"


def formats_list() -> str:
    """The page of formats: what is read, an example of each kind of record, and what it counts into."""
    formats = load_formats()
    out = [
        "# Formats\n\nMade from the format files by `docs/generate.py`.  Which format a line has is found by itself.\n"
    ]
    messages = [f for f in formats.messages if any(p.kind for p in f.patterns)]
    for title, subject in (("DNS", "dns"), ("Mail", "mail")):
        out.append(f"## {title}\n")
        out += [part for f in sorted(messages, key=lambda f: f.id) if f.subject == subject for part in _format(f)]
    out.append("## Known and skipped\n\nPrograms whose lines are known, and of which nothing is counted.\n")
    rest = [f for f in formats.messages if f not in messages]
    out += [f"- `{f.id}`: {f.title}" for f in sorted(rest, key=lambda f: f.id)]
    out.append("\n## What stands in front\n\nTime, host and program of a line, in the order in which they are tried.\n")
    for f in formats.envelopes:
        out.append(f"### {f.id}\n\n{f.title}.\n")
        out += [f"    {p.samples[0].line.replace(chr(9), ' ')}" for p in f.patterns]
        refused = [f"`{p.name}`: {REFUSALS[p.refuse]}" for p in f.patterns if p.refuse]
        out += ["", *([f"Refused: {'; '.join(refused)}.\n"] if refused else [])]
    return "\n".join(out) + "\n"


def _format(f: Format) -> Iterator[str]:
    """The section of one message format."""
    yield f"### {f.id}\n\n{f.title}.{f' Versions: {f.versions}.' if f.versions else ''} [About its log]({f.url})\n"
    if f.note.strip():
        yield f"{f.note.strip()}\n"
    for p in f.patterns:
        if p.kind:
            yield f"`{p.name}` is a `{p.kind}`; it counts into {COUNTS_INTO[p.kind]}:\n\n    {p.samples[0].line}\n"
    skipped = [f"`{p.name}`" for p in f.patterns if not p.kind]
    if skipped:
        yield f"Skipped: {', '.join(skipped)}.\n"


if __name__ == "__main__":
    PLACE.write_text(reference(), encoding="utf-8")
    LIST.write_text(formats_list(), encoding="utf-8")
