"""tools/segment_dump.py, which follows doc/format.md and nothing else, prints from the files what the
server answers: the page says all that a reader needs. Records of every shape that has an encoding of
its own; a damaged byte is named."""
import json
import pathlib
import random
import re
import shutil
import subprocess
import sys

import pytest

DUMP = pathlib.Path(__file__).resolve().parents[2] / "tools" / "segment_dump.py"
DAY_MS = 86_400_000
T0_MS = 1_790_000_000_000


def dump(*args):
    return subprocess.run([sys.executable, DUMP, *args], capture_output=True, check=False)


def spelled(line):
    """(id, message, fields) with numbers as they are spelled; pairs, so that order and doubles count. The
    server tells bytes that are no UTF-8 as U+FFFD: here they are left out."""
    def number(text):
        return "number", text

    line = re.sub("[\ufffd\udc80-\udcff]", "", line)
    hit = dict(json.loads(line, parse_int=number, parse_float=number, object_pairs_hook=list))
    return hit["id"], hit["message"], hit["fields"]


def lines_of(output):
    """Bytes that are no UTF-8 stay themselves."""
    return output.decode("utf-8", "surrogateescape").split("\n")[:-1]


def segments(data):
    return sorted(pathlib.Path(data).glob("store/*/*.seg"))


def dumped(data):
    lines = []
    for path in segments(data):
        found = dump(path)
        assert found.returncode == 0, found.stderr.decode()
        lines += lines_of(found.stdout)
    return lines


def ordinary(rng, i):
    """What a service says: templates and slots, fields that follow from speaker or template."""
    texts = ["user %d logged in from 10.0.%d.%d" % (i % 400, i % 7, i % 250),
             "took %d.%03d s for order %012d" % (i % 9, i % 1000, rng.randrange(10**12)),
             "GET /api/v%d/items/%x HTTP/1.1" % (i % 3, rng.getrandbits(40)),
             "retry 007 of %s" % rng.choice(["alpha1", "beta22", "gamma333"]),
             "no slots at all"]
    which = rng.randrange(len(texts))
    record = {"message": texts[which], "host": "web-%02d" % (i % 5), "levelname": "ERROR" if which == 3 else "INFO",
              "logger": "shop.%d" % which, "process": 1000 + i % 5, "duration_ms": rng.randrange(9000) / 8,
              "request_id": "%032x" % rng.getrandbits(128)}
    if which == 3:
        record["exc_info"] = "Traceback:\n" + "".join('  File "/app/%d.py", line %d\n' % (i % 3, k) for k in range(30))
    if which == 1:
        record["tags"] = ["a", i % 2, {"deep": None}]
    return record


STRANGE = [
    b'{"message": "", "n": 1.50, "m": -0, "big": 123456789012345678901234567890, "e": 1E+400}',
    b'{"n": 1}',
    b'{"message": "nothing else"}',
    b'{"message": "\\u0000 \\u0001 \\ud83d\\ude00 \\u212a", "a.b": {"c.d": [1, 2.0, "x"]}, "": "no name"}',
    b'{"message": "bad \xff\xc3 bytes", "f": "\xed\xa0\x80 too"}',
    b'{"message": ["an", "array"], "t": true, "f": false, "z": null}',
    b'{"message": "same", "x": "\\"quoted\\" \\\\ back", "y": {}, "w": []}',
    ('{"message": "%s"}' % ("long text %d " * 4000 % tuple(range(4000)))).encode(),
    ('{"message": "many", %s}' % ", ".join('"f%d": %d' % (i, i) for i in range(700))).encode(),
    ('{"message": "%s"}' % " ".join("%d" % i for i in range(300))).encode(),
]


def at(record, ms):
    return b'{"@timestamp": %d, ' % ms + record[1:]


@pytest.fixture
def filled(server):
    """Two days, some records late, blocks that are full and blocks of one row."""
    rng = random.Random(5)
    lines = [at(json.dumps(ordinary(rng, i)).encode(), T0_MS + i * 3) for i in range(19800)]
    lines += [at(text, T0_MS + DAY_MS + i * 10**6) for i, text in enumerate(STRANGE)]
    lines += [at(b'{"message": "late"}', T0_MS - 40 * DAY_MS)]
    rng.shuffle(lines)
    for part in range(0, len(lines), 5000):
        server.send("logs", lines[part:part + 5000])
    assert server.request("POST", "/api/v1/indexes/logs/compact").status == 204
    return server, lines


def answered(server):
    """All records as the server tells them, in two answers: one has 10,000 at most."""
    found = []
    middle = T0_MS + 3 * 9900
    for scope in ("from=0&to=%d" % middle, "from=%d" % middle):
        answer = server.request("GET", "/api/v1/indexes/logs/search?format=ndjson&order=asc&limit=10000&" + scope)
        assert answer.status == 200, answer
        found += lines_of(answer.body)
    return found


def test_the_dump_is_what_the_server_answers(filled):
    server, lines = filled
    from_files = sorted(map(spelled, dumped(server.data)))
    assert len(from_files) == len(lines)
    for from_file, from_server in zip(from_files, sorted(map(spelled, answered(server))), strict=True):
        assert from_file == from_server


def test_sizes_add_up_and_the_lexicon_leads_to_blocks(filled):
    server, _ = filled
    for path in segments(server.data):
        sizes = dump("--sizes", path)
        assert sizes.returncode == 0, sizes.stderr.decode()
        rows = sizes.stdout.decode().splitlines()
        assert sum(int(row.split()[0]) for row in rows[1:]) == path.stat().st_size
    listed = [json.loads(line) for line in lines_of(dump("--lexicon", *segments(server.data)).stdout)]
    texts = {entry["text"]: entry for entry in listed}
    assert "no slots at all" in texts
    assert texts["beta22"]["blocks"] and texts["beta22"]["blocks"][0]["rows"] > 0


def test_a_damaged_byte_is_named(filled, tmp_path):
    server, _ = filled
    largest = max(segments(server.data), key=lambda path: path.stat().st_size)
    copy = tmp_path / "copy.seg"
    for place in (70, 5000, largest.stat().st_size // 2, largest.stat().st_size - 20):
        shutil.copy(largest, copy)
        with open(copy, "r+b") as f:
            f.seek(place)
            byte = f.read(1)[0]
            f.seek(place)
            f.write(bytes([byte ^ 0x10]))
        found = dump(copy)
        assert found.returncode == 1, place
        assert b"segment_dump: %s: " % str(copy).encode() in found.stderr, found.stderr
        assert b"expected" in found.stderr, found.stderr
