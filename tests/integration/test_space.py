"""Space that is given back: some seconds after the last record, log and catalogue together are under
1 MB plus 32 bytes for each remembered message, whatever came before; and the log is bounded while
records come. By the length of the files and by what they take on the disk.

Nothing is timed: each test waits for the condition, which stays true once nothing happens any more.
"""
import base64
import json
import os
import pathlib
import random

from amqp_place import place, server  # noqa: F401
from broker import CarefulSender
from conftest import wait_for

IDLE_BYTES = 1_000_000
REMEMBERED_BYTES = 32
REMEMBERED_MAX = 20_000  # of one queue


def files(data):
    """(length, bytes on the disk) of each file of the log and of the catalogue."""
    data = pathlib.Path(data)
    found = {}
    for folder in (data, data / "store" / "log"):
        for path in folder.iterdir():
            if path.is_file() and (folder != data or path.name.startswith("catalog.db")):
                try:
                    st = path.stat()
                except FileNotFoundError:
                    continue  # given back just now
                found[path.name] = (st.st_size, st.st_blocks * 512)
    assert "catalog.db" in found and any(name.endswith(".log") for name in found)
    return found


def bytes_of(data):
    found = files(data).values()
    return max(sum(length for length, _ in found), sum(on_disk for _, on_disk in found))


def allowed(remembered):
    return IDLE_BYTES + REMEMBERED_BYTES * remembered


def wait_until_small(alco, remembered=0):
    wait_for(lambda: bytes_of(alco.data) < allowed(remembered), "a small log and catalogue")


def restart_and_wait(alco, remembered=0):
    """What a crash and a proper end leave behind is given back, too."""
    alco.kill()
    alco.start()
    wait_until_small(alco, remembered)
    alco.stop()
    assert bytes_of(alco.data) < allowed(remembered)


def count(alco, index):
    return alco.api(index, "count")["count"]


def test_after_a_burst_over_three_indexes(make_server):
    alco = make_server("--min-free", "0")
    for name in ("b", "c"):
        alco.create(name)
    rng = random.Random(7)
    for part in range(17):
        for index in ("logs", "b", "c"):
            alco.send(index, [{"message": "request %d took %d ms, trace %032x"
                                           % (i, rng.randrange(5000), rng.getrandbits(128)),
                                "host": "web-%d" % (i % 9), "part": part} for i in range(2000)])
    assert bytes_of(alco.data) > IDLE_BYTES  # there was something to give back
    wait_until_small(alco)
    assert [count(alco, index) for index in ("logs", "b", "c")] == [34000] * 3
    restart_and_wait(alco)


def test_after_many_trickles(make_server):
    alco = make_server("--min-free", "0")
    names = ["logs"] + ["t%d" % i for i in range(4)]
    for name in names[1:]:
        alco.create(name)
    noise = random.Random(7)
    for i in range(2500):
        text = "one of many, %d %s" % (i, base64.b64encode(noise.randbytes(600)).decode())
        alco.send(names[i % 5], [{"message": text, "host": "web-%d" % (i % 9)}])
    wait_until_small(alco)
    assert alco.metric("alco_bytes") > 2500 * 600  # so much went through the log
    assert sum(count(alco, name) for name in names) == 2500
    restart_and_wait(alco)


def test_after_messages_that_are_remembered(place, make_server):
    """Two queues: one with more messages than are remembered, one with fewer."""
    n = {"logs": REMEMBERED_MAX + 4000, "other": 2000}
    remembered = REMEMBERED_MAX + n["other"]
    alco = make_server("--min-free", "0", "--amqp", place.url)
    changed = alco.request("PATCH", "/api/v1/indexes/logs", json.dumps({"routing_key": "logstash.logs.#"}))
    assert changed.status == 200, changed
    alco.create("other", routing_key="logstash.other.#")
    noise = random.Random(7)
    for index in n:
        sender = CarefulSender(place.server, vhost=place.vhost, durable=False)
        for i in range(n[index]):
            text = "%s %d %s" % (index, i, noise.randbytes(60).hex())
            body = json.dumps({"message": text, "host": "web-1"}).encode()
            sender.send("logstash.%s.app" % index, body, "%s-%d" % (index, i))
        sender.finish()
    for index in n:
        wait_for(lambda: count(alco, index) == n[index], "all messages of " + index)
    wait_until_small(alco, remembered)
    restart_and_wait(alco, remembered)


def test_after_much_was_made_and_dropped(make_server):
    alco = make_server("--min-free", "0")
    names = ["heavy%d" % i for i in range(12)]
    for name in names:
        alco.create(name)
        for part in range(20):  # 2,000 fields with names of 60 bytes
            fields = {"%s_%050d" % (name, 100 * part + k): k for k in range(100)}
            alco.send(name, [{"message": "m", **fields}])
        for k in range(40):
            made = alco.request("POST", f"/api/v1/indexes/{name}/shortcuts", json.dumps({
                "name": f"{name}_{k}", "url": "/grep/?q=" + "x" * 400, "description": "d" * 200}))
            assert made.status == 201, made
    wait_for(lambda: files(alco.data)["catalog.db"][0] > IDLE_BYTES, "the fields in the file")
    for name in names:
        assert alco.request("DELETE", f"/api/v1/indexes/{name}").status == 204
    wait_until_small(alco)
    restart_and_wait(alco)


def test_after_users_came_and_went(make_server, alco, tmp_path):
    data = tmp_path / "data"
    assert alco("user", "add", "root", "--role", "admin", "--no-password", "--data", data).returncode == 0
    made = alco("user", "token", "root", "--data", data)
    assert made.returncode == 0, made
    headers = {"Authorization": "Bearer " + made.stdout.decode().strip()}
    server = make_server("--min-free", "0", data=data)

    def ask(method, path, **body):
        answer = server.request(method, "/api/v1/users" + path, json.dumps(body) if body else None, headers)
        assert answer.status < 300, answer

    for i in range(100):
        ask("POST", "", name=f"user{i}", role="reader")
        for k in range(10):
            ask("POST", f"/user{i}/tokens", name=f"token{k}")
    wait_for(lambda: files(data)["catalog.db-wal"][0] == 0, "an empty log of the catalogue")
    most = files(data)["catalog.db"][0]
    for i in range(100):
        ask("DELETE", f"/user{i}")
    wait_for(lambda: files(data)["catalog.db"][0] < 0.7 * most, "room of the dropped given back")
    wait_until_small(server)


def test_an_idle_index_does_not_hold_the_log_back(make_server):
    """One index gets records without a pause, another got one before them."""
    alco = make_server("--min-free", "0")
    alco.create("idle")
    alco.send("idle", [{"message": "the only one"}])
    first = next(name for name in files(alco.data) if name.endswith(".log"))
    texts = [base64.b64encode(os.urandom(900)).decode() for _ in range(3500)]  # not to be packed
    sent = 0
    while first in files(alco.data):
        assert sent < 2 << 30, "the log keeps everything"
        n = alco.send("logs", [{"message": "%d %s" % (sent, text)} for text in texts])
        sent += n * len(texts[0])
    assert count(alco, "idle") == 1
    wait_until_small(alco)
