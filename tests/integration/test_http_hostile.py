"""Goal: requests made to harm are answered or refused, hold nothing back, and leave nothing behind.
Method: raw bytes on a socket; after each, the server answers others and still ends when told to
(the `server` fixture demands exit status 0)."""
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


def test_an_unknown_transfer_coding_is_refused(server):
    with server.raw() as s:
        s.sendall(post(b"Transfer-Encoding: gzip, chunked\r\n", b""))
        assert s.makefile("rb").readline().startswith(b"HTTP/1.1 400")


def test_state_does_not_wait_behind_queries(server):
    """More slow queries than workers: how the server is can still be asked."""
    server.send("logs", [{"message": "a" * 2000 + str(i)} for i in range(20000)])
    query = get(b"/api/v1/indexes/logs/count?q=/(a%7Caa%7Caaa)%2Bb/")
    busy = [server.raw() for _ in range(100)]
    try:
        for s in busy:
            s.sendall(query)
        wait_for(lambda: server.metric("alco_queries_waiting") >= 50, "queries that wait")
        for path in ("/health", "/ready", "/api/v1/indexes", "/api/v1/indexes/logs/fields"):
            assert server.get(path).status == 200
        assert server.metric("alco_queries_waiting") > 0
    finally:
        for s in busy:
            s.close()
