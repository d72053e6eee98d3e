"""A real searchd (Debian's sphinxsearch) of our own.

    with Searchd(configuration, port) as s:
        s.ask("SELECT id FROM web")

`configuration` is the path of a sphinx.conf or of an executable configuration (#!) that listens on
127.0.0.1:port; where its files lie is the configuration's business. It runs in the foreground, its
output goes to s.output(), and it ends with this process however that ends. Needs python3-pymysql.
"""
import signal
import subprocess
import tempfile

import pymysql

from broker import end_with_parent, free_ports  # noqa: F401  (free_ports is for our users)
from conftest import wait_for


class Searchd:
    def __init__(self, configuration, port):
        self.configuration, self.port = str(configuration), port
        self.process = None
        self.told = tempfile.TemporaryFile("w+")

    def start(self):
        self.process = subprocess.Popen(["searchd", "--nodetach", "--config", self.configuration],
                                        stdout=self.told, stderr=subprocess.STDOUT, preexec_fn=end_with_parent)
        wait_for(self._is_up, "searchd answers")
        return self

    def _is_up(self):
        assert self.process.poll() is None, "searchd ended: " + self.output()
        try:
            return self.ask("SHOW TABLES") is not None
        except pymysql.err.OperationalError:
            return False

    def connect(self):
        return pymysql.connect(host="127.0.0.1", port=self.port, user="", autocommit=True)

    def ask(self, statement, values=None):
        """All rows of the answer; pymysql's errors."""
        connection = self.connect()
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement, values)
                return cursor.fetchall()
        finally:
            connection.close()

    def tables(self):
        return {row[0] for row in self.ask("SHOW TABLES")}

    def hang_up(self):
        self.process.send_signal(signal.SIGHUP)

    def stop(self, how=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(60)

    def output(self):
        self.told.seek(0)
        return self.told.read()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop(signal.SIGKILL)
        self.told.close()
