"""The bulk generator tells the truth about what it wrote."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path

import pytest

from mailripple.simulate.bulk import BulkTruth, generate

START = datetime(2026, 2, 27, 6, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Logs:
    folder: Path
    truth: BulkTruth
    mail: list[str]
    queries: list[str]

    def count(self, pattern: str) -> int:
        """How many lines of the mail log have `pattern` somewhere."""
        return sum(re.search(pattern, line) is not None for line in self.mail)


def write(folder: Path, *, seed: int = 5, size: int = 300_000, start: datetime = START, attack: bool = True) -> Logs:
    truth = generate(
        folder,
        mail_bytes=size,
        dns_bytes=size,
        seed=seed,
        start=start,
        days=2.5,
        clients=3_000,
        domains=900,
        accounts=400,
        attack=attack,
    )
    mail, queries = ((folder / name).read_text("ascii").splitlines() for name in ("mail.log", "queries.log"))
    return Logs(folder, truth, mail, queries)


def syslog_time(line: str) -> datetime:
    return datetime.strptime(f"2026 {line[:15]}", "%Y %b %d %H:%M:%S").replace(tzinfo=UTC)


def named_time(line: str) -> datetime:
    return datetime.strptime(line[:24], "%d-%b-%Y %H:%M:%S.%f").replace(tzinfo=UTC)


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Logs:
    return write(tmp_path_factory.mktemp("bulk"))


def test_every_line_is_of_one_counted_sort(logs: Logs) -> None:
    """The lines of both files are the sum of what the truth counts, with none left over."""
    t = logs.truth
    refused, sessions = t.refused_sessions, t.pop_logins + t.imap_logins
    sendmail = t.from_lines + refused + t.to_lines + t.dsn_messages + t.dsn_to_lines
    assert len(logs.mail) == t.mail_lines == sendmail + 2 * sessions + t.pop_failures + t.noise_lines
    assert len(logs.queries) == t.dns_queries
    assert t.lines == t.mail_lines + t.dns_queries


def test_messages_equal_the_from_lines(logs: Logs) -> None:
    """`from_lines` counts the log's `from=` lines, `refused_sessions` those of them with no recipient."""
    assert logs.count(r"\]: \w{14}: from=<[^>]*>,") == logs.truth.from_lines
    assert logs.count(r" nrcpts=0, ") == logs.count(r"nosuch\d+@.*User unknown$") == logs.truth.refused_sessions > 0
    assert logs.truth.messages == logs.truth.from_lines - logs.truth.refused_sessions


def test_deliveries_equal_the_to_lines(logs: Logs) -> None:
    """`to_lines` and its three parts count the delivery records, those of bounces apart."""
    t = logs.truth
    bounces = {m[1] for line in logs.mail if (m := re.search(r": (\w{14}): (?:DSN|sender notify): ", line))}
    records = [line for line in logs.mail if re.search(r"\]: \w{14}: to=", line)]
    own = [line for line in records if line.split(": ")[1] not in bounces]
    assert (len(bounces), len(records) - len(own)) == (t.dsn_messages, t.dsn_to_lines)
    assert len(own) == t.to_lines == t.sent + t.deferred + t.failed == t.first_attempts + t.retries
    assert sum("stat=Sent" in line for line in own) == t.sent
    assert sum("stat=Deferred" in line for line in own) == t.deferred
    assert sum(bool(re.search(r"stat=(User|Host) unknown", line)) for line in own) == t.failed > 0
    assert sum(line.split(" to=")[1].split(", ")[0].count("@") for line in own) == t.recipients > t.to_lines
    assert logs.count("sender notify: Cannot send message for 1 day$") == t.expired


def test_mailbox_sessions_equal_their_lines(logs: Logs) -> None:
    """POP and IMAP logins and failures are as many as the lines that say so."""
    t = logs.truth
    assert logs.count(r"POP login by user|pop3-login: Login: ") == t.pop_logins > 0
    assert logs.count(r"imap-login: Login: ") == t.imap_logins > 0
    assert logs.count(r"popper\[\d+\]: .* -ERR ") == t.pop_failures > 0
    assert logs.count(r"(POP login|Stats: |Login: |Logged out)") == 2 * (t.pop_logins + t.imap_logins)


def test_queries_equal_the_lines_of_the_query_log(logs: Logs) -> None:
    """Each line of the query log is one well-formed query; the mail server's are counted apart."""
    shape = (
        r"\d\d-[A-Z][a-z]{2}-2026 \d\d:\d\d:\d\d\.\d{3} queries: info: client @0x[0-9a-f]+ (?P<ip>[0-9a-f.:]+)#\d+ "
        r"\((?P<name>\S+)\): query: (?P=name) IN [A-Z]+ [-+]\S* \((192\.0\.2\.53|2001:db8::53)\)"
    )
    found = [re.fullmatch(shape, line) for line in logs.queries]
    assert all(found)
    assert sum(m["ip"] == logs.truth.mail_server for m in found if m) == logs.truth.dns_queries_by_mx > 0


def test_lines_are_in_order_of_time(logs: Logs) -> None:
    """No line of either file is earlier than the one before it, and all lie in the span that was asked for."""
    mail = [syslog_time(line) for line in logs.mail]
    queries = [named_time(line) for line in logs.queries]
    for times in (mail, queries):
        assert times == sorted(times)
        assert times[0] >= START
        assert times[-1] <= START + timedelta(days=2.5, minutes=1)


def test_queue_ids_are_those_of_sendmail(logs: Logs) -> None:
    """A queue id is never given twice, and says when (UTC) and by which process it was given."""
    base60 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwx"
    given = [m for line in logs.mail if (m := re.search(r"sendmail\[(\d+)\]: (\w{14}): from=", line))]
    assert len({m[2] for m in given}) == len(given)
    for m in given:
        year, month, day, hour, minute, second = (base60.index(c) for c in m[2][:6])
        told = datetime(2020 + year, month + 1, day, hour, minute, second, tzinfo=UTC)  # 2020 = 1900 + 2 * 60
        written = syslog_time(m.string)
        assert timedelta(0) <= written - told <= timedelta(seconds=1)
        assert m[2][8:] == f"{int(m[1]):06d}"


def test_retries_come_with_the_queue_runs(logs: Logs) -> None:
    """A deferred delivery comes back with each queue run, every half hour, until it is sent or given up."""
    tries: dict[tuple[str, str], list[datetime]] = {}
    for line in logs.mail:
        if m := re.search(r": (\w{14}): to=(\S+), ctladdr=.* mailer=esmtp", line):
            when = syslog_time(line)
            tries.setdefault((m[1], m[2]), []).append(when)
    gaps = [b - a for times in tries.values() for a, b in pairwise(times[1:])]
    assert gaps
    assert all(abs(gap - timedelta(minutes=30)) <= timedelta(seconds=2) for gap in gaps)
    assert sum(len(times) - 1 for times in tries.values()) == logs.truth.retries


def test_the_attacker_mails_strangers_in_the_last_third(logs: Logs) -> None:
    """The mass mailer's messages come from one address, begin at its onset, and many of them fail."""
    t = logs.truth
    assert t.attacker_ip is not None
    ip = re.escape(t.attacker_ip)
    before = [line for line in logs.mail if f"{START:%b} {START:%d}" in line[:6]]
    assert logs.count(rf"from=.*relay=.*\[{ip}\]$") >= t.attack_messages > 0
    assert sum(bool(re.search(rf"from=.*\[{ip}\]$", line)) for line in before) < t.attack_messages / 4
    quiet = write(logs.folder / "quiet", attack=False).truth
    assert quiet.attacker_ip is quiet.attack_start is None
    assert quiet.failed < t.failed / 2


def test_the_same_seed_gives_the_same_bytes(logs: Logs, tmp_path: Path) -> None:
    """All three files depend on the arguments alone."""
    write(tmp_path / "again")
    write(tmp_path / "other", seed=6)
    for name in ("mail.log", "queries.log", "truth.json"):
        assert (tmp_path / "again" / name).read_bytes() == (logs.folder / name).read_bytes()
        assert (tmp_path / "other" / name).read_bytes() != (logs.folder / name).read_bytes()


def test_the_truth_is_written_beside_the_logs(logs: Logs) -> None:
    """`truth.json` holds what `generate` returns, sizes in bytes among it, and these are near to what was asked."""
    assert json.loads((logs.folder / "truth.json").read_text()) == asdict(logs.truth)
    assert (logs.folder / "mail.log").stat().st_size == logs.truth.mail_bytes == pytest.approx(300_000, rel=0.15)
    assert (logs.folder / "queries.log").stat().st_size == logs.truth.dns_bytes == pytest.approx(300_000, rel=0.15)


def test_blocks_do_not_show(tmp_path: Path) -> None:
    """Logs of several blocks are in order of time too, across each block's edge."""
    generate(
        tmp_path, mail_bytes=17_000_000, dns_bytes=17_000_000, seed=1, start=START, days=1.0, clients=500, domains=200
    )
    queries, mail = ((tmp_path / name).read_text("ascii").splitlines() for name in ("queries.log", "mail.log"))
    for times in ([named_time(line) for line in queries[::7]], [syslog_time(line) for line in mail[::7]]):
        assert times == sorted(times)


def test_only_reserved_addresses_and_names(logs: Logs) -> None:
    """Every address and name lies in the ranges that are set aside for documentation and tests."""
    text = "\n".join(logs.mail + logs.queries)
    four = set(re.findall(r"(?<![\w.-])(\d+\.\d+)\.\d+\.\d+(?![\w.])", text))
    assert four <= {"198.18", "198.19", "192.0", "203.0", "198.51"}
    assert {ip[:9] for ip in re.findall(r"[0-9a-f]{4}:[0-9a-f:]+:[0-9a-f]+(?=#)", text)} == {"2001:db8:"}
    names = re.findall(r"@([a-z0-9.-]+)>|query: (\S+) IN", text)
    assert all((a or b).lower().endswith((".example", ".test", ".arpa")) or a.startswith("pc") for a, b in names)


def test_any_zone_but_none(tmp_path: Path) -> None:
    """`start` is a moment: another zone's notation of it gives the same logs, and one without a zone is refused."""
    tokyo = START.astimezone(timezone(timedelta(hours=9)))
    assert write(tmp_path / "a", size=40_000, start=tokyo).truth == write(tmp_path / "b", size=40_000).truth
    with pytest.raises(ValueError, match="time zone"):
        write(tmp_path / "c", start=START.replace(tzinfo=None))


@pytest.mark.parametrize(("mail", "dns"), [(0, 50_000), (50_000, 0)])
def test_one_log_alone(tmp_path: Path, mail: int, dns: int) -> None:
    """Either log may be left empty; the other one is as usual."""
    truth = generate(tmp_path, mail_bytes=mail, dns_bytes=dns, seed=1, start=START, days=1, clients=99, domains=60)
    assert (truth.mail_bytes > 0, truth.dns_bytes > 0) == (mail > 0, dns > 0)
