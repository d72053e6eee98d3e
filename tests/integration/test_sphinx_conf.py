"""sphinx.conf on a real searchd: tables of today and tomorrow, days that go, changes while rows come in."""
import json
import os
import subprocess
import threading
from datetime import datetime, timedelta, timezone

import pytest

from conftest import ALCO, wait_for
from searchd import Searchd, free_ports

INSERT = "INSERT INTO {} (id, logline, js, src) VALUES (%s, %s, '{{\"host\":\"h1\"}}', '')"


def day(offset=0):
    return (datetime.now(timezone.utc) + timedelta(days=offset)).strftime("%Y%m%d")


def ask(server, method, path, body):
    return server.request(method, "/api/v1/indexes" + path, json.dumps(body))


class Node:
    """An alco with one node of Sphinx and an executable configuration for that."""

    def __init__(self, make_server, tmp_path):
        self.port = free_ports(1)[0]
        self.name = f"127.0.0.1:{self.port}"
        self.dir = tmp_path / "sphinx" / f"127.0.0.1-{self.port}"
        self.config = tmp_path / "alco.yaml"
        self.config.write_text(f"sphinx:\n  shards: [[\"{self.name}\"]]\n  data_dir: {tmp_path}/sphinx\n")
        self.server = make_server("--config", str(self.config))
        self.script = tmp_path / "sphinx.conf"
        self.script.write_text(f"#!/usr/bin/env -S {ALCO} sphinx-conf --server {self.server.url} --node {self.name}\n")

    def make(self, name="web", **settings):
        answer = ask(self.server, "POST", "", {"name": name, "engine": "sphinx", **settings})
        assert answer.status == 201, answer

    def run(self, *flags):
        return subprocess.run([ALCO, "sphinx-conf", "--node", self.name, *flags], capture_output=True, text=True,
                              timeout=60)

    def days(self, name="web"):
        return sorted(os.listdir(self.dir / name))


@pytest.fixture
def node(make_server, tmp_path):
    return Node(make_server, tmp_path)


def test_today_and_tomorrow_take_rows_and_are_found(node):
    node.make(intervals=2)
    with Searchd(node.script, node.port) as s:
        assert node.days() == [day(d) for d in range(-1, 2)]
        for row, d in enumerate((day(-1), day(), day(1)), 1):
            s.ask(INSERT.format(f"web_{d}"), (row, "disk of " + d))
        assert {r[0] for r in s.ask("SELECT id FROM web WHERE MATCH('disk')")} == {1, 2, 3}
        assert {r[0] for r in s.ask(f"SELECT id FROM web_{day()}_distr WHERE MATCH('disk')")} == {2, 3}
        assert s.ask(f"SELECT id FROM web_{day(1)}_distr WHERE js.host = 'h1'") == ((3,),)
        assert s.ask(f"SELECT id FROM web_{day(1)}_distr WHERE js.host = 'H1'") == ()  # collation_server
        assert "WARNING" not in s.output() and "ERROR" not in s.output()
        s.stop(9)
    with Searchd(node.script, node.port) as s:  # the binary log has what was in RAM
        assert {r[0] for r in s.ask("SELECT id FROM web")} == {1, 2, 3}


def test_expired_days_go_when_searchd_has_closed_them(node):
    node.make(intervals=4)
    with Searchd(node.script, node.port) as s:
        s.ask(INSERT.format(f"web_{day()}"), (1, "kept"))
        other = node.dir / "web" / "20000101"
        other.mkdir()
        (other / "note.txt").write_text("not ours")
        (node.dir / "web" / "notes").mkdir()
        assert ask(node.server, "PATCH", "/web", {"intervals": 1}).status == 200
        s.hang_up()
        wait_for(lambda: f"web_{day(-2)}" not in s.tables(), "the expired table goes")
        assert s.ask("SELECT id FROM web") == ((1,),)
        rest = ["20000101", day(), day(1), "notes"]
        wait_for(lambda: node.run("--server", node.server.url).returncode == 0 and node.days() == rest, "directories go")
        assert (other / "note.txt").exists()
        assert s.ask(f"SELECT id FROM web_{day()}") == ((1,),)


def test_the_newest_stays_even_when_it_is_old(node):
    node.make()
    for d in ("20200101", "20200102"):
        (node.dir / "old" / d).mkdir(parents=True)
        (node.dir / "web" / d).mkdir(parents=True)
    (node.dir / "web" / "29990101").mkdir()  # a clock that was ahead: the newest there is
    done = node.run("--server", node.server.url)
    assert done.returncode == 0 and done.stderr == ""
    assert "20200102" not in node.days() and node.days()[-1] == "29990101"
    assert node.days("old") == ["20200101", "20200102"]  # of no index that is known: not touched


def test_a_change_while_rows_come_in_loses_none(node):
    node.make(intervals=3)
    assert node.run("--server", node.server.url, "--rotate").returncode == 0
    ids, stop = [], threading.Event()
    with Searchd(node.dir / "sphinx.conf", node.port) as s:
        def write():
            connection = s.connect()
            with connection.cursor() as cursor:
                while not stop.is_set():
                    cursor.execute(INSERT.format(f"web_{day()}"), (len(ids) + 1, "row"))
                    ids.append(len(ids) + 1)
            connection.close()
        writer = threading.Thread(target=write)
        writer.start()
        wait_for(lambda: len(ids) > 50, "rows")
        for n, intervals in enumerate((1, 5, 2)):
            node.make(f"more{n}")
            assert ask(node.server, "PATCH", "/web", {"intervals": intervals}).status == 200
            done = node.run("--server", node.server.url, "--rotate")
            assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
            wait_for(lambda: f"more{n}" in s.tables(), "the new index")
            before = len(ids)
            wait_for(lambda: len(ids) > before + 50, "rows go on")
        stop.set()
        writer.join()
        assert s.ask("SELECT COUNT(*) FROM web") == ((len(ids),),)
        s.stop(9)
    with Searchd(node.dir / "sphinx.conf", node.port) as s:
        assert s.ask("SELECT COUNT(*) FROM web") == ((len(ids),),)


def test_rotate_tells_only_what_has_changed(node):
    node.make()
    first = node.run("--server", node.server.url, "--rotate")
    assert first.returncode == 0 and "no searchd runs" in first.stderr
    assert (node.dir / "sphinx.conf").read_text() == node.server.get("/collector/sphinx.conf", node=node.name).text
    again = node.run("--server", node.server.url, "--rotate")
    assert (again.returncode, again.stderr) == (0, "")
    (node.dir / "searchd.pid").write_text(f"{os.getpid()}\n")  # a number that another program has now
    node.make("more")
    assert "no searchd runs" in node.run("--server", node.server.url, "--rotate").stderr


def test_new_tables_have_the_new_fields_and_old_ones_stay(node):
    node.make(intervals=1)
    node.server.send("web", [{"message": "x", "host": "h", "threadName": "t"}])
    with Searchd(node.script, node.port) as s:
        fields = {r[0] for r in s.ask(f"DESCRIBE web_{day()}") if r[1] == "field"}
        assert fields == {"logline", "js"}
        s.ask(INSERT.format(f"web_{day()}"), (1, "x"))
        for name in ("host", "threadName"):
            assert ask(node.server, "PATCH", f"/web/fields/{name}", {"indexed": True}).status == 200
        assert ask(node.server, "PATCH", "/web", {"intervals": 2}).status == 200
        s.hang_up()
        wait_for(lambda: f"web_{day(-1)}" in s.tables(), "a table is made")
        assert {r[0] for r in s.ask(f"DESCRIBE web_{day()}") if r[1] == "field"} == {"logline", "js"}
        assert {r[0] for r in s.ask(f"DESCRIBE web_{day(-1)}") if r[1] == "field"} == {"logline", "js", "host"}
        assert s.ask("SELECT id FROM web") == ((1,),)


def test_without_a_server_and_mistakes(node):
    node.make()
    owned = node.run("--config", str(node.config), "--data", node.server.data)
    assert owned.returncode == 1 and "--server" in owned.stderr and owned.stdout == ""
    wanted = node.server.get("/collector/sphinx.conf", node=node.name).text
    node.server.stop()
    done = node.run("--config", str(node.config), "--data", node.server.data)
    assert (done.returncode, done.stdout) == (0, wanted)
    gone = node.run("--server", node.server.url)
    assert gone.returncode == 1 and gone.stdout == ""
    empty = node.run("--config", str(node.config), "--data", str(node.dir))
    assert empty.returncode == 1 and "no alco data" in empty.stderr
    bad = subprocess.run([ALCO, "sphinx-conf", "--node", "x"], capture_output=True, text=True)
    assert bad.returncode == 2 and "HOST:PORT" in bad.stderr


def test_an_index_of_engine_sphinx_needs_nodes_and_a_name(node, make_server):
    refused = ask(make_server(), "POST", "", {"name": "web", "engine": "sphinx"})
    assert refused.status == 400 and "sphinx.shards" in refused.json["detail"]
    for name in ("Web", "1web", "web_20240101", "web_20240101_distr"):
        refused = ask(node.server, "POST", "", {"name": name, "engine": "sphinx"})
        assert refused.status == 400 and "name" in refused.json["detail"]
    node.make()
    for name, engine in (("web", "embedded"), ("logs", "sphinx")):
        refused = ask(node.server, "PATCH", f"/{name}", {"engine": engine})
        assert refused.status == 400 and "cannot be changed" in refused.json["detail"]
    assert ask(node.server, "PATCH", "/web", {"engine": "sphinx", "intervals": 2}).status == 200
