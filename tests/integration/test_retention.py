"""What a server gives up as days go by and disks fill. The days go by through clock_shift.c."""
import json

from conftest import Server, wait_for

MORE_THAN_ANY_DISK = "100000TiB"


def send(server, *messages):
    body = "".join(json.dumps({"message": m, "said": m}) + "\n" for m in messages)
    answer = server.request("POST", "/api/v1/indexes/logs/logs", body)
    assert answer.json["accepted"] == len(messages), answer


def messages_of(server):
    hits = server.api("logs", "search", order="asc", limit=100)["hits"]
    return [hit["message"] for hit in hits]


def server_of_three_days(tmp_path, shifted_clock, monkeypatch):
    """A data directory with a record of ten days ago, of five, and of today; nothing runs."""
    server = Server(tmp_path / "data")
    for days, message in ((-10, "ten days ago"), (-5, "five days ago"), (0, "today")):
        with monkeypatch.context() as environment:
            for name, value in shifted_clock(days).items():
                environment.setenv(name, value)
            server.start("--min-free", "0")
        send(server, message)
        assert server.request("POST", "/api/v1/indexes/logs/compact").status == 204
        server.stop()
    return server


def test_a_low_disk_drops_the_oldest_but_never_todays(tmp_path, shifted_clock, monkeypatch):
    server = server_of_three_days(tmp_path, shifted_clock, monkeypatch)
    server.start("--when-low", "drop", "--min-free", MORE_THAN_ANY_DISK)
    try:
        wait_for(lambda: messages_of(server) == ["today"], "older days dropped")
        answer = server.request("POST", "/api/v1/indexes/logs/logs", '{"message":"no room"}\n')
        assert answer.status == 503, answer  # nothing left that may be dropped
    finally:
        server.stop()


def test_a_low_disk_stops_input_and_keeps_everything(tmp_path, shifted_clock, monkeypatch):
    server = server_of_three_days(tmp_path, shifted_clock, monkeypatch)
    server.start("--min-free", MORE_THAN_ANY_DISK)
    try:
        answer = server.request("POST", "/api/v1/indexes/logs/logs", '{"message":"no room"}\n')
        assert answer.status == 503 and answer.headers["retry-after"], answer
        assert messages_of(server) == ["ten days ago", "five days ago", "today"]
    finally:
        server.stop()


def test_days_that_have_gone_by_expire(tmp_path, shifted_clock, monkeypatch):
    server = server_of_three_days(tmp_path, shifted_clock, monkeypatch)
    server.start("--min-free", "0")
    try:
        assert messages_of(server) == ["ten days ago", "five days ago", "today"]
        answer = server.request("PATCH", "/api/v1/indexes/logs", '{"intervals": 7}')
        assert answer.status == 200, answer
        wait_for(lambda: messages_of(server) == ["five days ago", "today"], "ten days expired")
        values = server.api("logs", "values", field="said")["values"]  # nobody has to clean up
        assert {v["value"] for v in values} == {"five days ago", "today"}
    finally:
        server.stop()
    for name, value in shifted_clock(3).items():
        monkeypatch.setenv(name, value)
    server.start("--min-free", "0")
    try:
        wait_for(lambda: messages_of(server) == ["today"], "eight days expired")
    finally:
        server.stop()
