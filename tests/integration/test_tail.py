"""Goal: `alco tail` shows the newest records and, with -f, each that comes, once, over breaks of the
connection. Method: real processes; the server is killed and started again under a following tail."""
import json
import subprocess
import threading

import pytest

from conftest import ALCO, wait_for
from test_cli import on_terminal


def test_the_newest_oldest_first(server, alco):
    server.create("web")
    server.send("logs", [{"@timestamp": 1_700_000_000 + 2 * i, "message": f"l{i}"} for i in range(20)])
    server.send("web", [{"@timestamp": 1_700_000_001 + 2 * i, "message": f"w{i}"} for i in range(20)])
    run = lambda *args: alco("tail", "--server", server.url, *args).stdout.decode().split()
    assert run("logs") == [f"l{i}" for i in range(10, 20)]
    assert run("-n", "3") == ["web:w18", "logs:l19", "web:w19"]
    assert run("-n3", "web", "logs") == ["web:w18", "logs:l19", "web:w19"]
    assert run("-n", "2", "-q", "l1", "logs") == ["l18", "l19"]
    assert run("-n", "0", "logs") == []
    hit = json.loads(alco("tail", "--server", server.url, "-n1", "--json", "web").stdout)
    assert hit["message"] == "w19" and hit["id"]


def test_what_is_wrong_is_said(server, alco):
    run = lambda *args: alco("tail", "--server", server.url, *args)
    for args, status, word in ((["-n", "x"], 2, b"number"), (["-n", "10001"], 2, b"10000"), (["nosuch"], 1, b"nosuch"),
                               (["-f", "nosuch"], 1, b"nosuch"), (["-q", "NOT"], 1, b"column"), (["-z"], 2, b"flag"),
                               (["-f", "--data", "/tmp"], 2, b"-f needs a server")):
        done = run(*args)
        assert done.returncode == status and word in done.stderr, done
    assert alco("tail", "--server", "http://127.0.0.1:1").returncode == 1


class Follower:
    def __init__(self, *args):
        self.process = subprocess.Popen([ALCO, "tail", "-f", *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True)
        self.out, self.err = [], []
        self.threads = [threading.Thread(target=self._read, args=pair) for pair in
                        ((self.process.stdout, self.out), (self.process.stderr, self.err))]
        for thread in self.threads:
            thread.start()

    @staticmethod
    def _read(stream, lines):
        for line in stream:
            lines.append(line.rstrip("\n"))
        stream.close()

    def close(self):
        self.process.kill()
        self.process.wait()
        for thread in self.threads:
            thread.join()


@pytest.fixture
def follow():
    followers = []

    def start(*args):
        followers.append(Follower(*args))
        return followers[-1]

    yield start
    for follower in followers:
        follower.close()


def test_following(server, follow):
    server.send("logs", [{"message": f"old {i}"} for i in range(5)])
    tail = follow("--server", server.url, "-n", "2", "-q", "old OR new", "logs")
    wait_for(lambda: tail.out == ["old 3", "old 4"], "the newest")
    for i in range(30):
        server.send("logs", [{"@timestamp": 1_700_000_000 - i, "message": f"new {i}"}, {"message": "other"}])
    expected = ["old 3", "old 4"] + [f"new {i}" for i in range(30)]
    wait_for(lambda: len(tail.out) >= len(expected), "all that came")
    assert tail.out == expected and tail.err == []


def test_no_gap_and_no_double_while_others_write(server, follow):
    """The tail begins while records come: whatever is the first it shows, from there on it has all."""
    stop = threading.Event()
    n = [0]

    def write():
        while not stop.is_set():
            server.send("logs", [{"message": f"m{n[0]}"}])
            n[0] += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        tails = []
        for _ in range(8):
            tails.append(follow("--server", server.url, "-n", "5", "logs"))
            wait_for(lambda: len(tails[-1].out) > 8, "some records")
    finally:
        stop.set()
        writer.join()
    for tail in tails:
        wait_for(lambda: tail.out and tail.out[-1] == f"m{n[0] - 1}", "the last record")
        first = int(tail.out[0][1:])
        assert tail.out == [f"m{i}" for i in range(first, n[0])]


def test_following_over_a_restart(make_server, follow):
    server = make_server()
    port = server.port
    server.send("logs", [{"message": "one"}])
    tail = follow("--server", server.url, "logs")
    wait_for(lambda: tail.out == ["one"], "the newest")
    server.send("logs", [{"message": "two"}])
    wait_for(lambda: tail.out == ["one", "two"], "what came")
    server.kill()
    wait_for(lambda: any("trying again" in line for line in tail.err), "the break")
    server.start("--listen", f"127.0.0.1:{port}")
    server.send("logs", [{"message": "three"}])
    wait_for(lambda: tail.out == ["one", "two", "three"], "what came behind the break")
    assert len([line for line in tail.err if "trying again" in line]) == 1


def test_a_terminal_obeys_no_log(server):
    server.send("logs", [{"message": "evil \x1b]0;t\x07\x9b"}])
    for args in ([], ["--json"]):
        seen, status = on_terminal("tail", "--server", server.url, *args)
        assert status == 0 and b"\x1b" not in seen and "\x9b" not in seen.decode()


def test_on_a_directory(server, alco):
    server.send("logs", [{"message": "kept"}])
    server.stop()
    assert alco("tail", "--data", server.data).stdout == b"kept\n"


@pytest.mark.parametrize("command", ["less"])
def test_what_this_build_has_not_is_said_so(alco, command):
    done = alco(command, "anything")
    assert done.returncode == 2 and b"does not have it yet" in done.stderr
    assert command.encode() not in alco("--help").stdout.split()
