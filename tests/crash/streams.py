"""Processes that send and look while live_changes.py changes things: each message has a number, and of
each is known when it was published and when the broker confirmed it. All times are time.monotonic().

A stream sends its keys in turn at a fixed rate, mandatory, with confirms: what no queue took comes back
and is marked. Processes and not threads, because one interpreter would be the limit of what is measured.
"""
import collections
import http.client
import json
import multiprocessing
import select
import time
import urllib.parse

import amqp

FORK = multiprocessing.get_context("fork")
WINDOW = 4000  # unconfirmed at most
TICK_S = 0.004


class Clock:
    """Times of messages as text, from the clock that does not step."""

    def __init__(self):
        self.offset = time.time() - time.monotonic()
        self.second, self.text = -1, ""

    def stamp(self, mono):
        us = int((mono + self.offset) * 1000000)
        second = us // 1000000
        if second != self.second:
            self.second = second
            self.text = time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(second))
        return "%s%06d" % (self.text, us % 1000000)


def fields_of(stream, n, key):
    """What a record has beside its time and message, in the order in which it is sent."""
    return {"logger": key, "host": "web%d" % (n % 7), "n": n, "secret": "s%d" % n,
            "ctx": {"user": "u%d" % (n % 1000), "token": "t%d" % n}, "tags": ["x", n % 3]}


def body_of(stream, n, key, stamp):
    return ('{"@timestamp":"%sZ","message":"%s %d","logger":"%s","host":"web%d","n":%d,"secret":"s%d",'
            '"ctx":{"user":"u%d","token":"t%d"},"tags":["x",%d]}' % (
                stamp, stream, n, key, n % 7, n, n, n % 1000, n, n % 3)).encode()


class Stream:
    """`has_ids`: messages carry a message_id, as a sender does that may repeat itself."""

    def __init__(self, broker, clock, name, keys, rate, seconds_max, has_ids):
        self.name, self.keys, self.rate, self.has_ids = name, keys, rate, has_ids
        self.clock = clock
        cap = int(rate * seconds_max)
        self.sent = FORK.RawArray("d", cap)
        self.confirmed = FORK.RawArray("d", cap)
        self.returned = FORK.RawArray("b", cap)
        self._n = FORK.RawValue("q", 0)
        self._n_confirmed = FORK.RawValue("q", 0)  # all before it are confirmed
        self._must_stop = FORK.RawValue("b", 0)
        self.process = FORK.Process(target=self._run, args=(broker,), daemon=True)

    @property
    def n(self):
        return self._n.value

    @property
    def n_confirmed(self):
        return self._n_confirmed.value

    def key(self, n):
        return self.keys[n % len(self.keys)]

    def start(self):
        self.process.start()

    def stop(self):
        """Returns when everything is confirmed."""
        self._must_stop.value = 1
        self.process.join()
        assert self.process.exitcode == 0, "sender %s ended with %d" % (self.name, self.process.exitcode)
        assert self.n_confirmed == self.n

    # ---- In the process

    def _acked(self, tag, multiple):
        now = time.monotonic()
        if multiple:
            while self._waiting and self._waiting[0] < tag:
                self.confirmed[self._waiting.popleft()] = now
        else:
            self.confirmed[tag - 1] = now
        while self._waiting and self.confirmed[self._waiting[0]]:
            self._waiting.popleft()
        self._n_confirmed.value = self._waiting[0] if self._waiting else self._n.value

    def _nacked(self, tag, multiple):
        raise RuntimeError("the broker refused message %d" % tag)

    def _came_back(self, why, exchange, key, message):
        self.returned[json.loads(message.body)["n"]] = 1

    def _publish(self, n):
        key = self.key(n)
        now = time.monotonic()
        more = {"message_id": "%s-%d" % (self.name, n)} if self.has_ids else {}
        self.sent[n] = now
        self._waiting.append(n)
        self._n.value = n + 1
        body = body_of(self.name, n, key, self.clock.stamp(now))
        self._channel.basic_publish(amqp.Message(body, delivery_mode=2, **more), "logstash", key,
                                    mandatory=True)

    def _run(self, broker):
        self._waiting = collections.deque()
        connection = broker.connect()
        self._channel = connection.channel()
        self._channel.confirm_select()
        self._channel.events["basic_ack"].add(self._acked)
        self._channel.events["basic_nack"].add(self._nacked)
        self._channel.events["basic_return"].add(self._came_back)
        begin, n = time.monotonic(), 0
        while not self._must_stop.value and n < len(self.sent):
            due = min(int((time.monotonic() - begin) * self.rate), len(self.sent))
            while n < due and len(self._waiting) < WINDOW:
                self._publish(n)
                n += 1
            while select.select([connection.sock], [], [], TICK_S if n >= due else 0)[0]:
                connection.drain_events()
                due = int((time.monotonic() - begin) * self.rate)
                if n < due and len(self._waiting) < WINDOW:
                    break
        while self._waiting:
            connection.drain_events(timeout=60)
        connection.close()


class Watch:
    """Looks at an index's newest record again and again: when did which one become visible?"""

    def __init__(self, url, index):
        self.url, self.index = url, index
        self._must_stop = FORK.RawValue("b", 0)
        self._ours, theirs = FORK.Pipe(False)
        self.process = FORK.Process(target=self._run, args=(theirs,), daemon=True)

    def start(self):
        self.process.start()

    def stop(self):
        """[(time, message)], one for each look that showed something new."""
        self._must_stop.value = 1
        seen = self._ours.recv()
        self.process.join()
        return seen

    def _run(self, to):
        where = urllib.parse.urlsplit(self.url)
        link = http.client.HTTPConnection(where.hostname, where.port)
        seen, last = [], None
        while not self._must_stop.value:
            link.request("GET", "/api/v1/indexes/%s/search?limit=1&format=ndjson" % self.index)
            answer = link.getresponse()
            line = answer.read()
            assert answer.status == 200, line
            message = json.loads(line)["message"] if line.strip() else None
            if message != last:
                seen.append((time.monotonic(), message))
                last = message
            time.sleep(0.01)  # or the looks themselves would be the load
        to.send(seen)
