"""The laws of the whole line: nothing is lost, cuts don't matter, the same input gives the same bytes."""

from __future__ import annotations

import gzip
import itertools
import json
import lzma
import os
import subprocess
import sys
import tempfile
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailripple.config import ReadOptions, ReportOptions
from mailripple.errors import ConfigError, InputError, UsageError
from mailripple.outputs.summary import Summary
from mailripple.parse.events import Parser
from mailripple.reporting import summary_of
from mailripple.run import Result, read_all
from mailripple.sources import ChunkReader
from mailripple.tally import Reject
from tests.logs import START, mail_log, query_log, text_of
from tests.streams import plain

NOW = 1_785_000_000_000_000  # July 2026


def options(**more: Any) -> ReadOptions:
    return ReadOptions(**{"zone": "UTC", "now": NOW, "zone_given": True, "seed": 7} | more)


def read(*paths: Path | str, **more: Any) -> Result:
    return read_all([str(p) for p in paths], options(**more))


def summary(result: Result) -> Summary:
    return summary_of(result, ReportOptions())


def write(path: Path, data: bytes) -> Path:
    """Write a file, packed as its name says."""
    packed = {".gz": gzip.compress, ".xz": lzma.compress}.get(path.suffix, bytes)
    path.write_bytes(packed(data))
    return path


@pytest.fixture(scope="module")
def mail() -> list[str]:
    return mail_log(60)


@pytest.fixture(scope="module")
def queries() -> list[str]:
    return query_log(60)


def test_lines_add_up_by_source(tmp_path: Path, mail: list[str], queries: list[str]) -> None:
    """Law 1: events, skips and rejects are all lines of each file, and each kind is what was put in."""
    noise = ["", "what is this", "Mar  2 08:00:01 mx CRON[5]: (root) CMD (true)", "Mar  2 08:00:01 mx sendmail[5]: no such message"]
    a = write(tmp_path / "mail.log", text_of(mail + noise))
    b = write(tmp_path / "queries.log.gz", text_of(queries))
    rejects: list[Reject] = []
    result = read_all([str(a), str(b)], options(), sink=rejects.append)
    found = {t.name: t for t in result.sources}
    for tally in result.sources:
        assert tally.lines == tally.events + tally.skipped + tally.rejected
    assert found[str(a)].lines == len(mail) + 4
    assert (found[str(a)].events, found[str(a)].skipped, found[str(a)].rejected) == (len(mail), 2, 2)
    assert (found[str(b)].events, found[str(b)].lines) == (len(queries), len(queries))
    assert [(r.source, r.line, r.text) for r in rejects] == [(str(a), len(mail) + 2, noise[1].encode()), (str(a), len(mail) + 4, noise[3].encode())]


@pytest.mark.parametrize("text", [b"what is this\n" * 3, b"\n\n\n", b"Mar  2 08:00:01 mx CRON[5]: (root) CMD (true)\n"])
def test_a_run_that_understood_nothing_is_an_error(tmp_path: Path, text: bytes) -> None:
    """Law 1: never an empty report."""
    with pytest.raises(InputError, match="was understood"):
        read(write(tmp_path / "x.log", text))


def test_nothing_to_read_is_an_error(tmp_path: Path) -> None:
    """An empty file alone is no input."""
    with pytest.raises(InputError, match="nothing to read"):
        read(write(tmp_path / "x.log", b""))


@settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_log_in_rotated_files_is_the_whole(tmp_path: Path, mail: list[str], queries: list[str], data: st.DataObject) -> None:
    """Law 2: cut at any lines into any number of files, any of them packed, given in any order."""
    folder = Path(tempfile.mkdtemp(dir=tmp_path))
    whole = read(write(folder / "mail.log", text_of(mail)), write(folder / "queries.log", text_of(queries)))
    paths = []
    for name, lines in (("mail.log", mail), ("queries.log", queries)):
        bounds = [0, *sorted(data.draw(st.sets(st.integers(1, len(lines) - 1), max_size=6))), len(lines)]
        for number, (a, b) in enumerate(zip(bounds, bounds[1:], strict=False)):
            suffix = data.draw(st.sampled_from(("", ".gz", ".xz")))
            paths.append(write(folder / f"{name}.{len(bounds) - number}{suffix}", text_of(lines[a:b])))
    parts = read(*data.draw(st.permutations(paths)))
    assert plain(parts.counts) == plain(whole.counts)
    assert sum(t.lines for t in parts.sources) == len(mail) + len(queries)


def test_a_rotated_file_of_one_second_is_in_its_place(tmp_path: Path, mail: list[str]) -> None:
    """Law 2: files that begin in the same second are read in the order of their rotation, however they are given."""
    whole = plain(read(write(tmp_path / "mail.log", text_of(mail))).counts)
    bounds = [0, 180, 181, len(mail)]
    parts = [write(tmp_path / f"part.log.{9 - i}", text_of(mail[a:b])) for i, (a, b) in enumerate(itertools.pairwise(bounds))]
    for order in itertools.permutations(parts):
        assert plain(read(*order).counts) == whole


@pytest.mark.parametrize("size", [1, 77, 4096, 1 << 20])
def test_chunks_of_any_size_give_the_same(tmp_path: Path, mail: list[str], monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """Law 2: however much is read at a time."""
    path = write(tmp_path / "mail.log", text_of(mail))
    whole = plain(read(path).counts)

    def reader(*arguments: Any) -> ChunkReader:
        return ChunkReader(*arguments, size=size)

    monkeypatch.setattr("mailripple.run.ChunkReader", reader)
    assert plain(read(path).counts) == whole


@pytest.mark.parametrize("capacity", [7, 100])
def test_attempts_that_are_kept_are_those_of_all_pieces(
    tmp_path: Path, mail: list[str], monkeypatch: pytest.MonkeyPatch, capacity: int
) -> None:
    """Law 2: in however many pieces a log is read, each keeps its own attempts."""
    path = write(tmp_path / "mail.log", text_of(mail))
    whole = read_all([str(path)], options(), keep_attempts=True).stitched
    monkeypatch.setattr("mailripple.run.Parser", partial(Parser, capacity=capacity))
    parts = read_all([str(path)], options(), keep_attempts=True).stitched
    assert [table.columns.tolist() for table in parts] == [table.columns.tolist() for table in whole]
    assert len(whole[0]) > 50


def test_what_stitching_hands_on_comes_to_an_end(tmp_path: Path) -> None:
    """At the end of a run every deferral is kept, and every delivery elsewhere; each message has been scored, and none
    of those outside the bounds."""
    path = write(tmp_path / "mail.log", text_of(mail_log(90)))
    whole = read(path)
    for result in (whole, read(path, until=int(whole.counts.minute.max()) * 60_000_000 - 1_800_000_000)):
        counts, kept = result.counts, result.attempts
        assert len(kept.deferred) == counts.total("mail.deferred") > 20
        assert len(kept.other) == counts.total("mail.to") - counts.total("mail.deferred") > 40
        known = [score for fold in result.senders for score in fold.scores() if not score.account]
        assert sum(score.units for score in known) == len(kept.other)
        assert sum(score.failed for score in known) == counts.total("mail.bounced")


def test_deferrals_in_a_file_that_begins_with_queries_are_kept(tmp_path: Path) -> None:
    """A file whose head is a query log is read as one; the deferrals behind it are among the single records all the same."""
    path = write(tmp_path / "all.log", text_of(query_log(3000, gap_s=1)) + text_of(mail_log(30, start=START + timedelta(hours=2))))
    result = read(path)
    assert [t.mail for t in result.sources] == [False]
    assert len(result.attempts.deferred) == result.counts.total("mail.deferred") == 10


@pytest.mark.parametrize("size", [77, 4096, 1 << 20])
def test_landmarks_are_where_lines_begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """Lines are found again wherever the log was cut, and however many parts a piece has; some are not understood."""
    lines = mail_log(1500)
    for n in range(100, len(lines), 190):
        lines[n] = f"bad {n}"
    path = write(tmp_path / "mail.log", text_of(lines))

    def reader(*arguments: Any) -> ChunkReader:
        return ChunkReader(*arguments, size=size)

    monkeypatch.setattr("mailripple.run.ChunkReader", reader)
    result = read(path)
    numbers, offsets = result.marks[str(path)].pairs()
    begins = [0, *itertools.accumulate(len(line) + 1 for line in lines)]
    assert len(numbers) > 3
    assert offsets == [begins[n - 1] for n in numbers]
    assert [r.text.decode() for r in result.sources[0].rejects] == [line for line in lines if line.startswith("bad")][:5]


@pytest.mark.parametrize("size", [1, 77, 4096])
def test_a_chunk_that_ends_behind_an_exchanger_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """Law 2: that an address follows is seen wherever the log is cut."""
    lines = []
    for n in range(60):
        for ms, name, qtype in ((100, f"d{n}.example", "MX"), (160, f"mx.d{n}.example", "A")):
            stamp = f"02-Mar-2026 {10 + n // 30}:{2 * n % 60:02}:{7 * n % 60:02}.{ms}"
            lines.append(f"{stamp} queries: info: client @0x7f56 192.0.2.66#5 ({name}): query: {name} IN {qtype} + (192.0.2.2)")
    path = write(tmp_path / "queries.log", text_of(lines))
    whole = [fold.scores() for fold in read(path).lookups]

    def reader(*arguments: Any) -> ChunkReader:
        return ChunkReader(*arguments, size=size)

    monkeypatch.setattr("mailripple.run.ChunkReader", reader)
    assert [fold.scores() for fold in read(path).lookups] == whole
    assert whole[0][0].followed == 59


def test_two_servers_of_the_same_hours_are_each_stitched(tmp_path: Path, mail: list[str]) -> None:
    """Law 2: logs that overlap in time do not make each other late; two servers have twice the counts of one."""
    one = read(write(tmp_path / "a.log", text_of(mail)))
    two = read(tmp_path / "a.log", write(tmp_path / "b.log", text_of([x.replace(" mx ", " mx2 ", 1) for x in mail])))
    for metric in ("mail.from", "mail.to", "mail.dsn", "mail.dsn.to", "mail.attempt.first", "mail.attempt.retry", "late"):
        assert two.counts.total(metric) == 2 * one.counts.total(metric), metric


def test_rotated_logs_of_two_servers_are_as_two_whole_ones(tmp_path: Path, mail: list[str]) -> None:
    """Law 2: what still waits at the end of a file outlasts the other server's files, which are read before the next."""
    paths, parts = [], []
    for name, host in (("a.log", " mx "), ("b.log", " mx2 ")):
        lines = [x.replace(" mx ", host, 1) for x in mail]
        paths.append(write(tmp_path / name, text_of(lines)))
        bounds = [*range(0, len(lines), 25), len(lines)]
        for number, (a, b) in enumerate(zip(bounds, bounds[1:], strict=False)):
            parts.append(write(tmp_path / f"{name}.{len(bounds) - number}", text_of(lines[a:b])))
    assert plain(read(*parts).counts) == plain(read(*paths).counts)


def test_two_programs_in_two_files_are_as_one_log(tmp_path: Path, mail: list[str]) -> None:
    """A log split by program (mail here, POP3 there) gives the counts of the whole."""
    whole = read(write(tmp_path / "all.log", text_of(mail)))
    pop = [x for x in mail if "qpopper" in x]
    sendmail = [x for x in mail if "qpopper" not in x]
    parts = read(write(tmp_path / "pop.log", text_of(pop)), write(tmp_path / "mail.log", text_of(sendmail)))
    assert plain(parts.counts) == plain(whole.counts)


def test_year_less_files_over_new_year(tmp_path: Path) -> None:
    """Rotated files without a year that cross New Year, in any order, are one time without a gap."""
    lines = mail_log(400, start=datetime(2025, 12, 31, 22, 0, 0), gap_s=40)
    half = next(n for n, line in enumerate(lines) if line.startswith("Jan"))
    for cut in (half - 50, half, half + 50):
        a, b = write(tmp_path / "mail.log.1", text_of(lines[:cut])), write(tmp_path / "mail.log", text_of(lines[cut:]))
        result = read(b, a)
        assert [t.name for t in result.sources] == [str(a), str(b)]
        minutes = result.counts.minute
        first = 1_767_218_400 // 60
        assert minutes.min() == first
        assert minutes.max() - minutes.min() < 400
        assert result.counts.total("late") == 0


def test_year_less_stamps_without_queue_ids_take_the_year_of_the_other_logs(tmp_path: Path, queries: list[str]) -> None:
    """A POP3 log without a year is put beside the query log that has one, and the report says so."""
    pop = [x for x in mail_log(30) if "qpopper" in x]
    result = read(write(tmp_path / "pop.log", text_of(pop)), write(tmp_path / "queries.log", text_of(queries)), now=NOW + 10**14)
    tally = next(t for t in result.sources if t.name.endswith("pop.log"))
    assert "year 2026 (as in the other logs)" in tally.assumed


def test_the_given_year_is_taken(tmp_path: Path, mail: list[str]) -> None:
    """--year is the year of the first line, whatever else is known."""
    result = read(write(tmp_path / "mail.log", text_of(mail)), year=2019)
    assert result.counts.minute.min() == 1_551_513_600 // 60


def test_a_mail_log_alone(tmp_path: Path, mail: list[str]) -> None:
    """Every mail figure is there; D_q is null, and the report says why."""
    found = summary(read(write(tmp_path / "mail.log", text_of(mail))))
    assert found.totals["D_q"] is None
    assert found.dq_note == "no DNS log was given"
    assert found.totals["N_from"] == 60
    assert found.totals["N_P"] == 60
    assert found.as_json()["totals"]["D_q"] is None


def test_a_dns_log_alone(tmp_path: Path, queries: list[str]) -> None:
    """Queries are counted for all clients; D_q is null until a mail server is named."""
    path = write(tmp_path / "queries.log", text_of(queries))
    found = summary(read(path))
    assert found.totals["dns.query"] == len(queries)
    assert found.totals["D_q"] is None
    assert "--mail-server" in found.dq_note
    given = summary_of(read(path), ReportOptions(("192.0.2.3",)))
    assert given.totals["D_q"] == 180


def test_mail_and_dns_in_one_file(tmp_path: Path, mail: list[str], queries: list[str]) -> None:
    """A syslog file that holds both gives what the two files give."""
    named = [f"{line[3:6]} {int(line[:2]):2} {line[12:20]} mx named[311]: {line.split('info: ')[1]}" for line in queries]
    both = sorted(mail + named, key=lambda line: line[:15])
    one = read(write(tmp_path / "syslog", text_of(both)))
    two = read(write(tmp_path / "mail.log", text_of(sorted(mail, key=lambda line: line[:15]))), write(tmp_path / "queries.log", text_of(named)))
    assert plain(one.counts) == plain(two.counts)
    assert summary(one).totals["D_q"] == 180
    assert [s["address"] for s in summary(one).mail_servers] == ["192.0.2.3"]


def test_the_counts_are_those_that_were_written(tmp_path: Path, mail: list[str]) -> None:
    """Each count is that of a literal search in the log."""
    totals = summary(read(write(tmp_path / "mail.log", text_of(mail)))).totals

    def lines(*words: str) -> int:
        return sum(all(word in line for word in words) for line in mail)

    own = lines(": to=<ann@campus.example>")
    assert totals["N_from"] == lines(": from=") == 60
    assert totals["N_to"] == lines(": to=") - own
    assert totals["N_SS"] == lines("stat=Sent") - own
    assert totals["N_SD"] == totals["mail.attempt.retry"] == lines("stat=Deferred") == 20
    assert totals["N_SX"] == totals["mail.dsn"] == totals["mail.dsn.to"] == own == 8
    assert totals["mail.attempt.first"] == 60


def test_an_unknown_zone_is_an_error(tmp_path: Path, mail: list[str]) -> None:
    """A zone that does not exist is told as such, not taken for UTC."""
    path = write(tmp_path / "mail.log", text_of(mail))
    with pytest.raises(ConfigError, match="unknown time zone"):
        read_all([str(path)], ReadOptions("Mars/Olympus", NOW))


def test_an_unknown_format_is_an_error(tmp_path: Path, mail: list[str]) -> None:
    """--format takes a known id; the error lists them."""
    path = write(tmp_path / "mail.log", text_of(mail))
    with pytest.raises(UsageError) as caught:
        read(path, format="nosuch")
    assert "sendmail" in caught.value.todo


def test_one_format_only(tmp_path: Path, mail: list[str]) -> None:
    """--format sendmail leaves POP3 to the programs that no format is for."""
    result = read(write(tmp_path / "mail.log", text_of(mail)), format="sendmail")
    assert result.counts.total("pop.login") == 0
    assert result.sources[0].skipped == 60
    assert result.counts.total("mail.from") == 60


def report_bytes(paths: list[Path], hash_seed: str) -> bytes:
    """`mailripple report --json` in a process of its own, with another seed of the keys each time."""
    command = [sys.executable, "-m", "mailripple", "report", "--tz", "UTC", "--json", "--top", "3", *map(str, paths)]
    environment = os.environ | {"PYTHONHASHSEED": hash_seed}
    return subprocess.run(command, check=True, capture_output=True, env=environment).stdout


def test_same_input_same_bytes(tmp_path: Path, mail: list[str], queries: list[str]) -> None:
    """Law 7: neither the hash seed nor the random seed of the keys changes a byte of the report; ties go by name."""
    paths = [write(tmp_path / "mail.log", text_of(mail)), write(tmp_path / "queries.log", text_of(queries))]
    first, second = report_bytes(paths, "1"), report_bytes(paths, "2")
    assert first == second
    assert json.loads(first)["totals"]["N_from"] == 60


@settings(deadline=None, max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(1, 1 << 62), top=st.integers(1, 4))
def test_the_seed_of_the_keys_changes_nothing(tmp_path: Path, mail: list[str], queries: list[str], seed: int, top: int) -> None:
    """Law 7: reports with other keys are equal, short lists with ties included."""
    paths = [write(tmp_path / "mail.log", text_of(mail)), write(tmp_path / "queries.log", text_of(queries))]
    chosen = ReportOptions(top=top)
    assert summary_of(read(*paths, seed=seed), chosen).as_json() == summary_of(read(*paths), chosen).as_json()


def test_start_of_the_logs_is_their_own(tmp_path: Path, mail: list[str], queries: list[str]) -> None:
    """The first and last moment of the report are those of the logs."""
    found = summary(read(write(tmp_path / "mail.log", text_of(mail)), write(tmp_path / "queries.log", text_of(queries))))
    assert found.as_json()["span"]["first"] == f"{START:%Y-%m-%dT%H:%M:%S}Z"


def test_a_query_log_cut_inside_the_repeated_hour_goes_on_where_it_ended(tmp_path: Path) -> None:
    """The second of two hours is told also where a rotated file, whose stamps have no offset, begins in it."""
    stamps = [f"0{h}:{m:02d}" for h, m in [(1, 50), (2, 20), (2, 50), (2, 5), (2, 15), (2, 45), (3, 5)]]
    lines = [f"2024-10-27T{t}:00.000 client 192.0.2.7#5 (a.example): query: a.example IN A + (192.0.2.2)\n" for t in stamps]
    whole = read(write(tmp_path / "whole.log", "".join(lines).encode()), zone="Europe/Berlin")
    old = write(tmp_path / "queries.log.1", "".join(lines[:4]).encode())
    new = write(tmp_path / "queries.log", "".join(lines[4:]).encode())
    cut = read(new, old, zone="Europe/Berlin")
    assert cut.counts.minute.tolist() == whole.counts.minute.tolist()
    assert [b - a for a, b in zip(whole.counts.minute, whole.counts.minute[1:], strict=False)] == [30, 30, 15, 10, 30, 20]
