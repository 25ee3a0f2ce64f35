"""Starting and ending what is measured: a private Redis, workers and a receiver, each on a free port of loopback."""

import collections
import contextlib
import http.client
import os
import pathlib
import socket
import subprocess
import sys
import time

from .resp import Redis

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILT = ROOT / ".build/release/presence"
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
START_SECONDS_MAX = 20
STOP_SECONDS_MAX = 15
POLL_SECONDS = 0.005
SLOTS = 16_384

# The packages each kind of benchmark needs, as Scripts/common.sh names them, and the build unless there is a binary.
PREPARE = """
set -euo pipefail
source Scripts/common.sh
need_packages redis-server "$@"
"""
BUILD = """
need_toolchain
swift build --configuration release --product presence >&2
"""


def prepare(options, *packages, needs=""):
    """Installs what is missing; the worker's binary, built unless one was given.

    `needs` are other lines of shell, with what Scripts/common.sh has.
    """
    script = PREPARE + needs + ("" if options.binary else BUILD)
    subprocess.run(["bash", "-c", script, "bench", *packages], cwd=ROOT, check=True)
    return pathlib.Path(options.binary or BUILT).resolve()


class Server:
    """A process listening on a port of loopback."""

    def __init__(self, process, port, ready_ms=None):
        self.process, self.port, self.ready_ms = process, port, ready_ms

    def cpu_us(self):
        """CPU time the process has used so far, in user and kernel mode, in microseconds."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * 1_000_000 // TICKS_PER_SECOND

    def resident_kb(self, kind="VmRSS"):
        """`RssAnon` is the part that is no file's, so this process's own."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition(f"{kind}:")[2].split()[0])


class RedisServer(Server, Redis):
    """A private Redis and a connection to it."""

    def __init__(self, process, port):
        Server.__init__(self, process, port)
        Redis.__init__(self, port)
        self.url, self.masters = f"redis://127.0.0.1:{port}", [self]


class RedisCluster:
    """Masters that share the slots; what is asked of all of them is summed up."""

    def __init__(self, masters):
        self.masters = masters
        self.url = "redis+cluster://" + ",".join(f"127.0.0.1:{master.port}" for master in masters)

    def cpu_us(self):
        return sum(master.cpu_us() for master in self.masters)

    def command_stats(self):
        stats = collections.defaultdict(lambda: (0, 0))
        for master in self.masters:
            for name, (calls, us) in master.command_stats().items():
                stats[name] = (stats[name][0] + calls, stats[name][1] + us)
        return stats


@contextlib.contextmanager
def redis_cluster(folder, masters, append_only=False):
    """So many masters, each with an equal share of the slots and no replica."""
    with contextlib.ExitStack() as stack:
        cluster = RedisCluster([
            stack.enter_context(redis_server(
                subfolder(folder, f"master-{number}"), append_only, "--cluster-enabled", "yes",
                "--cluster-port", str(free_port()))) for number in range(masters)])
        first, *others = cluster.masters
        for number, master in enumerate(cluster.masters):
            begin, end = (SLOTS * bound // masters for bound in [number, number + 1])
            master.command("CLUSTER", "ADDSLOTSRANGE", begin, end - 1)
            master.command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for master in others:
            bus_port = master.command("CONFIG", "GET", "cluster-port")[1]
            first.command("CLUSTER", "MEET", "127.0.0.1", master.port, bus_port)
        for number, master in enumerate(cluster.masters):
            wait_for(master.process, f"{folder}/master-{number}/redis.log",
                     lambda master=master: expect_cluster(master, masters))
        yield cluster


@contextlib.contextmanager
def redis_server(folder, append_only=False, *flags):
    """By default it keeps nothing; with `append_only` as deployments do: synced every second, never rewritten."""
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", folder, "--save", "",
               "--appendonly", "yes" if append_only else "no", "--appendfsync", "everysec",
               "--auto-aof-rewrite-percentage", "0", "--maxmemory-policy", "noeviction",
               "--hash-max-listpack-value", "1024", *flags]
    with running(command, f"{folder}/redis.log") as process:
        wait_for(process, f"{folder}/redis.log", lambda: connect(port).close())
        server = RedisServer(process, port)
        with contextlib.closing(server):
            yield server


@contextlib.contextmanager
def worker(binary, folder, redis, *flags, environment=None):
    """A worker that is ready, and how long after its start it was."""
    port = free_port()
    log = f"{folder}/worker-{port}.log"
    command = [binary, "serve", "--port", str(port), "--redis-url", redis.url, *flags]
    started = time.monotonic()
    with running(command, log, environment) as process:
        wait_for(process, log, lambda: expect_ready(port))
        yield Server(process, port, ready_ms=(time.monotonic() - started) * 1000)


def expect_cluster(master, masters):
    info = master.command("CLUSTER", "INFO")
    if f"cluster_known_nodes:{masters}\r" not in info or "cluster_state:ok\r" not in info:
        raise ConnectionError("the masters do not know each other yet")


def expect_ready(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    with contextlib.closing(connection):
        connection.request("GET", "/health/ready")
        if connection.getresponse().status != 200:
            raise ConnectionError("not ready")


@contextlib.contextmanager
def running(command, log, environment=None):
    with open(log, "w") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for(process, log, attempt):
    deadline = time.monotonic() + START_SECONDS_MAX
    while True:
        try:
            return attempt()
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"error: {process.args[0]} did not start:\n{pathlib.Path(log).read_text()[-2000:]}")
            time.sleep(POLL_SECONDS)


def subfolder(folder, name):
    """A new folder for servers of their own."""
    path = pathlib.Path(folder, name)
    path.mkdir()
    return str(path)


def connect(port):
    return socket.create_connection(("127.0.0.1", port), 1)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
