"""RabbitMQ: changes of an index follow at once, also while messages come in: what is asked for is so
when the call has returned, nothing is lost, nothing doubled.
"""
import collections
import threading
import time

from alco import Alco, wait_until
from amqp_place import Flow, alco, expect_each_once, place, send_many, server  # noqa: F401
from broker import Broker, Sender, free_ports


def test_a_created_index_reads_its_queue_when_the_call_returns(place, alco):
    alco.call("POST", "/api/v1/indexes", {"name": "web", "routing_key": "logstash.web.#,web.*"})
    assert place.queue("logstash.web") == (0, 1)
    assert place.bindings("logstash.web") == ["logstash.web.#", "web.*"]
    s = place.sender()
    s.send("web.a", {"message": "both"})
    s.send_raw("web.b", s.body("b", {"message": "web only"}))
    alco.wait_for_count(2, "web")
    alco.wait_for_count(1, "logs")


def test_a_dropped_index_leaves_nothing_at_the_broker(place, alco):
    alco.call("POST", "/api/v1/indexes", {"name": "web", "routing_key": "logstash.web.#"})
    assert place.queue("logstash.web") == (0, 1)
    alco.call("DELETE", alco.index("web"))
    assert place.queue("logstash.web") is None
    alco.call("POST", "/api/v1/indexes", {"name": "web", "routing_key": "logstash.web.#"})
    assert place.queue("logstash.web") == (0, 1)
    place.sender().send("web", {"message": "new"})
    alco.wait_for_count(1, "web")


def test_routing_keys_follow(place, alco):
    alco.call("PATCH", alco.index("logs"), {"routing_key": "a.#, b.*"})
    assert place.bindings("logstash") == ["a.#", "b.*"]
    s = place.sender()
    s.send("gone", {"message": "unrouted"})
    s.send_raw("b.x", s.body("x", {"message": "routed"}))
    alco.wait_for_count(1)
    alco.call("PATCH", alco.index("logs"), {"routing_key": "logstash.#"})
    assert place.bindings("logstash") == ["logstash.#"]
    assert alco.messages() == ["routed"]


def test_another_exchange_and_another_queue_follow(place, alco):
    alco.call("PATCH", alco.index("logs"), {"exchange": "other"})
    found = place.api("GET", "queues/%s/logstash/bindings" % place.quoted())
    assert [b["source"] for b in found if b["source"]] == ["other"]
    alco.call("PATCH", alco.index("logs"), {"queue_name": "moved"})
    assert place.queue("moved") == (0, 1)
    assert place.queue("logstash") is None
    place.sender(exchange="other").send("app", {"message": "here"})
    alco.wait_for_count(1)


def test_num_processes_follows(place, alco):
    for n in (3, 1, 2):
        alco.call("PATCH", alco.index("logs"), {"num_processes": n})
        assert place.queue() == (0, n)
    send_many(place.sender(), 100)
    expect_each_once(alco, 100)


def test_durable_follows(place, alco):
    def is_durable(what):
        return place.api("GET", "%s/%s/logstash" % (what, place.quoted()))["durable"]
    send_many(place.sender(), 100)
    expect_each_once(alco, 100)
    for durable in (True, False, True):
        alco.call("PATCH", alco.index("logs"), {"durable": durable, "num_processes": 2})
        assert is_durable("queues") == durable and is_durable("exchanges") == durable
        assert place.bindings("logstash") == ["logstash.#"]
    send_many(place.sender(durable=True), 100, 100)
    expect_each_once(alco, 200)


def is_durable_queue(place, name="logstash"):
    return place.api("GET", "queues/%s/%s" % (place.quoted(), name))["durable"]


def test_durable_follows_in_endless_flow(place, alco):
    """Though messages come without a pause. The exchange stays as it is: senders would be refused
    without it."""
    with Flow(place.sender()) as flow:
        for durable, n in ((True, 1), (False, 2), (True, 2)):
            alco.call("PATCH", alco.index("logs"), {"durable": durable, "num_processes": n})
            wait_until("a queue that is %sdurable" % ("" if durable else "not "),
                       lambda: (place.queue() or (0, 0))[1] == n and is_durable_queue(place) == durable)
            assert place.bindings("logstash") == ["logstash.#"]
            assert place.queue("logstash:moving") is None
            flow.wait_for_more(1000)
        assert not place.api("GET", "exchanges/%s/logstash" % place.quoted())["durable"]
    place.wait_until_empty()
    expect_each_once(alco, flow.n)


def test_durable_follows_with_other_changes_in_flow(place, alco):
    """It is so when the call has returned."""
    with Flow(place.sender(), limit=2000) as flow:
        alco.call("PATCH", alco.index("logs"), {"durable": True, "routing_key": "logstash.app.#"})
        assert is_durable_queue(place) and place.bindings("logstash") == ["logstash.app.#"]
        flow.allow(3000)
        flow.wait_for_more(1000)
        alco.call("PATCH", alco.index("logs"), {"durable": False, "queue_name": "moved"})
        assert not is_durable_queue(place, "moved") and place.queue("logstash") is None
        flow.allow(3000)
        flow.wait_for_more(1000)
    place.wait_until_empty("moved")
    expect_each_once(alco, flow.n)


def test_ids_are_known_behind_a_change_of_durable(place, alco):
    s = place.sender()
    body = s.body("app", {"message": "once"})
    s.send_raw("logstash.app", body, message_id="the one")
    alco.wait_for_count(1)
    with Flow(s) as flow:
        alco.call("PATCH", alco.index("logs"), {"durable": True})
    again = place.sender()
    again.send_raw("logstash.app", body, message_id="the one")
    again.send_raw("logstash.app", body, message_id="another one")
    place.wait_until_empty()
    wait_until("the last message", lambda: alco.count(q="once") >= 2)
    alco.wait_for_count(flow.n + 2)


def test_a_change_in_full_flow_loses_and_doubles_nothing(place, alco):
    s = place.sender()
    sending = threading.Thread(target=send_many, args=(s, 10000))
    sending.start()
    for n in (2, 3, 1):
        alco.call("PATCH", alco.index("logs"), {"num_processes": n})
        alco.call("PATCH", alco.index("logs"), {"routing_key": "logstash.#,other.%d" % n})
    sending.join()
    expect_each_once(alco, 10000)


def test_a_change_does_not_wait_for_a_broker_that_is_away(tmp_path):
    port, = free_ports(1)
    with Alco(tmp_path / "data", "--amqp", "amqp://127.0.0.1:%d/" % port) as a:
        a.call("POST", "/api/v1/indexes", {"name": "web"})
        a.call("PATCH", a.index("web"), {"routing_key": "x"})
        a.call("DELETE", a.index("web"))


# ---- While messages come in

def test_another_queue_in_full_flow_loses_and_doubles_nothing(place, alco):
    """What the old queue holds is read first; what both were given meanwhile is stored once."""
    with Flow(place.sender()) as flow:
        for name in ("moved", "again", "logstash"):
            alco.call("PATCH", alco.index("logs"), {"queue_name": name})
            flow.wait_for_more(1000)
    for name in ("moved", "again"):
        wait_until("no queue " + name, lambda n=name: place.queue(n) is None)
    place.wait_until_empty()
    expect_each_once(alco, flow.n)


def test_another_queue_in_full_flow_with_several_consumers(place, alco):
    alco.call("PATCH", alco.index("logs"), {"num_processes": 4})
    with Flow(place.sender()) as flow:
        for name in ("moved", "logstash"):
            alco.call("PATCH", alco.index("logs"), {"queue_name": name})
            flow.wait_for_more(1000)
    place.wait_for_consumers(4)
    place.wait_until_empty()
    expect_each_once(alco, flow.n)
    assert place.queue("moved") is None


def fill_and_stop(b, n):
    """Leaves n messages in a queue that nobody reads, at a broker that is away."""
    s = Sender(b, durable=True)
    for i in range(n):
        s.send_raw("logstash.app", s.body("app", {"message": "message %d" % i}), delivery_mode=2)
    s.close()
    wait_until("a full queue", lambda: b.queue("logstash") == (n, 0))
    b.stop()


def test_what_an_old_queue_holds_is_read_when_the_broker_is_back(tmp_path):
    """The index is changed while the broker is away, and the old queue is full."""
    with Broker() as b, Alco(tmp_path / "data", "--amqp", b.url) as a:
        a.call("PATCH", a.index("logs"), {"durable": True})
        wait_until("a consumer", lambda: b.queue("logstash") == (0, 1))
        b.stop()
        wait_until("the log to say so", lambda: "trying again" in a.log())
        assert a.stop() == 0
        b.start()
        fill_and_stop(b, 3000)
        a.start()
        a.call("PATCH", a.index("logs"), {"queue_name": "moved"})
        b.start()
        wait_until("the other queue", lambda: b.queue("moved") == (0, 1))
        expect_each_once(a, 3000)
        assert b.queue("logstash") is None


def test_another_exchange_in_full_flow_loses_nothing(place, alco):
    """Senders move from one exchange to the other when the call has returned."""
    with Flow(place.sender()) as flow:
        other = place.sender(exchange="other")
        alco.call("PATCH", alco.index("logs"), {"exchange": "other", "routing_key": "new.#"})
        # What still goes to the old exchange reaches nobody, and is not counted on.
    n_old = flow.n
    for i in range(100):
        other.send_raw("new.app", other.body("app", {"message": "moved %d" % i}))
    wait_until("what was moved", lambda: alco.count(q="moved") >= 100)
    place.wait_until_empty()
    counts = collections.Counter(alco.messages())
    assert max(counts.values()) == 1
    old = sorted(int(m.split()[1]) for m in counts if m.startswith("message"))
    assert old == list(range(len(old)))  # no gap before the change
    assert len(old) <= n_old


def test_routing_keys_replaced_in_full_flow_lose_and_double_nothing(place, alco):
    """The new keys match the same messages: each is routed to the queue once, however many match."""
    with Flow(place.sender()) as flow:
        for keys in ("logstash.app.#", "logstash.*.web,#", "logstash.#"):
            alco.call("PATCH", alco.index("logs"), {"routing_key": keys})
            assert place.bindings("logstash") == sorted(keys.split(","))
            flow.wait_for_more(500)
    place.wait_until_empty()
    expect_each_once(alco, flow.n)


def test_everything_at_once_in_full_flow(place, alco):
    with Flow(place.sender()) as flow:
        alco.call("PATCH", alco.index("logs"), {"queue_name": "moved", "num_processes": 3,
                                                "routing_key": "logstash.app.web"})
        flow.wait_for_more(1000)
        alco.call("PATCH", alco.index("logs"), {"queue_name": "logstash", "num_processes": 1,
                                                "routing_key": "logstash.#"})
        flow.wait_for_more(1000)
    place.wait_until_empty()
    expect_each_once(alco, flow.n)


def test_two_indexes_exchange_their_queues(place, alco):
    """By way of a third name: two indexes never have one queue."""
    alco.call("POST", "/api/v1/indexes", {"name": "web", "routing_key": "logstash.web"})
    with Flow(place.sender()) as flow:
        for index, name in (("logs", "third"), ("web", "logstash"), ("logs", "logstash.web")):
            alco.call("PATCH", alco.index(index), {"queue_name": name})
            flow.wait_for_more(500)
    place.wait_until_empty("logstash.web")
    expect_each_once(alco, flow.n)
    assert place.queue("third") is None
    assert place.queue("logstash")[1] == 1 and place.queue("logstash.web")[1] == 1


def test_changes_are_followed_within_a_second_of_the_brokers_return(tmp_path):
    with Broker() as b, Alco(tmp_path / "data", "--amqp", b.url) as a:
        wait_until("a consumer", lambda: b.queue("logstash") == (0, 1))
        b.kill()
        wait_until("the log to say so", lambda: "trying again" in a.log())
        a.call("POST", "/api/v1/indexes", {"name": "web", "routing_key": "web.#"})
        a.call("PATCH", a.index("logs"), {"num_processes": 2, "routing_key": "a.#"})
        b.start()
        began = time.monotonic()
        wait_until("both queues", lambda: b.queue("logstash") == (0, 2) and
                   b.queue("logstash.web") == (0, 1))
        print("followed %.2f s after the broker answered" % (time.monotonic() - began))
        assert b.bindings("logstash") == ["a.#"] and b.bindings("logstash.web") == ["web.#"]


# ---- What is to be done at a broker that is away outlives alco

def test_a_queue_renamed_while_the_broker_is_away_is_read_after_a_kill(tmp_path):
    with Broker() as b, Alco(tmp_path / "data", "--amqp", b.url) as a:
        a.call("PATCH", a.index("logs"), {"durable": True})
        wait_until("a consumer", lambda: b.queue("logstash") == (0, 1))
        a.kill()
        fill_and_stop(b, 500)
        a.start()
        a.call("PATCH", a.index("logs"), {"queue_name": "moved", "routing_key": "other.#"})
        a.kill()
        a.start()
        a.kill()
        b.start()
        a.start()
        wait_until("the other queue", lambda: b.queue("moved") == (0, 1))
        expect_each_once(a, 500)
        wait_until("no old queue", lambda: b.queue("logstash") is None)
        assert b.bindings("moved") == ["other.#"]


def test_an_index_dropped_while_the_broker_is_away_leaves_nothing_after_a_kill(tmp_path):
    with Broker() as b, Alco(tmp_path / "data", "--amqp", b.url) as a:
        for name in ("web", "db"):
            a.call("POST", "/api/v1/indexes", {"name": name, "durable": True,
                                               "routing_key": "old.#"})
            wait_until("a consumer", lambda n=name: b.queue("logstash." + n) == (0, 1))
        b.stop()
        wait_until("the log to say so", lambda: "trying again" in a.log())
        a.call("DELETE", a.index("web"))
        a.call("PATCH", a.index("db"), {"routing_key": "new.#"})
        a.kill()
        b.start()
        assert b.queue("logstash.web") == (0, 0)
        a.start()
        wait_until("no queue of the dropped index", lambda: b.queue("logstash.web") is None)
        wait_until("the new key alone", lambda: b.bindings("logstash.db") == ["new.#"])
        # Done once, and not again at the next start: the queue is somebody else's now.
        b.connect().channel().queue_declare("logstash.web", durable=True, auto_delete=False)
        wait_until("a consumer", lambda: b.queue("logstash.db") == (0, 1))
        a.kill()
        a.start()
        wait_until("a consumer", lambda: b.queue("logstash.db") == (0, 1))
        assert b.queue("logstash.web") == (0, 0)


def test_kills_in_the_moment_of_a_change_lose_and_double_nothing(place, alco):
    """Another name, another `durable`: killed at any step, alco goes on from there."""
    changes = [{"queue_name": "moved"}, {"durable": True}, {"queue_name": "logstash"},
               {"durable": False}]
    with Flow(place.sender(), limit=1000) as flow:
        for n in range(12):
            change = changes[n % len(changes)]
            flow.allow(4000)  # bounded: what is sent while alco starts stands in a queue

            def call():
                try:
                    alco.call("PATCH", alco.index("logs"), change)
                except OSError:
                    pass  # killed before it answered
            caller = threading.Thread(target=call)
            done = threading.Event()
            killer = threading.Timer(0.04 * n, lambda: (alco.kill(), done.set()))
            caller.start()
            killer.start()  # at another step each time
            done.wait()
            caller.join()
            alco.start()
            alco.call("PATCH", alco.index("logs"), change)
            flow.allow(1000)
            flow.wait_for_more(300)
    place.wait_for_consumers(1)
    place.wait_until_empty()
    expect_each_once(alco, flow.n)
    for name in ("moved", "moved:moving", "logstash:moving"):
        assert place.queue(name) is None
    assert not is_durable_queue(place)
