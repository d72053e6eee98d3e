"""RabbitMQ in trouble: brokers that hang, alarms, refusals, a disk without room, messages of any shape and
size. alco goes on with what works, says what does not, and recovers by itself.

Method: a broker that may be stopped with SIGSTOP has its own process (`hung`); all others are virtual
hosts of the module's broker. What happens at the broker is checked at the broker.
"""
import collections
import contextlib
import json
import os
import signal
import subprocess
import time

import pytest

from alco import PROGRAM, Alco, wait_until
from amqp_place import Flow, alco, expect_each_once, place, send_many, server  # noqa: F401
from broker import Broker, CarefulSender, Sender


@contextlib.contextmanager
def hung(broker):
    """The broker's process is stopped: its sockets are there, nothing answers."""
    broker.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        broker.process.send_signal(signal.SIGCONT)


# ---- Brokers that hang

def test_a_hung_broker_holds_up_neither_messages_nor_changes_nor_the_end(place, tmp_path):
    """Of two brokers one stops answering while alco reads from both."""
    with Broker() as b, Alco(tmp_path / "data", "--amqp", b.url, "--amqp", place.url) as a:
        place.wait_for_consumers(1)
        wait_until("a consumer", lambda: b.queue("logstash") == (0, 1))
        with hung(b):
            send_many(place.sender(), 500)
            expect_each_once(a, 500)
            # The call waits for the hung one up to 5 s; the other one has followed when it returns.
            a.call("PATCH", a.index("logs"), {"num_processes": 2})
            assert place.queue() == (0, 2)
            a.call("POST", "/api/v1/indexes", {"name": "web", "routing_key": "web.#"})
            assert place.queue("logstash.web") == (0, 1)
            s = place.sender()
            s.send_raw("web.x", s.body("x", {"message": "here"}))
            a.wait_for_count(1, "web")
            a.call("DELETE", a.index("web"))
            assert place.queue("logstash.web") is None
            assert a.stop() == 0
            a.start()
            place.wait_for_consumers(2)
            send_many(s, 10, 500)
            expect_each_once(a, 510)
        wait_until("the hung one again", lambda: b.queue("logstash") == (0, 2))
        send_many(Sender(b), 10, 510)
        expect_each_once(a, 520)


def test_a_broker_that_says_nothing_is_left_after_two_heartbeats(tmp_path):
    """Nothing tells that a peer hangs but missing heartbeats; the broker may ask for short ones."""
    with Broker(heartbeat_s=2) as b, Alco(tmp_path / "data", "--amqp", b.url) as a:
        wait_until("a consumer", lambda: b.queue("logstash") == (0, 1))
        with hung(b):
            wait_until("the log to say so", lambda: "heartbeat timeout" in a.log())
            assert a.metric("alco_amqp_connected") == 0
            assert a.count() == 0
        wait_until("a consumer", lambda: a.metric("alco_amqp_connected") == 1)
        send_many(Sender(b), 10)
        expect_each_once(a, 10)
        assert a.log().count("heartbeat timeout") == 1


def test_heartbeats_keep_an_idle_connection(tmp_path):
    with Broker(heartbeat_s=1) as b, Alco(tmp_path / "data", "--amqp", b.url) as a:
        wait_until("a consumer", lambda: b.queue("logstash") == (0, 1))
        wait_until("several heartbeats", lambda: received_packets(b) >= 12)
        assert a.metric("alco_amqp_reconnects_total") == 0
        send_many(Sender(b), 10)
        expect_each_once(a, 10)


def received_packets(broker):
    """What the broker has read from its first connection: it counts heartbeats too."""
    out = broker.ctl("list_connections", "recv_cnt", "--formatter", "json")
    return max([c["recv_cnt"] for c in json.loads(out)] or [0])


# ---- Alarms, refusals, ends

def test_a_memory_alarm_stops_senders_and_not_alco(tmp_path):
    with Broker() as b, Alco(tmp_path / "data", "--amqp", b.url) as a:
        wait_until("a consumer", lambda: b.queue("logstash") == (0, 1))
        s = Sender(b)
        send_many(s, 1000)
        b.ctl("set_vm_memory_high_watermark", "absolute", "1MiB")
        send_many(s, 100, 1000)  # stay in the socket of the blocked connection
        wait_until("what was before the alarm", lambda: a.count() >= 1000)
        a.call("PATCH", a.index("logs"), {"num_processes": 2})
        assert b.queue("logstash")[1] == 2
        b.ctl("set_vm_memory_high_watermark", "0.4")
        expect_each_once(a, 1100)
        assert a.metric("alco_amqp_reconnects_total") == 0


def test_connections_closed_while_alco_ends_lose_and_double_nothing(place, alco):
    alco.call("PATCH", alco.index("logs"), {"num_processes": 3})
    s = CarefulSender(place.server, vhost=place.vhost, durable=False)
    n = 0
    for _ in range(3):
        for i in range(n, n + 2000):
            s.send("logstash.app", json.dumps({"message": "message %d" % i}).encode(), "id-%d" % i)
        n += 2000
        alco.process.send_signal(signal.SIGTERM)
        place.close_connections()
        assert alco.process.wait() == 0
        alco.start()
    s.finish()
    place.wait_until_empty()
    expect_each_once(alco, n)


def test_a_wrong_password_is_tried_ever_more_slowly_until_it_is_right(server, tmp_path):
    server.ctl("add_user", "carl", "right")
    url = "amqp://carl:wrong@127.0.0.1:%d/" % server.port
    with Alco(tmp_path / "data", "--amqp", url) as a:
        wait_until("the refusal", lambda: "ACCESS_REFUSED" in a.log())
        wait_until("ten attempts", lambda: refusals(server, "carl") >= 10)
        first = refusals(server, "carl")
        began = time.monotonic()
        wait_until("three more", lambda: refusals(server, "carl") >= first + 3)
        # Not a limit of speed but of haste: pauses have grown to seconds.
        assert time.monotonic() - began > 3
        assert a.log().count("ACCESS_REFUSED") == 1  # said once, not once an attempt
        input, = a.json("GET", a.index("logs"))["inputs"]
        assert input["state"] == "refused" and "ACCESS_REFUSED" in input["why"]
        assert input["broker"] == "127.0.0.1:%d/" % server.port and "wrong" not in str(input)
        assert "refused: " in listed(a)
        a.call("GET", "/health")
        server.ctl("change_password", "carl", "wrong")
        server.ctl("set_permissions", "carl", ".*", ".*", ".*")
        wait_until("a consumer", lambda: (server.queue("logstash") or (0, 0))[1] == 1)
        wait_until("to say so", lambda: a.json("GET", a.index("logs"))["inputs"] ==
                   [{"broker": input["broker"], "state": "connected"}])
        assert "connected" not in listed(a)
        Sender(server).send("app", {"message": "x"})
        a.wait_for_count(1)
        assert a.stop() == 0
    server.connect().channel().queue_delete("logstash")
    server.ctl("delete_user", "carl")


def listed(a):
    return subprocess.run([PROGRAM, "index", "list", "--server", a.url], check=True, text=True,
                          stdout=subprocess.PIPE).stdout


def refusals(broker, user):
    """How often the broker has said no to this user."""
    with open(broker._path("console"), errors="replace") as f:
        return f.read().count("user '%s' - invalid credentials" % user)


def test_rights_that_are_missing_are_named(place, tmp_path):
    """May read, may not declare: the others of the same alco go on."""
    ctl = place.server.ctl
    ctl("add_user", "rita", "rita")
    ctl("set_permissions", "-p", place.vhost, "rita", "^$", ".*", ".*")
    url = place.url.replace("guest:guest", "rita:rita")
    with Alco(tmp_path / "data", "--amqp", url, "--amqp", place.server.url) as a:
        wait_until("the refusal", lambda: "ACCESS_REFUSED - access to exchange 'logstash'" in a.log())
        wait_until("the other one", lambda: (place.server.queue("logstash") or (0, 0))[1] == 1)
        wait_until("both states", lambda: [i["state"] for i in a.json(
            "GET", a.index("logs"))["inputs"]] == ["refused", "connected"])
        ctl("set_permissions", "-p", place.vhost, "rita", ".*", ".*", ".*")
        place.wait_for_consumers(1)
    place.server.connect().channel().queue_delete("logstash")
    ctl("delete_user", "rita")


def test_an_exchange_of_another_type_is_named_and_others_go_on(place, tmp_path):
    """A direct exchange cannot serve topics with wildcards, but what it routes is read."""
    s = place.server.connect(place.vhost)
    s.channel().exchange_declare("logstash", "direct", durable=False, auto_delete=False)
    s.close()
    with Alco(tmp_path / "data", "--amqp", place.url) as a:
        wait_until("the log to say so", lambda: "inequivalent arg 'type'" in a.log())
        input, = a.json("GET", a.index("logs"))["inputs"]
        assert "inequivalent arg 'type'" in input["why"]
        a.call("POST", "/api/v1/indexes", {"name": "web", "exchange": "fine"})
        sender = place.sender(exchange="fine")
        sender.send("x", {"message": "fine"})
        a.wait_for_count(1, "web")


# ---- A store without room

@pytest.mark.parametrize("min_free", ["0", "20MiB"])
def test_a_full_disk_stops_reading_and_room_resumes_it(place, small_disk, tmp_path, min_free):
    """The broker holds what does not fit; memory stays as it was; room alone makes it go on."""
    with Alco(small_disk / "data", "--amqp", place.url, "--min-free", min_free,
              log=tmp_path / "alco.log") as a:
        place.wait_for_consumers(1)
        s = place.sender()
        send_many(s, 1000)
        expect_each_once(a, 1000)
        ballast = small_disk / "ballast"
        free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
        with open(ballast, "wb") as f:
            os.posix_fallocate(f.fileno(), 0, free - (1 << 20))
        before = a.rss_mib()
        flow = 40000
        send_many(s, flow, 1000)
        wait_until("the broker to hold the rest",
                   lambda: a.metric("alco_amqp_unacked") + place.queue()[0] >= flow / 2)
        stored = a.count()
        assert 1000 <= stored < flow
        assert a.rss_mib() < before + 64
        assert len(a.messages()) == a.count()  # search goes on
        wait_until("the session to give its messages back", lambda: "no room" in a.log() or
                   "disk is full" in a.log() or "No space" in a.log())
        ballast.unlink()
        expect_each_once(a, 1000 + flow)
        place.wait_until_empty()
        assert a.stop() == 0


# ---- Messages of any shape and size

def test_big_bodies_are_kept_cut_and_counted(place, alco):
    """20 MiB is over what is kept of one message, 64 MiB far over; memory stays bounded."""
    s = place.sender()
    send_many(s, 10)
    wait_until("the small ones", lambda: alco.count() == 10)
    before = alco.rss_mib()
    s.send_raw("logstash.app", b"x" * (20 << 20))
    s.send_raw("logstash.app", json.dumps({"message": "big " + "y" * (64 << 20)}).encode())
    s.send("app", {"message": "behind"})
    wait_until("all of it", lambda: alco.count() >= 13)
    assert alco.count() == 13 and alco.count(q="behind") == 1
    assert alco.metric("alco_amqp_cut_total", index="logs") == 2
    place.wait_until_empty()
    assert alco.metric("alco_amqp_reconnects_total") == 0
    print("memory %.0f MiB before, %.0f MiB after" % (before, alco.rss_mib()))
    assert alco.rss_mib() < before + 160


def deep(n, inner="1"):
    return ('{"a":' * n + inner + "}" * n).encode()


ODD_BODIES = [
    b"", b"\x00", b"\x00" * 1000, b"null", b"true", b"0", b'"text"', b"[]", b"{}", b"{}{}", b"\n\n",
    bytes(range(256)), b"\xef\xbb\xbf{\"message\":\"bom\"}", "{\"message\":\"utf16\"}".encode("utf-16"),
    deep(63), deep(64), deep(65), deep(100000), b"[" * 100000,
    json.dumps({"message": "wide", **{"f%d" % i: i for i in range(5000)}}).encode(),
    b'{"message":"a","message":"b"}', b'{"message":null}', b'{"@timestamp":"never","message":"t"}',
    b'{"@timestamp":99999999999999999999,"message":"t"}', b'{"message":"\\ud800"}',
    b'{"message":"\\u0000nul"}', b'{"message":"\xff\xfe"}', b'{"":""}', b'{"":{"":{"":1}}}',
    b'{"id":1,"pk":2,"ts":3,"ms":4,"seq":"x","model":6,"message":"reserved"}',
    b'{"message":1e999}', b'{"n":' + b"9" * 4000 + b"}", b'{"' + b"k" * 70000 + b'":1}',
    b'{"@version":[],"host":{},"message":"types"}',
]

ODD_PROPERTIES = [
    {"content_type": "application/octet-stream"}, {"content_type": ""},
    {"content_encoding": "gzip"}, {"content_type": "x" * 255, "reply_to": "y" * 255},
    {"application_headers": {}}, {"priority": 255, "expiration": "60000"},
    {"application_headers": {"a": {"b": {"c": [1, None, "x", {"d": 2.5}]}}, "bool": True}},
    {"application_headers": {"h%d" % i: "v" * 1000 for i in range(100)}},
    {"application_headers": {"long": "x" * 120000}},
    {"message_id": ""}, {"message_id": "i" * 255}, {"message_id": "\x00\x01\xfe"},
    {"correlation_id": "c", "type": "t", "app_id": "a", "timestamp": 0, "delivery_mode": 2},
]


def test_no_body_and_no_property_stops_the_queue(place, alco):
    s = place.sender()
    for body in ODD_BODIES:
        s.send_raw("logstash.app", body)
    for i, properties in enumerate(ODD_PROPERTIES):
        s.send_raw("logstash.app", s.body("app", {"message": "property %d" % i}), **properties)
    s.send("app", {"message": "the last one"})
    n = len(ODD_BODIES) + len(ODD_PROPERTIES) + 1
    wait_until("all of them", lambda: alco.count() >= n)
    assert alco.count() == n
    counts = collections.Counter(alco.messages())
    for i in range(len(ODD_PROPERTIES)):
        assert counts["property %d" % i] == 1
    assert counts["the last one"] == 1 and counts["wide"] == 1
    place.wait_until_empty()
    wait_until("all acknowledgements", lambda: alco.metric("alco_amqp_unacked") == 0)
    assert alco.metric("alco_amqp_redelivered_total") == 0
    assert alco.metric("alco_amqp_reconnects_total") == 0
    # And after a restart: what was stored can be read back.
    alco.kill()
    alco.start()
    assert alco.count() == n and len(alco.messages()) == n


def test_routing_keys_of_any_bytes(place, alco):
    alco.call("PATCH", alco.index("logs"), {"routing_key": "#"})
    s = place.sender()
    keys = ["", ".", "a" * 255, "ключ.лог", "a b", "\x01", "...", "#", "*"]
    for i, key in enumerate(keys):
        s.send_raw(key, s.body("x", {"message": "message %d" % i}))
    expect_each_once(alco, len(keys))


def test_queues_deleted_again_and_again_in_full_flow(place, alco):
    """What a deleted queue held is gone with it; nothing comes twice, and the rest goes on."""
    alco.call("PATCH", alco.index("logs"), {"num_processes": 2})
    with Flow(place.sender()) as flow:
        for _ in range(5):
            c = place.server.connect(place.vhost)
            c.channel().queue_delete("logstash")
            c.close()
            place.wait_for_consumers(2)
            flow.wait_for_more(200)
    s = place.sender()
    s.send("app", {"message": "last"})
    wait_until("the last one", lambda: alco.count(q='"last"') == 1)
    place.wait_until_empty()
    wait_until("all acknowledgements", lambda: alco.metric("alco_amqp_unacked") == 0)
    assert max(collections.Counter(alco.messages()).values()) == 1
    assert place.bindings("logstash") == ["logstash.#"]
