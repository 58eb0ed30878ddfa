"""Proves that no line crashes the machine, slows it, or makes it say what the line's author wants."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailripple.formats.load import FormatSet
from mailripple.parse import layout as L
from mailripple.parse import naive
from mailripple.parse.build import Kernels
from mailripple.parse.events import Parser
from mailripple.parse.machine import LINE_COST
from mailripple.tables import QTYPES, STATUSES
from tests.parse.compare import PAD, Comparison, formats_of, joined, padded, pieces_of, samples
from tests.parse.edge import Edge
from tests.parse.test_compile import pattern, with_message

SENDMAIL = b"Oct 27 01:17:13 mx sendmail[1]: 49QNVLZB000565: "
NAMED = b"27-Oct-2024 01:17:28.622 queries: info: client "
ROOT = Path(__file__).resolve().parents[2]


def fields_of(comparison: Comparison, line: bytes) -> dict[str, bytes]:
    """Fields of the one event of a line, its status among them."""
    assert comparison.differences([line]) == []
    (event,) = comparison.kernel(joined([line])).events
    return event.fields | {"status": STATUSES[(event.columns["code"] >> 8) & 0xFF].encode()}


SIZES = st.integers(0, 1 << 20)


@given(
    events=SIZES, rejects=SIZES, recipients=SIZES, names=SIZES, text=SIZES, full=st.booleans(),
    n=st.integers(0, L.MAX_LINE),
)  # fmt: skip
def test_a_line_for_which_there_is_room_needs_no_question(
    probes: Kernels, events: int, rejects: int, recipients: int, names: int, text: int, full: bool, n: int
) -> None:
    """Whatever is left of the tables: a line that `room` covers fits by `has_room`, and what is left behind the
    largest that such a line may take covers the rest, so that many lines fit that are asked for once."""
    ctx = np.zeros(L.CTX_WORDS, np.int64)
    for word, value in zip((L.CAP, L.REJECT_CAP, L.RCPT_CAP, L.DICT_FREE, L.ARENA_CAP), (events, rejects, recipients, names, text), strict=True):
        ctx[word >> 3] = value
    ctx[L.DICT_FULL >> 3] = full
    before = probes.try_room(ctx.ctypes.data)
    if n + LINE_COST > before:
        return
    assert probes.try_has_room(ctx.ctypes.data, n)
    for word, takes in ((L.N, 1), (L.NREJECT, 1), (L.NRCPT, n), (L.DICT_FREE, -(n // 2 + 8)), (L.ARENA_N, 3 * n + 4096)):
        ctx[word >> 3] += takes
    assert probes.try_room(ctx.ctypes.data) >= before - (n + LINE_COST)


# Law 8: hostile text is inert


@pytest.mark.parametrize(
    "to",
    [
        b'<"x, stat=Sent"@evil.example>', b'<"x, dsn=2.0.0, stat=Sent"@evil.example>', b'<"x\\", stat=Sent, \\""@evil.example>',
        b'<"a>, stat=Sent, b"@evil.example>', b'"x, stat=Sent"@evil.example', b"<x,stat=Sent@evil.example>",
        b'<"x, stat=Sent"@evil.example>,<"y, stat=Sent"@evil.example>',
    ],
)  # fmt: skip
def test_a_recipient_cannot_say_sent(comparison: Comparison, to: bytes) -> None:
    """Whatever stands inside a recipient's brackets or quotes, an unknown user is a bounce."""
    for tail in (b"dsn=5.1.1, stat=User unknown", b"relay=mx.evil.example. [192.0.2.1], stat=User unknown"):
        found = fields_of(comparison, SENDMAIL + b"to=" + to + b", delay=00:00:02, mailer=esmtp, pri=1, " + tail)
        assert found["status"] == b"bounced"
        assert found["stat"] == b"User unknown"
        assert found["env_rcpt"] == to.removeprefix(b"<").removesuffix(b">") or b"," in to


@pytest.mark.parametrize(
    "claim",
    [
        b"<x, relay=[198.51.100.9]>", b'<"x>, relay=[198.51.100.9], y"@z>', b"x, relay=[198.51.100.9]", b"<x, relay=[198.51.100.9]",
        b'"x, relay=[198.51.100.9]', b"<x>, relay=[198.51.100.9]", b"], relay=[198.51.100.9] [",
    ],
)  # fmt: skip
@pytest.mark.parametrize("where", ["msgid", "from"])
def test_a_message_id_cannot_blame_another_host(comparison: Comparison, claim: bytes, where: str) -> None:
    """The client is the address in the relay that the server wrote, which stands last, not one in a sender or Message-ID."""
    texts = {"msgid": b"<y>", "from": b"<x@y.example>"} | {where: claim}
    line = SENDMAIL + b"from=" + texts["from"] + b", size=1, class=0, nrcpts=1, msgid=" + texts["msgid"]
    found = fields_of(comparison, line + b", proto=ESMTP, daemon=MTA, relay=pc.campus.example [192.0.2.147]")
    assert found["client_ip"] == b"192.0.2.147"


def test_a_reverse_name_cannot_blame_another_host(comparison: Comparison) -> None:
    """A name in the DNS that looks like an address in brackets is a name: the last brackets count."""
    line = SENDMAIL + b"from=<a@b>, size=1, nrcpts=1, relay=[198.51.100.9] [192.0.2.147] (may be forged)"
    assert fields_of(comparison, line)["client_ip"] == b"192.0.2.147"


def test_a_reply_cannot_say_sent(comparison: Comparison) -> None:
    """What the other server said is no status; its code is."""
    line = SENDMAIL + b"to=<a@b.example>, delay=00:00:01, mailer=esmtp, dsn=5.1.1, reply=550 5.1.1 x, stat=Sent, stat=Sent (2.0.0)"
    assert fields_of(comparison, line)["status"] == b"bounced"


# Every line has an end


def test_a_line_too_long_is_a_reject(comparison: Comparison) -> None:
    """65,536 bytes are read, one more is not; trailing spaces and a carriage return do not count."""
    head = SENDMAIL + b"from=<"
    longest = head + b"a" * (L.MAX_LINE - len(head) - 1) + b">"
    lines = [longest, longest + b"x", longest + b" \r  ", b"", b" " * 70_000, b"x" * 200_000, longest]
    assert comparison.differences(lines) == []
    found = comparison.kernel(joined(lines))
    assert (len(found.events), found.blank) == (3, 2)
    assert [(line, L.REASONS[why]) for line, why, _ in found.rejects] == [(1, "line too long"), (5, "line too long")]


def test_loads_stay_inside_the_padding() -> None:
    """Samples, cut everywhere and laid against a page that cannot be read, leaves the process alive."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.parse.edge"], cwd=ROOT, env={"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{done.returncode}: {done.stderr}"
    assert int(done.stdout.split()[0]) > 10_000


def test_the_forbidden_page_is_forbidden() -> None:
    """The page behind the edge does end a process that reads it, so that the proof above proves something."""
    code = "import ctypes; from tests.parse.edge import Edge; e = Edge(99); print(ctypes.string_at(e.at_the_end(b'x\\n') + 2 + {n}, 1))"
    environment = {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    for beyond, status in ((PAD - 1, 0), (PAD, -11)):
        done = subprocess.run([sys.executable, "-c", code.format(n=beyond)], cwd=ROOT, env=environment, capture_output=True)
        assert done.returncode == status


@pytest.mark.parametrize("fill", b'\0>,"]9a:. \n\xff')
def test_what_stands_around_the_text_does_not_matter(formats: FormatSet, comparison: Comparison, fill: int) -> None:
    """The bytes before and behind the text are read, perhaps, and never believed."""
    edge = Edge(1 << 20)
    text = joined([*samples(formats), SENDMAIL + b'to=<"a', SENDMAIL + b"from=a, msgid=<", NAMED + b"1.2.3.4", NAMED + b"::1"])
    expected = comparison.kernel(text)
    for address in (edge.at_the_end(text, fill), edge.at_the_begin(text, fill)):
        found = comparison.reading()
        for piece in comparison.parser.parse(address, len(text)):
            comparison.add(found, piece, text)
        assert found == expected


# No line is slow

POSITIONS = [
    b"", b"<22>", b"Oct 27 01:17:13 ", b"Oct 27 01:17:13 mx ", b"Oct 27 01:17:13 mx sendmail[", b"Oct 27 01:17:13 mx sendmail[1]: ",
    b"<22>1 2024-10-27T01:17:29Z mx sendmail - - ", SENDMAIL, SENDMAIL + b"from=", SENDMAIL + b"from=<a>, msgid=", SENDMAIL + b"from=<a>, relay=",
    SENDMAIL + b"from=<a>, ", SENDMAIL + b"to=", SENDMAIL + b"to=<a>, ", SENDMAIL + b"to=<a>, ctladdr=", SENDMAIL + b"to=<a>, relay=",
    SENDMAIL + b"to=<a>, reply=", SENDMAIL + b"to=<a>, stat=", SENDMAIL + b"Milter: to=", SENDMAIL + b"ruleset=check_rcpt, arg1=",
    SENDMAIL + b"ruleset=check_rcpt, arg1=<a>, arg2=", SENDMAIL + b"49QNVLZB000566: DSN: ", b"27-Oct-2024 01:17:28.622 ", NAMED, NAMED + b"@0x1 ",
    NAMED + b"1.2.3.4#5 (", NAMED + b"1.2.3.4#5: query: ", b"Oct 27 01:17:13 mx dovecot: pop3-login: Login: user=<", b"Oct 27 01:17:13 mx popper[1]: ",
]  # fmt: skip
FILLERS = [
    b"<", b'"', b",", b"a=", b"[", b"]", b"(", b")", b"\\", b" ", b"a", b"1", b":", b"@", b"<a,", b'\\",', b'",', b"@a,", b"<@a>,", b", relay=[",
    b"to=<a, ", b"ctladdr=<a, ", b'ctladdr="\\", ', b"msgid=<, ", b"reply=, stat= ", b": [", b"1.2.3.4", b"[a][", b"\0", b"... ", b"query: ",
]  # fmt: skip


def seconds(parser: Parser, text: bytes) -> float:
    """Time of this thread to parse a text, the best of some tries."""
    buffer, best = padded(text), 9.0
    for _ in range(3):
        begin = time.thread_time()
        for _piece in parser.parse(int(buffer.ctypes.data) + PAD, len(text)):
            pass
        best = min(best, time.thread_time() - begin)
    return best


#: An ordinary line, whose cost says how fast this machine is just now.
ORDINARY = b"Oct 27 01:17:13 mx sendmail[1]: 49QNVLZB000565: to=<a@a.example>, delay=00:00:01, mailer=esmtp, stat=Sent\n"


def filled(head: bytes, filler: bytes, n: int) -> bytes:
    """A line of n bytes: a beginning and then the same again and again."""
    return joined([(head + filler * (n // len(filler)))[:n]])


@pytest.mark.parametrize("head", POSITIONS)
def test_time_is_linear_in_the_line(comparison: Comparison, head: bytes) -> None:
    """64 KiB of anything, where any element reads, take at most 10 times what ordinary lines do, and 3 times what 32 do."""
    parser = Parser(comparison.program, 3)
    long = half = usual = 0.0
    for filler in FILLERS:
        for _ in range(3):
            usual = seconds(parser, ORDINARY * (65_536 // len(ORDINARY)))
            long = seconds(parser, filled(head, filler, 65_536))
            half = seconds(parser, filled(head, filler, 32_768)) if long > 5 * usual else long
            if long <= 10 * usual and long <= 3 * half:
                break
        else:
            pytest.fail(f"{filler!r}: {long * 1000:.2f} ms, half {half * 1000:.2f} ms, ordinary {usual * 1000:.2f} ms")


@pytest.mark.parametrize("head", POSITIONS[::3])
def test_long_lines_mean_the_same(comparison: Comparison, head: bytes) -> None:
    """The reference agrees on lines of four kilobytes of the same again and again."""
    assert comparison.differences([filled(head, filler, 4096).rstrip(b"\n") for filler in FILLERS]) == []


# What the machine keeps


def test_every_program_is_found(formats: FormatSet, comparison: Comparison) -> None:
    """Each program name leads to its format; a name that differs in a byte does not."""
    known = {p.replace("*", "any-name") for p in comparison.program.programs}
    lines = [f"Oct 27 01:17:13 mx {p}[1]: no such message at all, never".encode() for p in known]
    found = comparison.kernel(joined(lines))
    assert not found.other
    assert comparison.differences(lines) == []
    near = {p[:-1] + chr(ord(p[-1]) ^ 1) for p in known} - known
    strangers = sorted(p for p in near if re.fullmatch(r"[A-Za-z0-9]+", p))
    found = comparison.kernel(joined(f"Oct 27 01:17:13 mx {p}[1]: x".encode() for p in strangers))
    assert found.other == Counter(comparison.parser.key(p.encode()) for p in strangers)


def test_a_program_may_be_known_by_its_end() -> None:
    """`*/x` takes every name that ends in `/x`; a name that stands by itself, and the whole name, come first."""
    ends, whole, plain = (f"Oct 27 01:17:13 mx {p}[1]: x".encode() for p in ("a-b/sub/x", "y/x", "x"))
    formats = formats_of(
        ("envelope", 'id = "e"\ntitle = ""\nurl = ""\n[[pattern]]\nname = "p"\nmatch = "{ts:rfc3164} {host:host}{program:program}[{pid:int}]: {message}"\nsample = [{ line = "x" }]'),
        ("mail", 'id = "by-end"\ntitle = ""\nurl = ""\nprograms = ["*/x"]\n[[pattern]]\nname = "p"\nkind = "mail.from"\nmatch = "x"\nsample = [{ line = "x" }]'),
        ("mail", 'id = "by-name"\ntitle = ""\nurl = ""\nprograms = ["y/x"]\n[[pattern]]\nname = "p"\nmatch = "x"\nsample = [{ line = "x" }]'),
    )
    comparison = Comparison(formats)
    assert comparison.differences([ends, whole, plain]) == []
    found = [naive.read_line(formats, line) for line in (ends, whole, plain)]
    assert [f.pattern.format if f.pattern else f.what for f in found] == ["by-end", "by-name", "other"]


@pytest.mark.parametrize(
    ("path", "sender", "rest"),
    [
        (b'<"a> H=x [198.51.100.9]"@evil.example>', b'"a> H=x [198.51.100.9]"@evil.example', b" H=y"),
        (b'"a H=x [198.51.100.9] "@evil.example', b'"a H=x [198.51.100.9] "@evil.example', b" H=y"),
        (b"ann@far.example", b"ann@far.example", b" H=y"),
        (b'a"b@far.example', b'a"b@far.example', b" H=y"),
        (b"<>", b"", b""),
    ],
)
def test_a_path_ends_where_its_quotes_allow(path: bytes, sender: bytes, rest: bytes) -> None:
    """A quoted address holds spaces and brackets; a quote that stays open means nothing."""
    comparison = Comparison(with_message(pattern("a", "<= {env_from:path}{? {_}}", "kind = 'mail.from'"), envelope="{message}"))
    line = b"<= " + path + rest
    assert fields_of(comparison, line)["env_from"] == sender


def test_a_crowd_of_programs_is_counted() -> None:
    """However many programs a log invents, each of their lines is counted once."""
    comparison = Comparison(with_message(pattern("a", "x"), envelope="{program:program}: {message}", program=""), capacity=1 << 15)
    lines = [f"program-{i}: x".encode() for i in range(20_000)]
    found = comparison.kernel(joined([*lines, *lines]))
    assert found.other.total() == found.lines == 40_000
    assert len(found.other) > 4000
    assert 0 in found.other


def test_recipients_of_lines_that_are_not_understood_are_forgotten(comparison: Comparison) -> None:
    """A line that fails behind its recipients leaves none to the next one."""
    good = SENDMAIL + b"to=<a@one.example>,<b@two.example>, delay=1, stat=Sent"
    bad = SENDMAIL + b"to=<a@bad.example>,<b@bad.example>nonsense"
    assert comparison.differences([good, bad, bad, good, SENDMAIL + b"Milter: to=<a@b.example>, reject=5", good]) == []


def test_text_without_final_newline_is_refused(comparison: Comparison) -> None:
    """A part must end in a newline; one that does not is an error, not an endless loop."""
    for text in (b"x", b"x\ny", SENDMAIL):
        with pytest.raises(ValueError, match="newline"):
            list(pieces_of(comparison.parser, text))
    assert list(pieces_of(comparison.parser, b"")) == []


def test_ids_of_wide_and_narrow_events_are_the_same(formats: FormatSet, comparison: Comparison) -> None:
    """Asking for the places of fields changes no column."""
    text = joined(samples(formats))
    columns, names = [], []
    for wide in (False, True):
        parser = Parser(comparison.program, 5, wide=wide)
        columns.append(np.concatenate([p.events.columns.copy() for p in pieces_of(parser, text)], axis=1))
        names.append(parser.names())
    assert np.array_equal(columns[0][: L.COL["link"]], columns[1][: L.COL["link"]])
    assert names[0] == names[1]


# Lines in lines, beginnings of a file, refusals


WRAPPED = """
id = "w"
title = "w"
url = "w"
rank = 1
[[pattern]]
name = "bar"
match = '{_:word} | {line}'
sample = [{ line = 'a | p: x' }]
[[pattern]]
name = "boot"
match = '[{_:int}] {_}'
refuse = "no-wall-time"
sample = [{ line = '[1] x' }]
[[pattern]]
name = "plain"
match = '{program:program}: {message}'
sample = [{ line = 'p: x' }]
"""
BEGINNINGS = """
id = "b"
title = "b"
url = "b"
programs = ["p"]
prefix = ['{_:int} ', '']
[[pattern]]
name = "a"
kind = "mail.client"
match = 'a{user:to last "-"}-{_}'
sample = [{ line = 'p: ax-y', event = { user = "x" } }]
[[pattern]]
name = "b"
match = 'b{_}'
sample = [{ line = 'p: 1 b' }]
"""


def test_lines_in_lines_and_beginnings() -> None:
    """A line in a line is read once; a file's beginnings hold for all of its patterns; the last text is the last."""
    comparison = Comparison(formats_of(("envelope", WRAPPED), ("mail", BEGINNINGS)))
    lines = [b"p: ax-y-z", b"c | p: 7 ax-y", b"c | c | p: ax-y", b"c | q: x", b"c | [1] x", b"p: 7 7 b", b"7 p: b", b"c | p: b", b"c | ", b"c | -- "]
    assert comparison.differences(lines) == []
    found = comparison.kernel(joined(lines))
    assert [(e.line, e.fields["user"]) for e in found.events] == [(0, b"x-y"), (1, b"x")]
    assert dict(found.patterns) == {"b.a": 2, "b.b": 1}
    assert [(line, L.REASONS[why].split(":")[0]) for line, why, _ in found.rejects if line == 4] == [(4, "a time since boot, no wall clock time")]


def test_a_chain_of_prefixes_is_not_slow() -> None:
    """A line that is all prefixes takes the time of its length."""
    comparison = Comparison(formats_of(("envelope", WRAPPED), ("mail", BEGINNINGS)))
    text = joined([b"a | " * 16_000] * 100)
    start = time.process_time()
    assert len(comparison.kernel(text).rejects) == 100
    assert time.process_time() - start < 2


@pytest.mark.parametrize(("logged", "counted"), [("TYPE65", "HTTPS"), ("type=65", "HTTPS"), ("TYPE1", "A"), ("TYPE0", "other"), ("TYPE65x", "other"), ("type65", "other"), ("TYPE", "other"), ("TYPE9999999", "other"), ("HTTPS", "HTTPS")])
def test_types_by_number(comparison: Comparison, logged: str, counted: str) -> None:
    """A type that the server writes as a number counts as the type that it is."""
    line = NAMED + f"192.0.2.7#5 (a.example): query: a.example IN {logged} + (192.0.2.2)".encode()
    assert comparison.differences([line]) == []
    (event,) = comparison.kernel(joined([line])).events
    assert QTYPES[(event.columns["code"] >> 16) & 0xFF] == counted
