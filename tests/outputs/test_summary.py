"""The report's data: totals, series, ordered lists, the input, with hostile names made inert."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mailripple import counts as counting
from mailripple.cells import TOTAL, Cells
from mailripple.config import ReadOptions, ReportOptions
from mailripple.counts import METRIC_NAMES, Counts
from mailripple.errors import UsageError
from mailripple.outputs.summary import (
    MAX_WINDOWS,
    Names,
    Summary,
    local_time,
    make_series,
    top_dns_clients,
    top_entities,
)
from mailripple.parse.zone import zone
from mailripple.reporting import summary_of
from mailripple.run import read_all
from tests.logs import mail_log, query_log, text_of

NOW = 1_785_000_000_000_000
#: Names that a client or a sender can bring into a log.
HOSTILE = ("\x1b]0;owned\x07", "\x1b[2J", "\u202e", "\x07", "</script>", "[bold]", "\x9b", "\u2028")


def report(tmp_path: Path, *logs: tuple[str, bytes], **more: Any) -> Summary:
    """The summary of logs with these contents."""
    for name, text in logs:
        (tmp_path / name).write_bytes(text)
    result = read_all([str(tmp_path / name) for name, _ in logs], ReadOptions("UTC", NOW, True, seed=3))
    return summary_of(result, ReportOptions(**more))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Summary:
    logs = (("mail.log", text_of(mail_log(60))), ("queries.log", text_of(query_log(60))))
    return report(tmp_path_factory.mktemp("logs"), *logs)


def test_the_papers_quantities_stand_under_their_names(whole: Summary) -> None:
    """Every metric is in the totals, and the paper's symbols beside them."""
    totals = whole.as_json()["totals"]
    assert set(METRIC_NAMES) | {"mail.failed", "D_q", "N_from", "N_to", "N_SS", "N_SD", "N_SX", "N_P"} <= set(totals)
    assert totals["N_to"] == totals["N_SS"] + totals["N_SD"] + totals["N_SX"] + totals["mail.other"]


def test_the_series_add_up_to_the_totals(whole: Summary) -> None:
    """Each column has one value a window, and they sum to the total."""
    columns = whole.series.columns
    assert len({len(values) for values in columns.values()}) == 1
    for name, values in columns.items():
        assert int(values.sum()) == whole.totals[name]
    assert int(columns["D_q"].sum()) == 180


def counts_at(minutes: list[int]) -> Counts:
    """One POP3 log-in in each of these minutes."""
    values = np.zeros((len(minutes), len(METRIC_NAMES)), np.int64)
    values[:, METRIC_NAMES.index("pop.login")] = 1
    return Counts(np.full(len(minutes), 5), np.array(minutes), values, Cells(), np.zeros((0, 3), np.int64), 0)


@pytest.mark.parametrize(("minutes", "window_s"), [(1, 60), (MAX_WINDOWS, 60), (MAX_WINDOWS + 1, 300), (525_600, 21_600), (10**7, 86_400)])
def test_the_window_grows_with_the_logs(minutes: int, window_s: int) -> None:
    """No more windows than can be drawn, each a whole number of minutes; the series has no holes."""
    start = 28_000_000 // 1440 * 1440
    series = make_series(counts_at([start, start + minutes - 1] if minutes > 1 else [start]), [], None)
    if window_s != 21_600:
        assert series.window_s == window_s
    size = len(series.columns["pop.login"])
    assert size * series.window_s >= minutes * 60
    assert minutes > 10**6 or size <= MAX_WINDOWS + 1


def test_a_window_begins_at_a_multiple_of_its_length() -> None:
    """Half-open windows, aligned in UTC: the same whichever part of a log is read."""
    series = make_series(counts_at([29_540_647, 29_540_650, 29_540_655]), [], 600)
    assert series.start % 600 == 0
    assert series.columns["pop.login"].tolist() == [1, 2]


def test_lines_without_a_time_are_in_no_window() -> None:
    """They count in the totals only."""
    assert make_series(counts_at([-1]), [], None).columns == {}


def rows_of(values: dict[int, int], kind: int, column: int) -> Any:
    rows = np.zeros(len(values), TOTAL)
    rows["key"], rows["tag"] = list(values), kind
    rows["n"][:, column] = list(values.values())
    return rows


def test_lists_go_by_value_then_by_name() -> None:
    """The largest first; among equals the name decides, never the key; what has none is left out."""
    names = {1: "c.example", 2: "a.example", 3: "b.example", 4: "z.example", 5: "0.example"}
    deferred = counting.ENTITY_METRICS.index("mail.deferred")
    rows = rows_of({1: 7, 2: 7, 3: 7, 4: 9, 5: 0}, counting.DOMAIN, deferred)
    for top, wanted in ((10, "zabc"), (2, "za"), (1, "z")):
        found = top_entities(rows, counting.DOMAIN, "mail.deferred", top, "rcpt_domain", names.__getitem__)
        assert "".join(r["rcpt_domain"][0] for r in found) == wanted
    assert found[0] == {"rcpt_domain": "z.example", "mail.deferred": 9}


def test_dns_clients_go_by_their_queries() -> None:
    """A client's queries are the sum over the minutes of its windows."""
    rows = rows_of({(1 << 32) + 5: 3, (1 << 32) + 4: 3}, counting.DNS_CLIENT, 9)
    rows["n"][0, 0] = 10
    found = top_dns_clients(rows, 5, Names({}, lambda text, kind: 0))
    assert [(r["client_ip"], r["dns.query"]) for r in found] == [("0.0.0.5", 13), ("0.0.0.4", 3)]


def test_names_of_keys() -> None:
    """IPv4 is its own key, IPv6 and names come from the dictionary, and what is not in it is shown by number."""
    names = Names({7: bytes(15) + b"\x01", 9: b"a.example"}, lambda text, kind: 0)
    assert names.address((1 << 32) + (192 << 24) + 513) == "192.0.2.1"
    assert names.address(7) == "::1"
    assert names.reverse((1 << 32) + (192 << 24) + 513) == "1.2.0.192.in-addr.arpa"
    assert names.reverse(7).endswith(".ip6.arpa")
    assert (names.text(9), names.text(255), names.address(255), names.reverse(255)) == ("a.example", "(name ff)", "(address ff)", "")


def test_the_input_is_told_by_source(whole: Summary) -> None:
    """Lines, events, skips and rejects of each file, and from when to when."""
    for source in whole.as_json()["sources"]:
        assert source["lines"] == source["events"] + source["skipped"] + source["rejected"]
        assert source["first"] < source["last"]


def test_skips_are_told_by_program_and_pattern(tmp_path: Path) -> None:
    """Nothing is skipped in bulk: each pattern, each other program, and blank lines have their own number."""
    extra = ["", "Mar  2 08:00:01 mx CRON[5]: (root) CMD (true)", "Mar  2 08:00:01 mx sendmail[1]: starting daemon (8.17.1.9): SMTP+queueing@00:30:00"]
    skipped = report(tmp_path, ("mail.log", text_of(mail_log(3) + extra * 2))).skipped
    found = {(s["format"], s["pattern"]): s["lines"] for s in skipped}
    assert found == {("", "blank line"): 2, ("", "program cron"): 2, ("sendmail", "starting-daemon"): 2}


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_names_stay_inert(tmp_path: Path, hostile: str) -> None:
    """Law 8: in the asked name, the sender, the recipient, the relay, the user, and lines that are not understood."""
    domain = "d3.example" if ">" in hostile else f"d3{hostile}.example"  # no server takes a bare > in an address
    mail = [line.replace("d3.example", domain).replace('"u3"', f'"u3{hostile}"') for line in mail_log(20)]
    mail += [f"Mar  2 09:00:00 mx sendmail[5]: {hostile}", f"Mar  2 09:00:00 mx {hostile}x[5]: y", hostile * 3]
    queries = [line.replace("www.example", f"w{hostile}.example") for line in query_log(20)]
    found = report(tmp_path, ("mail.log", text_of(mail)), ("queries.log", text_of(queries)))
    text = json.dumps(found.as_json(), ensure_ascii=False)
    assert not [c for c in text if not c.isprintable()]
    assert [r["mail.deferred"] for r in found.domains if r["rcpt_domain"].startswith("d3")] == [1]
    assert found.totals["N_from"] == 20


def test_a_hostile_file_name_stays_inert(tmp_path: Path) -> None:
    """A log's name is shown with its odd characters written out."""
    name = "mail\x1b[2J\u202e\n.log"
    text = json.dumps(report(tmp_path, (name, text_of(mail_log(3)))).as_json(), ensure_ascii=False)
    assert r"mail\\x1b[2J\\u202e\\x0a.log" in text
    assert not [c for c in text if not c.isprintable()]


def test_a_mail_server_must_be_an_address(whole: Summary, tmp_path: Path) -> None:
    """--mail-server takes addresses, IPv6 in any spelling; a name is an error."""
    logs = (("queries.log", text_of(query_log(5)).replace(b"192.0.2.3#", b"2001:db8:1::3#")),)
    found = report(tmp_path, *logs, mail_servers=("2001:DB8:1:0::3",))
    assert (found.totals["D_q"], found.dq_note) == (15, "given")
    assert found.mail_servers[0]["address"] == "2001:db8:1::3"
    with pytest.raises(UsageError, match="no IP address"):
        report(tmp_path, *logs, mail_servers=("mx.example",))


def test_local_time_is_the_logs_own() -> None:
    """Both hours of a change of the clock are told as the log's clock showed them."""
    berlin = zone("Europe/Berlin")
    assert [local_time(1_729_985_400 + h * 3600, berlin) for h in (0, 1, 2)] == ["2024-10-27 01:30", "2024-10-27 02:30", "2024-10-27 02:30"]
