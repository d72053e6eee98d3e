"""Goal: a client that is slow, greedy or gone costs others nothing for long: queues, times and
connections are bounded, and whoever is turned away is told. Method: servers with small bounds,
queries that keep every worker busy, raw sockets; conditions are waited for, by metrics."""
import json
import socket

import pytest

from conftest import wait_for

WORKERS = 4
SLOW = "/api/v1/indexes/logs/count?q=/(a%7Caa)%2B$/"  # each record costs all it may


def get(path, *fields):
    return (f"GET {path} HTTP/1.1\r\nHost: localhost\r\n" + "".join(f + "\r\n" for f in fields) +
            "\r\n").encode()


def fill(server):
    """Records that keep a query busy for some seconds."""
    server.send("logs", [{"message": "a" * 2000 + str(i)} for i in range(20000)])


def ask_slowly(server, n):
    """n clients that have asked for what takes long."""
    asking = [server.raw() for _ in range(n)]
    for s in asking:
        s.sendall(get(SLOW))
    return asking


def waiting(server):
    return server.metric("alco_queries_waiting")


def close(sockets):
    for s in sockets:
        s.close()


def problem_of(s):
    """Status, header fields and the problem of the answer on a socket."""
    import http.client
    response = http.client.HTTPResponse(s)
    response.begin()
    return response.status, dict(response.getheaders()), json.loads(response.read())


# ---- Queries that wait

def test_a_full_queue_is_told(make_server):
    server = make_server("--queries-waiting", "5")
    fill(server)
    busy = ask_slowly(server, WORKERS)
    try:
        wait_for(lambda: server.metric("alco_queries_running") == WORKERS, "all at work")
        busy += ask_slowly(server, 5)
        wait_for(lambda: waiting(server) == 5, "a full queue")
        for method, body in (("GET", None), ("POST", "q=x")):
            answer = server.request(method, "/api/v1/indexes/logs/count", body)
            assert answer.status == 503 and answer.json["status"] == 503, answer
            assert answer.headers["content-type"] == "application/problem+json"
            assert int(answer.headers["retry-after"]) > 0 and "5 requests" in answer.json["detail"]
        assert server.metric('alco_queries_refused_total{why="full"}') == 2
        assert server.get("/ready").status == 200
    finally:
        close(busy)
    wait_for(lambda: server.get("/api/v1/indexes/logs/count").status == 200, "an answer again")


def test_whoever_left_leaves_the_queue(make_server):
    """While the workers are busy: nothing but leaving empties the queue."""
    server = make_server("--queries-waiting", "8", "--query-timeout", "600")
    fill(server)
    busy = ask_slowly(server, WORKERS)
    try:
        for _ in range(3):
            wait_for(lambda: waiting(server) == 0, "an empty queue")
            others = ask_slowly(server, 8)
            wait_for(lambda: waiting(server) == 8, "a full queue")
            before = server.metric("alco_queries_cancelled_total")
            close(others)
            wait_for(lambda: waiting(server) == 0, "the queue is empty again")
            assert server.metric("alco_queries_cancelled_total") >= before + 8
    finally:
        close(busy)
    assert server.metric('alco_queries_refused_total{why="full"}') == 0


def test_the_time_of_a_query_counts_from_its_arrival(make_server):
    """More clients than workers: those behind are told at once when their time is over, and are not
    begun; none waits a turn of full length for each before it."""
    server = make_server("--query-timeout", "1")
    fill(server)
    asking = ask_slowly(server, 40)
    late = []
    for s in asking:
        status, fields, answer = problem_of(s)
        if status == 503:
            assert "1 s" in answer["detail"] and fields["Retry-After"], answer
            late.append(answer)
        else:
            assert status == 200 and "partial" in answer, answer
    assert late and len(late) == server.metric('alco_queries_refused_total{why="late"}')
    close(asking)


# ---- Slow clients

def drip(s, text):
    """Byte by byte until the other end has had enough; how many bytes it took."""
    s.settimeout(0.05)
    for i in range(len(text)):
        try:
            s.sendall(text[i:i + 1])
            if s.recv(1) == b"":
                return i
        except socket.timeout:
            continue
        except OSError:
            return i
    raise AssertionError("it took all of it")


@pytest.mark.parametrize("begin", [
    b"", b"GET /health", b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: ",
    b"POST /api/v1/indexes/logs/search HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n",
    b"POST /nothing HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n",
    get("/health") + b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: ",
], ids=["nothing", "target", "field", "body", "refused-body", "second"])
def test_byte_by_byte_is_not_for_ever(make_server, begin):
    server = make_server("--request-timeout", "1")
    with server.raw() as s:
        s.sendall(begin)
        if begin.startswith(get("/health")):
            while b'"ok"' not in s.recv(4096):
                pass
        assert drip(s, b"x" * 100_000) < 100_000
    wait_for(lambda: server.metric("alco_slow_clients_total") == 1, "it is counted, after it is shut")


def test_an_upload_may_take_its_time(make_server):
    """Longer than others may: lines are taken as they come."""
    server = make_server("--request-timeout", "1")
    with server.raw() as s, server.raw() as other:
        s.sendall(b"POST /api/v1/indexes/logs/logs HTTP/1.1\r\nHost: localhost\r\n"
                  b"Transfer-Encoding: chunked\r\n\r\n")
        for i in range(3):
            piece = b'{"message":"part %d"}\n' % i
            s.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
            with server.raw() as slow:  # which is closed in the time that another has
                drip(slow, b"x" * 100_000)
        s.sendall(b"0\r\n\r\n")
        assert b'"accepted":3' in s.recv(4096)
        assert other.recv(1) == b""  # it never asked


def test_a_kept_connection_may_be_idle(make_server):
    """Between requests more time is given than for a head."""
    server = make_server("--request-timeout", "1")
    connection = server.connect()
    for _ in range(2):
        connection.request("GET", "/health")
        assert connection.getresponse().read()
        with server.raw() as slow:
            drip(slow, b"x" * 100_000)
    connection.close()


def test_many_slow_clients(make_server):
    """Hundreds that send half a head: others are served meanwhile, and all are closed in the end."""
    server = make_server("--request-timeout", "2")
    slow = [server.raw() for _ in range(500)]
    for s in slow:
        s.sendall(b"GET /hea")
    wait_for(lambda: server.metric("alco_connections") > 500, "all are there")
    assert server.api("logs", "count")["count"] == 0
    for s in slow:
        assert s.recv(1) == b""
        s.close()
    wait_for(lambda: server.metric("alco_slow_clients_total") == 500, "all counted: behind the closing")
    wait_for(lambda: server.metric("alco_connections") == 1, "only the one that asks")


def test_one_address_has_its_share_of_connections(make_server):
    server = make_server("--connections-per-address", "10")
    kept = [server.connect() for _ in range(10)]
    for connection in kept:
        connection.request("GET", "/health")
        assert connection.getresponse().read()
    with server.raw() as s:  # taken by the system, and closed
        try:
            s.sendall(get("/health"))
            assert s.recv(1) == b""
        except ConnectionResetError:
            pass
    close(kept)
    wait_for(lambda: answers(server), "room again")


def answers(server):
    try:
        return server.get("/health").status == 200
    except OSError:
        return False


@pytest.mark.parametrize("flag, value", [
    ("--query-timeout", "0"), ("--query-timeout", "x"), ("--queries-waiting", "-1"),
    ("--request-timeout", "3601"), ("--connections-per-address", ""),
])
def test_bad_bounds_are_named(alco, flag, value):
    done = alco("serve", "--check-config", flag, value)
    assert done.returncode == 2 and flag.encode() in done.stderr and f"'{value}'".encode() in done.stderr
