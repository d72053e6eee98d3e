"""rec_decode against Python's json and zoneinfo.

Goal: the scanner accepts exactly what json.loads accepts and reads the same from it, but for the
points that doc/records.md names (nesting beyond 8,192, bytes that are no UTF-8).
Method: json_dump (tests/support) decodes a file of documents, one a line; expect() computes the
same record from json.loads with an independent reading of the decisions. Documents: fixtures,
random ones (seed printed; ALCO_SEED repeats it), mutations of those, and every *.jsonl in the
directory ALCO_EXTRA_JSON. The program is JSON_DUMP in the environment (`./dev test` sets it).
"""
import json
import os
import pathlib
import random
import re
import subprocess
from datetime import datetime, timedelta, timezone

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "tests" / "fixtures" / "records"
DUMP = os.environ.get("JSON_DUMP", str(ROOT / "build" / "tests" / "support" / "json_dump"))
SEED = int(os.environ.get("ALCO_SEED", random.SystemRandom().randrange(1 << 32)))
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

PARSE_ERROR, NO_TIME, DEPTH, DOUBLED, BAD_UTF8 = 1, 2, 16, 32, 64


class Number(str):
    """A number by its spelling."""


class Pairs(list):
    """An object with order and doubled names."""


def loads(text):
    return json.loads(text, parse_int=Number, parse_float=Number, parse_constant=Number,
                      object_pairs_hook=Pairs)


def raw(text):
    """Bytes of a Python string; a lone surrogate becomes its three bytes."""
    return text.encode("utf-8", "surrogatepass")


SHORT = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def quote(text):
    return '"' + "".join(SHORT.get(c) or ("\\u%04x" % ord(c) if c < " " else c) for c in text) + '"'


def canonical(v, depth=0):
    """Compact text of a value; an array or object more than 64 deep becomes a string."""
    if v is None or v is True or v is False:
        return {None: "null", True: "true", False: "false"}[v]
    if isinstance(v, Number):
        return str(v)
    if isinstance(v, str):
        return quote(v)
    if isinstance(v, Pairs):
        text = "{" + ",".join(quote(k) + ":" + canonical(x, depth + 1) for k, x in v) + "}"
    else:
        text = "[" + ",".join(canonical(x, depth + 1) for x in v) + "]"
    return quote(text) if depth == 64 else text


def kind(v):
    if v is None or v is True or v is False:
        return canonical(v), b""
    if isinstance(v, Number):
        return "number", raw(v)
    if isinstance(v, str):
        return "string", raw(v)
    return ("object" if isinstance(v, Pairs) else "array"), raw(canonical(v))


STAMP = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9})\d*)?"
                   r"([Zz]|[+-]\d\d:?\d\d)?)?\Z", re.A)
NUMBER = re.compile(r"(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?\Z", re.A)


def instant(text, zone=timezone.utc):
    """ns since 1970, or None."""
    m = STAMP.match(text)
    if m:
        year, month, day, hour, minute, second = (int(x or 0) for x in m.groups()[:6])
        ns = int((m[7] or "").ljust(9, "0"))
        try:
            at = datetime(year, month, day, hour, minute, min(second, 59))
        except ValueError:
            return None
        if second > 60:
            return None
        at += timedelta(seconds=max(second - 59, 0))
        if m[8] and m[8] not in "Zz":
            h, mm = int(m[8][1:3]), int(m[8][-2:])
            if h > 23 or mm > 59:
                return None
            at = at.replace(tzinfo=timezone.utc)
            offset = timedelta(hours=h, minutes=mm)
            seconds = (at - EPOCH + (offset if m[8][0] == "-" else -offset)) // timedelta(seconds=1)
        else:
            seconds = (at.replace(tzinfo=zone, fold=0) - EPOCH) // timedelta(seconds=1)
        value = seconds * 10 ** 9 + ns
        return value if 0 <= value < 1 << 63 else None
    if NUMBER.match(text) and len(text) <= 60:
        from fractions import Fraction
        if abs(int((re.search(r"[eE](.*)", text) or [0, "0"])[1])) > 1000:
            return None
        for unit in (9, 6, 3, 0):
            ns = int(Fraction(text) * 10 ** unit)
            if 946684800 * 10 ** 9 <= ns < 4133980800 * 10 ** 9:
                return ns
    return None


def expect(body, zone=timezone.utc):
    """(error, time, seq, message, fields) by the decisions of doc/records.md."""
    try:
        doc = loads(body.decode("utf-8-sig"))
    except ValueError:
        doc = None
    if not isinstance(doc, Pairs):
        return True, 0, 0, body, None
    last = {}
    for i, (name, _) in enumerate(doc):
        last[name] = i
    doubled = Pairs((n, v) for i, (n, v) in enumerate(doc) if last[n] != i)
    fields = [(n, v) for i, (n, v) in enumerate(doc) if last[n] == i]
    values = dict(fields)
    time, seq, message, gone = 0, 0, b"", set()
    for name in ("@timestamp", "time", "timestamp"):
        if isinstance(values.get(name), str):
            at = instant(values[name], zone)
            if at is not None:
                time = at
                gone.add(name)
                break
    if "message" in values:
        v = values["message"]
        message = raw(v if isinstance(v, str) else canonical(v))
        gone.add("message")
    s = values.get("seq")
    if isinstance(s, Number) and re.match(r"-?\d+\Z", s) and -1 << 63 <= int(s) < 1 << 63:
        seq = int(s)
        gone.add("seq")
    fields = [[n, v] for n, v in fields if n not in gone]
    names = [n for n, _ in fields]
    for f in fields:
        if f[0] in ("pk", "id", "ts", "ms", "seq", "model"):
            new = f[0] + "_x"
            while new in names:
                new += "_x"
            names[names.index(f[0])] = f[0] = new
    out = [(raw(n), *kind(v)) for n, v in fields]
    if doubled:
        name = "doubled"
        while name in names:
            name += "_x"
        out.append((raw(name), "string", raw("{" + ",".join(quote(n) + ":" + canonical(v) for n, v in doubled) + "}")))
    return False, time, seq, message, out


def dump(bodies, *args):
    done = subprocess.run([DUMP, *args], input=b"".join(b + b"\n" for b in bodies),
                          stdout=subprocess.PIPE, check=True)
    lines = done.stdout.splitlines()
    assert len(lines) == len(bodies)
    for line in lines:
        d = json.loads(line)
        fields = [(bytes.fromhex(n), t, bytes.fromhex(v)) for n, t, v in d["fields"]]
        yield d["error"], int(d["time"]), d["seq"], bytes.fromhex(d["message"]), fields, d["notes"]


def compare(bodies):
    n_bad = 0
    for body, got in zip(bodies, dump(bodies)):
        where = "seed %d: %r" % (SEED, body[:2000])
        want = expect(body)
        assert got[:4] == want[:4], where
        n_bad += want[0]
        if want[0]:
            (name, form, text), = got[4]
            assert (name, form) == (b"parse_error", "string"), where
            at = re.match(rb"at byte (\d+) of (\d+): ", text)
            assert at and min(1, len(body)) <= int(at[1]) <= len(body) and int(at[2]) == len(body), where
        else:
            assert got[4] == want[4], where
        assert bool(got[5] & PARSE_ERROR) == want[0], where
    return n_bad


def lines_of(path):
    return [line for line in path.read_bytes().split(b"\n")]


@pytest.mark.parametrize("name", ["logcollect", "odd", "bad", "utf8"])
def test_fixtures(name):
    bodies = lines_of(FIXTURES / (name + ".jsonl"))
    n_bad = compare(bodies)
    # every line of bad.jsonl is bad; elsewhere only the empty rest behind the last line end
    assert n_bad == (len(bodies) if name == "bad" else 1)


def test_bytes_that_are_no_utf8_are_kept():
    latin, surrogate, cut, broken, _ = dump(lines_of(FIXTURES / "bytes.jsonl"))
    assert latin[3] == b"caf\xe9 latin-1" and latin[4] == [(b"n", "array", b'["\xff",{"\xc3":1}]')]
    assert surrogate[3] == b"\xed\xa0\x80 surrogate bytes"
    assert cut[4] == [(b"m\xc3", "string", b"cut name")]
    assert broken[3] == b"not json \xff" and broken[0]
    assert all(d[5] & BAD_UTF8 for d in (latin, surrogate, cut, broken))


# ---- Random documents

TEXTS = ["", "a", "message", "@timestamp", "time", "timestamp", "seq", "ts", "ts_x", "id", "pk", "model",
         "doubled", "a.b", "é", "Ж", "\u20ac", "\U0001f600", "\ud800", "\udfff", "\0", "\x1f", "\x7f", "\"", "\\",
         "/", "\n\t\r\b\f", "[{]}", "x" * 15, "y" * 16, "z" * 17, "\u2028", "\ufeff", "\ufffd", "\U0010ffff"]
NUMBERS = ["0", "-0", "1", "-1", "1.0", "1E5", "1e-9", "1.50e+300", "1e999", "123456789012345678901234567890",
           "-9223372036854775808", "9223372036854775808", "1767312000", "1767312000123", "NaN", "Infinity",
           "-Infinity", "0.0", "1767312000.123456789", "4133980799.9999999999", "946684799.9"]
STAMPS = ["2026-11-22T12:11:46.622580Z", "2026-11-22", "2024-02-29 23:59:59,5", "2023-02-29", "1970-01-01T00:00:00z",
          "2262-04-11T23:47:16.854775807Z", "2262-04-11T23:47:16.854775808Z", "2026-06-30T23:59:60Z",
          "2026-11-22T12:11:46+03:00", "2026-11-22T12:11:46.1-0130", "1969-12-31T23:59:59Z", "2026-11-22T24:00:00",
          "2026-11-22T12:11", "2026-11-22T12:11:46.1234567890Z", "1970-01-01T00:30:00+01:00", "20261122T000000Z",
          "2026-11-22T12:11:46.", "2026-11-22T12:11:46 Z", "+2026-11-22", "2026-13-01", "2026-00-10", "2026-01-00"]


class Maker:
    """Random documents as text, with random spelling of the same thing."""

    def __init__(self, rng):
        self.rng = rng

    def space(self):
        return self.rng.choice(["", "", "", " ", "\t", "\r", "  "])

    def text(self):
        rng = self.rng
        if rng.random() < .5:
            return rng.choice(TEXTS)
        if rng.random() < .1:
            return rng.choice(STAMPS)
        return "".join(rng.choice(TEXTS) for _ in range(rng.randrange(5)))

    def string(self, text=None):
        rng, out = self.rng, ['"']
        for c in self.text() if text is None else text:
            units = raw_utf16(c)
            if rng.random() < .3 or "\ud800" <= c <= "\udfff":
                out.append("".join(rng.choice(["\\u%04x", "\\u%04X"]) % u for u in units))
            elif c in SHORT or c < " ":
                out.append(SHORT.get(c) or "\\u%04x" % ord(c))
            elif c == "/" and rng.random() < .5:
                out.append("\\/")
            else:
                out.append(c)
        return "".join(out) + '"'

    def value(self, depth):
        rng = self.rng
        pick = rng.random()
        if depth and pick < .15:
            items = [self.value(depth - 1) for _ in range(rng.randrange(4))]
            return "[" + self.space() + ("," + self.space()).join(i + self.space() for i in items) + "]"
        if depth and pick < .3:
            return self.object(depth - 1)
        if pick < .5:
            return rng.choice(NUMBERS)
        if pick < .6:
            return rng.choice(["true", "false", "null"])
        return self.string()

    def object(self, depth):
        rng = self.rng
        out = []
        for _ in range(rng.randrange(7)):
            name = self.text()
            if name in ("@timestamp", "time", "timestamp") and rng.random() < .8:
                v = rng.choice([self.string(rng.choice(STAMPS)), rng.choice(NUMBERS)])
            else:
                v = self.value(depth)
            out.append(self.space() + self.string(name) + self.space() + ":" + self.space() + v + self.space())
        return "{" + (",".join(out) or self.space()) + "}"

    def document(self):
        rng = self.rng
        text = self.object(rng.randrange(6))
        if rng.random() < .03:
            depth = rng.randrange(50, 80)
            open_, close = rng.choice([("[", "]"), ('{"k": ', "}"), ('[{"\\u0022": ', "}]")])
            text = '{"deep": ' + open_ * depth + self.value(1) + close * depth + "}"
        return (self.space() + text + self.space()).encode("utf-8")

    def broken(self, body):
        rng = self.rng
        body = bytearray(body)
        for _ in range(rng.randrange(1, 3)):
            at = rng.randrange(len(body) + 1)
            how = rng.random()
            if how < .4 and at < len(body):
                del body[at]
            elif how < .6:
                del body[at:]
            else:
                body[at:at] = rng.choice([b",", b":", b'"', b"{", b"}", b"[", b"]", b"\\", b"-", b"0", b".", b"e", b"\0",
                                          b" ", b"u", b"NaN", b"\x1f", b"\x0b", b"\xa0", b"null", b"//"])
            if not body:
                break
        return bytes(body).replace(b"\n", b" ")


def raw_utf16(c):
    data = c.encode("utf-16-be", "surrogatepass")
    return [int.from_bytes(data[i:i + 2], "big") for i in range(0, len(data), 2)]


def is_utf8(body):
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def test_random_documents():
    print("ALCO_SEED=%d" % SEED)
    maker = Maker(random.Random(SEED))
    bodies = [maker.document() for _ in range(20000)]
    assert compare(bodies) == 0
    broken = [b for b in map(maker.broken, bodies) if is_utf8(b)]
    n_bad = compare(broken)
    assert len(broken) // 3 < n_bad < len(broken)  # some stay good: both answers were tried


def test_deep_nesting():
    """Python gives up at its recursion limit; here 8,192 levels are read and more is bad JSON."""
    fine, deep, much = b"[" * 64 + b"]" * 64, b"[" * 8192 + b"]" * 8192, b"[" * 8193 + b"]" * 8193
    a, b, c = dump([b'{"a":' + x + b"}" for x in (fine, deep, much)])
    assert a[4] == [(b"a", "array", fine)] and not a[5] & DEPTH
    inner = b"[" * (8192 - 64) + b"]" * (8192 - 64)
    assert b[4] == [(b"a", "array", b"[" * 64 + b'"' + inner + b'"' + b"]" * 64)] and b[5] & DEPTH
    assert c[0] and c[4][0][0] == b"parse_error"


def test_many_names():
    """More than the few that stand on the stack; doubled ones found among them."""
    rng = random.Random(SEED)
    bodies = []
    for n in (47, 48, 49, 50, 96, 97, 200, 998):
        names = ["n%d" % rng.randrange(n * 3) for _ in range(n)] + ["message", "ts", "ts_x"]
        rng.shuffle(names)
        bodies.append(b"{" + b",".join(
            b'"%s": %d' % (x.encode(), i) for i, x in enumerate(names)) + b"}")
    assert compare(bodies) == 0


@pytest.mark.parametrize("name", ["Europe/Moscow", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe",
                                  "Africa/Casablanca", "Asia/Kolkata", "Europe/Dublin", "America/Santiago",
                                  "Pacific/Apia", "Asia/Tehran", "America/Nuuk", "Etc/GMT+12", "Antarctica/Troll"])
def test_zones(name):
    """Local times, among them every one that was skipped or came twice, against zoneinfo."""
    import zoneinfo
    zone = zoneinfo.ZoneInfo(name)
    rng = random.Random(SEED)
    stamps = set()
    before = None
    for hours in range(24 * 366, 292 * 365 * 24, 24 * 7):
        at = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(hours=hours)
        offset = at.astimezone(zone).utcoffset()
        if before is not None and offset != before:
            low, high = at - timedelta(days=7), at
            while high - low > timedelta(seconds=1):
                middle = low + (high - low) / 2
                low, high = (middle, high) if middle.astimezone(zone).utcoffset() == before else (low, middle)
            for minutes in range(-200, 200, 7):
                stamps.add((high.astimezone(zone) + timedelta(minutes=minutes)).replace(tzinfo=None, microsecond=0))
        before = offset
    for _ in range(500):
        stamps.add(datetime(1971, 1, 1) + timedelta(seconds=rng.randrange(290 * 365 * 86400)))
    bodies = [b'{"time": "%s"}' % str(s).encode() for s in sorted(stamps)]
    for body, got in zip(bodies, dump(bodies, name)):
        assert got[1] == expect(body, zone)[1], (name, body)


EXTRA = os.environ.get("ALCO_EXTRA_JSON", "")


@pytest.mark.parametrize("path", sorted(pathlib.Path(EXTRA).glob("*.jsonl")) if EXTRA else [FIXTURES / "logcollect.jsonl"],
                         ids=lambda path: path.name)
def test_a_file_of_documents(path):
    """A file of ours, or each one in the directory that ALCO_EXTRA_JSON names."""
    bodies = [b for b in lines_of(path) if b]
    print("%s: %d documents, %d bad" % (path, len(bodies), compare(bodies)))
