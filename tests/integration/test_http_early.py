"""Goal: whoever sends a body that is not taken reads why, however much of it was still to come.
Method: long bodies that fail at their beginning, from clients that send first and read later, that
read while they send, and that never stop; with and without a length; then the server is as before."""
import http.client
import json
import shutil
import subprocess
import threading

import pytest

from conftest import wait_for

LOGS = "/api/v1/indexes/logs/logs"
BLOCK = b"no compressed data at all, but a good deal of it\n" * 4000  # about 200 kB
MANY = 400  # blocks: 80 MB


def head(path, *fields):
    return (f"POST {path} HTTP/1.1\r\nHost: localhost\r\n" + "".join(f + "\r\n" for f in fields) +
            "\r\n").encode()


def answer_of(s):
    response = http.client.HTTPResponse(s)
    response.begin()
    body = response.read()
    return response, json.loads(body)


@pytest.mark.parametrize("path, encoding, status, word", [
    (LOGS, "gzip", 400, "gzip"), (LOGS, "zstd", 400, "zstd"), (LOGS, "br", 415, "br"),
    ("/api/v1/indexes/nothere/logs", "identity", 404, "nothere"), ("/nothing", "identity", 404, "nothing"),
    (LOGS + "?x=1", "identity", 400, "'x'"),
])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_client_that_sends_all_before_it_reads(server, path, encoding, status, word, chunked):
    connection = server.connect()
    headers = {"Content-Encoding": encoding}
    if not chunked:
        headers["Content-Length"] = str(MANY * len(BLOCK))
    connection.request("POST", path, iter([BLOCK] * MANY), headers, encode_chunked=chunked)
    response = connection.getresponse()
    problem = json.loads(response.read())
    assert response.status == problem["status"] == status and word in problem["detail"], problem
    assert response.getheader("Content-Type") == "application/problem+json"
    assert response.getheader("X-Content-Type-Options") == "nosniff"
    assert response.getheader("Connection") == "close"
    connection.close()
    assert server.send("logs", [{"message": "after"}]) == 1


@pytest.mark.parametrize("path, encoding, code", [
    (LOGS, "gzip", "400"), (LOGS, "br", "415"), ("/api/v1/indexes/nothere/logs", "identity", "404"),
])
@pytest.mark.parametrize("fields", [[], ["-H", "Expect:"], ["-H", "Transfer-Encoding: chunked", "-H", "Expect:"]])
def test_curl(server, tmp_path, path, encoding, code, fields):
    assert shutil.which("curl"), "curl is needed"
    with open(tmp_path / "body", "wb") as f:
        for _ in range(MANY):
            f.write(BLOCK)
    done = subprocess.run(
        ["curl", "-sS", "-o", tmp_path / "answer", "-w", "%{http_code}", "--data-binary",
         f"@{tmp_path}/body", "-H", f"Content-Encoding: {encoding}", *fields, server.url + path],
        capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, code), done
    with open(tmp_path / "answer") as f:
        assert json.load(f)["status"] == int(code)


def test_a_body_without_end_is_answered_while_it_comes(server):
    """The client has sent too little to go on reading for: the answer does not wait for more."""
    with server.raw() as s:
        s.sendall(head(LOGS, "Content-Encoding: gzip", "Transfer-Encoding: chunked"))
        s.sendall(b"9\r\nno gzip!!\r\n")
        response, problem = answer_of(s)
        assert response.status == 400 and "gzip" in problem["detail"]
        assert "0 lines were stored" in problem["detail"]


def test_a_long_query_is_refused_before_it_is_sent(make_server):
    server = make_server("--request-timeout", "1")
    with server.raw() as s:
        s.sendall(head("/api/v1/indexes/logs/search", "Content-Length: 50000000") + b"q=")
        answer = s.makefile("rb").read()  # to its end
        assert answer.startswith(b"HTTP/1.1 413") and answer.count(b"HTTP/1.1") == 1


def test_what_was_stored_before_the_failure_is_told(server):
    import gzip
    lines = b"".join(b'{"message":"good %d"}\n' % i for i in range(5000))
    with server.raw() as s:
        s.sendall(head(LOGS, "Content-Encoding: gzip", "Content-Length: 100000000"))
        s.sendall(gzip.compress(lines))
        wait_for(lambda: server.api("logs", "count")["count"] == 5000, "the good lines")
        s.sendall(b"this is no second member")
        response, problem = answer_of(s)
        assert response.status == 400 and "5000 lines were stored" in problem["detail"]
    assert server.api("logs", "count")["count"] == 5000


def test_a_sender_that_never_stops_is_left(make_server):
    """It reads nothing and sends on; in the end its connection is closed, not its bytes kept."""
    server = make_server("--request-timeout", "1")
    before = server.metric("process_resident_memory_bytes")
    sent = 0
    with server.raw() as s:
        s.sendall(head(LOGS, "Content-Encoding: gzip", "Transfer-Encoding: chunked"))
        piece = b"%x\r\n%s\r\n" % (len(BLOCK), BLOCK)
        try:
            while True:
                s.sendall(piece)
                sent += len(BLOCK)
        except (BrokenPipeError, ConnectionResetError):
            pass
    assert sent > MANY * len(BLOCK)
    assert server.metric("process_resident_memory_bytes") - before < 64 << 20


def test_nothing_behind_an_early_answer_is_served(server):
    """What looks like a second request in the rest of a refused body is part of that body."""
    inner = head(LOGS, "Content-Length: 17") + b'{"message":"no"}\n'
    with server.raw() as s:
        s.sendall(head("/nothing", "Transfer-Encoding: chunked") +
                  b"%x\r\n%s\r\n0\r\n\r\n" % (len(inner), inner) + inner)
        assert s.makefile("rb").read().count(b"HTTP/1.1") == 1
    assert server.api("logs", "count")["count"] == 0


def test_many_refused_at_once(server):
    statuses = []

    def work():
        connection = server.connect()
        connection.request("POST", LOGS, iter([BLOCK] * 50), {"Content-Encoding": "gzip"},
                           encode_chunked=True)
        statuses.append(connection.getresponse().status)
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(60)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert statuses == [400] * 60
    assert server.send("logs", [{"message": "after"}]) == 1


def test_a_stop_does_not_wait_for_a_refused_body(server):
    with server.raw() as s:
        s.sendall(head(LOGS, "Content-Encoding: gzip", "Content-Length: 100000000"))
        s.sendall(b"no gzip")
        assert answer_of(s)[0].status == 400
        server.stop()
