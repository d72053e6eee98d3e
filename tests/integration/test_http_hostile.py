"""Goal: requests made to harm are answered or refused, hold nothing back, and leave nothing behind.
Method: raw bytes on a socket; after each, the server answers others and still ends when told to
(the `server` fixture demands exit status 0)."""
import gzip
import select
import socket
import subprocess
import threading

import pytest

from conftest import wait_for

LOGS = b"/api/v1/indexes/logs/logs"


def answer_to(server, data):
    with server.raw() as s:
        s.sendall(data)
        return s.makefile("rb").read()


def get(target, headers=b"Host: localhost\r\n"):
    return b"GET " + target + b" HTTP/1.1\r\n" + headers + b"Connection: close\r\n\r\n"


def post(headers, body):
    return (b"POST " + LOGS + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + headers +
            b"\r\n" + body)


@pytest.mark.parametrize("n", [100, 2600, 60000])
def test_many_parameters_are_answered(server, n):
    """The library's own list of them must not fill the connection's memory: it would never end."""
    target = b"/api/v1/indexes/logs/count?"
    assert answer_to(server, get(target + b"&" * n)).startswith(b"HTTP/1.1 200")
    assert answer_to(server, get(target + b"a&" * (n // 2))).startswith(b"HTTP/1.1 400")


def test_lines_that_are_no_request(server):
    for data in (b"GET\r\n\r\n", b"\r\n\r\nGET \r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n",
                 b"GET /%00 HTTP/9.9\r\n\r\n"):
        assert b" 200 " not in answer_to(server, data)[:16]
    assert server.get("/health").status == 200


@pytest.mark.parametrize("headers", [
    b"Content-Length: 3\r\nContent-Length: 6\r\n", b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
    b"Content-Length: 3\r\nHost: localhost\r\n",
])
def test_a_request_with_two_readings_is_refused(server, headers):
    """A proxy may have taken the other reading: neither is served, nor what follows."""
    answer = answer_to(server, post(headers, b"3\r\n{}\n\r\n0\r\n\r\n" + get(b"/health")))
    assert answer.startswith(b"HTTP/1.1 400") and answer.count(b"HTTP/1.1") == 1
    assert server.api("logs", "count")["count"] == 0


def test_two_hosts_are_refused(server):
    for hosts in (b"Host: localhost\r\nHost: evil.example\r\n", b"Host: evil.example\r\nHost: localhost\r\n"):
        assert answer_to(server, get(b"/api/v1/indexes", hosts)).startswith(b"HTTP/1.1 400")


def test_no_host_is_refused(server):
    for version in (b"1.0", b"1.1"):
        asked = b"GET /api/v1/indexes HTTP/" + version + b"\r\nConnection: close\r\n\r\n"
        assert answer_to(server, asked).split()[1] in (b"400", b"421")


@pytest.mark.parametrize("name", [b"Host ", b"Host\t", b"Content-Length "])
def test_a_space_before_the_colon_is_refused(server, name):
    """Some read the field, others do not: whoever stands before us may have."""
    for headers in (name + b": 5\r\n", b"Host: localhost\r\n" + name + b": 5\r\n"):
        assert answer_to(server, get(b"/api/v1/indexes", headers)).startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize("target", [
    b"/\0", b"/\0abc", b"/health\0", b"/api/v1/indexes/logs/count?q=a\0b", b"/api/v1/indexes/logs/count?\0",
    b"/api/v1/indexes/logs/count?q=a&\0limit=1",
])
def test_a_nul_cuts_no_address(server, target):
    answer = answer_to(server, get(target))
    assert answer.startswith(b"HTTP/1.1 400") and b"NUL" in answer and answer.count(b"HTTP/1.1") == 1
    assert server.get("/health").status == 200


@pytest.mark.parametrize("what, method", [("", "GET"), ("/count", "GET"), ("/logs", "POST"), ("", "DELETE")])
def test_a_nul_cuts_no_name(server, what, method):
    answer = server.request(method, "/api/v1/indexes/lo%00gs" + what)
    assert answer.status == 404 and answer.json["detail"] == "no index 'lo\0gs'", answer


def test_an_unknown_transfer_coding_is_refused(server):
    with server.raw() as s:
        s.sendall(post(b"Transfer-Encoding: gzip, chunked\r\n", b""))
        assert s.makefile("rb").readline().startswith(b"HTTP/1.1 400")


def test_state_does_not_wait_behind_queries(server):
    """More slow queries than workers: how the server is can still be asked, and not because they are done. Each
    row takes all the steps that a regular expression may, so no query ends before its time. When the clients are
    gone so is the work."""
    server.send("logs", [{"message": "a" * 2000 + str(i)} for i in range(20000)])
    query = get(b"/api/v1/indexes/logs/count?q=/(a%7Caa)%2B$/")
    busy = [server.raw() for _ in range(100)]
    try:
        for s in busy:
            s.sendall(query)
        wait_for(lambda: server.metric("alco_queries_waiting") >= 50, "queries that wait")
        for path in ("/health", "/ready", "/api/v1/indexes", "/api/v1/indexes/logs/fields"):
            assert server.get(path).status == 200
        assert server.metric("alco_queries_waiting") >= 50
        assert select.select(busy, [], [], 0)[0] == [], "a query was answered: they are not slow"
    finally:
        for s in busy:
            s.close()
    wait_for(lambda: server.metric("alco_queries_cancelled_total") == len(busy), "queries that are left")
    assert server.metric("alco_queries_waiting") == 0


# ---- Many requests, halves of requests, and clients that leave

def test_pipelined_requests_are_answered_in_order(server):
    """All sent before the first is answered: questions, an upload, a bad one, a question."""
    body = b'{"message":"piped"}\n'
    upload = (b"POST " + LOGS + b" HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body)) + body
    plain = b"GET /api/v1/indexes/logs/count HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with server.raw() as s:
        s.sendall(plain + upload + plain + b"GET /no HTTP/1.1\r\nHost: localhost\r\n\r\n" + plain * 100 +
                  get(b"/health"))
        answers = s.makefile("rb").read().split(b"HTTP/1.1 ")[1:]
    assert [a[:3] for a in answers] == [b"200"] * 3 + [b"404"] + [b"200"] * 101
    assert b'"count":0' in answers[0] and b'"accepted":1' in answers[1] and b'"count":1' in answers[2]


def test_heads_without_end(server):
    for begin in (b"GET /" + b"a" * 300_000, b"GET / HTTP/1.1\r\nX: " + b"a" * 300_000,
                  b"GET / HTTP/1.1\r\n" + b"X: a\r\n" * 50_000, b"\r\n" * 150_000):
        with server.raw() as s:
            try:
                s.sendall(begin)
                answer = s.recv(4096)
            except OSError:
                answer = b""  # closed, perhaps with bytes of ours unread
            assert answer == b"" or answer.split()[1] in (b"400", b"414", b"431"), answer
    assert server.get("/health").status == 200


CHUNKS = [b"-1\r\n", b"zz\r\n", b"ffffffffffffffffff\r\n", b"7fffffffffffffff\r\n", b"\r\n\r\n", b"5\r\nabcdefgh\r\n",
          b"5\nabcde\n", b"0x5\r\nabcde\r\n", b"5 \r\nabcde\r\n", b"+5\r\nabcde\r\n", b"1" * 20_000]


@pytest.mark.parametrize("chunk", CHUNKS, ids=range(len(CHUNKS)))
def test_chunks_that_are_none(server, chunk):
    """Whatever stands there, what follows is never taken for another request, and nothing hangs."""
    inner = b"DELETE /api/v1/indexes/logs HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with server.raw() as s:
        s.sendall(post(b"Transfer-Encoding: chunked\r\n", b'f\r\n{"message":"a"}\r\n' + chunk + b"0\r\n\r\n" + inner))
        wait_for(lambda: select.select([s], [], [], 0)[0] or server.api("logs", "count")["count"], "it is read")
        s.shutdown(socket.SHUT_WR)  # no more will come
        try:
            assert s.makefile("rb").read().count(b"HTTP/1.1") <= 1
        except ConnectionResetError:
            pass
    assert server.get("/api/v1/indexes/logs").status == 200
    wait_for(lambda: server.metric("alco_connections") == 1, "its connection is closed")


def test_clients_that_leave_in_the_middle_of_a_stream(server):
    """At every point of it; in the end nothing of them is left, and no worker is held."""
    server.send("logs", [{"message": f"{i} {'x' * 3000}"} for i in range(2000)])
    for round_ in range(4):
        leaving = [server.raw() for _ in range(40)]
        for i, s in enumerate(leaving):
            form = ("ndjson", "csv", "text")[i % 3]
            s.sendall(b"GET /api/v1/indexes/logs/search?limit=0&format=%s HTTP/1.1\r\nHost: localhost\r\n\r\n"
                      % form.encode())
        for i, s in enumerate(leaving):
            for _ in range(i % 5 if round_ % 2 else 0):
                s.recv(1 << (10 + i % 8))
            s.close()
    wait_for(lambda: server.metric("alco_connections") == 1, "all are gone")
    assert server.metric("alco_queries_waiting") == 0
    assert server.api("logs", "count")["count"] == 2000


# ---- Bombs

def zstd(data):
    return subprocess.run(["zstd", "-q", "-c"], input=data, stdout=subprocess.PIPE, check=True).stdout


@pytest.mark.parametrize("encode", [lambda d: gzip.compress(d, 6), zstd], ids=["gzip", "zstd"])
@pytest.mark.parametrize("piece, records", [(b"\n", 0), (b"\0", 1), (b"\r\n", 0)], ids=["lines", "line", "crlf"])
def test_a_bomb_takes_time_but_no_memory(server, encode, piece, records):
    """256 MB from some hundred kilobytes, as empty lines and as one line; several at once, while
    others write and read."""
    bomb = encode(piece * ((256 << 20) // len(piece)))
    assert len(bomb) < 1 << 20
    before = server.metric("process_resident_memory_bytes")
    name = "gzip" if bomb[:2] == b"\x1f\x8b" else "zstd"
    answers = []

    def work():
        answers.append(server.request("POST", LOGS.decode(), bomb, {"Content-Encoding": name}))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    peak, sent = 0, 0
    while any(t.is_alive() for t in threads):
        peak = max(peak, server.metric("process_resident_memory_bytes"))
        sent += server.send("logs", [{"message": "meanwhile"}])
    for t in threads:
        t.join()
    assert [(a.status, a.json["accepted"]) for a in answers] == [(200, records)] * 4
    assert peak - before < 256 << 20
    assert server.api("logs", "count")["count"] == 4 * records + sent


def test_a_stop_does_not_wait_for_a_bomb(server):
    """2 GB of empty lines under way: the server ends as it is told to, whatever is left of them."""
    bomb = zstd(b"\n" * (64 << 20)) * 32
    with server.raw() as s:
        s.sendall(post(b"Content-Encoding: zstd\r\nContent-Length: %d\r\n" % (len(bomb) + 1), bomb))
        wait_for(lambda: server.metric("alco_connections") == 2, "it is there")
        server.stop()


# ---- Memory: what is held for clients counts, however many they are

MIB = 1 << 20


def memory(server):
    return server.metric("process_resident_memory_bytes")


def test_answers_that_nobody_reads_are_bounded(make_server):
    """Pages of 5 MB: each is whole or 503, and what is held stays within its share."""
    server = make_server("--memory", "128MiB")
    for _ in range(2):
        server.send("logs", [{"message": f"row {i} {'x' * 400}"} for i in range(10000)])
    before = memory(server)
    clients = []
    heads = []
    try:
        while b"HTTP/1.1 503" not in heads and len(clients) < 3000:
            more = [server.raw() for _ in range(100)]
            clients += more
            for s in more:
                s.sendall(get(b"/api/v1/indexes/logs/search?limit=10000"))
            heads += [s.recv(12) for s in more]
        held = server.metric('alco_http_held_bytes{what="answers"}')
        assert 0 < held < 24 * MIB
        assert memory(server) - before < 128 * MIB
        assert set(heads) == {b"HTTP/1.1 200", b"HTTP/1.1 503"}
        assert server.send("logs", [{"message": "meanwhile"}]) == 1
        whole = next(s for s, head in zip(clients, heads) if head.endswith(b"200"))
        answer = whole.makefile("rb").read()
        assert answer.count(b'"message":"row ') == 10000 and answer.endswith(b"}\n\r\n0\r\n\r\n")
    finally:
        for s in clients:
            s.close()
    wait_for(lambda: server.metric('alco_http_held_bytes{what="answers"}') == 0, "all is given back")
    wait_for(lambda: memory(server) - before < 64 * MIB, "the system has it again")
    assert server.api("logs", "count")["count"] == 20001


def test_half_lines_that_never_end_are_bounded(make_server):
    """More of them than there is room for: they wait, are closed, and others can send again."""
    server = make_server("--memory", "128MiB", "--request-timeout", "2")
    before = memory(server)
    clients = [server.raw() for _ in range(100)]
    for s in clients:
        s.setblocking(False)
    left = {s: post(b"Content-Length: 9000000\r\n", b"x" * 900000) for s in clients}
    peak = 0

    def go_on():
        nonlocal peak
        for s in select.select([], list(left), [], 0)[1]:
            try:
                left[s] = left[s][s.send(left[s][:65536]):]
            except OSError:
                left[s] = b""
            if not left[s]:
                del left[s]
        peak = max(peak, memory(server))
        return not left or server.metric('alco_http_held_bytes{what="uploads"}') > 32 * MIB

    try:
        wait_for(go_on, "more is held than may be")
        assert server.send("logs", [{"message": "waits for room"}]) == 1
        assert peak - before < 96 * MIB
        assert server.metric("alco_slow_clients_total") > 0
    finally:
        for s in clients:
            s.close()
    wait_for(lambda: server.metric('alco_http_held_bytes{what="uploads"}') == 0, "all is given back")
    wait_for(lambda: memory(server) - before < 64 * MIB, "the system has it again")
