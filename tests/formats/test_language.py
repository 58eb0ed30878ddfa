"""Proves what each element of the pattern language means, and that each mistake in a pattern is told with its place."""

from __future__ import annotations

import pytest

from mailripple.errors import FormatError
from mailripple.formats.language import Key, Keys, Lit, Message, Optional, Typed, Until, parse_key, parse_pattern
from mailripple.formats.load import Pattern
from mailripple.parse import naive
from mailripple.parse.record import time_text


def found(match: str, text: str, keys: dict[str, str] | None = None) -> dict[str, str] | None:
    """The fields that the pattern finds in the whole text, or None."""
    parsed = tuple(parse_key(name, value, "test") for name, value in (keys or {}).items())
    pattern = Pattern("f", "p", "", parse_pattern(match), parsed, (), "", (), match)
    line = naive.Line(text.encode())
    if naive.match(pattern, pattern.items, line, 0) != len(line.text):
        return None
    return {name: value.decode() for name, value in line.fields.items()}


def moment(match: str, text: str) -> str | None:
    """The time that the pattern reads from the text."""
    line = naive.Line(text.encode())
    pattern = Pattern("f", "p", "", parse_pattern(match), (), (), "", (), match)
    return time_text(line.ts) if naive.match(pattern, pattern.items, line, 0) == len(line.text) else None


def test_literal_text_must_stand_exactly() -> None:
    """Literal text matches itself only, and the whole message must be used up."""
    assert found("running", "running") == {}
    assert found("running", "running on Linux") is None
    assert found("running", "Running") is None


def test_doubled_braces_are_literal() -> None:
    """`{{` and `}}` stand for one brace each."""
    assert found("a {{b}} c", "a {b} c") == {}
    assert parse_pattern("{{x}}") == (Lit(b"{x}"),)


def test_field_runs_to_the_first_place_of_the_next_literal() -> None:
    """`{field}` takes text up to the first occurrence of the literal behind it and never goes back for a later one."""
    assert found("{user} at {host}", "ann at b at c") == {"user": "ann", "host": "b at c"}
    assert found("{user}.", "a.b.") is None


def test_field_at_the_end_takes_the_rest() -> None:
    """A field without a literal behind it takes everything, also nothing."""
    assert found("x {reason}", "x a b ") == {"reason": "a b "}
    assert found("x {reason}", "x ") == {"reason": ""}


def test_underscore_is_matched_and_not_kept() -> None:
    """`_` stands for a value that nobody wants."""
    assert found("{_}: {reason}", "a b: c") == {"reason": "c"}


def test_word() -> None:
    """`word` is one or more bytes up to a space or the end."""
    assert found("{qname:word} {_:word}", "a.example IN") == {"qname": "a.example"}
    assert found("{qname:word}", "") is None


@pytest.mark.parametrize(
    ("text", "fits"), [("0", True), ("1" * 18, True), ("1" * 19, False), ("", False), ("x1", False)]
)
def test_int(text: str, fits: bool) -> None:
    """`int` is one to 18 digits."""
    assert (found("{pid:int}", text) is not None) is fits


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("IPv6:2001:db8::1", "2001:db8::1"),
        ("ipv6:2001:db8::1", "2001:db8::1"),
        ("IPv6:192.0.2.1", "192.0.2.1"),
        ("fe80::1%2", "fe80::1"),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.1"),
        ("192.0.2.256", None),
        ("192.0.2.00", None),
        ("192.0.2.1.5", None),
        ("192.0.2.1a", None),
        ("192.0.2", None),
        ("pc.example", None),
        ("", None),
    ],
)
def test_ip(text: str, address: str | None) -> None:
    """`ip` is a whole IPv4 or IPv6 address, without its zone and without `IPv6:` in front."""
    assert found("{client_ip:ip}", text) == (None if address is None else {"client_ip": address})


@pytest.mark.parametrize("before", ["", "IPv6:"])
@pytest.mark.parametrize(
    ("behind", "fits"), [(":25", True), (",", True), (" x", True), ("-", True), (".5", False), ("0", False), ("a", False)]
)
def test_an_address_does_not_end_within_another_text(before: str, behind: str, fits: bool) -> None:
    """What could go on as an address is none; a port, a comma and the like may stand behind an IPv4 address."""
    text = f"{before}192.0.2.0{behind}"
    assert found("{client_ip:ip}{_}", text) == ({"client_ip": "192.0.2.0"} if fits else None)


@pytest.mark.parametrize(
    ("text", "fits"),
    [("49QNVLZB000565", True), ("RAA20512", True), ("NOQUEUE", False), ("a1b2", False), ("a" * 24 + "1", False)],
)
def test_qid(text: str, fits: bool) -> None:
    """A queue id has 5 to 24 letters and digits, one digit at least."""
    assert (found("{queue_id:qid}: x", text + ": x") is not None) is fits


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("<ann@campus.example>", "ann@campus.example"),
        ("<>", ""),
        ("root", "root"),
        ('<"a, b> c"@campus.example>', '"a, b> c"@campus.example'),
        (r'<"a\"> b"@campus.example>', r'"a\"> b"@campus.example'),
        ('"|/usr/bin/filter -a, -b"', '"|/usr/bin/filter -a, -b"'),
        ('<"a@campus.example>', '"a@campus.example'),
    ],
)
def test_addr(text: str, address: str) -> None:
    """An envelope address ends at its own bracket or comma: quotes hide both, unless one stays open."""
    assert found("from={env_from:addr}, size={size:int}", f"from={text}, size=1") == {"env_from": address, "size": "1"}


def test_addrs_are_joined_by_commas_without_a_space() -> None:
    """A list goes on behind `,` and ends before `, `."""
    text = "to=<a@b.example>,<c@d.example>, delay=0"
    assert found("to={env_rcpt:addrs}, {_}", text) == {"env_rcpt": "<a@b.example>,<c@d.example>"}
    line = naive.Line(b"<a@B.example.>,c,<d@>")
    pattern = Pattern("f", "p", "", parse_pattern("{env_rcpt:addrs}"), (), (), "", (), "")
    assert naive.match(pattern, pattern.items, line, 0) == len(line.text)
    assert line.rcpts == [b"b.example", b"", b""]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("pc.example [192.0.2.7]", "192.0.2.7"),
        ("[IPv6:2001:db8::7] (may be forged)", "2001:db8::7"),
        ("x [198.51.100.9], relay=pc.example [192.0.2.7]", "192.0.2.7"),
        ("root@localhost", None),
        ("pc.example [none]", None),
    ],
)
def test_peer_believes_the_last_brackets(text: str, address: str | None) -> None:
    """`peer` takes the address in the last brackets as the client's, `mx` as the relay's."""
    client = {} if address is None else {"client_ip": address}
    relay = {} if address is None else {"relay_ip": address}
    assert found("{relay:peer}", text) == {"relay": text} | client
    assert found("{relay:mx}", text) == {"relay": text} | relay


def test_upto_leaves_the_text_where_it_is() -> None:
    """`{field:to "TEXT"}` ends before the first TEXT, which what follows must match."""
    assert found('{_:to "(no"}(no auth: {user}', "closed (no auth: ann") == {"user": "ann"}
    assert found('{_:to "x"}y', "ax") is None
    assert found('"{_:to "" points to "}" points to {_}', '"a" points to b') == {}


def test_optional_group_is_taken_where_its_literal_stands() -> None:
    """A group is skipped where its first literal does not stand; where it stands there is no going back."""
    assert found("{?info: }{qname:word}", "info: a") == {"qname": "a"}
    assert found("{?info: }{qname:word}", "a") == {"qname": "a"}
    assert found("{? [{pid:int}]}{_}", " [x]") is None
    assert found("{?a{?b}c}d", "abcd") == {}
    assert found("{?a{?b}c}d", "acd") == {}


def test_a_group_that_cannot_match_forbids_its_literal() -> None:
    """`{?text{_:int}{_:int}}` keeps a pattern away from `text`, as the bundled formats use it."""
    assert found("{?domain {_:int}{_:int}}{_:word} scan", "ftp scan") == {}
    assert found("{?domain {_:int}{_:int}}{_:word} scan", "domain scan") is None


KEYS = {"size": "size:int", "nrcpts": "nrcpts:int", "msgid": "msgid:addr", "relay": "relay:peer to end"}


def test_keys_in_any_order_unknown_ones_ignored() -> None:
    """`{keys}` reads the named keys wherever they stand and passes over the others and over bare words."""
    assert found("{keys}", "nrcpts=2, new=x, 00:00:00, size=1", KEYS) == {"nrcpts": "2", "size": "1"}


def test_keys_first_value_counts() -> None:
    """A key that comes twice keeps its first value: what follows may be the sender's text."""
    assert found("{keys}", "size=1, size=9", KEYS) == {"size": "1"}


def test_keys_do_not_split_inside_an_address() -> None:
    """A comma or key inside `<...>` or quotes belongs to the address."""
    assert found("{keys}", 'msgid=<"a, size=9"@x>, size=1', KEYS) == {"msgid": '"a, size=9"@x', "size": "1"}


def test_key_to_end_and_key_to_text() -> None:
    """A key may run to the end of the line, or to a text of its own."""
    keys = {"reply": 'reply to ", stat="', "stat": "stat to end"}
    assert found("{keys}", "reply=550 a, b, stat=x, y", keys) == {"reply": "550 a, b", "stat": "x, y"}


def test_key_that_is_no_number_is_left_out() -> None:
    """A number that is none, or is too long, gives no field and does not disturb the next."""
    assert found("{keys}", "size=x9, nrcpts=2", KEYS) == {"nrcpts": "2"}


@pytest.mark.parametrize(
    ("kind", "text", "time"),
    [
        ("rfc3164", "Oct 27 01:17:13", "2000-10-27T01:17:13Z"),
        ("rfc3164", "Oct  7 01:17:13", "2000-10-07T01:17:13Z"),
        ("rfc3164", "Oct 7 01:17:13.622", "2000-10-07T01:17:13.622000Z"),
        ("rfc3164", "Feb 30 01:17:13", None),
        ("rfc3164", "Xyz 27 01:17:13", None),
        ("dmy", "27-Oct-2024 01:17:13.6", "2024-10-27T01:17:13.600000Z"),
        ("iso", "2024-10-27T01:17:13", "2024-10-27T01:17:13Z"),
        ("iso", "2024-10-27 01:17:13.5Z", "2024-10-27T01:17:13.500000Z"),
        ("iso", "2024-10-27T01:17:13+02:00", "2024-10-26T23:17:13Z"),
        ("iso", "2024-10-27T01:17:13-0530", "2024-10-27T06:47:13Z"),
        ("iso", "2024-13-27T01:17:13", None),
    ],
)
def test_times(kind: str, text: str, time: str | None) -> None:
    """Each kind of stamp is read to the microsecond, or refused where no calendar has that day."""
    assert moment(f"{{ts:{kind}}}", text) == time


def test_host_is_no_word_that_is_already_the_program() -> None:
    """`host` takes a word, but nothing where that word is a program with its colon or process id."""
    shape = "{host:host}{program:program}{?[{pid:int}]}: {reason}"
    assert found(shape, "mx named[5]: x") == {"host": "mx", "program": "named", "pid": "5", "reason": "x"}
    assert found(shape, "named[5]: x") == {"program": "named", "pid": "5", "reason": "x"}
    assert found(shape, "named: x") == {"program": "named", "reason": "x"}


def test_structured_data_hides_brackets_in_quotes() -> None:
    """The structured data of RFC 5424 is `-` or elements in brackets; a quoted `]` does not end one."""
    assert found("{_:sd} {reason}", r'[a b="]\""][c] x') == {"reason": "x"}
    assert found("{_:sd} {reason}", "- x") == {"reason": "x"}
    assert found("{_:sd} {reason}", "[a x") is None


def test_elements_become_what_the_module_says() -> None:
    """A pattern is read into the elements of the language, each field with its terminator."""
    items = parse_pattern('{ts:iso} {? x}{user} at {_:to "!"}{keys}')
    assert items == (
        Typed("ts", "iso"),
        Lit(b" "),
        Optional((Lit(b" x"),)),
        Until("user", b" at "),
        Until("_", b"!", consume=False),
        Keys(),
    )
    assert parse_pattern("{message}") == (Message(),)
    assert parse_key("relay", "relay:mx", "x") == Key(b"relay", "relay", "mx", b", ")
    assert parse_key("stat", "stat to end", "x") == Key(b"stat", "stat", "text", b"")


@pytest.mark.parametrize(
    ("match", "what"),
    [
        ("{colour}", "unknown field 'colour'"),
        ("{user:colour}", "unknown type 'colour'"),
        ('{user:to ""}', "unknown type"),
        ("{user", "'{' without '}' at byte 0"),
        ("user}", "'}' without '{'"),
        ("{? user", "'{?' without '}'"),
        ("{?{user}}", "an optional group must begin with literal text"),
        ("{?}", "an optional group must begin with literal text"),
    ],
)
def test_mistakes_in_a_pattern_are_told(match: str, what: str) -> None:
    """Each mistake is a FormatError that says what is wrong and where."""
    with pytest.raises(FormatError) as caught:
        parse_pattern(match, "mail/x.toml: pattern 'y'")
    assert what in caught.value.what
    assert caught.value.where == "mail/x.toml: pattern 'y'"


@pytest.mark.parametrize("value", ["colour", "user:colour", "user:addrs2 to end"])
def test_mistakes_in_a_key_are_told(value: str) -> None:
    """A key must go to a known field and have a known type."""
    with pytest.raises(FormatError):
        parse_key("user", value, "x")
