"""A real rabbitmq-server of our own, and senders for it.

Everything is private: a temporary directory (owned by user rabbitmq when we are root), free ports on
loopback, an own node name, cookie and epmd. Server and epmd end with this process, however it ends.

    with Broker() as b:
        Sender(b).send("app.web", {"message": "hello"})

Needs Debian's rabbitmq-server and python3-amqp.
"""
import collections
import ctypes
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.parse
import uuid
from datetime import datetime

import amqp

BIN = "/usr/lib/rabbitmq/bin/"  # behind Debian's wrapper, which wants to be root or rabbitmq
START_S = 120
ANSWER_S = 60  # a broker that says nothing for so long is taken for gone


def free_ports(n):
    """Ports that were free a moment ago, all different."""
    socks = [socket.socket() for _ in range(n)]
    try:
        for s in socks:
            s.bind(("127.0.0.1", 0))
        return [s.getsockname()[1] for s in socks]
    finally:
        for s in socks:
            s.close()


def end_with_parent():
    """In a child before exec: SIGKILL when the process that started it is gone."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


class Broker:
    """`management`: with its HTTP API. `tls`: (ca, certificate, key) files. `heartbeat_s`: what it asks
    of its clients."""

    def __init__(self, management=False, tls=None, heartbeat_s=60):
        self.port, self.epmd_port, self.dist_port, self.management_port, self.tls_port = free_ports(5)
        self.node = "alco%s@localhost" % uuid.uuid4().hex[:8]
        self.dir = tempfile.mkdtemp(prefix="alco-broker-")
        self.user = "rabbitmq" if os.getuid() == 0 else None
        self.process = None
        self.epmd = None
        self.senders = []  # held until the broker ends, see Sender
        self.management = "http://127.0.0.1:%d" % self.management_port if management else None
        self.url = "amqp://guest:guest@127.0.0.1:%d" % self.port
        conf = [
            "listeners.tcp.1 = 127.0.0.1:%d" % self.port,
            "disk_free_limit.absolute = 50MB",
            "heartbeat = %d" % heartbeat_s,
            "log.console = true",
            "log.console.level = warning",
            "log.file = false",
        ]
        if management:
            conf += ["management.tcp.ip = 127.0.0.1",
                     "management.tcp.port = %d" % self.management_port]
        if tls:
            conf += ["listeners.ssl.1 = 127.0.0.1:%d" % self.tls_port,
                     "ssl_options.cacertfile = %s" % tls[0], "ssl_options.certfile = %s" % tls[1],
                     "ssl_options.keyfile = %s" % tls[2], "ssl_options.verify = verify_none"]
        self._write("rabbitmq.conf", "\n".join(conf) + "\n")
        self._write("enabled_plugins", "[rabbitmq_management].\n" if management else "[].\n")
        self._write("env.conf", "")
        self._own(self.dir)
        self.env = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin:/usr/sbin:/sbin"),
            "HOME": self.dir,
            "LANG": "C.UTF-8",
            "RABBITMQ_NODENAME": self.node,
            "RABBITMQ_CONF_ENV_FILE": self._path("env.conf"),
            "RABBITMQ_CONFIG_FILE": self._path("rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": self._path("advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": self._path("enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": self._path("mnesia"),
            "RABBITMQ_LOG_BASE": self._path("log"),
            "RABBITMQ_GENERATED_CONFIG_DIR": self._path("generated"),
            "RABBITMQ_PID_FILE": self._path("pid"),
            "RABBITMQ_DIST_PORT": str(self.dist_port),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS":
                "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none",
            # The start script then becomes the server instead of being a shell in front of it, which
            # would leave the server behind when it is killed.
            "RUNNING_UNDER_SYSTEMD": "yes",
            "ERL_EPMD_PORT": str(self.epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }

    def _path(self, name):
        return os.path.join(self.dir, name)

    def _own(self, path):
        if self.user:
            entry = pwd.getpwnam(self.user)
            os.chown(path, entry.pw_uid, entry.pw_gid)

    def _write(self, name, text):
        with open(self._path(name), "w") as f:
            f.write(text)
        self._own(self._path(name))

    def _spawn(self, args, **more):
        as_user = {"user": self.user, "group": self.user, "extra_groups": []} if self.user else {}
        return subprocess.Popen(args, env=self.env, cwd=self.dir, stdin=subprocess.DEVNULL,
                                preexec_fn=end_with_parent, **as_user, **more)

    # ---- Life

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exc):
        self.close()

    def start(self):
        """Returns when the broker answers."""
        if self.epmd is None:
            self.epmd = self._spawn(["epmd", "-port", str(self.epmd_port), "-address", "127.0.0.1",
                                     "-relaxed_command_check"],
                                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with open(self._path("console"), "ab") as log:
            self.process = self._spawn([BIN + "rabbitmq-server"], stdout=log, stderr=log)
        end = time.monotonic() + START_S
        while True:
            try:
                self.connect().close()
                return
            except (OSError, amqp.AMQPError):
                if self.process.poll() is not None or time.monotonic() > end:
                    raise RuntimeError("rabbitmq-server did not start:\n" + self.console())
                time.sleep(0.05)  # between two looks at whether it answers

    def console(self):
        with open(self._path("console"), errors="replace") as f:
            return f.read()[-4000:]

    def stop(self):
        """As a service manager stops it: durable queues keep their persistent messages."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()
        self.process = None

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process = None

    def restart(self):
        self.stop()
        self.start()

    def close(self):
        if self.process and self.process.poll() is not None:
            print("rabbitmq-server ended by itself (%d):\n%s" % (self.process.returncode,
                                                                self.console()))
        for p in (self.process, self.epmd):
            if p:
                p.kill()
                p.wait()
        self.process = self.epmd = None
        shutil.rmtree(self.dir, ignore_errors=True)

    # ---- What tests do to it

    def ctl(self, *args):
        """rabbitmqctl; returns what it printed."""
        p = self._spawn([BIN + "rabbitmqctl", "-q", "-n", self.node, *args],
                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        out = p.communicate()[0]
        if p.returncode:
            raise RuntimeError("rabbitmqctl %s: %s" % (" ".join(args), out))
        return out

    def vhost_url(self, vhost):
        return self.url + "/" + urllib.parse.quote(vhost, safe="")

    def connect(self, vhost="/"):
        c = amqp.Connection("127.0.0.1:%d" % self.port, "guest", "guest", virtual_host=vhost,
                            connect_timeout=10, read_timeout=ANSWER_S, write_timeout=ANSWER_S,
                            # Its default, a second, takes a broker that throttles senders for gone.
                            socket_settings={socket.TCP_USER_TIMEOUT: ANSWER_S * 1000})
        c.connect()
        return c

    def add_vhost(self, name):
        self.ctl("add_vhost", name)
        self.ctl("set_permissions", "-p", name, "guest", ".*", ".*", ".*")

    def close_connections(self, reason="closed by a test"):
        self.ctl("close_all_connections", reason)

    def queue(self, name, vhost="/"):
        """(messages ready, consumers), or None when there is no such queue."""
        c = self.connect(vhost)
        try:
            ok = c.channel().queue_declare(name, passive=True)
            return ok.message_count, ok.consumer_count
        except amqp.NotFound:
            return None
        finally:
            c.close()

    def bindings(self, queue, vhost="/"):
        """Routing keys by which the queue is bound to exchanges with a name."""
        out = self.ctl("list_bindings", "-p", vhost, "source_name", "destination_name",
                       "routing_key", "--formatter", "json")
        return sorted(b["routing_key"] for b in json.loads(out)
                      if b["destination_name"] == queue and b["source_name"])


class Sender:
    """Publishes as logcollect does: topic exchange, key logstash.<logger>, no properties, no
    confirms. Its connection stays open while the broker lives: a socket that is closed without
    a farewell takes along what the broker has not read yet."""

    def __init__(self, broker, vhost="/", durable=False, exchange="logstash"):
        self.exchange = exchange
        broker.senders.append(self)
        self.connection = broker.connect(vhost)
        self.channel = self.connection.channel()
        self.channel.exchange_declare(exchange, "topic", durable=durable, auto_delete=False)
        self.seq = 0

    def body(self, logger, fields):
        self.seq += 1
        record = {
            "@timestamp": datetime.utcnow().strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "@version": 1,
            "host": "web1.example.com",
            "tags": [],
            "type": "Logstash",
            "seq": 1,
            "levelname": "INFO",
            "logger": logger,
            "process": os.getpid(),
        }
        record.update(fields)
        return json.dumps(record).encode()

    def send(self, logger, fields):
        self.send_raw("logstash." + logger, self.body(logger, fields))

    def send_raw(self, key, body, **properties):
        self.channel.basic_publish(amqp.Message(body, **properties), self.exchange, key)

    def close(self):
        self.connection.close()


class CarefulSender:
    """A sender that loses nothing and may repeat: delivery_mode 2, message_id, confirms, at most
    `window` unconfirmed, everything unconfirmed again after a lost connection."""

    def __init__(self, broker, window=1000, durable=True, vhost="/"):
        self.broker = broker
        self.vhost = vhost
        self.window = window
        self.durable = durable
        self.todo = collections.deque()  # (key, body, id)
        self.waiting = {}  # delivery tag -> the same, published and unconfirmed
        self.confirmed = set()  # ids
        self.resent = 0
        self.connection = None

    def _connect(self):
        self.connection = self.broker.connect(self.vhost)
        self.channel = self.connection.channel()
        self.channel.confirm_select()
        self.channel.events["basic_ack"].add(self._acked)
        self.channel.events["basic_nack"].add(self._nacked)
        self.channel.exchange_declare("logstash", "topic", durable=self.durable, auto_delete=False)
        self.tag = 0

    def _lost(self):
        self.resent += len(self.waiting)
        self.todo.extendleft(reversed(list(self.waiting.values())))
        self.waiting = {}
        if self.connection is not None:
            self.connection.collect()
        self.connection = None
        time.sleep(0.1)  # the broker is away: between two attempts

    def _take(self, tag, multiple):
        tags = [t for t in self.waiting if t <= tag] if multiple else [tag]
        return [self.waiting.pop(t) for t in tags if t in self.waiting]

    def _acked(self, tag, multiple):
        self.confirmed.update(m[2] for m in self._take(tag, multiple))

    def _nacked(self, tag, multiple):
        self.todo.extend(self._take(tag, multiple))

    def _publish(self):
        key, body, ident = message = self.todo.popleft()
        self.tag += 1
        self.waiting[self.tag] = message
        self.channel.basic_publish(amqp.Message(body, delivery_mode=2, message_id=ident),
                                   "logstash", key)

    def _run(self, is_done):
        while not is_done():
            try:
                if self.connection is None:
                    self._connect()
                while self.todo and len(self.waiting) < self.window:
                    self._publish()
                if not is_done():
                    self.connection.drain_events(timeout=30)
            except amqp.PreconditionFailed:
                raise  # the exchange is not what was asked for: trying again would not help
            except (OSError, amqp.AMQPError):
                self._lost()

    def send(self, key, body, ident):
        """Returns when it is published and fewer than `window` are unconfirmed."""
        self.todo.append((key, body, ident))
        self._run(lambda: not self.todo and len(self.waiting) < self.window)

    def finish(self):
        """Returns when everything is confirmed."""
        self._run(lambda: not self.todo and not self.waiting)
        try:
            self.connection.close()
        except (OSError, amqp.AMQPError):
            pass  # the other side was first: nothing is lost, everything is confirmed
