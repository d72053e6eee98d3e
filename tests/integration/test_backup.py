"""`alco backup` while a server writes as fast as senders can, and `alco restore`: each backup is brought
back to a new place and read: what was acknowledged before the backup began is there once, what was never
sent is not, ids are those of the server."""
import base64
import collections
import contextlib
import fcntl
import http.client
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import tempfile
import threading

import pytest

from conftest import ALCO, wait_for

SENDERS = 3
ROWS = 100  # of one request


class Sender(threading.Thread):
    """Sends records "NUMBER n", n from 0 on without a gap, until it is stopped, while the gate is open.
    `acked`: the first n that is not acknowledged; `sent`: the first that was never sent."""

    def __init__(self, server, gate, number, index="logs", pad=600):
        super().__init__()
        self.gate = gate
        self.host, self.port = server.host, server.port
        self.number, self.index, self.pad = number, index, pad
        self.acked = self.sent = 0
        self.ends = threading.Event()
        self.failure = None

    def run(self):
        try:
            connection = http.client.HTTPConnection(self.host, self.port, timeout=60)
            noise = random.Random(self.number)
            while not self.ends.is_set():
                self.gate.wait()
                body = b"".join(
                    b'{"message":"%d %d","pad":"%s","logger":"l%d"}\n' % (
                        self.number, n, base64.b64encode(noise.randbytes(self.pad)), n % 5)
                    for n in range(self.sent, self.sent + ROWS))
                self.sent += ROWS
                connection.request("POST", "/api/v1/indexes/%s/logs" % self.index, body)
                answer = connection.getresponse()
                text = answer.read()
                assert answer.status == 200, text
                self.acked = self.sent
            connection.close()
        except Exception as e:  # told by the test
            self.failure = e


class Looping(threading.Thread):
    """Calls `what` again and again until it is stopped, while the gate is open."""

    def __init__(self, gate, what):
        super().__init__()
        self.gate, self.what, self.ends, self.failure, self.n = gate, what, threading.Event(), None, 0

    def run(self):
        try:
            while not self.ends.is_set():
                self.gate.wait()
                self.what()
                self.n += 1
        except Exception as e:
            self.failure = e


@contextlib.contextmanager
def running(gate, threads):
    gate.set()
    for t in threads:
        t.start()
    try:
        yield
    finally:
        for t in threads:
            t.ends.set()
        gate.set()
        for t in threads:
            t.join()
    assert not [t.failure for t in threads if t.failure]


def make_backup(alco, data, dest):
    done = alco("backup", data, dest)
    assert done.returncode == 0, (done.stdout, done.stderr)
    return done.stdout.decode()


def restore(alco, source, to):
    done = alco("restore", source, to)
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert b" 0 damaged" in done.stdout
    return done.stdout.decode()


def numbers_of(alco, data, index="logs"):
    """{number of the sender: its n's, as often as they are there} of a directory that no server owns."""
    found = alco("grep", "--data", data, "-h", "", index)
    assert found.returncode in (0, 1), found.stderr
    numbers = collections.defaultdict(list)
    for line in found.stdout.splitlines():
        number, n = line.split()
        numbers[int(number)].append(int(n))
    return numbers


def flow_on(gate, senders):
    """Lets them send; what each had acknowledged once all of them were at it again."""
    before = {s: s.acked for s in senders}
    gate.set()
    wait_for(lambda: all(s.acked > before[s] for s in senders), "records of each sender")
    return {s: s.acked for s in senders}


def check(alco, data, senders, acked, sent, index="logs"):
    numbers = numbers_of(alco, data, index)
    for s in senders:
        if s.index != index:
            continue
        there = sorted(numbers.pop(s.number, []))
        assert there == list(range(len(there))), "sender %d: a gap or a double" % s.number
        assert acked[s] <= len(there) <= sent[s], (acked[s], len(there), sent[s])
    assert not numbers


def test_each_backup_of_a_busy_server_is_whole(server, alco, tmp_path):
    """Merges all the time, an index that is made and dropped, a second one that the senders fill, one that
    may keep little."""
    server.create("other")
    server.create("short", max_bytes=200000)
    gate = threading.Event()
    senders = [Sender(server, gate, i) for i in range(SENDERS)] + [Sender(server, gate, 9, "other", pad=20)]
    short = Sender(server, gate, 10, "short")

    def compact():
        for index in ("logs", "other", "short"):
            assert server.request("POST", "/api/v1/indexes/%s/compact" % index).status == 204

    def come_and_go():
        server.create("passing")
        server.send("passing", [{"message": "now"}])
        assert server.request("DELETE", "/api/v1/indexes/passing").status == 204

    others = [Looping(gate, compact), Looping(gate, come_and_go)]
    rounds = int(os.environ.get("ALCO_BACKUPS", "25"))
    with running(gate, senders + [short] + others):
        for i in range(rounds):
            if i == rounds // 2:  # from here on the directory changes less: both ways are of interest
                others[1].ends.set()
            acked = flow_on(gate, senders)
            make_backup(alco, server.data, tmp_path / "backup")
            gate.clear()  # the rest in peace, or there would be ever more to read
            sent = {s: s.sent for s in senders}
            restore(alco, tmp_path / "backup", tmp_path / "back")
            check(alco, tmp_path / "back", senders, acked, sent)
            check(alco, tmp_path / "back", senders, acked, sent, "other")
            there = sorted(numbers_of(alco, tmp_path / "back", "short").get(10, []))
            assert there == sorted(set(there)) and (not there or there[-1] < short.sent)
            shutil.rmtree(tmp_path / "backup")
            shutil.rmtree(tmp_path / "back")
    assert all(t.n for t in others)


def test_a_backup_on_another_file_system_of_a_busy_server_is_whole(server, alco, tmp_path):
    gate = threading.Event()
    senders = [Sender(server, gate, i) for i in range(SENDERS)]
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="alco-backup-") as other:
        assert os.stat(other).st_dev != os.stat(server.data).st_dev
        compacting = Looping(gate, lambda: server.request("POST", "/api/v1/indexes/logs/compact"))
        with running(gate, senders + [compacting]):
            for _ in range(4):
                acked = flow_on(gate, senders)
                said = make_backup(alco, server.data, other + "/backup")
                gate.clear()
                sent = {s: s.sent for s in senders}
                assert " 0 files linked" in said
                restore(alco, other + "/backup", tmp_path / "back")
                check(alco, tmp_path / "back", senders, acked, sent)
                shutil.rmtree(other + "/backup")
                shutil.rmtree(tmp_path / "back")


def filled(server, n=3, rows=400, pad=3000):
    """A server with `n` segments that do not compress; its messages."""
    noise = random.Random(5)
    messages = []
    for i in range(n):
        some = ["m%d %s" % (i * rows + k, base64.b64encode(noise.randbytes(pad)).decode()) for k in range(rows)]
        server.send("logs", [{"message": m, "n": k} for k, m in enumerate(some)])
        assert server.request("POST", "/api/v1/indexes/logs/compact").status == 204
        messages += some
    server.send("logs", [{"message": "in the log"}])
    return messages + ["in the log"]


def hits_of(server):
    answer = server.get("/api/v1/indexes/logs/search", order="asc", limit=0, format="ndjson")
    assert answer.status == 200, answer
    return answer.body


def files_in(path, suffix=""):
    return {p.relative_to(path).as_posix(): p for p in pathlib.Path(path).rglob("*" + suffix) if p.is_file()}


def test_a_restored_directory_serves_the_same_rows_and_goes_on(make_server, alco, tmp_path):
    server = make_server()
    filled(server)
    answer = server.request("PATCH", "/api/v1/indexes/logs/fields/n", '{"filtered":true,"display":false}')
    assert answer.status == 200, answer
    before, fields = hits_of(server), server.ok("/api/v1/indexes/logs/fields")
    make_backup(alco, server.data, tmp_path / "backup")
    server.send("logs", [{"message": "behind the backup"}])
    first = alco("verify", tmp_path / "backup")
    assert first.returncode == 0, first.stdout
    restore(alco, tmp_path / "backup", tmp_path / "back")
    back = make_server(data=tmp_path / "back")
    assert hits_of(back) == before  # ids and times, too
    assert back.ok("/api/v1/indexes/logs/fields") == fields
    back.send("logs", [{"message": "new"}])
    assert back.request("POST", "/api/v1/indexes/logs/compact").status == 204
    assert hits_of(back).startswith(before) and hits_of(back).count(b"\n") == before.count(b"\n") + 1
    back.kill()
    back.start()
    assert hits_of(back).count(b"\n") == before.count(b"\n") + 1
    back.stop()
    for path in (tmp_path / "back", tmp_path / "backup"):  # what happened to the one is not in the other
        done = alco("verify", path)
        assert done.returncode == 0, done.stdout
    assert first.stdout == alco("verify", tmp_path / "backup").stdout
    restore(alco, tmp_path / "backup", tmp_path / "again")
    again = make_server(data=tmp_path / "again")
    assert hits_of(again) == before


def test_backups_share_what_is_in_segments(server, alco, tmp_path):
    filled(server)
    make_backup(alco, server.data, tmp_path / "one")
    server.send("logs", [{"message": "between"}])
    make_backup(alco, server.data, tmp_path / "two")
    segments = [files_in(p, ".seg") for p in (tmp_path / "one", tmp_path / "two")]
    assert segments[0] and segments[0].keys() == segments[1].keys()
    for name, path in segments[0].items():
        assert path.samefile(segments[1][name])
    own = [p for p in files_in(tmp_path / "two").values() if p.stat().st_nlink == 1]
    shared = [p for p in files_in(tmp_path / "two").values() if p.stat().st_nlink > 1]
    assert sum(p.stat().st_size for p in own) < sum(p.stat().st_size for p in shared)
    assert not [p for p in own + shared if ".partial" in str(p)]
    # neither the log nor the catalogue is shared, with the server or among backups
    assert {p.suffix for p in shared} <= {".seg", ".pos"}


def test_a_killed_backup_leaves_nothing_that_looks_finished(server, alco, tmp_path):
    filled(server, n=6)
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="alco-backup-") as other:
        dest = pathlib.Path(other) / "backup"
        partial = pathlib.Path(other) / "backup.partial"

        def size():
            with contextlib.suppress(FileNotFoundError):
                return sum(p.stat().st_size for p in files_in(partial).values())
            return 0

        killed = 0
        for step in range(40):
            process = subprocess.Popen([ALCO, "backup", server.data, dest], stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE)
            wait_for(lambda: process.poll() is not None or (partial.exists() and size() >= step * 200000),
                     "part of a backup")
            process.send_signal(signal.SIGKILL)
            process.communicate()
            if process.returncode == 0:
                shutil.rmtree(dest)
                continue
            killed += 1
            if dest.exists():  # it was finished, and then killed
                restore(alco, dest, tmp_path / "back")
                shutil.rmtree(dest)
            else:
                refused = alco("restore", partial, tmp_path / "back")
                if refused.returncode == 0:  # all was there but the name
                    assert (partial / "backup").exists()
                else:
                    assert b"expected a directory that `alco backup` finished" in refused.stderr
                    assert not (tmp_path / "back").exists()
            shutil.rmtree(tmp_path / "back", ignore_errors=True)
        assert killed
        make_backup(alco, server.data, dest)  # what the last one left is not in the way
        assert not partial.exists()
        restore(alco, dest, tmp_path / "back")
        assert len(alco("grep", "--data", tmp_path / "back", "-c", "").stdout.split()) == 1


def test_a_stopped_backup_cleans_up(server, alco, tmp_path):
    filled(server, n=6)
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="alco-backup-") as other:
        dest = pathlib.Path(other) / "backup"
        for _ in range(5):
            process = subprocess.Popen([ALCO, "backup", server.data, dest], stderr=subprocess.PIPE,
                                       stdout=subprocess.PIPE)
            wait_for(lambda: process.poll() is not None or list(pathlib.Path(other).glob("*/store/1/*")),
                     "part of a backup")
            process.send_signal(signal.SIGTERM)
            _, said = process.communicate()
            assert not pathlib.Path(other, "backup.partial").exists()
            if process.returncode == 1:
                assert b"stopped by a signal" in said and not dest.exists()
            else:  # it was faster
                assert process.returncode == 0
                shutil.rmtree(dest)


def test_no_room_for_a_backup(server, alco, small_disk, tmp_path):
    filled(server, n=4)
    dest = small_disk / "backup"
    refused = alco("backup", server.data, small_disk)
    assert refused.returncode == 1 and b"is a mount point" in refused.stderr
    whole = sum(p.stat().st_size for p in files_in(server.data).values())
    filler = small_disk / "filler"
    s = os.statvfs(small_disk)
    for left in (whole // 2, whole // 5, 8192, 0):
        with open(filler, "wb") as f:
            os.posix_fallocate(f.fileno(), 0, max(1, s.f_bavail * s.f_frsize - left))
        failed = alco("backup", server.data, dest)
        assert failed.returncode == 1, failed
        assert b"No space left on device" in failed.stderr or b"full" in failed.stderr, failed.stderr
        assert os.listdir(small_disk) == ["filler"]
        filler.unlink()
    make_backup(alco, server.data, dest)
    with open(filler, "wb") as f:
        s = os.statvfs(small_disk)
        os.posix_fallocate(f.fileno(), 0, s.f_bavail * s.f_frsize - 4096)
    failed = alco("restore", dest, small_disk / "back")  # the log and the catalogue are copied
    assert failed.returncode == 1 and b"No space left on device" in failed.stderr, failed.stderr
    assert sorted(os.listdir(small_disk)) == ["backup", "filler"]
    restore(alco, dest, tmp_path / "back")


def test_a_damaged_directory_is_copied_with_the_rest_and_named(make_server, alco, tmp_path):
    server = make_server()
    filled(server)
    server.stop()
    segments = sorted(files_in(server.data, ".seg").values())
    gone = segments[0]
    gone.unlink()
    done = alco("backup", server.data, tmp_path / "backup")
    assert done.returncode == 1 and b"1 damaged" in done.stdout, done
    assert gone.name.encode() in done.stderr and b"it is missing" in done.stderr
    back = alco("restore", tmp_path / "backup", tmp_path / "back")
    assert back.returncode == 1 and gone.name.encode() in back.stdout, back
    assert b"in the log" in alco("grep", "--data", tmp_path / "back", "in the log").stdout


def test_a_damaged_backup_is_named(make_server, alco, tmp_path):
    server = make_server()
    filled(server, n=1)
    server.stop()
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="alco-backup-") as other:
        backup = pathlib.Path(other) / "backup"
        make_backup(alco, server.data, backup)
        segment = next(iter(files_in(backup, ".seg").values()))
        content = bytearray(segment.read_bytes())
        content[len(content) // 2] ^= 1
        segment.write_bytes(content)
        back = alco("restore", backup, tmp_path / "back")
        assert back.returncode == 1 and segment.name.encode() in back.stdout, back
        assert (tmp_path / "back").exists()
        shutil.rmtree(backup / "store" / "log")
        back = alco("restore", backup, tmp_path / "back2")
        assert back.returncode == 1 and not (tmp_path / "back2").exists(), back
    assert alco("verify", server.data).returncode == 0


@pytest.mark.parametrize("what, words", [
    (["backup"], "expected two directories, DIR and DEST; got 0"),
    (["backup", "DATA"], "expected two directories, DIR and DEST; got 1"),
    (["backup", "DATA", "x", "y"], "got 3"),
    (["backup", "--fast", "DATA", "x"], "'--fast': unknown flag"),
    (["backup", "NOWHERE", "x"], "there is no such directory"),
    (["backup", "EMPTY", "x"], "there is no store in it: expected a data directory of alco"),
    (["backup", "DATA", "FULL"], "FULL is not empty (something): expected a directory that is empty or not there"),
    (["backup", "DATA", "FILE"], "FILE is no directory: expected one that is empty or not there"),
    (["backup", "DATA", "NOWHERE/x"], "NOWHERE: it does not exist"),
    (["backup", "DATA", "DATA/x"], "would be lost with it: expected a place outside"),
    (["backup", "DATA", ""], "the name of a directory has 0 bytes"),
    (["backup", "DATA", "."], "'.': expected the name of a directory to be made"),
    (["backup", "DATA", "INWAY"], "INWAY.partial is in the way and not of an unfinished run: move it away"),
    (["backup", "DATA", "LOCKED"], "another process is making LOCKED"),
    (["restore"], "expected two directories, SRC and DIR; got 0"),
    (["restore", "DATA", "x"], "DATA has no file backup: expected a directory that `alco backup` finished"),
    (["restore", "NOWHERE", "x"], "NOWHERE: it does not exist"),
    (["restore", "BACKUP", "FULL"], "FULL is not empty (something)"),
    (["restore", "OLD", "x"], "OLD/backup is damaged or of a later version"),
])
def test_what_is_wrong_is_named(alco, tmp_path, what, words):
    assert alco("index", "create", "more", "--data", tmp_path / "DATA").returncode == 0
    make_backup(alco, tmp_path / "DATA", tmp_path / "BACKUP")
    shutil.copytree(tmp_path / "BACKUP", tmp_path / "OLD")
    (tmp_path / "OLD" / "backup").write_text("alco backup 2\n")
    for name in ("EMPTY", "FULL", "INWAY.partial", "LOCKED.partial"):
        (tmp_path / name).mkdir()
    for name in ("FULL/something", "INWAY.partial/something", "FILE"):
        (tmp_path / name).write_text("mine")
    locked = os.open(tmp_path / "LOCKED.partial", os.O_RDONLY)
    fcntl.flock(locked, fcntl.LOCK_EX)
    before = files_in(tmp_path).keys()
    done = alco(*what, cwd=tmp_path)
    os.close(locked)
    assert done.returncode == (2 if re.search("expected two|unknown flag", words) or "got" in words else 1), done
    assert words in done.stderr.decode(), done.stderr
    assert files_in(tmp_path).keys() == before and not (tmp_path / "x").exists()


def test_an_empty_directory_may_be_where_it_goes(alco, tmp_path):
    assert alco("index", "create", "more", "--data", tmp_path / "data").returncode == 0
    for name in ("backup", "back"):
        (tmp_path / name).mkdir()
    make_backup(alco, tmp_path / "data", str(tmp_path / "backup") + "/")
    restore(alco, tmp_path / "backup", str(tmp_path / "back") + "//")
    assert b"more" in alco("index", "list", "--data", tmp_path / "back").stdout


def test_help(alco):
    for command in ("backup", "restore"):
        done = alco(command, "--help")
        assert done.returncode == 0 and done.stdout.startswith(b"usage: alco " + command.encode())
