"""A real searchd (Debian's sphinxsearch) on a free port, with RT tables, for tests."""
import pathlib
import shutil
import socket
import subprocess

import pymysql

from conftest import wait_for


def sql_string(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Searchd:
    """tables: name -> lines of its index section, without type and path."""

    def __init__(self, where, tables):
        program = shutil.which("searchd")
        assert program, "searchd is not installed: apt-get install sphinxsearch"
        self.dir = pathlib.Path(where)
        self.port = free_port()
        lines = []
        for name, settings in tables.items():
            lines += [f"index {name}", "{", "type = rt", f"path = {self.dir}/{name}", *settings, "}"]
        lines += ["searchd", "{", f"listen = 127.0.0.1:{self.port}:mysql41",
                  f"log = {self.dir}/searchd.log", f"pid_file = {self.dir}/searchd.pid",
                  f"binlog_path = {self.dir}", "workers = threads", "max_packet_size = 64M",
                  "collation_server = binary", "}", ""]
        conf = self.dir / "sphinx.conf"
        conf.write_text("\n".join(lines))
        self.process = subprocess.Popen([program, "--nodetach", "-c", str(conf)],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.link = wait_for(self._connect, "searchd")

    def _connect(self):
        assert self.process.poll() is None, (self.dir / "searchd.log").read_text()
        try:
            return pymysql.connect(host="127.0.0.1", port=self.port, user="", charset="utf8mb4",
                                   autocommit=True)
        except pymysql.err.OperationalError:
            return None

    def ask(self, sql):
        with self.link.cursor() as cursor:
            try:
                cursor.execute(sql)
            except pymysql.err.Error as e:
                raise AssertionError(f"{e} from {sql}") from e
            return cursor.fetchall()

    def stop(self):
        self.link.close()
        self.process.terminate()
        self.process.wait(timeout=60)
