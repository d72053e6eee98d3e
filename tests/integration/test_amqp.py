"""RabbitMQ, the real one: what is sent is found once, whatever happens to connections, queues and
processes; nothing a sender sends stops the queue.

Method: a broker of our own (broker.py) with a virtual host for each test (amqp_place.py), logcollect's
way of sending, and alco as a process. What happens at the broker is checked at the broker.
"""
import collections
import json
import os
import socket
import subprocess
import threading
import urllib.parse

import pytest

from alco import PROGRAM, Alco, wait_until
from amqp_place import Place, alco, expect_each_once, place, send_many, server  # noqa: F401
from broker import Broker, CarefulSender, Sender, free_ports


# ---- Arriving

def test_what_logcollect_sends_is_found_with_its_fields(place, alco):
    s = place.sender()
    s.send("app.web", {"message": "Привет, мир", "status": 200, "big": 2 ** 70,
                       "nested": {"a": [1, None]}, "exc_info": "Traceback\n  boom"})
    alco.wait_for_count(1)
    hit = alco.hits()[0]
    assert hit["message"] == "Привет, мир"
    fields = hit["fields"]
    assert fields["logger"] == "app.web" and fields["levelname"] == "INFO"
    assert fields["status"] == 200 and fields["big"] == 2 ** 70
    assert fields["nested"] == {"a": [1, None]}
    assert "seq" not in fields and "@timestamp" not in fields
    assert alco.count(q="boom") == 1


def test_what_is_published_once_alco_is_ready_is_found(place, tmp_path):
    """The queue is bound by then, also at the first start: the broker drops what has no queue."""
    s = place.sender()
    for i in range(5):
        s.channel.queue_delete("logstash")
        with Alco(tmp_path / ("data%d" % i), "--amqp", place.url) as a:
            s.send("app", {"message": "at once"})
            a.wait_for_count(1)


def test_many_messages_arrive_once_and_in_order(place, alco):
    send_many(place.sender(), 5000)
    expect_each_once(alco, 5000)
    assert alco.metric("alco_amqp_deliveries_total", index="logs") == 5000
    wait_until("all acknowledgements",
               lambda: alco.metric("alco_amqp_acked_total", index="logs") == 5000)
    assert alco.metric("alco_amqp_unacked", index="logs") == 0
    assert place.queue() == (0, 1)


def test_equal_messages_sent_twice_stay_two(place, alco):
    s = place.sender()
    body = s.body("app", {"message": "the same"})
    for _ in range(3):
        s.send_raw("logstash.app", body)
    alco.wait_for_count(3)


def test_a_message_id_is_stored_once_in_its_queue(place, alco, server):
    s = place.sender()
    for i in range(6):
        s.send_raw("logstash.app", s.body("app", {"message": "id %d" % (i % 2)}),
                   message_id="id-%d" % (i % 2))
    s.send("app", {"message": "last"})
    wait_until("the last one", lambda: "last" in alco.messages())
    assert sorted(alco.messages()) == ["id 0", "id 1", "last"]
    # Remembered over a restart, and after the last message of the queue.
    alco.kill()
    alco.start()
    s.send_raw("logstash.app", s.body("app", {"message": "id 0"}), message_id="id-0")
    s.send("app", {"message": "later"})
    wait_until("the later one", lambda: "later" in alco.messages())
    assert sorted(alco.messages()) == ["id 0", "id 1", "last", "later"]


def test_a_single_message_does_not_wait_for_company(place, alco):
    s = place.sender()
    for i in range(20):
        s.send("app", {"message": "message %d" % i})
        wait_until("message %d" % i, lambda n=i + 1: alco.count() == n)


BAD_BODIES = [
    b"not json at all",
    b"",
    b"{",
    b"[1,2,3]",
    b"\xff\xfe\x00binary\x80",
    b'{"message": {"not": "a string"}}',
    b'{"message": "cut',
    b'{"a":' * 200 + b"1" + b"}" * 200,
    b'{"message": "' + b"x" * (2 << 20) + b'"}',
    b"y" * (300 << 10),  # several frames
]


def test_poison_messages_are_kept_and_do_not_stop_the_queue(place, alco):
    s = place.sender()
    for body in BAD_BODIES:
        s.send_raw("logstash.app", body)
    s.send("app", {"message": "the good one"})
    wait_until("all records", lambda: alco.count() >= len(BAD_BODIES) + 1)
    messages = alco.messages()
    assert len(messages) == len(BAD_BODIES) + 1
    assert "the good one" in messages and "not json at all" in messages
    assert alco.count(q="parse_error=*") >= 4
    place.wait_until_empty()
    assert alco.metric("alco_amqp_redelivered_total", index="logs") == 0


# ---- Once, whatever happens

def test_kill_9_in_full_flow_loses_and_doubles_nothing(place, alco):
    s = place.sender()
    for k in range(4):
        send_many(s, 1500, 1500 * k)
        wait_until("some of it", lambda k=k: alco.count() > 1500 * k)
        alco.kill()
        alco.start()
    expect_each_once(alco, 6000)


def test_connections_ended_by_the_broker_lose_and_double_nothing(place, alco):
    alco.call("PATCH", alco.index("logs"), {"num_processes": 3})
    place.wait_for_consumers(3)
    s = Sender(place.server, place.vhost)
    for k in range(4):
        send_many(s, 1500, 1500 * k)
        place.close_connections()
        s = place.sender()  # its connection is gone too; what it sent before has arrived or not
        wait_until("a consumer", lambda: place.queue()[1] > 0)
    # A sender without confirms cannot know what arrived before the cut: what did is there once.
    place.wait_until_empty()
    s.send("app", {"message": "last"})
    wait_until("the last one", lambda: alco.count(q='"last"') == 1)
    wait_until("all acknowledgements", lambda: alco.metric("alco_amqp_unacked") == 0)
    assert max(collections.Counter(alco.messages()).values()) == 1


def test_sigterm_in_full_flow_ends_well_and_loses_nothing(place, alco):
    s = place.sender()
    sending = threading.Thread(target=send_many, args=(s, 20000))
    sending.start()
    wait_until("some of it", lambda: alco.count() > 1000)
    assert alco.stop() == 0
    sending.join()
    alco.start()
    expect_each_once(alco, 20000)


def test_a_broker_restart_with_durable_queues(tmp_path):
    with Broker() as b, Alco(tmp_path / "data", "--amqp", b.url) as a:
        a.call("PATCH", a.index("logs"), {"durable": True})
        wait_until("a consumer", lambda: b.queue("logstash") == (0, 1))
        s = CarefulSender(b)
        for i in range(3000):
            s.send("logstash.app", json.dumps({"message": "message %d" % i}).encode(), "m%d" % i)
            if i in (1000, 2000):
                b.restart()
        s.finish()
        expect_each_once(a, 3000)


def test_a_broker_that_was_killed_is_followed(tmp_path):
    with Broker() as b, Alco(tmp_path / "data", "--amqp", b.url) as a:
        wait_until("a consumer", lambda: b.queue("logstash") == (0, 1))
        s = Sender(b)
        send_many(s, 10)
        expect_each_once(a, 10)
        b.kill()
        wait_until("the log to say so", lambda: "trying again" in a.log())
        assert a.count() == 10  # search goes on
        a.call("POST", "/api/v1/indexes", {"name": "web", "routing_key": "logstash.web.#"})
        b.start()
        wait_until("both queues", lambda: b.queue("logstash") == (0, 1) and
                   b.queue("logstash.web") == (0, 1))
        send_many(Sender(b), 10, 10)
        expect_each_once(a, 20)


def test_a_deleted_queue_is_declared_again(place, alco):
    s = place.sender()
    send_many(s, 10)
    expect_each_once(alco, 10)
    c = place.server.connect(place.vhost)
    c.channel().queue_delete("logstash")
    c.close()
    place.wait_for_consumers(1)
    assert place.bindings("logstash") == ["logstash.#"]
    send_many(s, 10, 10)
    expect_each_once(alco, 20)


# What the broker does when it drops a consumer and does not tell the channel.
FORGET_ONE = """
{ok, Q} = rabbit_amqqueue:lookup(rabbit_misc:r(<<"%s">>, queue, <<"logstash">>)),
Before = rabbit_amqqueue:consumers(Q),
[First | _] = Before,
ok = gen_server2:call(amqqueue:get_pid(Q), {basic_cancel, element(1, First), element(2, First), undefined, <<"test">>}, infinity),
true = length(rabbit_amqqueue:consumers(Q)) < length(Before).
"""


@pytest.mark.parametrize("n", [1, 4])
def test_a_consumer_that_the_broker_has_lost_sets_up_again(place, alco, n):
    """No cancel comes: it must find out by itself. Those that are only idle stay as they are then."""
    alco.call("PATCH", "/api/v1/indexes/logs", {"num_processes": n})
    place.wait_for_consumers(n)
    place.server.ctl("eval", FORGET_ONE % place.vhost)
    wait_until("it to be noticed", lambda: "has lost this consumer; setting up again" in alco.log())
    place.wait_for_consumers(n)
    send_many(place.sender(), 100)
    expect_each_once(alco, 100)
    place.wait_until_empty()


def test_a_full_disk_leaves_messages_with_the_broker(place, alco):
    """Input stops before the disk is full; the broker holds the rest, all of it arrives later."""
    alco.stop()
    alco.args += ["--min-free", "1000TiB"]
    alco.start()
    place.wait_for_consumers(1)
    s = place.sender()
    send_many(s, 5000)
    held = "queues/%s/logstash" % place.quoted()
    wait_until("the broker to hold them", lambda: place.queue()[0] >= 3000)
    assert alco.count() == 0
    assert alco.metric("alco_amqp_acked_total") == 0
    assert place.api("GET", held)["name"] == "logstash"
    assert alco.stop() == 0
    alco.args = alco.args[:-2]
    alco.start()
    expect_each_once(alco, 5000)


# ---- What others have set up

def test_an_exchange_declared_otherwise_is_used_as_it_is(place, tmp_path):
    s = place.sender(durable=True)
    with Alco(tmp_path / "data", "--amqp", place.url) as a:
        place.wait_for_consumers(1)
        s.send("app", {"message": "x"})
        a.wait_for_count(1)
        assert "inequivalent arg 'durable' for exchange 'logstash'" in a.log()


def test_a_queue_declared_otherwise_is_used_as_it_is(place, tmp_path):
    s = place.sender()
    s.channel.queue_declare("logstash", durable=True, auto_delete=False)
    with Alco(tmp_path / "data", "--amqp", place.url) as a:
        place.wait_for_consumers(1)
        s.send("app", {"message": "x"})
        a.wait_for_count(1)
        assert "inequivalent arg 'durable' for queue 'logstash'" in a.log()


def test_a_queue_somebody_holds_for_himself_is_taken_when_it_is_free(place, tmp_path):
    s = place.sender()
    s.channel.queue_declare("logstash", exclusive=True, auto_delete=False)
    with Alco(tmp_path / "data", "--amqp", place.url) as a:
        wait_until("the log to say so", lambda: "RESOURCE_LOCKED" in a.log())
        s.close()
        place.wait_for_consumers(1)
        place.sender().send("app", {"message": "x"})
        a.wait_for_count(1)


def test_stale_bindings_are_removed_through_the_management_api(place, tmp_path):
    s = place.sender()
    s.channel.queue_declare("logstash", auto_delete=False)
    s.channel.exchange_declare("mine", "topic", auto_delete=False)
    for key in ("old.#", "with%percent", "\"quoted\"", ""):
        s.channel.queue_bind("logstash", "logstash", key)
    s.channel.queue_bind("logstash", "mine", "not.alcos")
    s.channel.queue_bind("logstash", "logstash", "with.arguments", arguments={"x": 1})
    with Alco(tmp_path / "data", "--amqp", place.url, "--management", place.server.management):
        place.wait_for_consumers(1)
        assert place.bindings("logstash") == ["logstash.#", "not.alcos", "with.arguments"]


# ---- Virtual hosts, brokers, TLS

def test_virtual_hosts_are_apart(server, tmp_path):
    places = [Place(server, name) for name in ("x", "/y", "z z")]
    base = "amqp://guest:guest@127.0.0.1:%d" % server.port
    urls = [base + "/x", base + "/%2Fy", base + "/z%20z", base + "/%2F"]
    args = [w for u in urls for w in ("--amqp", u)]
    with Alco(tmp_path / "data", *args) as a:
        for vhost in ("x", "/y", "z z", "/"):
            wait_until("a consumer in " + vhost,
                       lambda v=vhost: (server.queue("logstash", v) or (0, 0))[1] == 1)
            s = Sender(server, vhost)
            s.send_raw("logstash.app", s.body("app", {"message": "in " + vhost}), message_id="1")
        a.wait_for_count(4)
        assert sorted(a.messages()) == sorted("in " + v for v in ("/", "/y", "x", "z z"))
    for p in places:
        p.api("DELETE", "vhosts/" + p.quoted())
    server.connect().channel().queue_delete("logstash")


@pytest.mark.parametrize("path", ["", "/", "/%2F"])
def test_no_path_is_the_default_virtual_host(server, tmp_path, path):
    with Alco(tmp_path / "data", "--amqp", server.url + path) as a:
        wait_until("a consumer", lambda: (server.queue("logstash") or (0, 0))[1] == 1)
        Sender(server).send("app", {"message": "x"})
        a.wait_for_count(1)
        assert a.stop() == 0
    server.connect().channel().queue_delete("logstash")


def test_a_dead_and_a_silent_broker_hold_nobody_up(place, tmp_path):
    dead, = free_ports(1)
    with socket.socket() as silent:  # takes connections, says nothing
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        urls = ["amqp://127.0.0.1:%d/" % dead,
                "amqp://127.0.0.1:%d/" % silent.getsockname()[1], place.url]
        with Alco(tmp_path / "data", *[w for u in urls for w in ("--amqp", u)]) as a:
            place.wait_for_consumers(1)
            send_many(place.sender(), 100)
            expect_each_once(a, 100)
            assert a.metric("alco_amqp_connected", index="logs") == 1
            assert a.stop() == 0


def test_wrong_password_and_wrong_virtual_host_are_said_without_the_password(server, tmp_path):
    base = "127.0.0.1:%d" % server.port
    with Alco(tmp_path / "data", "--amqp", "amqp://guest:s3cret@%s/" % base,
              "--amqp", "amqp://guest:guest@%s/nowhere" % base) as a:
        wait_until("both refusals", lambda: "ACCESS_REFUSED" in a.log() and
                   "vhost nowhere not found" in a.log())
        assert "s3cret" not in a.log()
        assert "s3cret" not in a.call("GET", "/metrics")


def make_certificates(path):
    """(ca, cert, key) of a broker called localhost; and a CA that signed neither."""
    def openssl(*args):
        subprocess.run(["openssl", *args], check=True, capture_output=True, cwd=path)
    for ca in ("ca", "other"):
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout",
                ca + ".key", "-out", ca + ".pem", "-subj", "/CN=alco test " + ca)
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "server.key", "-out", "server.csr",
            "-subj", "/CN=localhost")
    (path / "ext").write_text("subjectAltName=DNS:localhost\n")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
            "-CAcreateserial", "-days", "2", "-extfile", "ext", "-out", "server.pem")
    os.chmod(path, 0o755)
    for name in ("ca.pem", "other.pem", "server.pem", "server.key"):
        os.chmod(path / name, 0o644)
    return [str(path / n) for n in ("ca.pem", "server.pem", "server.key")], str(path / "other.pem")


def test_tls_with_the_right_certificate_only(tmp_path_factory):
    import tempfile
    import pathlib
    with tempfile.TemporaryDirectory(prefix="alco-tls-") as d:
        path = pathlib.Path(d)
        files, other = make_certificates(path)
        with Broker(tls=files) as b:
            url = "amqps://guest:guest@%s:%d/?cacertfile=%s"
            quoted = [urllib.parse.quote(f, safe="") for f in (files[0], other)]
            good = url % ("localhost", b.tls_port, quoted[0])
            wrong_ca = url % ("localhost", b.tls_port, quoted[1])
            wrong_name = url % ("127.0.0.1", b.tls_port, quoted[0])
            with Alco(path / "bad", "--amqp", wrong_ca, "--amqp", wrong_name) as a:
                wait_until("both refusals", lambda: a.log().count("trying again") >= 2)
                assert b.queue("logstash") is None
            with Alco(path / "good", "--amqp", good) as a:
                wait_until("a consumer", lambda: (b.queue("logstash") or (0, 0))[1] == 1)
                send_many(Sender(b), 3000)
                expect_each_once(a, 3000)
                assert a.stop() == 0


def test_no_routing_key_is_no_binding(place, alco):
    alco.call("POST", "/api/v1/indexes", {"name": "web", "routing_key": ""})
    alco.call("POST", "/api/v1/indexes", {"name": "app", "routing_key": " a.# , b"})
    assert alco.json("GET", alco.index("app"))["routing_key"] == "a.#,b"
    assert place.bindings("logstash.web") == [] and place.bindings("logstash.app") == ["a.#", "b"]
    alco.call("PATCH", alco.index("app"), {"routing_key": []})
    assert place.bindings("logstash.app") == []
    send_many(place.sender(), 10)
    expect_each_once(alco, 10)


def test_an_index_of_files_gets_nothing_from_the_broker(place, tmp_path):
    lines = tmp_path / "lines.log"
    lines.write_text("from a file\n")
    with Alco(tmp_path / "followed", "--amqp", place.url, "--follow", f"web={lines}") as a:
        place.wait_for_consumers(1)
        assert a.json("GET", a.index("web"))["routing_key"] == ""
        assert place.bindings("logstash") == ["logstash.#"] and place.bindings("logstash.web") == []


# ---- alco send

def send(*args, text=""):
    return subprocess.run([PROGRAM, "send", *args], input=text, capture_output=True, text=True)


def test_alco_send_reaches_alco(place, alco, tmp_path):
    lines = tmp_path / "lines"
    lines.write_text('a plain "line"\n\n{"message":"as it is","logger":"shop.cart","n":1}\n')
    p = send("--amqp", place.url, str(lines), "-", text="from a pipe\n")
    assert p.returncode == 0, p.stderr
    assert "3 messages" in p.stdout
    alco.wait_for_count(3)
    hits = {h["message"]: h["fields"] for h in alco.hits()}
    assert hits['a plain "line"']["logger"] == "alco.send"
    assert hits['a plain "line"']["levelname"] == "INFO"
    assert hits["as it is"] == {"logger": "shop.cart", "n": 1}
    assert "from a pipe" in hits


def test_alco_send_uses_the_loggers_name_as_key(place):
    s = place.sender()
    s.channel.queue_declare("look", auto_delete=False)
    s.channel.queue_bind("look", "logstash", "#")
    p = send("--amqp", place.url, text='text\n{"logger":"shop.cart"}\n{"message":"no logger"}\n')
    assert p.returncode == 0, p.stderr
    got = [s.channel.basic_get("look", no_ack=True) for _ in range(3)]
    assert [m.delivery_info["routing_key"] for m in got] == \
        ["logstash.alco.send", "logstash.shop.cart", "logstash.root"]
    assert got[1].body in (b'{"logger":"shop.cart"}', '{"logger":"shop.cart"}')
    assert all(not m.properties for m in got)
    p = send("--amqp", place.url, "--routing-key", "k", text="x\n")
    assert p.returncode == 0 and s.channel.basic_get("look").delivery_info["routing_key"] == "k"


def test_alco_send_says_what_is_wrong(place, tmp_path):
    p = send("--amqp", place.url, "--exchange", "nobody.reads", text="x\n")
    assert p.returncode == 1 and "1 of 1 message reached no queue" in p.stderr and not p.stdout
    assert "no binding" in p.stderr
    dead, = free_ports(1)
    for args in (["--amqp", "amqp://127.0.0.1:%d/" % dead], ["--amqp", "http://x"],
                 ["--amqp", place.url, str(tmp_path / "nothing")], ["--nonsense"]):
        p = send(*args, text="x\n")
        assert p.returncode == 2 and p.stderr and not p.stdout
