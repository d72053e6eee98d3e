"""The configuration of a running server: file, environment, flags, and what each of them changes."""
import signal
import subprocess

import pytest

from conftest import ALCO, Server, wait_for


@pytest.fixture
def write(tmp_path):
    """Writes a configuration and gives its path."""
    def to_file(text, name="alco.yaml"):
        path = tmp_path / name
        path.write_text(text)
        return str(path)
    return to_file


@pytest.fixture
def serve(tmp_path):
    """Starts servers with the flags given; they end with the test."""
    started = []

    def start(*flags):
        started.append(Server(tmp_path / f"data{len(started)}", *flags).start())
        return started[-1]
    yield start
    for server in started:
        server.stop()


def check(*flags, **environment):
    return subprocess.run([ALCO, "serve", "--check-config", *flags], env=environment, text=True,
                          capture_output=True, check=False)


CONTRACT = """
listen: 127.0.0.1:8000
data: /var/lib/alco
page_size: 100
hosts: [logs.example.com]
memory: 512MiB
amqp:
  - {url: "amqp://guest:guest@127.0.0.1:5672/", management: "http://127.0.0.1:15672"}
redis: redis://127.0.0.1:6379/0
sphinx:
  shards: [["127.0.0.1:9306"], ["127.0.0.1:9316", "127.0.0.1:9326"]]
  data_dir: /data/sphinx
  index: {min_word_len: 1}
  searchd: {dist_threads: 4}
"""


def test_the_example_of_the_documents_is_right(write):
    done = check("--config", write(CONTRACT))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_printed_file_is_right_as_it_is(write):
    printed = subprocess.run([ALCO, "serve", "--print-config"], text=True, capture_output=True, check=True)
    assert "#listen: 127.0.0.1:8000\n" in printed.stdout
    done = check("--config", write(printed.stdout))
    assert (done.returncode, done.stderr) == (0, "")


def test_every_mistake_is_named_with_its_place(write):
    path = write("listen: nonsense\n"
                 "amqp:\n"
                 "  - amqp://h/\n"
                 "  - {url: \"amqp://user:secret@h:99999/\"}\n"
                 "follow: [\"no glob\"]\n"
                 "pagesize: 5\n")
    done = check("--config", path)
    assert done.returncode == 2 and done.stdout == ""
    assert f"{path}:6:1: pagesize: there is no such setting in the configuration; is page_size meant?" \
        in done.stderr
    write(open(path).read().replace("pagesize: 5\n", ""))
    done = check("--config", path)
    assert done.returncode == 2
    assert f"{path}:1:9: listen: " in done.stderr
    assert f"{path}:4:11: amqp[].url: " in done.stderr and "99999" in done.stderr
    assert f"{path}:5:10: follow[]: " in done.stderr
    assert "secret" not in done.stderr


def test_hosts_are_names_without_scheme_and_port(write):
    """Others would never be equal to a request's Host: the page could not be reached under them."""
    path = write('hosts: [logs.example.com, "http://logs.example.com", "logs:8000", "*.example.com"]\n')
    done = check("--config", path)
    assert done.returncode == 2
    said = done.stderr.splitlines()
    assert [line.split(" hosts[]: ")[0] for line in said] == [f"alco: {path}:1:{column}:" for column in (27, 54, 67)]
    assert all("expected a name, as logs.example.com, without scheme and port" in line for line in said)


def test_shards_are_addresses(write):
    path = write('sphinx:\n  shards:\n    - ["a:1", "b"]\n    - ["c:0", "[::1]:9306"]\n')
    done = check("--config", path)
    assert done.returncode == 2
    for place, node in (("3:15", "b"), ("4:8", "c:0")):
        assert f"{path}:{place}: sphinx.shards[][]: expected HOST:PORT, not '{node}'\n" in done.stderr
    assert done.stderr.count("expected HOST:PORT") == 2


@pytest.mark.parametrize("flags", [("--config", "/no/such/file"), ("--config", "/"), ("--config", "/dev/zero")])
def test_a_file_that_is_none_is_named(flags):
    done = check(*flags)
    assert done.returncode == 2 and flags[1] in done.stderr and done.stderr.count("\n") == 1


def test_the_file_may_be_named_by_the_environment(write):
    path = write("page_size: 0\n")
    done = check(ALCO_CONFIG=path)
    assert done.returncode == 2 and f"{path}:1:12: page_size: '0'" in done.stderr
    assert check("--config", write("page_size: 7\n", "other.yaml"), ALCO_CONFIG=path).returncode == 0
    done = check(ALCO_PAGE_SIZE="many")
    assert done.returncode == 2 and "ALCO_PAGE_SIZE: 'many'" in done.stderr


def test_a_flag_is_stronger_than_the_environment_and_that_than_the_file(write, serve, monkeypatch):
    path = write("page_size: 2\nhosts: [logs.example.com]\n")

    def page(server):
        server.send("logs", [{"message": str(i)} for i in range(6)])
        return len(server.api("logs", "search")["hits"])

    assert page(serve("--config", path)) == 2
    monkeypatch.setenv("ALCO_PAGE_SIZE", "3")
    assert page(serve("--config", path)) == 3
    assert page(serve("--config", path, "--page-size", "4")) == 4


def test_hosts_are_names_of_the_page(write, serve):
    server = serve("--config", write("hosts: [Logs.example.com, b.example]\n"))

    def status(host, **headers):
        return server.request("GET", "/api/v1/indexes", headers={"Host": host, **headers}).status

    assert status("logs.example.com") == status("B.example:443") == 200
    assert status("other.example.com") == 421
    assert status("logs.example.com", Origin="https://logs.example.com") == 200
    assert status("logs.example.com", Origin="https://evil.example") == 403


def test_what_this_build_has_not_is_said(write, serve):
    server = serve("--config", write("redis: redis://127.0.0.1:6379/0\nsphinx: {shards: [[\"127.0.0.1:9306\"]]}\n"))
    told = "".join(server.lines)
    assert "redis: this build" in told and "sphinx: this build" in told


def hang_up(server, line):
    """SIGHUP; until the server says so."""
    before = len(server.lines)
    server.process.send_signal(signal.SIGHUP)
    wait_for(lambda: any(line in told for told in server.lines[before:]), line)
    return "".join(server.lines[before:])


def test_sighup_reads_the_file_again(write, serve):
    path = write("page_size: 2\nhosts: [old.example]\n")
    server = serve("--config", path)
    server.send("logs", [{"message": str(i)} for i in range(6)])

    def status(host):
        return server.request("GET", "/api/v1/indexes", headers={"Host": host}).status

    assert status("old.example") == 200 and status("new.example") == 421
    write("page_size: 3\nhosts: [new.example]\nmemory: 64MiB\namqp: [\"amqp://broker.example/\"]\n")
    told = hang_up(server, "settings: read again")
    for key in ("memory", "amqp[].url"):
        assert key + ": the change takes effect at the next start" in told
    assert status("old.example") == 421 and status("new.example") == 200
    assert len(server.api("logs", "search")["hits"]) == 3
    assert "memory" not in hang_up(server, "settings: read again")  # said once


def test_sighup_changes_what_stays_free_of_the_disk(write, serve):
    path = write("min_free: 0\n")
    server = serve("--config", path)
    assert server.send("logs", [{"message": "before"}]) == 1
    write("min_free: 1000TiB\n")  # no disk has that
    hang_up(server, "settings: read again")
    wait_for(lambda: server.metric("alco_disk_low") == 1, "no room")
    assert server.request("POST", "/api/v1/indexes/logs/logs", b'{"message":"meanwhile"}').status == 503
    write("min_free: 0\n")
    hang_up(server, "settings: read again")
    wait_for(lambda: server.metric("alco_disk_low") == 0, "room again")
    assert server.send("logs", [{"message": "after"}]) == 1


def test_sighup_with_a_mistake_changes_nothing(write, serve):
    path = write("page_size: 2\n")
    server = serve("--config", path)
    server.send("logs", [{"message": str(i)} for i in range(6)])
    write("page_size: 3\nwhen_low: maybe\n")
    told = hang_up(server, "settings: nothing is changed")
    assert f"{path}:2:11: when_low: 'maybe': expected stop|drop" in told
    assert len(server.api("logs", "search")["hits"]) == 2
    write("page_size: 4\n")
    hang_up(server, "settings: read again")
    assert len(server.api("logs", "search")["hits"]) == 4


def test_a_flag_stays_stronger_after_sighup(write, serve):
    server = serve("--config", write("page_size: 2\n"), "--page-size", "5")
    server.send("logs", [{"message": str(i)} for i in range(6)])
    write("page_size: 3\n")
    hang_up(server, "settings: read again")
    assert len(server.api("logs", "search")["hits"]) == 5
