"""Counts how often a worker allocates memory for one request of each kind, and holds the counts against those on
record. Unlike times they are the same on every machine: what grew did so by a change of the code, or of the compiler.
"""

import contextlib
import json
import mmap
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import sys

from .servers import prepare, redis_server, worker
from .web import get, post

SOURCE = pathlib.Path(__file__).with_suffix(".c")
RECORD = pathlib.Path(__file__).with_suffix(".json")
# What a count may be more than the one on record: less than one allocation of a release's single request, more than it
# takes in how many pieces a body of many kilobytes is read.
TOLERANCE = 0.02
# Of several runs the one with the least counts: what the worker does besides only adds to it.
RUNS = 7
BATCH_HEARTBEATS = 1000
BATCH_USERS = 500
SOCKETS = 40


def add_options(parser):
    parser.add_argument("--build", choices=["debug", "release"], default="release",
                        help="what the worker is built as, which tells the counts it is held against (release)")
    parser.add_argument("--update", action="store_true", help=f"make these the counts on record, in {RECORD.name}")


def check_options(parser, options):
    if options.build == "debug" and not options.binary:
        parser.error("--build debug needs --binary: only releases are built here")


def run(options, folder):
    binary = prepare(options)
    record = json.loads(RECORD.read_text())
    with redis_server(folder) as redis, counted_worker(binary, folder, redis) as (service, counter):
        counts = {name: round(count, 1) for name, count in Scene(service, counter).counts()}
    grown = print_counts(counts, record[options.build])
    if options.update:
        record[options.build] = counts
        RECORD.write_text(json.dumps(record, indent=2) + "\n")
    elif grown:
        sys.exit(f"error: more allocations than on record for {', '.join(grown)}. Where the reason is good, "
                 f"Scripts/bench allocations --build {options.build} --binary {binary} --update puts these on record.")
    return counts


@contextlib.contextmanager
def counted_worker(binary, folder, redis):
    """A worker and the number of its allocations so far, in shared memory."""
    library, file = f"{folder}/allocations.so", pathlib.Path(folder, "count")
    compiler = shutil.which("cc") or "clang"  # the one that comes with Swift
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", library, SOURCE], check=True)
    file.write_bytes(bytes(mmap.PAGESIZE))
    with open(file, "r+b") as opened, mmap.mmap(opened.fileno(), mmap.PAGESIZE) as memory:
        environment = os.environ | {"LD_PRELOAD": library, "COUNT_FILE": str(file)}
        with worker(binary, folder, redis, environment=environment) as service:
            yield service, lambda: struct.unpack_from("=Q", memory)[0]


class Scene:
    """Users who are logged in, and one connection that asks about them, one request at a time."""

    def __init__(self, service, counter):
        self.port, self.counter = service.port, counter
        self.socket = socket.create_connection(("127.0.0.1", service.port), 10)
        self.received = self.socket.makefile("rb")
        self.users = [f"user-{number:04}" for number in range(BATCH_HEARTBEATS)]
        self.sessions = [
            {"user": user, "session": self.call(post("/v1/sessions", {"user": user, "platform": "Android"}))["session"]}
            for user in self.users
        ]

    def counts(self):
        """What each kind of request takes."""
        yield "query, 1 user", self.least(200, lambda n: self.call(get(f"/v1/users/{self.users[n]}")))
        yield "heartbeat, 1", self.least(200, lambda n: self.renew(self.sessions[n:n + 1]))
        yield f"query, {BATCH_USERS} users", self.least(
            5, lambda n: self.call(post("/v1/statuses", {"users": self.users[n:n + BATCH_USERS]})))
        yield f"heartbeat, {BATCH_HEARTBEATS}", self.least(5, lambda n: self.renew(self.sessions))
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(Client(self.port, f"client-{n}")) for n in range(SOCKETS)]
            yield "heartbeat over a socket", self.least(SOCKETS, lambda n: clients[n].heartbeat())

    def least(self, requests, ask):
        counts = []
        for _ in range(RUNS):
            before = self.counter()
            for number in range(requests):
                ask(number)
            counts.append((self.counter() - before) / requests)
        return min(counts)

    def renew(self, sessions):
        answer = self.call(post("/v1/heartbeats", {"sessions": sessions}))
        if answer["renewed"] != len(sessions):
            sys.exit(f"error: only {answer['renewed']} of {len(sessions)} heartbeats renewed a session")

    def call(self, request):
        """Sends a request in one piece, so that the worker reads it as one, and gives the answer."""
        self.socket.sendall(request)
        status, length = int(self.received.readline()[9:12]), 0
        while (line := self.received.readline().lower()) not in (b"\r\n", b""):
            if line.startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        body = self.received.read(length)
        if not 200 <= status < 300:
            sys.exit(f"error: {request[:40]} was answered {status}: {body.decode()}")
        return json.loads(body)


class Client:
    """A user's WebSocket."""

    # A masked text frame; all zeros is a mask too.
    HEARTBEAT = b'\x81\x94\0\0\0\0{"type":"heartbeat"}'

    def __init__(self, port, user):
        self.socket = socket.create_connection(("127.0.0.1", port), 10)
        self.socket.sendall(
            f"GET /v1/connect?user={user}&platform=Android HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
            .encode())
        self.received = self.socket.makefile("rb")
        while self.received.readline() not in (b"\r\n", b""):
            pass
        self.expect(b"welcome")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.received.close()
        self.socket.close()

    def heartbeat(self):
        self.socket.sendall(self.HEARTBEAT)
        self.expect(b"heartbeat")

    def expect(self, kind):
        """Reads one message."""
        _, length = self.received.read(2)
        if length == 126:
            length, = struct.unpack("!H", self.received.read(2))
        message = self.received.read(length)
        if kind not in message:
            sys.exit(f"error: the worker said {message!r} to a client, not {kind.decode()}")


def print_counts(counts, recorded):
    """Prints them beside those on record; the names of what grew."""
    grown = []
    print(f"{'allocations of':26}{'each':>12}{'on record':>12}")
    for name, count in counts.items():
        known = recorded.get(name)
        if known is None or count > known * (1 + TOLERANCE):
            grown.append(name)
        print(f"{name:26}{count:12,.1f}{'none' if known is None else f'{known:,.1f}':>12}")
    return grown
