"""A crowd of browser sessions on one worker and one private Redis, or more of each, and then many that end together.

Measures, in this order: memory per mobile session, event and Offline user (on a Redis of their own); logging the crowd
in; a steady time in which everybody heartbeats and some fall silent one by one; and the moment when the timers of many
end together, until all are settled and every event is delivered to a fast receiver. A million sessions take about ten
minutes; a quick look: --sessions 50000 --ending 15000 --mobile 10000 --seconds 35
"""

import asyncio
import contextlib
import sys
import time

from .crowd_report import print_report
from .memory import event_streams, memory_figures, memory_now
from .people import People
from .receiver import receiver
from .report import percentiles
from .servers import prepare, redis_cluster, redis_server, subfolder, worker
from .usage import Usage, script_figures
from .web import Failure, get

SHARE_SECONDS = 3  # until the first worker owns all shards, and others know that they are several
SILENT_PER_SECOND_MAX = 200
SILENT_PART = 1000  # of so many one falls silent per second at most
SAMPLE_SECONDS = 2
CHECK_SECONDS = 0.25
GRACE_CHECK_SECONDS = 1
SETTLED_SECONDS_MAX = 180
DELIVERED_SECONDS_MAX = 900
POLL_SECONDS = 0.25


def add_options(parser):
    parser.add_argument("--sessions", type=int, default=1_000_000, help="live sessions (1000000)")
    parser.add_argument("--ending", type=int, default=300_000, help="of them, how many end together (300000)")
    parser.add_argument("--mobile", type=int, default=50_000, help="mobile sessions whose memory is measured (50000)")
    parser.add_argument("--seconds", type=int, default=60, help="length of the steady time (60)")
    parser.add_argument("--shards", type=int, help="shards (the worker's default)")
    parser.add_argument("--masters", type=int, default=1, help="more than 1: a cluster of so many (1)")
    parser.add_argument("--workers", type=int, default=1, help="who are asked in turn (1)")
    parser.add_argument("--aof", action="store_true", help="let Redis write its append-only file")
    parser.add_argument("--no-receiver", action="store_true", help="deliver events nowhere")


def check_options(parser, options):
    if not 1000 <= options.ending < options.sessions:
        parser.error("--ending must be at least 1000 and less than --sessions")
    if min(options.masters, options.workers) < 1:
        parser.error("--masters and --workers must be at least 1")


def run(options, folder):
    binary = prepare(options, *([] if options.no_receiver else ["gcc:cc"]))
    flags = ["--shards", str(options.shards)] if options.shards else []
    inner = subfolder(folder, "memory")
    with redis_server(inner) as redis, worker(binary, inner, redis, *flags) as service:
        say(f"Memory of {options.mobile:,} mobile sessions")
        memory = memory_figures(redis, service, options.mobile)
    with contextlib.ExitStack() as stack:
        masters = options.masters
        redis = stack.enter_context(
            redis_server(folder, options.aof) if masters == 1 else redis_cluster(folder, masters, options.aof))
        backend = None if options.no_receiver else stack.enter_context(receiver(folder))
        if backend:
            flags += ["--callback-url", backend.url]
        services = [stack.enter_context(worker(binary, folder, redis, *flags)) for _ in range(options.workers)]
        time.sleep(SHARE_SECONDS)
        figures = asyncio.run(Crowd(options, redis, services, backend).figures())
    figures = {"sessions": options.sessions, "masters": masters, "workers": options.workers, "memory": memory,
               **figures}
    print_report(figures)
    return figures


def say(text):
    print(time.strftime("%H:%M:%S"), text, file=sys.stderr, flush=True)


class Crowd:
    def __init__(self, options, redis, services, backend):
        self.options, self.redis, self.services, self.backend = options, redis, services, backend
        self.people = People(*(service.port for service in services))
        self.streams = event_streams(redis)
        self.events = 0  # so many were caused up to now
        self.checks, self.unready, self.graced = 0, 0, 0

    async def figures(self):
        """Ends with the play, or with whichever task beside it fails."""
        beside = [self.people.keep_alive(), self._check_ready(), self._check_grace()]
        tasks = [asyncio.create_task(task) for task in [self._play(), *beside]]
        ended, others = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in others:
            task.cancel()
        return ended.pop().result()

    async def _play(self):
        login = await self._log_in()
        steady, usual = await self._steady()
        return {"login": login, "steady": steady, "ending": await self._end(usual)}

    async def _log_in(self):
        count = self.options.sessions
        say(f"Logging {count:,} sessions in")
        memory, before = memory_now(self.streams), self._usage()
        await self.people.log_in("Web", range(count))
        spent = self._usage().since(before)
        self.events += count
        delivered = await self._delivered(count, before.at)
        say("All are in and their events delivered" if self.backend else "All are in")
        after = memory_now(self.streams)
        used = (after.used - after.streams) - (memory.used - memory.streams)
        return {"per_second": count / spent.seconds, "redis_us": spent.redis_us / count,
                "worker_us": spent.worker_us / count, "delivered_seconds": delivered,
                "bytes_per_session": used / count, "heartbeats": self._take_heartbeats()}

    async def _steady(self):
        """Everybody heartbeats; some fall silent, as many as are settled in the seconds that are measured."""
        people, per_second = self.people, min(SILENT_PER_SECOND_MAX, self.options.sessions / SILENT_PART)
        say(f"Steady; {per_second:.0f} sessions a second fall silent")
        people.silence_per_second = per_second
        await asyncio.sleep(people.timeout - people.interval)  # now the timers of the first end
        self._forget()
        before, started_ms = self._usage(), time.time() * 1000
        await asyncio.sleep(self.options.seconds)
        usual, ended_ms = self._usage().since(before), time.time() * 1000
        people.silence_per_second = 0
        figures = {**usual.figures(), **self._noticed()}
        self.events += len(people.silenced)
        figures["scripts"] = await asyncio.to_thread(script_figures, self.redis.masters[0].port, SAMPLE_SECONDS)
        ended = [(session, sent_ms) for session, sent_ms in people.silenced
                 if started_ms < sent_ms + people.timeout * 1000 < ended_ms - 5000]
        lags, figures["unsettled"] = await people.lags_ms(ended)
        figures["lag_ms"] = percentiles(lags)
        return figures, usual

    async def _end(self, usual):
        """The timers of many end together."""
        people, options = self.people, self.options
        say(f"The last heartbeats of {options.ending:,} sessions")
        ending = await people.last_heartbeats(options.ending)
        sent = [sent_ms for _, sent_ms in ending]
        self.events += len(ending)
        living = options.sessions - len(people.silenced) - len(ending)
        await asyncio.sleep(min(sent) / 1000 + people.timeout - 0.5 - time.time())
        before_ms = time.time() * 1000
        figures = {"sessions": len(ending), "spread_ms": max(sent) - min(sent)}
        say("Their timers end")
        self._forget()
        before, last_ms = self._usage(), max(sent) + people.timeout * 1000
        settled = await self._until_online(living)
        until_settled = self._usage().since(before)
        say("All are settled" if settled else "They are not settled in time")
        await self._delivered(self.events, before.at)
        spent = self._usage().since(before)
        figures["until_settled"] = until_settled.figures()
        figures["until_delivered"] = {**spent.figures(), **self._noticed()}
        redis_us, worker_us = spent.beyond(usual, share=living / options.sessions)
        figures["redis_us_each"], figures["worker_us_each"] = redis_us / len(ending), worker_us / len(ending)
        figures["redis_us_all"], figures["worker_us_all"] = (
            spent.redis_us / len(ending), spent.worker_us / len(ending))
        lags, figures["unsettled"] = await people.lags_ms(ending)
        figures["lag_ms"] = percentiles(lags)
        figures["settled_seconds"] = None
        if not figures["unsettled"]:
            figures["settled_seconds"] = (max(map(sum, zip(lags, sent))) - max(sent)) / 1000
        figures["delivery"] = self._delivery(before_ms, last_ms) if self.backend else None
        return figures

    def _delivery(self, since_ms, last_ms):
        """How the events that happened from then on arrived."""
        events = self.backend.first_accepted(since_ms)
        waits = [event.arrived - event.happened for event in events]
        if not events:
            return None
        return {"events": len(events), "wait_ms": percentiles(waits),
                "seconds": (max(event.arrived for event in events) - last_ms) / 1000}

    def _usage(self):
        return Usage(self.redis, *self.services)

    async def _until_online(self, count):
        deadline = time.monotonic() + SETTLED_SECONDS_MAX
        while time.monotonic() < deadline:
            try:
                stats = await self.people.web.call(get("/v1/stats"))
                if stats["users"]["Online"] <= count:
                    return True
            except Failure as failure:
                say(f"/v1/stats: {failure}")
            await asyncio.sleep(POLL_SECONDS)
        return False

    async def _delivered(self, count, started):
        """Waits until the receiver accepted so many events; seconds since then, nothing where it cannot be told."""
        if not self.backend:
            return None
        while self.backend.stats()["accepted"] < count:
            if time.monotonic() > started + DELIVERED_SECONDS_MAX:
                return None
            await asyncio.sleep(POLL_SECONDS)
        return time.monotonic() - started

    async def _check_ready(self):
        while True:
            self.checks += 1
            if await self.people.web.status(get("/health/ready")) != 200:
                self.unready += 1
            await asyncio.sleep(CHECK_SECONDS)

    async def _check_grace(self):
        graces = {master: [("EXISTS", key.removesuffix("events") + "grace") for key in keys]
                  for master, keys in self.streams.items()}
        while True:
            self.graced = max(self.graced, sum(sum(master.pipeline(asked)) for master, asked in graces.items()))
            await asyncio.sleep(GRACE_CHECK_SECONDS)

    def _forget(self):
        self.people.take_heartbeats()
        self.checks, self.unready, self.graced = 0, 0, 0

    def _noticed(self):
        return {"heartbeats": self._take_heartbeats(), "ready_checks": self.checks, "unready": self.unready,
                "shards_graced": self.graced}

    def _take_heartbeats(self):
        latencies, failed, gone = self.people.take_heartbeats()
        return {"latency_ms": percentiles(latencies), "failed": failed, "gone": gone}
