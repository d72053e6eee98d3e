"""What a server does not need is not in it: libraries are mapped by who uses them. A library that is
missing is played by a file of its name that is none, in front of the real one. And what a burst took
goes back when it is over."""
import json
import os
import random
import re

import pytest

from conftest import wait_for

NOT_NEEDED = ("libcurl", "librabbitmq", "libssl", "libcrypto", "libldap", "libkrb5", "libssh2", "libnghttp2",
              "libmariadb", "libncurses")


def mapped(server):
    """Names of the shared libraries that the process has mapped."""
    with open("/proc/%d/maps" % server.process.pid) as f:
        return set(re.findall(r"/([^/\s]+)\.so[.\d]*$", f.read(), re.M))


@pytest.fixture
def without(tmp_path):
    """without("libcurl.so.4"): an environment in which it cannot be loaded."""
    def make(*names):
        folder = tmp_path / "libraries"
        folder.mkdir(exist_ok=True)
        for name in names:
            (folder / name).write_text("this is no library\n" * 100)
        return {"LD_LIBRARY_PATH": str(folder)}
    return make


def test_a_server_maps_what_it_uses(server, alco):
    assert any(name.startswith("libmicrohttpd") for name in mapped(server))  # the way of looking works
    server.send("logs", [{"message": "one", "host": "a"}, {"message": "two", "host": "b"}])
    assert server.request("POST", "/api/v1/indexes/logs/compact").status == 204
    assert server.api("logs", "count", q="/t.o/")["count"] == 1
    assert server.ok("/api/openapi.json")
    assert server.get("/metrics").status == 200
    listed = alco("tail", "-n", "2", "--server", server.url)
    assert (listed.returncode, listed.stdout) == (0, b"one\ntwo\n"), listed
    assert not [name for name in mapped(server) if name.startswith(NOT_NEEDED)]


def test_a_server_with_brokers_maps_their_library_alone(make_server):
    server = make_server("--amqp", "amqp://guest:guest@127.0.0.1:1/")
    there = mapped(server)
    assert "librabbitmq" in there
    assert "libcurl" not in there


def test_the_management_api_brings_curl(make_server):
    server = make_server("--amqp", "amqp://guest:guest@127.0.0.1:1/", "--management", "http://127.0.0.1:1")
    assert "libcurl" in mapped(server)


def test_a_server_works_where_the_others_are_missing(make_server, without, monkeypatch):
    for name, value in without("libcurl.so.4", "librabbitmq.so.4").items():
        monkeypatch.setenv(name, value)
    server = make_server()
    assert server.send("logs", [{"message": "one"}]) == 1
    assert server.api("logs", "count")["count"] == 1


@pytest.mark.parametrize("command", [["tail"], ["grep", "x"], ["index", "list"], ["user", "list"]])
def test_a_command_says_which_package_it_lacks(server, alco, without, command):
    environment = {**os.environ, **without("libcurl.so.4")}
    done = alco(*command, "--server", server.url, env=environment)
    assert done.returncode != 0
    assert b"package libcurl4" in done.stderr and b"libcurl.so.4" in done.stderr, done
    assert done.stdout == b""
    if command[0] == "grep":
        assert done.returncode == 2  # an error, as grep has it


def test_without_the_library_nobody_talks_to_a_broker(alco, without, tmp_path):
    environment = {**os.environ, **without("librabbitmq.so.4")}
    for command in (["send", "--amqp", "amqp://127.0.0.1:1/", "-"],
                    ["serve", "--amqp", "amqp://127.0.0.1:1/", "--listen", "127.0.0.1:0", "--data",
                     tmp_path / "data"]):
        done = alco(*command, env=environment, input=b"")
        assert done.returncode != 0
        assert b"package librabbitmq4" in done.stderr, done


def memory_mb(server, key):
    """VmRSS: resident now, VmHWM: at most; MB of 10^6 bytes."""
    with open("/proc/%d/status" % server.process.pid) as f:
        return next(int(line.split()[1]) * 1024 / 1e6 for line in f if line.startswith(key + ":"))


def test_memory_of_a_burst_goes_back(server):
    at_rest = memory_mb(server, "VmRSS")
    noise = random.Random(7)
    lines = [json.dumps({"message": "request %d of %s took %d ms" % (i, noise.randbytes(16).hex(),
                                                                    noise.randrange(5000)),
                         "host": "web-%d" % (i % 9), "trace": noise.randbytes(12).hex(), "n": i,
                         "logger": "app.part%d" % (i % 40), "levelname": "INFO"}) for i in range(20000)]
    for _ in range(15):
        server.send("logs", lines)
    assert memory_mb(server, "VmHWM") > 2.2 * at_rest  # it took something
    wait_for(lambda: memory_mb(server, "VmRSS") < 2.2 * at_rest, "the memory given back")
    assert server.api("logs", "count")["count"] == 300000
