#!/usr/bin/python3
"""Long runs against a real broker: is every message found once, whatever is killed, and how fast?

    kill_loop.py plain   [--messages 200000] [--kills 5] [--processes 1]
        logcollect's way of sending (no confirms, nothing persistent), broker up, alco killed with -9:
        all messages found, each once.
    kill_loop.py durable [--messages 200000] [--kills 5] [--broker-restarts 2] [--processes 1]
        durable queue, persistent messages with message_id and confirms, at most 1,000 unconfirmed,
        sent again when the connection is lost; alco is killed, the broker restarted: every confirmed
        message_id found once.
    kill_loop.py latency [--messages 30000] [--rate 1000]
        time from publish to being found by search: p50, p99, worst.
    kill_loop.py speed   [--messages 200000] [--processes 1]
        rows a second out of a full queue, and rows a second of CPU.

Exit status 0 if all was as it should be. Small numbers run in tests/integration/test_amqp_crash.py.
"""
import argparse
import collections
import http.client
import json
import os
import pathlib
import random
import shutil
import sys
import tempfile
import threading
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
from alco import Alco, wait_until  # noqa: E402
from broker import Broker, CarefulSender, Sender  # noqa: E402

LONG_S = 1800  # a run of any size is given up after this long without its condition


class Place:
    """A broker, a data directory and alco between them."""

    def __init__(self, processes=1, durable=False):
        self.processes = processes
        self.durable = durable

    def __enter__(self):
        self.dir = tempfile.mkdtemp(prefix="alco-kill-")
        self.broker = Broker()
        try:
            self.broker.start()
            self.alco = Alco(os.path.join(self.dir, "data"), "--amqp", self.broker.url)
            self.alco.start()
            self.alco.call("PATCH", self.alco.index("logs"),
                           {"num_processes": self.processes, "durable": self.durable})
            wait_until("consumers", lambda: self.broker.queue("logstash") == (0, self.processes))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc):
        if hasattr(self, "alco"):
            self.alco.__exit__()
        self.broker.close()
        shutil.rmtree(self.dir, ignore_errors=True)


def say(*words):
    print(time.strftime("%H:%M:%S"), *words, flush=True)


def wait_until_found(place, n):
    """All acknowledged, and at least n found or nothing new for a while."""
    a = place.alco
    wait_until("an empty queue", lambda: (place.broker.queue("logstash") or (1, 0))[0] == 0, LONG_S)
    wait_until("all acknowledgements", lambda: a.metric("alco_amqp_connected") >= place.processes
               and a.metric("alco_amqp_unacked") == 0, LONG_S)
    return a.count()


def compare(found, expected):
    """Prints what is wrong; True if nothing is."""
    counts = collections.Counter(found)
    missing = [m for m in expected if m not in counts]
    doubled = [m for m, n in counts.items() if n > 1]
    strange = [m for m in counts if m not in expected]
    say("expected %d, found %d: missing %d, found twice or more %d, never sent %d" % (
        len(expected), len(found), len(missing), len(doubled), len(strange)))
    for name, some in (("missing", missing), ("doubled", doubled), ("strange", strange)):
        if some:
            say(name, some[:10])
    return not (missing or doubled or strange)


def run_plain(messages, kills, processes=1, seed=None):
    random.seed(seed)
    with Place(processes) as place:
        sender = Sender(place.broker)
        n_sent = [0]

        def send():
            for i in range(messages):
                sender.send("app.web", {"message": "message %d" % i, "n": i})
                n_sent[0] = i + 1

        begin = time.monotonic()
        thread = threading.Thread(target=send, daemon=True)
        thread.start()
        for k in range(kills):
            # Somewhere in its share of the flow; never at the same place.
            at = int(messages * (k + random.uniform(0.2, 1)) / (kills + 0.5))
            wait_until("%d sent" % at, lambda at=at: n_sent[0] >= at, LONG_S)
            say("kill %d after %d sent, %d found" % (k + 1, n_sent[0], place.alco.count()))
            place.alco.kill()
            place.alco.start()
        thread.join()
        sender.close()
        say("sent %d in %.1f s" % (messages, time.monotonic() - begin))
        wait_until_found(place, messages)
        say("all of it acknowledged after %.1f s; redelivered %d, of these stored before %d" % (
            time.monotonic() - begin, place.alco.metric("alco_amqp_redelivered_total"),
            place.alco.metric("alco_amqp_duplicates_total")))
        return compare(place.alco.messages(), {"message %d" % i for i in range(messages)})


def run_durable(messages, kills, broker_restarts, processes=1, seed=None):
    random.seed(seed)
    with Place(processes, durable=True) as place:
        sender = CarefulSender(place.broker)
        failed = []

        def send():
            try:
                for i in range(messages):
                    ident = "id-%d" % i
                    body = json.dumps({"message": "message " + ident, "logger": "app.web"}).encode()
                    sender.send("logstash.app.web", body, ident)
                sender.finish()
            except Exception as e:  # to be told, not lost with the thread
                failed.append(e)

        begin = time.monotonic()
        thread = threading.Thread(target=send, daemon=True)
        thread.start()
        events = ["kill"] * kills + ["restart"] * broker_restarts
        random.shuffle(events)
        for k, event in enumerate(events):
            at = int(messages * (k + random.uniform(0.2, 1)) / (len(events) + 0.5))
            wait_until("%d confirmed" % at, lambda at=at: failed or len(sender.confirmed) >= at,
                       LONG_S)
            say("%s after %d confirmed" % (event, len(sender.confirmed)))
            if event == "kill":
                place.alco.kill()
                place.alco.start()
            else:
                place.broker.restart()
        thread.join()
        if failed:
            raise failed[0]
        say("confirmed %d in %.1f s, sent again %d" % (
            len(sender.confirmed), time.monotonic() - begin, sender.resent))
        wait_until_found(place, messages)
        say("all of it acknowledged after %.1f s; redelivered %d, stored before %d" % (
            time.monotonic() - begin, place.alco.metric("alco_amqp_redelivered_total"),
            place.alco.metric("alco_amqp_duplicates_total")))
        return compare(place.alco.messages(), {"message " + i for i in sender.confirmed})


def run_latency(messages, rate):
    with Place() as place:
        sender = Sender(place.broker)
        published = [0.0] * messages
        found = [0.0] * messages

        def send():
            begin = time.monotonic()
            for i in range(messages):
                ahead = begin + i / rate - time.monotonic()
                if ahead > 0:
                    time.sleep(ahead)  # the rate
                published[i] = time.monotonic()
                sender.send("app.web", {"message": "message %d" % i})

        thread = threading.Thread(target=send, daemon=True)
        thread.start()
        where = urllib.parse.urlsplit(place.alco.url)
        http_link = http.client.HTTPConnection(where.hostname, where.port)
        n_seen = 0
        while n_seen < messages:
            http_link.request("GET", place.alco.index("logs") + "/search?limit=1&format=ndjson")
            line = http_link.getresponse().read()
            now = time.monotonic()
            newest = int(json.loads(line)["message"].split()[1]) + 1 if line.strip() else 0
            for i in range(n_seen, newest):
                found[i] = now
            n_seen = max(n_seen, newest)
            time.sleep(0.001)  # or the question itself would be the load
        thread.join()
        ms = sorted((f - p) * 1000 for f, p in zip(found, published))
        say("publish -> found at %d/s over %d messages: p50 %.1f ms, p99 %.1f ms, worst %.1f ms" % (
            rate, messages, ms[len(ms) // 2], ms[len(ms) * 99 // 100], ms[-1]))
        return place.alco.count() == messages


def cpu_s(pid):
    with open("/proc/%d/stat" % pid) as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run_speed(messages, processes=1):
    with Place(processes) as place:
        assert place.alco.stop() == 0
        sender = Sender(place.broker)
        begin = time.monotonic()
        for i in range(messages):
            sender.send("app.web", {"message": "message %d of a run that measures speed" % i})
        sender.close()
        wait_until("a full queue", lambda: place.broker.queue("logstash")[0] == messages)
        say("published %d in %.1f s" % (messages, time.monotonic() - begin))
        begin = time.monotonic()
        place.alco.start()
        pid = place.alco.process.pid
        wait_until("everything", lambda: place.alco.count() >= messages, LONG_S)
        took, cpu = time.monotonic() - begin, cpu_s(pid)
        say("%d rows in %.2f s: %d rows/s; %.2f s of CPU: %d rows per CPU second" % (
            messages, took, messages / took, cpu, messages / cpu))
        wait_until_found(place, messages)
        return place.alco.count() == messages


def main():
    p = argparse.ArgumentParser(description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("what", choices=["plain", "durable", "latency", "speed"])
    p.add_argument("--messages", type=int)
    p.add_argument("--kills", type=int, default=5)
    p.add_argument("--broker-restarts", type=int, default=2)
    p.add_argument("--processes", type=int, default=1)
    p.add_argument("--rate", type=int, default=1000)
    p.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    o = p.parse_args()
    n = o.messages or (30000 if o.what == "latency" else 200000)
    say("seed", o.seed)
    if o.what == "plain":
        ok = run_plain(n, o.kills, o.processes, o.seed)
    elif o.what == "durable":
        ok = run_durable(n, o.kills, o.broker_restarts, o.processes, o.seed)
    elif o.what == "latency":
        ok = run_latency(n, o.rate)
    else:
        ok = run_speed(n, o.processes)
    say("ok" if ok else "FAILED")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
