"""The command line: arguments in, one call of the line, exit status out.  No logic of its own.

Heavy modules are imported by the command that needs them, so that `--help` and `--version` stay quick.
"""

from __future__ import annotations

import errno
import gc
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mailripple import __version__
from mailripple.errors import MailrippleError, UsageError

if TYPE_CHECKING:
    from mailripple.config import ReadOptions

_FORMATS = click.option(
    "--formats",
    "folders",
    metavar="DIR",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Folder of your own format files.",
)
_JSON = click.option(
    "--json", "json_", metavar="[FILE]", help="Write JSON to FILE (name.json; default: stdout) instead of the text."
)
_READING = [
    click.option("--tz", "zone", metavar="ZONE", help="Zone of stamps without an offset (default: this machine's)."),
    click.option(
        "--year", type=click.IntRange(1970, 2099), help="Year of the first line of logs whose stamps have none."
    ),
    click.option(
        "--format", "format_", metavar="ID", help="Read with this message format only (see `mailripple formats`)."
    ),
    click.option(
        "--ipv6-prefix",
        type=click.IntRange(16, 128),
        default=128,
        show_default=True,
        help="Bits of an IPv6 address that make a client: 64 takes the addresses of a PC, or of a house, for one.",
    ),
    _FORMATS,
    click.option("--rejects", metavar="FILE", help="Write every line that was not understood to FILE, as JSON lines."),
]


def _reading(command: Any) -> Any:
    for option in reversed(_READING):
        command = option(command)
    return command


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, "-V", "--version", prog_name="mailripple", message="%(prog)s %(version)s")
def cli() -> None:
    """Find the mass mailer in the logs that mail and DNS servers already write."""


@cli.command()
@click.argument("logs", nargs=-1, required=True)
@_reading
@_JSON
@click.option("--html", metavar="FILE", help="Write the report to FILE too, as a page with figures to zoom.")
@click.option(
    "--paper-figures",
    metavar="DIR",
    help="Write Figures 1 and 2 as the paper drew them to DIR, as PNG, SVG and PDF (needs matplotlib).",
)
@click.option(
    "--mail-server",
    "mail_servers",
    metavar="ADDRESS",
    multiple=True,
    help="Address of a mail server whose log is read.",
)
@click.option(
    "--window",
    metavar="LENGTH",
    help="Window of the series: 5m, 1h, 1d or seconds, in whole minutes (default: by the length of the logs).",
)
@click.option("--since", metavar="TIME", help="Count only what is not earlier (2024-10-27T01:30, in --tz).")
@click.option("--until", metavar="TIME", help="Count only what is earlier.")
@click.option("--top", default=10, show_default=True, type=click.IntRange(1, 10_000), help="Length of the lists.")
@click.option(
    "--counting",
    type=click.Choice(["tokens", "grep"]),
    default="tokens",
    show_default=True,
    help="grep: also count lines that contain the paper's words, as its authors did.",
)
@click.option(
    "--exceptions",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="TOML file of bulk senders, relays, monitors that are expected: notices, no alarms (docs/howto.md).",
)
@click.option("--exit-code", is_flag=True, help="End with status 1 if there is an alarm.")
def report(
    logs: tuple[str, ...],
    json_: str | None,
    html: str | None,
    paper_figures: str | None,
    mail_servers: tuple[str, ...],
    window: str | None,
    since: str | None,
    until: str | None,
    top: int,
    counting: str,
    rejects: str | None,
    exceptions: Path | None,
    exit_code: bool,
    **reading: Any,
) -> None:
    """Report on LOGS: files, folders, globs, or - for stdin; plain, gz, zst, xz or bz2."""
    import dataclasses

    from mailripple.config import ReportOptions
    from mailripple.parse.zone import read_moment, zone
    from mailripple.reporting import report as make

    options = ReportOptions(mail_servers, counting, top, exceptions)
    settings = _options(**reading)
    where = zone(settings.zone)
    settings = dataclasses.replace(
        settings,
        since=read_moment(since, where, "--since") if since else None,
        until=read_moment(until, where, "--until") if until else None,
    )
    status = make(
        logs,
        settings,
        options,
        window_s=window_length(window),
        json_to=json_,
        rejects_to=rejects,
        html_to=html,
        figures_to=paper_figures,
        exit_code=exit_code,
    )
    raise SystemExit(status)


@cli.command()
@click.argument("logs", nargs=-1, required=True)
@_reading
def events(logs: tuple[str, ...], rejects: str | None, **reading: Any) -> None:
    """Print every log record of LOGS as a line of JSON."""
    from mailripple.records import write_events

    damaged = write_events(logs, _options(**reading), sys.stdout.buffer, rejects)
    raise SystemExit(3 if damaged else 0)


@cli.command()
@click.argument("line", required=False)
@click.option("--file", "log", metavar="LOG", help="Explain every line of LOG instead (plain or packed; - is stdin).")
@click.option("--incident", metavar="ID", help="Explain an incident of a report instead (needs --report).")
@click.option("--report", "report_", metavar="FILE", help="The report, as `report --json FILE` wrote it.")
@_JSON
@_FORMATS
def explain(
    line: str | None,
    log: str | None,
    incident: str | None,
    report_: str | None,
    json_: str | None,
    folders: tuple[Path, ...],
) -> None:
    """Show how LINE (a log line; - reads lines from stdin) is read and what it counts into."""
    from mailripple.explain import explain_all, explain_incident

    if incident is not None or report_ is not None:
        if incident is None or report_ is None or line is not None or log is not None:
            todo = "mailripple explain --incident ip:192.0.2.9 --report report.json"
            raise UsageError("give an incident and a report, and no line", where="explain", todo=todo)
        explain_incident(incident, Path(report_), json_)
        return
    if (line is None) == (log is None):
        raise UsageError("give one line, or --file LOG", where="explain", todo="mailripple explain 'Oct 27 ... '")
    explain_all(line, log, own_formats(folders), json_)


@cli.command("formats")
@_FORMATS
@_JSON
def formats_(folders: tuple[Path, ...], json_: str | None) -> None:
    """List the log formats that are known."""
    from mailripple.reporting import list_formats

    list_formats(folders, json_)


@cli.command("check-format")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
def check_format(files: tuple[Path, ...]) -> None:
    """Check your own format FILES: every sample must give the event that stands beside it."""
    from mailripple.reporting import check_formats

    raise SystemExit(4 if check_formats(files) else 0)


@cli.command()
@click.option(
    "--out",
    metavar="DIR",
    type=click.Path(path_type=Path),
    default=Path("demo"),
    show_default=True,
    help="Where the made-up logs go.",
)
@click.option("--seed", default=20020715, show_default=True, help="Another seed, another campus.")
def demo(out: Path, seed: int) -> None:
    """Make the logs of a campus on the day of an outbreak, and report on them."""
    from mailripple.demo import run_demo

    run_demo(out, seed, _options(None, None, None, ()))


@cli.command()
@click.argument("logs", nargs=-1)
@click.option("--logs", "own", is_flag=True, help="What follows are logs of your own: mailers are put into these.")
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0), help="Another seed, another campus.")
@_JSON
@_reading
def selftest(
    logs: tuple[str, ...], seed: int, json_: str | None, rejects: str | None, **reading: Any
) -> None:
    """Plant mailers on a made-up campus, or in LOGS of your own, and say which are found.

    Ends with status 1 if one is missed or somebody is accused wrongly.
    """
    from mailripple.evaluate import selftest as testing

    del rejects
    if reading.pop("own") and not logs:
        raise click.UsageError("--logs: name a mail log")
    lines = testing.selftest_logs(logs, _options(**reading), seed) if logs else testing.selftest(seed)
    if json_ is not None:
        import msgspec

        from mailripple.outputs.write import write_whole

        write_whole(json_, msgspec.json.encode(testing.as_json(lines)) + b"\n")
    else:
        from mailripple.outputs.write import writing

        with writing("stdout"):
            click.echo(testing.as_text(lines))
    raise SystemExit(0 if all(line.good for line in lines) else 1)


@cli.command()
@click.argument("scenario", required=False)
@click.option("--list", "list_", is_flag=True, help="Name the scenarios.")
@click.option("--out", metavar="DIR", type=click.Path(path_type=Path), help="Folder for the logs and truth.json.")
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0), help="Another seed, another day.")
@click.option("--quiet", is_flag=True, help="The same day without a worm, and no domain closes.")
@click.option("--hours", metavar="H", help="Write only the first H hours, or a stretch: 14:00-18:30.")
@click.option("--gap", metavar="STRETCH", help="Write nothing of a stretch: 11:00-12:30.")
@click.option("--date", metavar="DATE", help="Another date: 2002-10-27.")
@click.option("--zone", metavar="ZONE", help="Zone of the servers' clocks (default: the scenario's).")
@click.option(
    "--clock-offset", metavar="MINUTES", default=0.0, type=float, help="How far the name server's clock is ahead."
)
@click.option("--retry-lookups", metavar="K", default=0, type=int, help="DNS questions that a retry costs (0 to 8).")
@click.option("--queue-interval", metavar="MINUTES", default=30.0, type=float, help="Between queue runs (30).")
@click.option("--queue-runners", metavar="N", default=1, type=int, help="Queue runners, evenly out of step (1).")
@click.option("--queue-spread", metavar="MINUTES", type=float, help="How long a queue run takes (default: drawn).")
@click.option("--queue-jitter", metavar="MINUTES", default=0.0, type=float, help="How far runs start off their time.")
@click.option("--days", metavar="D", type=click.IntRange(1), help="Campus: how many days (default: the scenario's).")
@click.option("--clients", metavar="K", type=click.IntRange(1), help="Campus: how many PCs (default: the scenario's).")
@click.option("--mta", type=click.Choice(["sendmail", "postfix", "exim"]), help="Campus: the mail server (sendmail).")
@click.option("--dns", type=click.Choice(["bind", "unbound", "dnsmasq"]), help="Campus: the name server (bind).")
def simulate(scenario: str | None, list_: bool, out: Path | None, seed: int, **options: Any) -> None:
    """Make the logs of SCENARIO, and truth.json with what really happened; without it, list the scenarios."""
    from mailripple.demo import Campus, is_campus, list_scenarios, run_campus, run_simulation
    from mailripple.simulate.scenario import Variant

    campus = Campus(*(options.pop(name) for name in ("days", "clients", "mta", "dns")))
    variant = Variant(**options)

    if scenario is None or list_:
        list_scenarios()
    elif out is None:
        raise UsageError("no folder given", where="--out", todo=f"mailripple simulate {scenario} --out DIR")
    elif is_campus(scenario):
        if variant != Variant():
            raise UsageError(f"{scenario} has other options", where="simulate", todo="--days, --clients, --mta, --dns")
        run_campus(scenario, out, seed, campus)
    elif campus != Campus():
        raise UsageError(
            f"{scenario} is a single day of one mail server",
            where="--days, --clients, --mta, --dns",
            todo="leave them out, or `mailripple simulate campus`",
        )
    else:
        run_simulation(scenario, out, seed, variant)


def _options(
    zone: str | None, year: int | None, format_: str | None, folders: tuple[Path, ...], ipv6_prefix: int = 128
) -> ReadOptions:
    from mailripple.config import ReadOptions
    from mailripple.parse.zone import machine_zone

    now = int(time.time() * 1_000_000)
    own = own_formats(folders)
    return ReadOptions(zone or machine_zone(), now, zone is not None, year, own, format_, ipv6_prefix=ipv6_prefix)


def window_length(text: str | None) -> int | None:
    """Seconds of `300`, `5m`, `1h` or `1d`; None for None.  Raises UsageError."""
    if text is None:
        return None
    units = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
    number, unit = (text[:-1], units[text[-1]]) if text[-1:] in units else (text, 1)
    length = int(number) * unit if number.isascii() and number.isdigit() and len(number) < 10 else 0
    if length < 60 or length % 60:
        raise UsageError(
            f"no window of {text!r}", why="windows are whole minutes", where="--window", todo="give 60, 5m, 1h or 1d"
        )
    return length


def own_formats(folders: tuple[Path, ...]) -> tuple[Path, ...]:
    """Folders of format files: those given must exist, the user's own is read if it does."""
    for folder in folders:
        if not folder.is_dir():
            raise UsageError(f"no folder {folder}", where="--formats", todo="name a folder of .toml files")
    home = Path("~/.config/mailripple/formats").expanduser()
    return (*((home,) if home.is_dir() else ()), *folders)


def json_argument(arguments: list[str]) -> list[str]:
    """Let `--json` stand alone (stdout) or before a file name; a log's name behind it is never taken for one.

    A file name ends in .json or lies in /dev; any name can be given as --json=NAME.
    """
    out: list[str] = []
    i = 0
    while i < len(arguments):
        if arguments[i] == "--":
            return out + arguments[i:]
        if arguments[i] != "--json":
            out.append(arguments[i])
        else:
            following = arguments[i + 1] if i + 1 < len(arguments) else ""
            named = following.endswith(".json") or following.startswith("/dev/")
            out.append(f"--json={following if named else '-'}")
            i += named
        i += 1
    return out


def main() -> None:
    """Entry point: run a command; errors in four short lines, and the exit status that belongs to them."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy's idle threads cost more than a small report
    gc.set_threshold(100_000, 20, 100)  # what is made is kept to the end: there is no garbage to look for
    try:
        try:
            cli.main(args=json_argument(sys.argv[1:]), prog_name="mailripple", standalone_mode=True)
        finally:
            _flush()
    except MailrippleError as error:
        from mailripple.outputs.safe import shown

        for line in error.lines():
            click.echo(shown(line), err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.exit(0)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        full = ("error: no room for a temporary file", f"why: {error.strerror}", "try: free some space, or set TMPDIR")
        click.echo("\n".join(full), err=True)
        sys.exit(3)


def _flush() -> None:
    """Write what stdout still holds; Python's own flush at exit would tell a full disk by a traceback and status 120.

    Raises OutputError, and drops what could not be written.
    """
    try:
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        from mailripple.outputs.write import writing

        with writing("stdout"):
            raise error


if __name__ == "__main__":
    main()
