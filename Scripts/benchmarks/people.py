"""Sessions of many users: logged in as fast as the worker takes them, kept alive until they are to fall silent."""

import asyncio
import heapq
import itertools
import json
import sys
import time

from .web import Failure, Web, post

LOGIN_TASKS = 64
LOGINS_PIPELINED = 16
BATCH_HEARTBEATS = 1000  # the most one request may have
BATCH_STATUSES = 500
BURST_REQUESTS = 6
RETRY_SECONDS = 1
SPREAD = 0.618  # successive multiples of it, modulo 1, spread evenly


class Batch:
    """Sessions that are renewed by one request."""

    def __init__(self, sessions):
        self.sessions = sessions
        self.sent_ms = None  # when the last heartbeat that was acknowledged was sent; wall clock, as Redis has it

    def request(self):
        return post("/v1/heartbeats", b'{"sessions":[' + b",".join(self.sessions) + b"]}")


class People:
    """Sessions are kept as heartbeats name them: JSON texts with `user` and `session`."""

    def __init__(self, *ports):
        self.web = Web(*ports)
        self.interval = self.timeout = None  # seconds, as the worker tells clients
        self.silence_per_second = 0
        self.silenced = []  # (session, when its last heartbeat was sent in ms)
        self.latencies_ms = []
        self.failed = self.gone = 0
        self._schedule = []  # heap of (due, serial, batch)
        self._serials = itertools.count()
        self._silence_owed = 0.0
        self._keeps_alive = False

    async def log_in(self, platform, users):
        """Logs these numbers in, each a user of its own; their sessions."""
        sessions, waiting, numbers = [], [], iter(users)

        async def work():
            while chunk := list(itertools.islice(numbers, LOGINS_PIPELINED)):
                for session in await self._log_in(platform, chunk):
                    sessions.append(session)
                    waiting.append(session)
                if self._keeps_alive and len(waiting) >= BATCH_HEARTBEATS:
                    self._keep(waiting[:BATCH_HEARTBEATS])
                    del waiting[:BATCH_HEARTBEATS]
        await asyncio.gather(*(work() for _ in range(LOGIN_TASKS)))
        if self._keeps_alive and waiting:
            self._keep(waiting)
        return sessions

    async def keep_alive(self):
        """Heartbeats of everybody logged in from now on, for as long as the task lives."""
        self._keeps_alive = True
        beats = set()
        while True:
            now = time.monotonic()
            while self._schedule and self._schedule[0][0] <= now:
                due, _, batch = heapq.heappop(self._schedule)
                beat = asyncio.create_task(self._beat(due, batch))
                beats.add(beat)
                beat.add_done_callback(beats.discard)
            wait = self._schedule[0][0] - now if self._schedule else 0.05
            await asyncio.sleep(max(0.001, min(wait, 0.05)))

    async def last_heartbeats(self, count):
        """Renews about so many sessions in a burst, and never again; each with when its heartbeat was sent."""
        batches, limit = [], asyncio.Semaphore(BURST_REQUESTS)
        while self._schedule and sum(len(batch.sessions) for batch in batches) < count:
            batches.append(heapq.heappop(self._schedule)[2])

        async def renew(batch):
            async with limit:
                await self._renew(batch)
        await asyncio.gather(*map(renew, batches))
        return [(session, batch.sent_ms) for batch in batches for session in batch.sessions]

    async def lags_ms(self, silenced):
        """How long after the end of its timer each was settled, and how many are not settled yet.

        A timer is counted from when its last heartbeat was sent, so that a lag is never told too small.
        """
        lags, unsettled = [], 0
        for first in range(0, len(silenced), BATCH_STATUSES):
            batch = silenced[first:first + BATCH_STATUSES]
            users = [json.loads(session)["user"] for session, _ in batch]
            answer = await self.web.call(post("/v1/statuses", {"users": users}))
            for (_, sent_ms), result in zip(batch, answer["results"]):
                if result["status"] == "Online":
                    unsettled += 1
                else:
                    lags.append(result["changedAt"] - sent_ms - self.timeout * 1000)
        return lags, unsettled

    def take_heartbeats(self):
        """What became of the heartbeat requests since this was last asked."""
        taken = self.latencies_ms, self.failed, self.gone
        self.latencies_ms, self.failed, self.gone = [], 0, 0
        return taken

    async def _log_in(self, platform, numbers):
        requests = b"".join(post("/v1/sessions", login(number, platform)) for number in numbers)
        sessions = []
        for number, (status, body) in zip(numbers, await self.web.exchange(requests, len(numbers))):
            if status != 201:
                sys.exit(f"error: a login was answered {status}: {body.decode()}")
            answer = json.loads(body)
            self.interval = answer["heartbeat"]["intervalSeconds"]
            self.timeout = answer["heartbeat"]["timeoutSeconds"]
            sessions.append(b'{"user":"%b","session":"%b"}' % (name(number).encode(), answer["session"].encode()))
        return sessions

    def _keep(self, sessions):
        serial = next(self._serials)
        due = time.monotonic() + self.interval * (serial * SPREAD % 1)
        heapq.heappush(self._schedule, (due, serial, Batch(sessions)))

    async def _beat(self, due, batch):
        """Renews a batch and puts it back; some of it may fall silent instead."""
        self._let_fall_silent(batch)
        if not batch.sessions:
            return
        next_due = due + self.interval
        try:
            await self._renew(batch)
        except Failure as failure:
            print(f"A heartbeat failed: {failure}", file=sys.stderr)
            self.failed += 1
            next_due = time.monotonic() + RETRY_SECONDS
        heapq.heappush(self._schedule, (next_due, next(self._serials), batch))

    async def _renew(self, batch):
        sent, sent_ms = time.monotonic(), time.time() * 1000
        answer = await self.web.call(batch.request())
        self.latencies_ms.append((time.monotonic() - sent) * 1000)
        batch.sent_ms = sent_ms
        if answer["gone"]:
            self.gone += len(answer["gone"])
            gone = {session["session"] for session in answer["gone"]}
            batch.sessions = [one for one in batch.sessions if json.loads(one)["session"] not in gone]

    def _let_fall_silent(self, batch):
        if not self.silence_per_second or not batch.sent_ms:
            return
        self._silence_owed += self.silence_per_second * self.interval / (len(self._schedule) + 1)
        count = min(int(self._silence_owed), len(batch.sessions))
        self._silence_owed -= count
        for _ in range(count):
            self.silenced.append((batch.sessions.pop(), batch.sent_ms))


def name(number):
    return f"user-{number:07}"


def login(number, platform):
    """With all a client can tell of itself."""
    return {
        "user": name(number), "platform": platform, "instance": f"{number * 0x9E3779B97F4A7C15 % 2**64:016x}",
        "address": f"203.0.{number // 256 % 256}.{number % 256}", "network": "wifi", "version": "8.1.6129",
    }
