"""Readers of streams of changes: thousands of streams in one process of its own, which tells when each change came."""

import array
import collections
import contextlib
import multiprocessing
import re
import resource
import selectors
import signal
import socket
import sys
import time

from .servers import Server

OPENING_MAX = 64  # streams that are asked for at once
OPEN_SECONDS_MAX = 30
READ_BYTES = 65_536
# One that does not read is to have the buffers of a client on a network, about 100 kB in the kernel: with the segments
# of loopback 4 MB would wait there before the worker notices anything.
SLOW_READ_BYTES = 4096
SEGMENT_BYTES = 1460

GOOD = b"HTTP/1.1 200 "
OPENED = re.compile(rb"event: (snapshot|cursor)\n")
CHANGE = re.compile(rb'event: change\ndata: .*?"user":"([^"]*)","version":(\d+)')
END = re.compile(rb'event: end\ndata: .*?"code":"([^"]*)"')
FORK = multiprocessing.get_context("fork")


class Readers(Server):
    """The process as its parent sees it. Streams belong to groups, by name."""

    def __init__(self, process, port, pipe):
        super().__init__(process, port)
        self._pipe = pipe

    def open(self, group, targets, reads=True):
        """Returns when all have been told where they begin; those that do not read, when they are answered."""
        self._ask("open", group, targets, reads)

    def close(self, group, count=None):
        """So many of the group, the last first; or all of it."""
        self._ask("close", group, count)

    def count(self):
        """Changes that came since `take`, each once for every stream it came to."""
        return self._ask("count")

    def take(self):
        """What came since this was last asked: by user and version when, of each stream; and why streams ended."""
        return self._ask("take")

    def _ask(self, name, *arguments):
        try:
            self._pipe.send((name, arguments))
            return self._pipe.recv()
        except (EOFError, OSError):
            sys.exit("error: the readers of streams ended: the reason is above")


@contextlib.contextmanager
def readers(port):
    """Of the worker at this port of loopback."""
    ours, theirs = FORK.Pipe()
    process = FORK.Process(target=serve, args=(ours, theirs, port), daemon=True)
    process.start()
    theirs.close()
    try:
        yield Readers(process, port, ours)
    finally:
        process.terminate()
        process.join()


def serve(parents, pipe, port):
    parents.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    files_max = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (files_max, files_max))
    with contextlib.suppress(EOFError):
        Reading(pipe, port).run()


class Stream:
    def __init__(self, connection, reads):
        self.connection, self.reads = connection, reads
        self.rest = b""  # of an event that has not come in full
        self.is_answered = self.is_open = self.has_ended = False


class Reading:
    """What goes on in the process."""

    def __init__(self, pipe, port):
        self.pipe, self.port = pipe, port
        self.selector = selectors.DefaultSelector()
        self.selector.register(pipe, selectors.EVENT_READ)
        self.groups = collections.defaultdict(list)
        self.opening = 0
        self._forget()

    def run(self):
        while True:
            if self._read_all(timeout=None):
                name, arguments = self.pipe.recv()
                self.pipe.send(getattr(self, name)(*arguments))

    def open(self, group, targets, reads):
        waiting = collections.deque(targets)
        while waiting or self.opening:
            while waiting and self.opening < OPENING_MAX:
                self._connect(group, waiting.popleft(), reads)
            before, begun = self.opening, time.monotonic()
            while self.opening == before:
                self._read_all(timeout=1)
                if time.monotonic() > begun + OPEN_SECONDS_MAX:
                    sys.exit(f"error: {self.opening} streams were not opened within {OPEN_SECONDS_MAX} s")

    def close(self, group, count):
        streams = self.groups[group]
        for _ in range(len(streams) if count is None else count):
            self._drop(streams.pop())

    def count(self):
        return sum(map(len, self.arrivals.values()))

    def take(self):
        taken = {(user.decode(), int(version)): times for (user, version), times in self.arrivals.items()}, self.ended
        self._forget()
        return taken

    def _forget(self):
        self.arrivals = collections.defaultdict(lambda: array.array("d"))
        self.ended = collections.Counter()

    def _connect(self, group, target, reads):
        connection = socket.socket()
        if not reads:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SLOW_READ_BYTES)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT_BYTES)
        connection.connect(("127.0.0.1", self.port))
        connection.sendall(f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n".encode())
        connection.setblocking(False)
        stream = Stream(connection, reads)
        self.groups[group].append(stream)
        self.opening += 1
        self.selector.register(connection, selectors.EVENT_READ, stream)

    def _read_all(self, timeout):
        """Reads what is there; whether the parent asks for something."""
        is_asked = False
        for key, _ in self.selector.select(timeout):
            if key.data:
                self._read(key.data)
            else:
                is_asked = True
        return is_asked

    def _read(self, stream):
        try:
            data = stream.connection.recv(READ_BYTES if stream.reads else len(GOOD))
        except BlockingIOError:
            return
        except OSError:
            data = b""
        now = time.monotonic()
        if not stream.is_answered and not data.startswith(GOOD):
            sys.exit(f"error: a stream was answered {data!r}")
        stream.is_answered = True
        if not data:
            self._end(stream, "broken off")
            self._drop(stream)
        elif not stream.reads:
            self._opened(stream)
            self.selector.unregister(stream.connection)
        else:
            # A chunk has whole events: the lines that frame it stand between events, where they do no harm.
            *events, stream.rest = (stream.rest + data).split(b"\n\n")
            for event in events:
                self._take(stream, event, now)

    def _take(self, stream, event, now):
        if change := CHANGE.search(event):
            self.arrivals[change.groups()].append(now)
        elif end := END.search(event):
            self._end(stream, end[1].decode())
        elif not stream.is_open and OPENED.search(event):
            self._opened(stream)

    def _opened(self, stream):
        stream.is_open = True
        self.opening -= 1

    def _end(self, stream, reason):
        if not stream.has_ended:
            stream.has_ended = True
            self.ended[reason] += 1

    def _drop(self, stream):
        if stream.connection.fileno() >= 0:
            with contextlib.suppress(KeyError):
                self.selector.unregister(stream.connection)
            stream.connection.close()
