"""Goal: POST logs takes anything, answers when it is durable, and holds back who is too fast.
Method: bodies of every encoding, shape and size; broken ones; crashes and stops in the middle."""
import gzip
import json
import os
import random
import shutil
import subprocess
import threading

import pytest

from conftest import wait_for
from disk import Disk

LOGS = "/api/v1/indexes/logs/logs"


def lines(n, prefix="line"):
    return b"".join(b'{"message":"%s %06d","n":%d}\n' % (prefix.encode(), i, i) for i in range(n))


def count(server, **params):
    return server.api("logs", "count", **params)["count"]


def zstd(data):
    return subprocess.run(["zstd", "-q", "-c"], input=data, stdout=subprocess.PIPE, check=True).stdout


def test_found_as_soon_as_it_is_acknowledged(server):
    for i in range(50):
        assert server.send("logs", [{"message": f"now {i}"}]) == 1
        assert count(server, q=f'"now {i}"') >= 1


@pytest.mark.parametrize("body, expected", [
    (b"", 0), (b"\n\n\r\n\n", 0), (b'{"message":"a"}', 1), (b'{"message":"a"}\r\n{"message":"b"}', 2),
    (b'\n{"message":"a"}\n\n\n{"message":"b"}\n\n', 2), (b"not json\n[1,2]\n7\n", 3),
    (b"\x00\xff\n", 1), (b'{"message":"no end', 1),
])
def test_lines(server, body, expected):
    answer = server.request("POST", LOGS, body)
    assert answer.status == 200
    assert answer.json == {"accepted": expected, "rejected": 0, "errors": []}
    assert count(server) == expected


@pytest.mark.parametrize("encode, name", [
    (lambda b: b, "identity"), (gzip.compress, "gzip"), (zstd, "zstd"),
    (lambda b: gzip.compress(b[:7000]) + gzip.compress(b[7000:]), "gzip"),  # two members
    (lambda b: gzip.compress(b) + b"\0" * 512, "gzip"),  # padding
    (lambda b: zstd(b[:7000]) + zstd(b[7000:]), "zstd"),  # two frames
])
def test_encodings(server, encode, name):
    if name == "zstd":
        assert shutil.which("zstd"), "the zstd command is needed"
    answer = server.request("POST", LOGS, encode(lines(20000)), {"Content-Encoding": name})
    assert answer.status == 200 and answer.json["accepted"] == 20000
    assert count(server, q='"line 019999"') == 1


@pytest.mark.parametrize("body, name, status", [
    (b"abc", "br", 415), (b"this is no gzip at all", "gzip", 400),
    pytest.param(gzip.compress(lines(1000))[:-500], "gzip", 400, id="short"),
    (b"nor zstd", "zstd", 400),
])
def test_bad_encodings(server, body, name, status):
    answer = server.request("POST", LOGS, body, {"Content-Encoding": name})
    assert answer.status == status, answer
    assert answer.headers["content-type"] == "application/problem+json" and answer.json["detail"]
    assert count(server) <= 1000


def test_a_large_chunked_body(server):
    """Streamed without a length; larger than any buffer."""
    connection = server.connect()
    blocks = [lines(5000, f"block{i}") for i in range(40)]
    connection.request("POST", LOGS, iter(blocks), {"Transfer-Encoding": "chunked"},
                       encode_chunked=True)
    response = connection.getresponse()
    assert response.status == 200 and json.loads(response.read())["accepted"] == 200_000
    connection.close()
    assert count(server) == 200_000


def test_lines_cut_anywhere(server):
    """The same body in pieces of every size gives the same records."""
    body = b'{"message":"\xc3\xa4"}\r\n\n{"message":"b"}\nraw\n{"message":"last"}'
    for size in range(1, 12):
        with server.raw() as s:
            s.sendall(b"POST " + LOGS.encode() + b" HTTP/1.1\r\nHost: localhost\r\n"
                      b"Transfer-Encoding: chunked\r\n\r\n")
            for i in range(0, len(body), size):
                piece = body[i:i + size]
                s.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
            s.sendall(b"0\r\n\r\n")
            assert b'"accepted":4' in s.recv(4096)
    assert count(server) == 44
    assert count(server, q="ä") == 11


def test_a_long_line_is_cut_and_counted(server):
    huge = b'{"message":"' + b"x" * (9 << 20) + b'"}\n' + b'{"message":"after"}\n'
    assert server.request("POST", LOGS, huge).json["accepted"] == 2
    assert count(server, q="after") == 1
    assert server.metric('alco_ingest_notes_total{source="http",note="long_line"}') == 1


def test_lines_become_visible_while_the_body_goes_on(server):
    with server.raw() as s:
        s.sendall(b"POST " + LOGS.encode() + b" HTTP/1.1\r\nHost: localhost\r\n"
                  b"Transfer-Encoding: chunked\r\n\r\n")
        for i in range(3):
            piece = b'{"message":"part %d"}\n' % i
            s.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
            wait_for(lambda i=i: count(server) == i + 1, "the part is visible")
        s.sendall(b"0\r\n\r\n")
        assert b'"accepted":3' in s.recv(4096)


def test_half_a_body(server):
    """The client goes away in the middle: nothing hangs, no half line is stored."""
    with server.raw() as s:
        s.sendall(b"POST " + LOGS.encode() + b" HTTP/1.1\r\nHost: localhost\r\n"
                  b"Content-Length: 1000\r\n\r\n" + b'{"message":"whole"}\n{"message":"ha')
        wait_for(lambda: count(server) == 1, "the whole line")
    server.send("logs", [{"message": "other"}])
    assert count(server) == 2
    assert count(server, q="ha") == 0 or count(server, q='"ha"') == 0


def test_many_senders_at_once(server):
    def work(k):
        for i in range(20):
            server.send("logs", [{"message": f"sender {k} batch {i} row {j}"} for j in range(50)])
    threads = [threading.Thread(target=work, args=(k,)) for k in range(16)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert count(server) == 16 * 20 * 50
    assert server.metric('alco_ingested_records_total{source="http"}') == 16 * 20 * 50


def test_a_problem_before_the_body(server):
    """Who asks first (Expect) gets the answer before sending anything."""
    with server.raw() as s:
        s.sendall(b"POST /api/v1/indexes/nothere/logs HTTP/1.1\r\nHost: localhost\r\n"
                  b"Content-Length: 100000000\r\nExpect: 100-continue\r\n\r\n")
        assert s.recv(4096).split()[1] == b"404"


def test_fields_are_known_from_the_acknowledgement(server):
    for i in range(30):
        server.send("logs", [{"message": "x", f"field{i}": i, "nested": {f"leaf{i}": [1]}}])
        names = {f["name"] for f in server.api("logs", "fields")["fields"]}
        assert {f"field{i}", f"nested.leaf{i}"} <= names
        assert count(server, q=f"field{i}={i}") == 1
    flags = {"levelname": "filtered", "host": "filtered", "exc_info": "context"}
    server.send("logs", [{"message": "x", **{name: "v" for name in flags}}])
    fields = {f["name"]: f for f in server.api("logs", "fields")["fields"]}
    for name, flag in flags.items():
        assert fields[name][flag] is True and fields[name]["display"] is True
    server.stop()
    server.start()
    assert {f["name"]: f for f in server.api("logs", "fields")["fields"]} == fields


def test_excluded_fields_are_dropped(server):
    server.send("logs", [{"message": "before", "secret": 1, "a": {"secret": 2, "open": 3}}])
    for name in ("secret", "a.secret"):
        answer = server.request("PATCH", f"/api/v1/indexes/logs/fields/{name}", '{"excluded":true}')
        assert answer.status == 200 and answer.json["excluded"] is True
    server.send("logs", [{"message": "after", "secret": 1, "a": {"secret": 2, "open": 3}, "z": 0}])
    hits = server.api("logs", "search", order="asc")["hits"]
    assert hits[0]["fields"] == {"secret": 1, "a": {"secret": 2, "open": 3}}
    assert hits[1]["fields"] == {"a": {"open": 3}, "z": 0}


def test_a_kill_loses_nothing_acknowledged(server):
    """kill -9 while senders send: every acknowledged line once, nothing invented."""
    rng = random.Random(os.environ.get("ALCO_SEED", "1"))
    acknowledged, sent = [], []
    for round_ in range(3):
        stop = threading.Event()

        def work(k, round_=round_, stop=stop):
            i = 0
            while not stop.is_set():
                names = [f"r{round_}s{k}i{i}x{j}" for j in range(20)]
                sent.extend(names)
                try:
                    server.send("logs", [{"message": n} for n in names])
                except Exception:  # of sockets, of http.client, of what the answer must be
                    return
                acknowledged.extend(names)
                i += 1
        threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
        for t in threads:
            t.start()
        goal = len(acknowledged) + rng.randrange(300, 900)
        wait_for(lambda: len(acknowledged) >= goal, "some are acknowledged")
        server.kill()
        stop.set()
        for t in threads:
            t.join()
        server.start()
    found = server.get("/api/v1/indexes/logs/search", format="ndjson", limit=0).text.splitlines()
    found = [json.loads(line)["message"] for line in found]
    assert len(found) == len(set(found)), "a line is there twice"
    assert set(acknowledged) <= set(found), "an acknowledged line is lost"
    assert set(found) <= set(sent), "a line was invented"


def test_a_stop_loses_nothing_acknowledged(server):
    """SIGTERM during full ingest: what was acknowledged is there, the process ends with 0."""
    total = {"accepted": 0}
    lock = threading.Lock()

    def work(k):
        for i in range(10_000):
            try:
                n = server.send("logs", [{"message": f"s{k} {i} {j}"} for j in range(100)])
            except Exception:
                return
            with lock:
                total["accepted"] += n
    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    wait_for(lambda: total["accepted"] > 2000, "some are acknowledged")
    server.stop()
    for t in threads:
        t.join()
    server.start()
    found = count(server)
    assert found >= total["accepted"]
    assert found - total["accepted"] <= 400  # at most what was under way


def test_a_stop_lets_a_body_under_way_become_durable(server):
    with server.raw() as s:
        body = lines(1000)
        s.sendall(b"POST " + LOGS.encode() + b" HTTP/1.1\r\nHost: localhost\r\n"
                  b"Content-Length: %d\r\n\r\n" % len(body) + body[:-1])
        wait_for(lambda: count(server) == 999, "most of it")
        stopper = threading.Thread(target=server.stop)
        stopper.start()
        wait_for(lambda: b" 503 " in _ready(server), "the server says that it stops")
        s.sendall(body[-1:])
        assert b'"accepted":1000' in s.recv(4096)
        stopper.join()
    server.start()
    assert count(server) == 1000


def _ready(server):
    with server.raw() as s:
        s.sendall(b"GET /ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return s.recv(100)


def test_input_stops_when_the_disk_is_low(make_server):
    """More free space than there is asked for: 503 before the body, search goes on."""
    server = make_server("--min-free", "1000000TB")
    answer = server.request("POST", LOGS, b'{"message":"x"}\n')
    assert answer.status == 503 and int(answer.headers["retry-after"]) > 0
    assert count(server) == 0
    assert server.metric("alco_disk_low") == 1


def test_input_goes_on_when_there_is_room_again(make_server):
    """The same process, a disk that gets full under it. A body under way waits, a new one is refused
    with a time to come again; with room both are taken, each line once."""
    with Disk() as disk:
        server = make_server(*disk.min_free, data=disk.path / "data")
        body = lines(100000)
        with server.raw() as s:
            s.sendall(b"POST " + LOGS.encode() + b" HTTP/1.1\r\nHost: localhost\r\n"
                      b"Content-Length: %d\r\n\r\n" % len(body) + body[:30])
            disk.fill()
            wait_for(lambda: server.metric("alco_disk_low") == 1, "the server to see it")
            before = count(server)
            rest = threading.Thread(target=s.sendall, args=(body[30:],))
            rest.start()  # may wait for the server
            answer = server.request("POST", LOGS, b'{"message":"refused"}\n')
            assert answer.status == 503 and int(answer.headers["retry-after"]) > 0
            assert count(server) == before
            disk.clear()
            rest.join()
            assert b'"accepted":100000' in s.recv(4096)
        wait_for(lambda: server.metric("alco_disk_low") == 0, "the server to see room")
        assert server.request("POST", LOGS, b'{"message":"taken"}\n').status == 200
        assert count(server) == 100001
        assert count(server, q='"refused"') == 0
        server.stop()


def test_a_sender_without_end_does_not_hold_up_a_stop(server):
    with server.raw() as s:
        s.sendall(b"POST " + LOGS.encode() + b" HTTP/1.1\r\nHost: localhost\r\n"
                  b"Transfer-Encoding: chunked\r\n\r\n15\r\n" + b'{"message":"endless"}' + b"\r\n")
        with server.raw() as idle, server.raw() as half:
            half.sendall(b"GET /hea")
            idle.sendall(b"POST /api/v1/indexes HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n")
            server.stop()
    server.start()
    assert count(server) in (0, 1)


def test_memory_is_bounded_under_many_large_senders(server):
    """200 senders of 2 MB each at once; what is held at a time is far less than all of it."""
    before = server.metric("process_resident_memory_bytes")
    body = b"".join(b'{"message":"%s","k":%d}\n' % (b"m" * 2000, i) for i in range(1000))
    accepted = []

    def work():
        answer = server.request("POST", LOGS, body)
        accepted.append(answer.json["accepted"] if answer.status == 200 else answer)
    threads = [threading.Thread(target=work) for _ in range(200)]
    for t in threads:
        t.start()
    peak = 0
    while any(t.is_alive() for t in threads):
        peak = max(peak, server.metric("process_resident_memory_bytes"))
    for t in threads:
        t.join()
    assert accepted == [1000] * 200
    assert count(server) == 200_000
    assert peak - before < 700 << 20
