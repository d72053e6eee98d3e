"""Goal: followers see every record once, in order of commit, over restarts; slow and absent ones
cost nothing. Method: real event streams."""
import json
import pathlib
import threading

from conftest import Tail, tailing, wait_for


def test_a_follower_sees_what_comes(server):
    with tailing(server, "logs") as tail:
        assert tail.next()["event"] == "ready"
        for i in range(20):
            server.send("logs", [{"message": f"m{i}", "k": i}])
        assert tail.messages(20)[0] == [f"m{i}" for i in range(20)]


def test_what_was_before_is_not_sent(server):
    server.send("logs", [{"message": "old"}])
    with tailing(server, "logs") as tail:
        server.send("logs", [{"message": "new"}])
        assert tail.messages(1)[0] == ["new"]


def test_a_filtered_tail(server):
    with tailing(server, "logs", q="wanted") as tail:
        for i in range(50):
            server.send("logs", [{"message": f"wanted {i}" if i % 10 == 0 else "noise"}])
        got, _ = tail.messages(5)
        assert got == [f"wanted {i}" for i in range(0, 50, 10)]


def test_events_are_hits(server):
    server.create("web")
    with tailing(server, "logs,web", q="hello", fields="a") as tail:
        server.send("web", [{"message": "say hello", "a": 1, "b": 2}])
        while (event := tail.next())["event"] != "message":
            pass
        hit = json.loads(event["data"])
        assert hit["index"] == "web" and hit["fields"] == {"a": 1}
        assert hit["highlights"] == [[4, 5]]


def test_late_records_are_news(server):
    server.send("logs", [{"message": "now"}])
    with tailing(server, "logs") as tail:
        server.send("logs", [{"@timestamp": "2020-01-01T00:00:00Z", "message": "late"}])
        assert tail.messages(1)[0] == ["late"]


def test_resuming_has_no_gap_and_no_double(server):
    """Break anywhere, also over restart and compaction: together every record once."""
    got, last = [], None
    with tailing(server, "logs") as tail:
        for i in range(10):
            server.send("logs", [{"message": f"a{i}"}])
        part, last = tail.messages(7)
        got += part
    server.send("logs", [{"message": f"b{i}"} for i in range(5)])
    assert server.request("POST", "/api/v1/indexes/logs/compact").status == 204
    with tailing(server, "logs", last_id=last) as tail:
        part, last = tail.messages(5)
        got += part
    server.stop()
    server.start()
    server.send("logs", [{"message": "c0", "@timestamp": "2021-01-01T00:00:00Z"}])
    with tailing(server, "logs", last_id=last) as tail:
        part, _ = tail.messages(4)
        got += part
    assert got == [f"a{i}" for i in range(10)] + [f"b{i}" for i in range(5)] + ["c0"]


def test_a_position_that_is_not_ours_is_reset(server):
    server.send("logs", [{"message": "x"}])
    with tailing(server, "logs", last_id="99999999999.0") as tail:
        assert tail.next()["event"] == "ready"
        assert tail.next()["event"] == "reset"
        server.send("logs", [{"message": "after"}])
        assert tail.messages(1)[0] == ["after"]


def test_a_bad_last_event_id_is_named(server):
    answer = server.request("GET", "/api/v1/indexes/logs/tail", headers={"Last-Event-ID": "abc"})
    assert answer.status == 400 and "abc" in answer.json["detail"]


def test_many_followers_are_cheap_and_all_served(server):
    tails = [Tail(server, "logs") for _ in range(300)]
    wait_for(lambda: server.metric("alco_tail_clients") == 300, "all follow")
    server.send("logs", [{"message": "to all"}])
    for tail in tails:
        assert tail.messages(1)[0] == ["to all"]
        tail.close()
    wait_for(lambda: server.metric("alco_tail_clients") == 0, "all are gone")


def test_a_follower_that_does_not_read_is_bounded_and_catches_up(server):
    with tailing(server, "logs") as tail:
        tail.next()
        before = server.metric("process_resident_memory_bytes")
        big = "x" * 20000
        for i in range(100):
            server.send("logs", [{"message": f"{i * 20 + j} {big}"} for j in range(20)])
        assert server.metric("process_resident_memory_bytes") - before < 300 << 20
        got, _ = tail.messages(2000)
        assert [int(m.split()[0]) for m in got] == list(range(2000))


def test_followers_end_with_their_index_and_with_the_server(server):
    server.create("gone")
    with tailing(server, "gone") as tail, tailing(server, "logs") as other:
        assert tail.next()["event"] == other.next()["event"] == "ready"
        assert server.request("DELETE", "/api/v1/indexes/gone").status == 204
        server.send("logs", [{"message": "a commit makes the server look"}])
        assert tail.next() is None
        assert other.messages(1)[0]
        stopper = threading.Thread(target=server.stop)
        stopper.start()
        try:
            assert other.next() is None
        except OSError:
            pass
        stopper.join()


def test_a_dropped_index_ends_its_followers_without_a_word(server):
    """While commits of others make the server look all the time: not one of them is told to begin anew."""
    is_over = threading.Event()

    def keep_committing():
        while not is_over.is_set():
            server.send("logs", [{"message": "look"}])

    others = threading.Thread(target=keep_committing)
    others.start()
    try:
        for i in range(20):
            server.create(f"gone{i}")
            with tailing(server, f"gone{i}") as tail:
                assert tail.next()["event"] == "ready"
                assert server.request("DELETE", f"/api/v1/indexes/gone{i}").status == 204
                assert tail.next() is None
    finally:
        is_over.set()
        others.join()


def test_damage_behind_the_place_is_named(server):
    """What cannot be read is passed; an event says so, once, and what comes later arrives."""
    with tailing(server, "logs") as tail:
        server.send("logs", [{"message": "first"}])
        _, place = tail.messages(1)
    server.send("logs", [{"message": "lost %d" % i} for i in range(100)])
    assert server.request("POST", "/api/v1/indexes/logs/compact").status == 204
    server.stop()
    for path in pathlib.Path(server.data).glob("store/*/*.seg"):
        with open(path, "r+b") as f:
            f.seek(200)
            f.write(b"damage" * 10)
    server.start()
    with tailing(server, "logs", last_id=place) as tail:
        while (event := tail.next())["event"] != "partial":
            assert event["event"] == "ready"
        missing = json.loads(event["data"])
        assert missing["partial"] is True
        assert ".seg" in missing["partial_why"][0]["part"] and missing["partial_why"][0]["why"]
        server.send("logs", [{"message": "after"}])
        assert tail.messages(1)[0] == ["after"]
