"""One real alco for a measurement: started on a free port in a directory, watched through /proc."""
import http.client
import json
import os
import re
import subprocess
import threading
import time


class Alco:
    def __init__(self, binary, data, *args):
        self.data = data
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            [binary, "serve", "--data", data, "--listen", "127.0.0.1:0", *args],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        found = re.match(r"alco: ready on http://([^:]+):(\d+)", line)
        if not found:
            self.process.kill()
            raise RuntimeError("alco did not start: %r %s" % (line, self.process.stderr.read()))
        self.start_seconds = time.monotonic() - self.started
        self.address = (found.group(1), int(found.group(2)))
        # What it prints later must not fill the pipes.
        for pipe in (self.process.stdout, self.process.stderr):
            threading.Thread(target=pipe.read, daemon=True).start()

    def request(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection(*self.address, timeout=600)
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        text = response.read()
        connection.close()
        if response.status >= 300:
            raise RuntimeError("%s %s: %d %s" % (method, path, response.status, text[:300]))
        return json.loads(text) if text.startswith((b"{", b"[")) else text

    def cpu_seconds(self):
        """User and system time of the whole process so far."""
        stat = open("/proc/%d/stat" % self.process.pid).read().rsplit(")", 1)[1].split()
        return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")

    def memory_mb(self, key="VmRSS"):
        """VmRSS now, VmHWM at most, in MB of 10^6 bytes."""
        for line in open("/proc/%d/status" % self.process.pid):
            if line.startswith(key + ":"):
                return int(line.split()[1]) * 1024 / 1e6
        raise KeyError(key)

    def descriptors(self):
        return len(os.listdir("/proc/%d/fd" % self.process.pid))

    def disk_bytes(self):
        total = 0
        for folder, _, files in os.walk(self.data):
            for name in files:
                total += os.lstat(os.path.join(folder, name)).st_size
        return total

    def written_bytes(self):
        for line in open("/proc/%d/io" % self.process.pid):
            if line.startswith("write_bytes:"):
                return int(line.split()[1])
        raise KeyError("write_bytes")

    def stop(self):
        began = time.monotonic()
        self.process.terminate()
        self.process.wait(60)
        return time.monotonic() - began
