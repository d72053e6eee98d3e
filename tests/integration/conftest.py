"""Real `alco` processes for the integration tests. ALCO names the program (build/alco).

Every server listens on a free port of 127.0.0.1 and ends with its test. Nothing here sleeps to wait:
`wait_for` polls a condition until a deadline that only a broken program reaches.
"""
import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse

import pytest

ALCO = os.environ.get("ALCO", os.path.join(os.path.dirname(__file__), "../../build/alco"))
DEADLINE_S = 60


def wait_for(condition, what="condition"):
    """Polls until `condition()` is true and returns its value."""
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"{what}: not within {DEADLINE_S} s")


class Answer:
    """Status, headers (lower case) and body of one HTTP answer."""

    def __init__(self, response, body):
        self.status = response.status
        self.headers = {k.lower(): v for k, v in response.getheaders()}
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def text(self):
        return self.body.decode()

    def __repr__(self):
        return f"{self.status} {self.body[:500]!r}"


class Server:
    """One `alco serve`. start() may be called again after stop() or kill(): same data, new port."""

    def __init__(self, data, *flags):
        self.data = str(data)
        self.flags = list(flags)
        self.process = None
        self.lines = []

    def start(self, *flags):
        command = [ALCO, "serve", "--data", self.data, "--listen", "127.0.0.1:0"]
        self.lines = []
        self.process = subprocess.Popen(command + self.flags + list(flags), stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True, errors="replace")
        self.reader = threading.Thread(target=self._read, args=(self.process, self.lines))
        self.reader.start()
        line = wait_for(lambda: self._ready() or self.process.poll() is not None, "ready line")
        assert line is not True, "alco serve ended: " + "".join(self.lines)
        self.url = line.split(" on ")[1].strip()
        self.host, port = self.url[len("http://"):].rsplit(":", 1)
        self.port = int(port)
        return self

    @staticmethod
    def _read(process, lines):
        for line in process.stdout:
            lines.append(line)

    def _ready(self):
        return next((line for line in self.lines if line.startswith("alco: ready on ")), None)

    def stop(self, status=0):
        """SIGTERM; the exit status must be `status`."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self._wait()
        assert code == status, f"exit status {code}: " + "".join(self.lines)

    def kill(self):
        """SIGKILL, as a crash would."""
        if self.process is not None:
            self.process.kill()
            self._wait()

    def _wait(self):
        try:
            code = self.process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError("alco serve did not end: " + "".join(self.lines)) from None
        finally:
            self.reader.join()
            self.process.stdout.close()
            self.process, self.reader = None, None
        return code

    # ---- HTTP

    def connect(self, timeout=DEADLINE_S):
        return http.client.HTTPConnection(self.host, self.port, timeout=timeout)

    def request(self, method, path, body=None, headers=None, params=None):
        if params:
            path += "?" + urllib.parse.urlencode(params)
        connection = self.connect()
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return Answer(response, response.read())
        finally:
            connection.close()

    def get(self, path, **params):
        return self.request("GET", path, params=params)

    def ok(self, path, **params):
        """GET that must answer 200; its JSON."""
        answer = self.get(path, **params)
        assert answer.status == 200, answer
        return answer.json

    def api(self, index, what, **params):
        """GET /api/v1/indexes/INDEX/WHAT that must answer 200; its JSON. `from_` stands for from."""
        params = {k.rstrip("_"): v for k, v in params.items()}
        return self.ok(f"/api/v1/indexes/{index}/{what}", **params)

    def send(self, index, records):
        """POST of records (JSON values or lines); returns how many were accepted."""
        lines = [r if isinstance(r, (str, bytes)) else json.dumps(r) for r in records]
        body = b"".join((x.encode() if isinstance(x, str) else x) + b"\n" for x in lines)
        answer = self.request("POST", f"/api/v1/indexes/{index}/logs", body)
        assert answer.status == 200, answer
        return answer.json["accepted"]

    def create(self, name, **settings):
        body = json.dumps({"name": name, **settings})
        answer = self.request("POST", "/api/v1/indexes", body)
        assert answer.status == 201, answer
        return answer.json

    def metric(self, name):
        """The value of one line of /metrics, by its name with labels."""
        for line in self.get("/metrics").text.splitlines():
            if line.startswith(name + " "):
                return float(line.rsplit(" ", 1)[1])
        raise AssertionError(f"no metric {name}")

    def raw(self):
        """A TCP connection to the server."""
        s = socket.create_connection((self.host, self.port))
        s.settimeout(DEADLINE_S)
        return s


class Tail:
    """Events of a GET tail, as they come: dicts with id, event, data."""

    def __init__(self, server, index, last_id=None, **params):
        self.connection = server.connect()
        path = f"/api/v1/indexes/{index}/tail?" + urllib.parse.urlencode(params)
        headers = {"Last-Event-ID": last_id} if last_id else {}
        self.connection.request("GET", path, headers=headers)
        self.response = self.connection.getresponse()
        assert self.response.status == 200, self.response.read()

    def next(self):
        """The next event, or None when the stream ended. Heartbeats alone are not enough."""
        event = {"event": "message", "data": None, "id": None}
        end = time.monotonic() + DEADLINE_S
        while True:
            assert time.monotonic() < end, "no event came"
            line = self.response.readline()
            if not line:
                return None
            line = line.decode().rstrip("\n")
            if not line:
                if event["data"] is not None:
                    return event
                event = {"event": "message", "data": None, "id": event["id"]}
                continue
            name, _, value = line.partition(":")
            if name in event:
                event[name] = value.strip()

    def messages(self, n):
        """Messages of the next n hits, and the last id."""
        found, last = [], None
        while len(found) < n:
            event = self.next()
            assert event is not None, f"the stream ended after {found}"
            if event["event"] == "message":
                found.append(json.loads(event["data"])["message"])
                last = event["id"]
        return found, last

    def close(self):
        self.connection.close()


@pytest.fixture
def make_server(tmp_path):
    """make_server(flags…) starts a server on its own directory; all end with the test."""
    servers = []

    def make(*flags, data=None):
        server = Server(data or tmp_path / f"data{len(servers)}", *flags)
        servers.append(server)
        return server.start()

    yield make
    failures = []
    for server in servers:
        if server.process is not None:
            try:
                server.stop()
            except AssertionError as e:
                failures.append(str(e))
    assert not failures, failures


@pytest.fixture
def server(make_server):
    return make_server()


@pytest.fixture
def alco():
    """alco(args…, input=…) runs the command and returns the finished process (bytes)."""

    def run(*args, **kwargs):
        return subprocess.run([ALCO, *map(str, args)], capture_output=True, timeout=DEADLINE_S * 2,
                              **kwargs)

    return run


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 64 MiB of the test's own. Needs the right to mount (root); without it the test
    fails, since nothing else shows what a full disk does."""
    path = tmp_path / "disk"
    path.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "alco-test", str(path)],
                          capture_output=True, text=True)
    if made.returncode:
        pytest.fail("this test needs the right to mount: " + made.stderr.strip())
    yield path
    subprocess.run(["umount", "-l", str(path)], check=True)


@contextlib.contextmanager
def tailing(server, index, **kwargs):
    tail = Tail(server, index, **kwargs)
    try:
        yield tail
    finally:
        tail.close()


@pytest.fixture(scope="session")
def shifted_clock(tmp_path_factory):
    """The environment of a server that lives `days` days from now (before: negative)."""
    library = tmp_path_factory.mktemp("clock") / "clock_shift.so"
    source = os.path.join(os.path.dirname(__file__), "clock_shift.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
    return lambda days: {"LD_PRELOAD": str(library), "CLOCK_SHIFT_S": str(days * 86400)}


if __name__ == "__main__":
    sys.exit("run with pytest")
