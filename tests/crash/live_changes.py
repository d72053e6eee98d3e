#!/usr/bin/python3
"""Indexes, routing keys, consumers, excluded fields and settings change while messages come in: is every
confirmed message where it should be, once, and does what is not changed notice anything?

    live_changes.py [--rate 6000] [--before 20] [--seconds 60] [--seed N]

A real broker, `rate` messages a second in all, confirmed. For --before seconds nothing changes, then for
--seconds everything does, at once and through the API, `alco index`, `alco field`, and the file + SIGHUP:

    index    routing keys                what changes
    steady   steady.#                    nothing
    wide     steady.#,procs.#            nothing
    keys     keys.base and more          its routing keys; keys.a and keys.b move between it and `spare`
    spare    some of keys.a,keys.b       its routing keys
    procs    procs.#                     num_processes, and beside it `intervals`
    field    field.#                     `excluded` of secret and ctx.token
    new0-3   new.0-3                     created, dropped, created again

What is asserted: a message that was published after the answer of the change that binds its key, and
confirmed before the call that unbinds it, is in that index, once; one whose key was not bound is not;
whatever was bound somewhere all the time did not come back to its sender; records are as they were sent,
but for fields that were excluded. Figures are printed. Exit status 0 if all was as it should be. Small
numbers run in tests/integration/test_live_changes.py.
"""
import argparse
import bisect
import collections
import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
from alco import PROGRAM, Alco, wait_until  # noqa: E402
from broker import Broker  # noqa: E402
from streams import Clock, Stream, Watch, fields_of  # noqa: E402

SHARES = {"steady": 20, "keys": 15, "procs": 10, "field": 10, "new": 5}  # of the rate
KEYS = {"steady": ["steady.a", "steady.b"], "keys": ["keys.base", "keys.a", "keys.b"],
        "procs": ["procs.x"], "field": ["field.x"], "new": ["new.0", "new.1", "new.2", "new.3"]}
WITHOUT_IDS = ("procs", "new")  # as logcollect sends
START_KEYS = {"steady": "steady.#", "wide": "steady.#,procs.#", "keys": "keys.base,keys.a",
              "spare": "keys.b", "procs": "procs.#", "field": "field.#"}
ALL_KEYS = sorted(k for keys in KEYS.values() for k in keys)
LONG_S = 600
PROMISE_S = 5  # so long a call waits for consumers to follow
EVER = float("inf")


def say(*words):
    print(time.strftime("%H:%M:%S"), *words, flush=True)


def matching(routing_key):
    """Those of ALL_KEYS that a comma list of topic patterns takes."""
    taken = set()
    for pattern in routing_key.split(","):
        words = re.escape(pattern).replace(r"\.\#", r"(\..+)?").replace(r"\#", ".*").replace(r"\*", "[^.]+")
        taken.update(k for k in ALL_KEYS if re.fullmatch(words, k))
    return frozenset(taken)


class Life:
    """An index from a create to a drop: by which keys it was bound when. A change is under way from its
    call to its answer."""

    def __init__(self, index, number):
        self.index, self.number = index, number
        self.calls, self.answers, self.keys = [], [], []
        self.is_dropped = False
        self.records = None  # what was read of it before it was dropped: [hit]
        self.n_read = 0  # messages of the stream that were certainly there then

    def calling(self, keys):
        self.calls.append(time.monotonic())
        self.answers.append(EVER)
        self.keys.append(keys)

    def answered(self, broker):
        """A call that waited as long as it promises may be followed a little later."""
        if time.monotonic() - self.calls[-1] >= PROMISE_S:
            say("a change of %s took %.1f s" % (self.index, time.monotonic() - self.calls[-1]))
            queue = "logstash." + self.index
            wait_until("the broker to follow", lambda: broker.queue(queue) is None if self.is_dropped
                       else matching(",".join(broker.bindings(queue))) == self.keys[-1])
        self.answers[-1] = time.monotonic()

    def expected(self, key, sent, confirmed):
        """(must it have got the message, may it have)"""
        first = bisect.bisect_left(self.answers, sent) - 1  # the last one that held before
        last = bisect.bisect_right(self.calls, confirmed)
        some = [key in k for k in self.keys[max(first, 0):last]]
        return first >= 0 and all(some), any(some)


    def around(self, sent, confirmed):
        """For people: how far from the changes before and after."""
        before = [sent - t for t in self.answers if t <= sent]
        after = [t - confirmed for t in self.calls if t >= confirmed]
        return "%.3f s after an answer, %.3f s before a call" % (
            min(before, default=EVER), min(after, default=EVER))


class Place:
    """Broker, alco, streams; what is changed goes through here, and is noted."""

    def __init__(self, rate, seconds_max, seed):
        self.dice = random.Random(seed)
        self.rate, self.seconds_max = rate, seconds_max
        self.lives = collections.defaultdict(list)  # index -> [Life]
        self.counts = collections.Counter()  # changes made
        self.slowest = collections.Counter()
        self.exclusions = []  # (field, is_excluded, from, to: number of messages)

    def __enter__(self):
        self.dir = tempfile.mkdtemp(prefix="alco-live-")
        self.broker = Broker()
        try:
            self.broker.start()
            self.config = os.path.join(self.dir, "alco.yaml")
            self.write_config(100)
            self.alco = Alco(os.path.join(self.dir, "data"), "--config", self.config,
                             "--amqp", self.broker.url)
            self.alco.start()
            self.alco.call("PATCH", self.alco.index("logs"), {"durable": True})  # and so the exchange
            for index, keys in START_KEYS.items():
                self.create(index, keys)
            clock = Clock()
            total = sum(SHARES.values())
            self.streams = {name: Stream(self.broker, clock, name, KEYS[name], self.rate * share / total,
                                         self.seconds_max, name not in WITHOUT_IDS)
                            for name, share in SHARES.items()}
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc):
        for s in getattr(self, "streams", {}).values():
            if s.process.pid:
                s.process.kill()
                s.process.join()
        if hasattr(self, "alco"):
            self.alco.__exit__()
        self.broker.close()
        shutil.rmtree(self.dir, ignore_errors=True)

    def write_config(self, page_size):
        with open(self.config, "w") as f:
            f.write("page_size: %d\n" % page_size)

    # ---- Changes

    def timed(self, what, fn):
        begin = time.monotonic()
        fn()
        self.counts[what] += 1
        self.slowest[what] = max(self.slowest[what], time.monotonic() - begin)

    def command(self, *args):
        p = subprocess.run([PROGRAM, *args, "--server", self.alco.url], capture_output=True, text=True)
        assert p.returncode == 0, (args, p.stdout, p.stderr)

    def set(self, index, **settings):
        """Through the API or the command."""
        if self.dice.random() < 0.7:
            self.alco.call("PATCH", self.alco.index(index), settings)
        else:
            flags = [x for k, v in settings.items() for x in ("--" + k.replace("_", "-"), str(v))]
            self.command("index", "set", index, *flags)

    def create(self, index, keys):
        life = Life(index, len(self.lives[index]))
        life.calling(matching(keys))
        if self.dice.random() < 0.5:
            self.alco.call("POST", "/api/v1/indexes", {"name": index, "routing_key": keys, "durable": True})
        else:
            self.command("index", "create", index, "--routing-key", keys, "--durable", "yes")
        life.answered(self.broker)
        self.lives[index].append(life)

    def drop(self, index):
        life = self.lives[index][-1]
        life.calling(frozenset())
        life.is_dropped = True
        if self.dice.random() < 0.5:
            self.alco.call("DELETE", self.alco.index(index))
        else:
            self.command("index", "drop", index)
        life.answered(self.broker)

    def set_keys(self, index, keys):
        life = self.lives[index][-1]
        life.calling(matching(keys))
        self.timed("routing keys", lambda: self.set(index, routing_key=keys))
        life.answered(self.broker)

    def set_excluded(self, field, is_on):
        if self.dice.random() < 0.7:
            self.alco.call("PATCH", self.alco.index("field") + "/fields/" + field, {"excluded": is_on})
        else:
            self.command("field", "set", "field", field, "--excluded", "yes" if is_on else "no")


# ---- What changes. Each is a thread; between two changes so many messages of a stream go by.

class Changes:
    def __init__(self, place):
        self.p = place
        self.is_over = threading.Event()
        self.failed = []
        self.threads = [threading.Thread(target=self._run, args=(fn,), daemon=True) for fn in (
            self.keys, self.processes, self.intervals, self.fields, self.indexes, self.settings)]

    def _run(self, fn):
        try:
            while not self.is_over.is_set():
                fn()
        except Exception as e:  # told by end, not lost with the thread
            if isinstance(e, urllib.error.HTTPError):
                e = AssertionError("%s: %s" % (e, e.read()))
            self.failed.append((fn.__name__, e))
            self.is_over.set()

    def begin(self):
        for t in self.threads:
            t.start()

    def end(self):
        self.is_over.set()
        for t in self.threads:
            t.join()
        assert not self.failed, self.failed

    def go_by(self, stream, seconds):
        """About so long, by messages."""
        s = self.p.streams[stream]
        until = s.n + s.rate * self.p.dice.uniform(0.2, 1) * seconds
        wait_until("messages of " + stream, lambda: s.n >= until)

    def keys(self):
        """keys.a and keys.b get new places; each is bound somewhere all the time."""
        p = self.p
        forms = {"": ["keys.base", "*.base"], "a": ["keys.base,keys.a", "keys.a,*.base"],
                 "b": ["keys.b,keys.base"], "ab": ["keys.#", "keys.*", "keys.base,keys.a,keys.b"]}
        in_keys = p.dice.choice(sorted(forms))
        in_spare = "".join(x for x in "ab" if x not in in_keys)
        if p.dice.random() < 0.3:
            in_spare = "ab"  # in both, perhaps
        then = p.dice.choice(forms[in_keys])
        spare = ",".join("keys." + x for x in in_spare) or "keys.nothing"
        for index, keys in (("spare", self.now["spare"] + "," + spare),
                            ("keys", self.now["keys"] + "," + then), ("keys", then), ("spare", spare)):
            p.set_keys(index, keys)
            self.now[index] = keys
            self.go_by("keys", 0.3)

    now = dict(START_KEYS)

    def _own(self, what, name, value):
        """Of an index that is changed by two at once neither loses what is its own."""
        p = self.p
        p.timed(what, lambda: p.set("procs", **{name: value}))
        found = p.alco.json("GET", p.alco.index("procs"))[name]
        assert found == value, "procs: %s was set to %r and is %r" % (name, value, found)

    def processes(self):
        n = self.p.dice.randint(1, 6)
        self._own("num_processes", "num_processes", n)
        self.go_by("procs", 1)

    def intervals(self):
        self._own("intervals", "intervals", self.p.dice.randint(2, 1000))
        self.go_by("procs", 0.5)

    def fields(self):
        p, stream = self.p, self.p.streams["field"]
        for field, is_on in (("secret", True), ("ctx.token", True), ("secret", False), ("ctx.token", False)):
            p.timed("excluded", lambda: p.set_excluded(field, is_on))
            first = stream.n + 1  # one may be on its way
            self.go_by("field", 0.5)
            n = stream.n_confirmed
            # So many are stored, and none of them after the next call.
            wait_until("%d records in field" % n, lambda: p.alco.count("field") >= n)
            p.exclusions.append((field, is_on, first, n))

    def indexes(self):
        p = self.p
        for i in p.dice.sample(range(4), 4):
            name = "new%d" % i
            lives = p.lives[name]
            if lives and not lives[-1].is_dropped:
                if p.dice.random() < 0.5:
                    self.read(lives[-1])
                p.timed("dropped", lambda: p.drop(name))
            else:
                p.timed("created", lambda: p.create(name, "new.%d" % i))
            self.go_by("new", 1)

    def read(self, life):
        """What an index that will be dropped should hold, and does."""
        p, stream = self.p, self.p.streams["new"]
        n = stream.n_confirmed
        wanted = {"new %d" % k for k in range(n) if life.expected(
            stream.key(k), stream.sent[k], stream.confirmed[k])[0]}
        life.n_read = n

        def has_all():
            life.records = p.alco.hits(life.index)
            return wanted <= {h["message"] for h in life.records}
        try:
            wait_until("%d records in %s" % (len(wanted), life.index), has_all, 30)
        except AssertionError:
            pass  # told at the end, which ones

    def settings(self):
        p = self.p
        size = p.dice.randint(1, 50)
        p.write_config(size)
        told = p.alco.log().count("settings: read again")
        p.alco.process.send_signal(signal.SIGHUP)
        wait_until("the settings", lambda: p.alco.log().count("settings: read again") > told)
        p.counts["SIGHUP"] += 1
        found = p.alco.json("GET", p.alco.index("steady") + "/search")["hits"]
        assert len(found) == size, "page_size is %d, and %d came" % (size, len(found))
        self.go_by("steady", 2)


# ---- What was found

class Wrong:
    def __init__(self):
        self.counts = collections.Counter()
        self.examples = {}

    def __call__(self, what, which):
        self.counts[what] += 1
        self.examples.setdefault(what, []).append(which)

    def tell(self):
        for what, n in self.counts.items():
            say("WRONG: %s: %d, such as %s" % (what, n, self.examples[what][:5]))
        return not self.counts


def check_place(p, life, hits, wrong):
    """Each message in this index once if it must be, at most once if it may be. The number of hits."""
    found = collections.Counter(h["message"] for h in hits)
    where = "%s (%d)" % (life.index, life.number)
    n_known = 0
    for s in p.streams.values():
        is_ever = {k: any(k in keys for keys in life.keys) for k in s.keys}
        for n in range(s.n):
            count = found.get("%s %d" % (s.name, n), 0)
            n_known += count > 0
            if count > 1:
                wrong("twice in " + where, (s.name, n))
            if not is_ever[s.key(n)]:
                if count:
                    wrong("never bound and in " + where, (s.name, n))
                continue
            must, may = life.expected(s.key(n), s.sent[n], s.confirmed[n])
            if must and not count and (life.records is None or n < life.n_read):
                wrong("missing in " + where, (s.name, n, life.around(s.sent[n], s.confirmed[n])))
            if count and not may:
                wrong("not bound and in " + where, (s.name, n, life.around(s.sent[n], s.confirmed[n])))
    if n_known != len(found):
        wrong("never sent and in " + where, len(found) - n_known)
    return len(hits)


def check_record(p, hit, wrong):
    """As it was sent; of index field but for what was excluded, which is answered."""
    name, n = hit["message"].split()
    stream, n = p.streams[name], int(n)
    fields = fields_of(name, n, stream.key(n))
    missing = set()
    if name == "field":
        if "secret" not in hit["fields"]:
            missing.add("secret")
            del fields["secret"]
        if "token" not in hit["fields"].get("ctx", ()):
            missing.add("ctx.token")
            del fields["ctx"]["token"]
    if json.dumps(hit["fields"]) != json.dumps(fields):
        wrong("changed in " + name, (n, hit["fields"]))
    if hit["time"] != stream.clock.stamp(stream.sent[n]) + "000Z":
        wrong("another time in " + name, (n, hit["time"]))
    return n, missing


def check_exclusions(p, missing, wrong):
    """`missing`: number -> names that are not in the record."""
    n_checked = 0
    for field, is_on, first, end in p.exclusions:
        for n in range(first, end):
            n_checked += n in missing
            if n in missing and (field in missing[n]) != is_on:
                wrong("%s is %sexcluded and %s" % (field, "" if is_on else "not ",
                                                   "there" if is_on else "gone"), n)
    return n_checked


def check_returned(p, wrong):
    """What no queue took: only of indexes that come and go."""
    for s in p.streams.values():
        n = sum(s.returned[:s.n])
        if n and s.name != "new":
            wrong("came back to the sender of " + s.name, n)
    new = p.streams["new"]
    for n in range(new.n):
        key = new.key(n)
        if new.returned[n] and any(life.expected(key, new.sent[n], new.confirmed[n])[0]
                                   for life in p.lives["new" + key[-1]]):
            wrong("came back though bound", n)


def check(p):
    wrong = Wrong()
    n_hits, missing = 0, {}
    for index, lives in p.lives.items():
        for life in lives:
            if life.is_dropped and life.records is None:
                continue  # dropped, and nobody looked
            hits = life.records if life.records is not None else p.alco.hits(index)
            n_hits += check_place(p, life, hits, wrong)
            for h in hits:
                n, gone = check_record(p, h, wrong)
                if index == "field":
                    missing[n] = gone
    n_excluded = check_exclusions(p, missing, wrong)
    check_returned(p, wrong)
    failed = p.alco.metric("alco_ingest_failed_records_total")
    say("confirmed %d messages, %d records looked at, %d of them for an excluded field; records that failed "
        "while their index was dropped %d; redelivered %d, of these stored before %d" % (
            sum(s.n_confirmed for s in p.streams.values()), n_hits, n_excluded, failed,
            p.alco.metric("alco_amqp_redelivered_total"), p.alco.metric("alco_amqp_duplicates_total")))
    return wrong.tell()


# ---- Figures

def cpu_s(pid):
    with open("/proc/%d/stat" % pid) as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Meter:
    """A stretch of time."""

    def __init__(self, place, name):
        self.p, self.name, self.rate = place, name, 0
        self.begin, self.at_begin = time.monotonic(), self._look()

    def _look(self):
        p = self.p
        return {"confirmed": sum(s.n_confirmed for s in p.streams.values()),
                "stored": p.alco.metric("alco_ingested_records_total"), "cpu": cpu_s(p.alco.process.pid)}

    def end(self):
        self.end_s = time.monotonic()
        took = self.end_s - self.begin
        now = self._look()
        d = {k: now[k] - self.at_begin[k] for k in now}
        self.rate = d["confirmed"] / took
        say("%s: %.0f s, %.0f messages/s confirmed, %.0f records/s stored, %.2f s of alco's CPU for 10,000 "
            "records" % (self.name, took, self.rate, d["stored"] / took, d["cpu"] / max(d["stored"], 1) * 1e4))

    def pauses(self, times):
        inside = [t for t in times if self.begin <= t <= self.end_s]
        return sorted(b - a for a, b in zip(inside, inside[1:]))


def say_pauses(p, meters, seen):
    """Arrival beside the pauses of sender and broker: what these did not give cannot come."""
    for index, looks in seen.items():
        for m in meters:
            gaps = m.pauses([t for t, _ in looks])
            own = m.pauses(p.streams["steady"].sent[:p.streams["steady"].n])
            confirms = sorted(p.streams["steady"].confirmed[:p.streams["steady"].n])
            late = sorted(t - p.streams[s].sent[int(n)] for t, (s, n) in (
                (t, message.split()) for t, message in looks if message) if m.begin <= t <= m.end_s)
            if gaps and late and own:
                say("%s, %s: longest pause between searchable records %.0f ms (p99 %.0f), of a sender %.0f "
                    "ms, of its confirms %.0f; publish -> found p50 %.1f ms, p99 %.0f, worst %.0f" % (
                        m.name, index, gaps[-1] * 1000, gaps[len(gaps) * 99 // 100] * 1000, own[-1] * 1000,
                        m.pauses(confirms)[-1] * 1000,
                        late[len(late) // 2] * 1000, late[len(late) * 99 // 100] * 1000, late[-1] * 1000))


# ---- The run

def wait_until_stored(p):
    queues = ["logstash." + i for i, lives in p.lives.items() if not lives[-1].is_dropped]
    wait_until("empty queues", lambda: all((p.broker.queue(q) or (1, 0))[0] == 0 for q in queues), LONG_S)
    wait_until("all acknowledgements", lambda: p.alco.metric("alco_amqp_unacked") == 0, LONG_S)


def say_log(p):
    """What alco told people, but for what is usual."""
    usual = re.compile("alco: (ready|collected)|settings: read again|: connected$")
    lines = collections.Counter(re.sub(r"\bnew\d|\d+ messages", "...", line)
                                for line in p.alco.log().splitlines() if not usual.search(line))
    for line, n in lines.most_common(20):
        say("log, %d times: %s" % (n, line))


def run(rate, before_s, seconds, seed=None):
    """True if all was as it should be."""
    with Place(rate, before_s + seconds + 120, seed) as p:
        for s in p.streams.values():
            s.start()
        wait_until("records of all", lambda: all(p.alco.count(i) for i in START_KEYS))
        watches = {i: Watch(p.alco.url, i) for i in ("steady", "wide", "procs", "keys")}
        for w in watches.values():
            w.start()
        meters = [Meter(p, "before")]
        wait_until("the time before", lambda: time.monotonic() >= meters[0].begin + before_s, LONG_S)
        meters[0].end()
        meters.append(Meter(p, "during"))
        changes = Changes(p)
        changes.begin()
        wait_until("the time of changes", lambda: changes.failed or
                   time.monotonic() >= meters[1].begin + seconds, LONG_S)
        changes.end()
        meters[1].end()
        say("changes:", ", ".join("%s %d (slowest %.2f s)" % (k, n, p.slowest[k])
                                  for k, n in sorted(p.counts.items())))
        seen = {i: w.stop() for i, w in watches.items()}
        for s in p.streams.values():
            s.stop()
        wait_until_stored(p)
        say_pauses(p, meters, seen)
        say_log(p)
        if min(m.rate for m in meters) < rate * 0.9:
            say("the senders did not reach %d messages/s" % rate)
        return check(p)


def main():
    o = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    o.add_argument("--rate", type=int, default=6000)
    o.add_argument("--before", type=float, default=20)
    o.add_argument("--seconds", type=float, default=60)
    o.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    o = o.parse_args()
    say("seed", o.seed)
    ok = run(o.rate, o.before, o.seconds, o.seed)
    say("ok" if ok else "FAILED")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
