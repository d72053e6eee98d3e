"""A virtual host of a real broker for each test, and alco reading from it.

    from amqp_place import alco, place, server  # fixtures: a broker a module, the rest a test
"""
import base64
import collections
import json
import re
import threading
import urllib.error
import urllib.parse
import urllib.request

import pytest

from alco import Alco, wait_until
from broker import Broker, Sender


@pytest.fixture(scope="module")
def server():
    with Broker(management=True) as b:
        yield b


class Place:
    """One virtual host of the module's broker."""

    def __init__(self, server, vhost):
        self.server = server
        self.vhost = vhost
        self.url = server.vhost_url(vhost)
        self.api("PUT", "vhosts/" + self.quoted(), {})
        self.api("PUT", "permissions/%s/guest" % self.quoted(),
                 {"configure": ".*", "write": ".*", "read": ".*"})

    def quoted(self):
        return urllib.parse.quote(self.vhost, safe="")

    def api(self, method, path, body=None):
        request = urllib.request.Request(
            self.server.management + "/api/" + path, method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": "Basic " + base64.b64encode(b"guest:guest").decode(),
                     "Content-Type": "application/json"})
        with urllib.request.urlopen(request) as answer:
            text = answer.read()
            return json.loads(text) if text else None

    def bindings(self, queue):
        found = self.api("GET", "queues/%s/%s/bindings" % (self.quoted(), queue))
        return sorted(b["routing_key"] for b in found if b["source"])

    def queue(self, name="logstash"):
        return self.server.queue(name, self.vhost)

    def wait_for_consumers(self, n, queue="logstash"):
        wait_until("%d consumers of %s" % (n, queue),
                   lambda: (self.queue(queue) or (0, -1))[1] == n)

    def wait_until_empty(self, queue="logstash"):
        """Neither ready nor unacknowledged messages are left."""
        def is_empty():
            c = self.server.connect(self.vhost)
            try:
                ch = c.channel()
                ok = ch.queue_declare(queue, passive=True)
                return ok.message_count == 0
            finally:
                c.close()
        wait_until("an empty queue", is_empty)

    def sender(self, **more):
        return Sender(self.server, self.vhost, **more)

    def close_connections(self):
        """Ends every connection to this virtual host, as an operator would."""
        for c in self.api("GET", "vhosts/%s/connections" % self.quoted()):
            request = "connections/" + urllib.parse.quote(c["name"], safe="")
            try:
                self.api("DELETE", request)
            except urllib.error.HTTPError as e:
                assert e.code == 404  # it went on its own


@pytest.fixture
def place(server, request):
    vhost = re.sub(r"\W", "_", request.node.name)
    p = Place(server, vhost)
    yield p
    p.api("DELETE", "vhosts/" + p.quoted())


@pytest.fixture
def alco(place, tmp_path):
    with Alco(tmp_path / "data", "--amqp", place.url) as a:
        place.wait_for_consumers(1)
        yield a


def send_many(sender, n, first=0, logger="app.web"):
    for i in range(first, first + n):
        sender.send(logger, {"message": "message %d" % i})


def expect_each_once(alco, n, index="logs"):
    alco.wait_for_count(n, index)
    counts = collections.Counter(alco.messages(index))
    assert counts == {"message %d" % i: 1 for i in range(n)}


class Flow:
    """Sends numbered messages without a pause, in a thread of its own, while the block lasts; no more
    than `limit`, until `allow` allows more.

        with Flow(place.sender(), 300) as flow:  # the block begins when 300 are sent
            alco.call(...)
        expect_each_once(alco, flow.n)
    """

    def __init__(self, sender, n_before=500, logger="app.web", limit=None):
        self.sender = sender
        self.n_before = n_before
        self.logger = logger
        self.n = 0
        self.limit = limit
        self.changed = threading.Condition()
        self.is_over = False
        self.failed = None
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        try:
            while True:
                with self.changed:
                    self.changed.wait_for(
                        lambda: self.is_over or self.limit is None or self.n < self.limit)
                if self.is_over:
                    return
                send_many(self.sender, 10, self.n, self.logger)
                self.n += 10
        except Exception as e:  # told by wait_for, not lost with the thread
            self.failed = e

    def allow(self, n):
        """So many more."""
        with self.changed:
            self.limit = self.n + n
            self.changed.notify()

    def wait_for(self, n):
        wait_until("%d sent" % n, lambda: self.n >= n or self.failed)
        assert self.failed is None, self.failed

    def wait_for_more(self, n):
        self.wait_for(self.n + n)

    def __enter__(self):
        self.thread.start()
        self.wait_for(self.n_before)
        return self

    def __exit__(self, *exc):
        with self.changed:
            self.is_over = True
            self.changed.notify()
        self.thread.join()
        assert exc[0] or self.failed is None, self.failed
