"""Delivery of changes by one worker, each part on a Redis of its own.

A backlog is made by logging users in while nobody listens at the callback's address; then the receiver starts. Rates
and CPU are those between a fifth and four fifths of the events: at first some wait for their next attempt.

  instant  the receiver answers at once
  slow     it answers after 100 ms
  failing  it answers 500 to one user's events for at least 30 s, and the others' are many in that user's shard
  refused  it answers 404 to everything for 15 s
"""

import asyncio
import collections
import contextlib
import time
import zlib

from .people import People, name
from .receiver import receiver
from .report import print_section
from .servers import free_port, prepare, redis_server, subfolder, worker
from .usage import Usage

SLOW_MS = 100
REFUSED_SECONDS = 15
REFUSED_EVENTS = 3000
FAILING_USER = 0
FAILING_EVENTS = 5
FAILING_SECONDS = 30
NEIGHBOURS = 2000  # users of the failing user's shard
STALLED_SECONDS = 20  # without any delivery, nothing more is expected
POLL_SECONDS = 0.05


def add_options(parser):
    parser.add_argument("--events", type=int, default=60_000, help="events of the instant and failing parts (60000)")
    parser.add_argument("--slow-events", type=int, default=20_000, help="events of the slow part (20000)")
    parser.add_argument("--shards", type=int, default=128, help="shards (128)")
    parser.add_argument("--only", choices=list(PARTS), help="measure this part alone")


def check_options(parser, options):
    if min(options.events, options.slow_events) < 2 * NEIGHBOURS:
        parser.error(f"--events and --slow-events must be at least {2 * NEIGHBOURS}")


def run(options, folder):
    binary = prepare(options, "gcc:cc")
    figures = {}
    for part, measure in PARTS.items():
        if options.only in [None, part]:
            with scene(binary, subfolder(folder, part), options) as stage:
                figures[part] = measure(stage)
            print_section(part, [(key.replace("_", " "), text(value)) for key, value in figures[part].items()])
    return figures


class Scene:
    """A worker, its Redis, and the port its callbacks go to."""

    def __init__(self, options, folder, port, redis, service):
        self.options, self.folder, self.port, self.redis, self.service = options, folder, port, redis, service

    def log_in(self, users):
        """One event each."""
        asyncio.run(People(self.service.port).log_in("Android", users))

    def receiver(self):
        return receiver(self.folder, self.port)

    def drain(self, backend, count):
        """Waits until so many events are accepted or none is for a while; how that went."""
        marks = []

        def look(accepted):
            if len(marks) < 2 and accepted >= count * (0.2, 0.8)[len(marks)]:
                marks.append((accepted, Usage(self.redis, self.service)))
        accepted, seconds = self.wait(backend, count, look)
        return {"events": count, "accepted": accepted, **rates(marks), "seconds_until_the_last": seconds}

    def wait(self, backend, count, look=lambda accepted: None):
        """Until so many events are accepted or none is for a while; their number and when the last came."""
        started = progress = time.monotonic()
        accepted = 0
        while accepted < count and time.monotonic() < progress + STALLED_SECONDS:
            time.sleep(POLL_SECONDS)
            now = backend.stats()["accepted"]
            if now > accepted:
                accepted, progress = now, time.monotonic()
            look(accepted)
        return accepted, progress - started

    def length(self, kind):
        """Entries of all shards' streams of this kind."""
        return sum(self.redis.pipeline([("XLEN", key) for key in self.redis.keys(f"presence:{{*}}:{kind}")]))


@contextlib.contextmanager
def scene(binary, folder, options):
    port = free_port()
    with redis_server(folder) as redis:
        flags = ["--shards", str(options.shards), "--callback-url", f"http://127.0.0.1:{port}/"]
        with worker(binary, folder, redis, *flags) as service:
            yield Scene(options, folder, port, redis, service)


def rates(marks):
    """Between two moments, each the events accepted until then and the usage."""
    if len(marks) < 2:
        return {}
    (first, before), (last, after) = marks
    spent, count = after.since(before), last - first
    return {"events_per_second": count / spent.seconds, "worker_us_per_event": spent.worker_us / count,
            "redis_us_per_event": spent.redis_us / count}


def instant(stage):
    stage.log_in(range(stage.options.events))
    with stage.receiver() as backend:
        return stage.drain(backend, stage.options.events)


def slow(stage):
    stage.log_in(range(stage.options.slow_events))
    with stage.receiver() as backend:
        backend.behave(delay=SLOW_MS)
        return stage.drain(backend, stage.options.slow_events)


def failing(stage):
    for _ in range(FAILING_EVENTS):
        stage.log_in([FAILING_USER])
    others = with_neighbours(stage.options.events, stage.options.shards)
    stage.log_in(others)
    with stage.receiver() as backend:
        backend.behave(fail=name(FAILING_USER))
        started = time.monotonic()
        figures = stage.drain(backend, len(others))
        time.sleep(max(0, started + FAILING_SECONDS - time.monotonic()))
        figures["set_aside_then"] = stage.length("aside")
        heard = {callback.user for callback in backend.first_accepted()}
        missing = collections.Counter(is_neighbour(user, stage.options.shards) for user in others
                                      if name(user) not in heard)
        figures["missing_of_its_shard"], figures["missing_of_other_shards"] = missing[True], missing[False]
        attempts = [callback.version for callback in backend.callbacks() if callback.user == name(FAILING_USER)]
        figures["attempts_at_the_failing_user"] = len(attempts)
        figures["its_events_attempted"] = len(set(attempts))
        backend.behave()
        figures["seconds_after_it_is_mended"] = stage.wait(backend, len(others) + FAILING_EVENTS)[1]
        versions = [callback.version for callback in backend.first_accepted() if callback.user == name(FAILING_USER)]
        figures["its_events_then_in_order"] = f"{len(versions)} of {FAILING_EVENTS}, {versions == sorted(versions)}"
    return figures | letters(stage)


def refused(stage):
    with stage.receiver() as backend:
        backend.behave(status=404)
        started = time.monotonic()
        stage.log_in(range(REFUSED_EVENTS))
        time.sleep(max(0, started + REFUSED_SECONDS - time.monotonic()))
        figures = {"requests_refused": backend.stats()["requests"], "dead_letters_then": stage.length("dead")}
        backend.behave()
        return figures | stage.drain(backend, REFUSED_EVENTS) | letters(stage)


PARTS = {"instant": instant, "slow": slow, "failing": failing, "refused": refused}


def letters(stage):
    return {"dead_letters": stage.length("dead"), "set_aside": stage.length("aside")}


def with_neighbours(count, shards):
    """So many users, as many as asked for of them in the failing user's shard."""
    neighbours, others, user = [], [], FAILING_USER + 1
    while len(neighbours) < NEIGHBOURS or len(others) < count - NEIGHBOURS:
        wanted, most = ((neighbours, NEIGHBOURS) if is_neighbour(user, shards) else (others, count - NEIGHBOURS))
        if len(wanted) < most:
            wanted.append(user)
        user += 1
    return sorted(neighbours + others)


def is_neighbour(user, shards):
    return shard(user, shards) == shard(FAILING_USER, shards)


def shard(user, shards):
    return zlib.crc32(name(user).encode()) % shards


def text(value):
    return f"{value:,.1f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)
