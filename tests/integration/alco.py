"""A running `alco serve` of our own: free port, own data directory, ends with this process.

    with Alco(tmp_path / "data", "--amqp", broker.url) as a:
        a.wait_for_count(1)

The program is $ALCO, else build/alco.
"""
import json
import os
import pathlib
import signal
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

from broker import end_with_parent

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("ALCO", str(ROOT / "build" / "alco"))
PATIENCE_S = 120  # how long a condition may take before the test gives up


def wait_until(what, condition, patience_s=PATIENCE_S):
    """Returns the first true answer of `condition`. `what` is waited for: a text, or what makes one."""
    end = time.monotonic() + patience_s
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError("waited for %s; last: %r" % (what() if callable(what) else what, answer))
        time.sleep(0.01)  # between two looks


class Alco:
    """`user`: who it runs as (only root may choose); then `program` is a copy that this user may run.
    `log`: the file of what it says; beside the data."""

    def __init__(self, data, *args, user=None, program=PROGRAM, log=None):
        self.user = user
        self.program = str(program)
        self.data = pathlib.Path(data)
        self.args = list(args)
        self.log_path = log or self.data.with_name(self.data.name + ".log")
        self.process = None
        self.url = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exc):
        if self.process:
            self.process.kill()
            self.process.wait()

    def start(self):
        """Returns when it answers."""
        with open(self.log_path, "ab") as log:
            begin = log.tell()
            self.process = subprocess.Popen(
                [self.program, "serve", "--data", str(self.data), "--listen", "127.0.0.1:0", *self.args],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, user=self.user,
                preexec_fn=end_with_parent)

        def ready():
            text = self.log()[begin:]
            for line in text.splitlines():
                if line.startswith("alco: ready on "):
                    return line[len("alco: ready on "):].strip()
            if self.process.poll() is not None:
                raise AssertionError("alco ended with %d:\n%s" % (self.process.returncode, text))
            return None

        self.url = wait_until("alco to be ready", ready)

    def log(self):
        with open(self.log_path, errors="replace") as f:
            return f.read()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        """As a service manager stops it; the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait()

    def rss_mib(self):
        with open("/proc/%d/status" % self.process.pid) as f:
            return next(int(line.split()[1]) / 1024 for line in f if line.startswith("VmRSS"))

    # ---- HTTP

    def call(self, method, path, body=None, **query):
        """The answer as text; raises urllib.error.HTTPError."""
        url = self.url + path + ("?" + urllib.parse.urlencode(query) if query else "")
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data=data, method=method)
        if data is not None:
            request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return answer.read().decode(errors="replace")

    def json(self, method, path, body=None, **query):
        return json.loads(self.call(method, path, body, **query))

    def index(self, name):
        return "/api/v1/indexes/" + name

    def count(self, index="logs", q=""):
        return self.json("GET", self.index(index) + "/count", q=q)["count"]

    def hits(self, index="logs", q="", fields=None):
        """All hits, oldest first."""
        query = {"q": q, "limit": 0, "order": "asc", "format": "ndjson"}
        if fields:
            query["fields"] = fields
        text = self.call("GET", self.index(index) + "/search", **query)
        return [json.loads(line) for line in text.split("\n") if line]

    def messages(self, index="logs", q=""):
        return [h["message"] for h in self.hits(index, q)]

    def wait_for_count(self, n, index="logs", q=""):
        """Waits for at least n records; there must be no more."""
        counts = []

        def are_there():
            counts[:] = [self.count(index, q)]
            return counts[0] >= n

        wait_until(lambda: "%d records in %s, not %r" % (n, index, counts), are_there)
        assert self.count(index, q) == n

    def metric(self, name, **labels):
        """Sum over all series of this name that carry these labels."""
        total = 0.0
        for line in self.call("GET", "/metrics").splitlines():
            head, _, value = line.rpartition(" ")
            series, _, rest = head.partition("{")
            if series == name and all('%s="%s"' % pair in rest for pair in labels.items()):
                total += float(value)
        return total
