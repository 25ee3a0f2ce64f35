"""Streams of changes (`GET /v1/events`) of one worker on a private Redis.

Measures, in this order: changes that nobody follows, to compare with; opening streams of users, and keeping them while
nothing happens; changes while all read; changes while some read nothing, until these are ended; changes told to
streams of all. Changes are logins and logouts by HTTP, half and half, of users of whom each is followed by about
`streams * users / people` streams. A delay is from the answer of the call to the event at the reader. Readers are a
process of their own, and so is who calls: they share the cores with what is measured. It takes about two minutes, one
of them until the slow ones are ended; a quick look: --streams 200 --seconds 3 --slow 0
"""

import asyncio
import collections
import json
import random
import re
import resource
import sys
import time
import urllib.request

from .people import People, login, name
from .report import percentiles, print_section, spread
from .servers import prepare, redis_server, worker
from .sockets import FILES_RESERVED
from .streams import readers
from .usage import Usage
from .web import Web, post

PLATFORM = "Android"  # without heartbeats its sessions live longer than this takes
USERS_MAX = 500  # of a stream
PEOPLE_FOR_EACH = 20  # as many times the users of a stream
AWAY_PART = 10  # of so many people one is not logged in
WARM_STREAMS = 50
WARM_SECONDS = 1  # of changes
SETTLE_SECONDS = 3
LAST_SECONDS_MAX = 5  # until the last change is told
CLOSED_SECONDS_MAX = 20  # until the worker knows that readers left
CHECK_SECONDS = 1
POLL_SECONDS = 0.02


def add_options(parser):
    parser.add_argument("--streams", type=int, default=2000, help="streams of users (2000)")
    parser.add_argument("--users", type=int, default=100, help=f"users of each, at most {USERS_MAX} (100)")
    parser.add_argument("--people", type=int, help=f"users there are ({PEOPLE_FOR_EACH} times --users)")
    parser.add_argument("--rate", type=int, default=200, help="changes a second (200)")
    parser.add_argument("--seconds", type=int, default=10, help="length of each measurement (10)")
    parser.add_argument("--slow", type=int, default=20, help="streams that read nothing, at most half of them (20)")
    parser.add_argument("--slow-seconds", type=int, default=120, help="the longest wait for their end (120)")
    parser.add_argument("--all", type=int, default=20, help="streams of all changes (20)")


def check_options(parser, options):
    options.people = options.people or PEOPLE_FOR_EACH * options.users
    options.slow = min(options.slow, options.streams // 2)
    if not 1 <= options.users <= min(USERS_MAX, options.people):
        parser.error(f"--users must be 1 to {USERS_MAX}, and no more than --people")
    if options.people < AWAY_PART:
        parser.error(f"--people must be at least {AWAY_PART}")
    for flag, least in [("streams", 2), ("rate", 1), ("seconds", 1), ("slow", 0), ("all", 0)]:
        if getattr(options, flag) < least:
            parser.error(f"--{flag} must be at least {least}")


def run(options, folder):
    binary = prepare(options)
    files_max = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    options.streams = min(options.streams, files_max - FILES_RESERVED)
    flags = ["--feed-streams-max", str(options.streams + options.all + WARM_STREAMS)]
    with redis_server(folder) as redis, worker(binary, folder, redis, *flags) as service:
        with readers(service.port) as streams:
            figures = Play(options, redis, service, streams).figures()
    print_report(figures)
    return figures


class Play:
    def __init__(self, options, redis, service, streams):
        self.options, self.redis, self.service, self.streams = options, redis, service, streams
        self.changes = Changes(service.port, options)
        draw = random.Random(1)  # the same in each run
        self.follows = [draw.sample(range(options.people), options.users) for _ in range(options.streams)]

    def figures(self):
        options = self.options
        figures = {"streams": options.streams, "users": options.users, "people": options.people,
                   "slow": options.slow, "all": options.all}
        say(f"Changes that nobody follows, of {options.people:,} users")
        self.changes.begin()
        asyncio.run(self.changes.make(options.rate, WARM_SECONDS))
        figures["idle_before"] = self._idle()
        figures["alone"] = alone = self._changes()
        say(f"Opening {options.streams:,} streams of {options.users} users")
        figures["opening"] = self._open()
        say("Nothing happens")
        figures["idle"] = self._idle()
        say(f"{options.rate} changes a second")
        figures["of_users"] = self._changes(alone, followers(self.follows))
        if options.slow:
            say(f"{options.slow} streams read nothing")
            figures["beside_slow"], figures["slow_ones"] = self._slow()
        self._close("users", "slow")
        if options.all:
            say(f"{options.all} streams of all changes")
            self.streams.open("all", ["/v1/events"] * options.all)
            time.sleep(SETTLE_SECONDS)
            figures["of_all"] = self._changes(alone, followers([range(options.people)] * options.all))
        return figures

    def _open(self):
        """Memory and CPU of streams that are opened, after a few that came first."""
        self.streams.open("warm", targets(self.follows[:WARM_STREAMS]))
        self._close("warm")
        time.sleep(SETTLE_SECONDS)
        empty_kb, before = self.service.resident_kb(), Usage(self.redis, self.service)
        self.streams.open("users", targets(self.follows))
        spent = Usage(self.redis, self.service).since(before)
        time.sleep(SETTLE_SECONDS)
        count = len(self.follows)
        return {"resident_kb_per_stream": (self.service.resident_kb() - empty_kb) / count,
                "worker_ms_per_stream": spent.worker_us / count / 1000,
                "redis_ms_per_stream": spent.redis_us / count / 1000, "streams_per_second": count / spent.seconds}

    def _idle(self):
        before = Usage(self.redis, self.service)
        time.sleep(self.options.seconds)
        spent = Usage(self.redis, self.service).since(before)
        return {"worker_percent": spent.worker_us / spent.seconds / 10_000,
                "redis_percent": spent.redis_us / spent.seconds / 10_000,
                "commands_per_second": spent.calls / spent.seconds}

    def _changes(self, alone=None, followed=None, until=None):
        """What changes cost, also beyond `alone`, those that nobody follows, and when they came to those who follow."""
        self.streams.take()
        before, readers_us = Usage(self.redis, self.service), self.streams.cpu_us()
        answered = asyncio.run(self.changes.make(self.options.rate, self.options.seconds, until))
        made_seconds = time.monotonic() - before.at
        expected = sum(followed[user] for user, _ in answered) if followed else 0
        deadline = time.monotonic() + LAST_SECONDS_MAX
        while self.streams.count() < expected and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        spent, readers_us = Usage(self.redis, self.service).since(before), self.streams.cpu_us() - readers_us
        arrivals, ended = self.streams.take()
        delays = [(arrived - at) * 1000 for key, at in answered.items() for arrived in arrivals.get(key, ())]
        changes = len(answered)
        figures = {
            "changes": changes, "changes_per_second": changes / made_seconds, "told": len(delays),
            "not_told": expected - len(delays), "worker_us_per_change": spent.worker_us / changes,
            "redis_us_per_change": spent.redis_us / changes, "delay_ms": percentiles(delays), "ended": ended,
            "readers_percent": readers_us / spent.seconds / 10_000,
        }
        if alone and delays:
            for server in ["worker", "redis"]:
                beyond = figures[f"{server}_us_per_change"] - alone[f"{server}_us_per_change"]
                figures[f"{server}_us_per_change_told"] = beyond * changes / len(delays)
        return figures

    def _slow(self):
        """Some streams are replaced by ones that read nothing: what the others get meanwhile, and how these end."""
        count = self.options.slow
        self.streams.close("users", count)
        self._wait_for_streams(len(self.follows) - count)
        before, opened = self._ended(), time.monotonic()
        self.streams.open("slow", targets(self.follows[-count:]), reads=False)
        lasted = None

        async def until_ended():
            nonlocal lasted
            while time.monotonic() < opened + self.options.slow_seconds:
                if (await asyncio.to_thread(self._ended) - before).total() >= count:
                    lasted = time.monotonic() - opened
                    return
                await asyncio.sleep(CHECK_SECONDS)
        figures = self._changes(followed=followers(self.follows[:-count]), until=until_ended)
        # What asking for metrics costs is in these.
        for key in ["worker_us_per_change", "redis_us_per_change"]:
            del figures[key]
        # Those who read may have been ended too: they are told why.
        return figures, {"streams": count, "ended": self._ended() - before - figures["ended"],
                         "all_ended_seconds": lasted}

    def _close(self, *groups):
        for group in groups:
            self.streams.close(group)
        self._wait_for_streams(0)

    def _wait_for_streams(self, count):
        deadline = time.monotonic() + CLOSED_SECONDS_MAX
        while (is_open := self._metrics("presence_feed_streams", "kind").total()) != count:
            if time.monotonic() > deadline:
                sys.exit(f"error: {is_open} streams are open, not {count}")
            time.sleep(CHECK_SECONDS)

    def _ended(self):
        return self._metrics("presence_feed_streams_ended_total", "reason")

    def _metrics(self, metric, label):
        """Its values by that label."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.service.port}/metrics", timeout=10) as answer:
            found = re.findall(rf'^{metric}{{{label}="([^"]*)"}} (\d+)', answer.read().decode(), re.MULTILINE)
        return collections.Counter({value: int(count) for value, count in found})


class Changes:
    """Logins and logouts in turn, each of whoever has been away, or there, for longest."""

    def __init__(self, port, options):
        self.port = port
        away = options.people // AWAY_PART
        self.away = collections.deque(range(away))
        self.there = collections.deque(range(away, options.people))
        self.sessions = {}

    def begin(self):
        """Logs in who is there."""
        found = asyncio.run(People(self.port).log_in(PLATFORM, self.there))
        self.sessions = {json.loads(session)["user"]: session for session in found}

    async def make(self, rate, seconds, until=None):
        """For so long, and until the other is done; when each change was answered, by user and version."""
        web, answered, calls = Web(self.port), {}, set()
        other, started = asyncio.create_task(until()) if until else None, time.monotonic()
        turn = 0
        while turn < rate * seconds or other and not other.done():
            await asyncio.sleep(started + turn / rate - time.monotonic())
            call = asyncio.create_task(self._change(web, turn, answered))
            calls.add(call)
            call.add_done_callback(calls.discard)
            turn += 1
        await asyncio.gather(*calls)
        if other:
            await other
        if len(answered) != turn:
            sys.exit(f"error: {turn - len(answered)} of {turn} changes failed: the reason is above")
        return answered

    async def _change(self, web, turn, answered):
        is_login = bool(turn % 2 and self.away or not self.there)
        number = (self.away if is_login else self.there).popleft()
        user = name(number)
        if is_login:
            answer = await web.call(post("/v1/sessions", login(number, PLATFORM)))
            self.sessions[user] = json.dumps({"user": user, "session": answer["session"]}).encode()
        else:
            answer = await web.call(post("/v1/sessions/logout", self.sessions.pop(user)))
        answered[user, answer["version"]] = time.monotonic()
        (self.there if is_login else self.away).append(number)


def targets(follows):
    return ["/v1/events?users=" + ",".join(map(name, numbers)) for numbers in follows]


def followers(follows):
    """How many follow each user."""
    return collections.Counter(name(number) for numbers in follows for number in numbers)


def say(text):
    print(text, file=sys.stderr, flush=True)


def print_report(figures):
    opening, before, idle = figures["opening"], figures["idle_before"], figures["idle"]
    print_section(f"{figures['streams']:,} streams of {figures['users']} of {figures['people']:,} users", [
        ("resident memory of the worker per stream", f"{opening['resident_kb_per_stream']:.1f} kB"),
        ("CPU of opening one", f"worker {opening['worker_ms_per_stream']:.2f} ms, "
                               f"Redis {opening['redis_ms_per_stream']:.2f} ms"),
        ("streams opened", f"{opening['streams_per_second']:,.0f}/s"),
        ("CPU while nothing happens and nobody follows", at_rest(before)),
        ("CPU while nothing happens", at_rest(idle)),
    ])
    if figures["slow"]:
        slow = figures["slow_ones"]
        reasons = ", ".join(f"{count} {reason}" for reason, count in slow["ended"].items()) or "none"
        lasted = slow["all_ended_seconds"]
        print_section(f"{slow['streams']} of the streams read nothing", [
            ("of them ended, by reason", reasons),
            ("all ended after", f"{lasted:.0f} s" if lasted else "not in time"),
        ])
    print_table(figures)


def print_table(figures):
    titles = {
        "alone": "nobody follows", "of_users": f"{figures['streams']:,} streams of {figures['users']} users",
        "beside_slow": f"the same, {figures['slow']} of them slow", "of_all": f"{figures['all']} streams of all"}
    parts = [figures[part] for part in titles if part in figures]
    print("\n| changes | " + " | ".join(title for part, title in titles.items() if part in figures) + " |")
    print("|---" * (len(parts) + 1) + "|")
    for title, text in ROWS:
        print(f"| {title} | " + " | ".join(map(text, parts)) + " |")


def at_rest(idle):
    return (f"worker {idle['worker_percent']:.1f} %, Redis {idle['redis_percent']:.1f} % of a core, "
            f"{idle['commands_per_second']:,.0f} commands/s")


def cost(key):
    return lambda part: f"{part[key]:,.1f} µs" if key in part else ""


# What a row of the table is called, and its text for a part.
ROWS = [
    ("made", lambda part: f"{part['changes_per_second']:,.0f}/s"),
    ("streams told of each", lambda part: f"{part['told'] / part['changes']:.1f}"),
    ("CPU of the worker for one, its call included", cost("worker_us_per_change")),
    ("CPU of Redis for one", cost("redis_us_per_change")),
    ("CPU of the worker for each stream told", cost("worker_us_per_change_told")),
    ("CPU of Redis for each stream told", cost("redis_us_per_change_told")),
    ("from the answer to the event", lambda part: spread(part["delay_ms"], "ms", 1) if part["told"] else ""),
    ("not told", lambda part: f"{part['not_told']:,}"),
    ("streams that read and were ended", lambda part: ", ".join(
        f"{count} {reason}" for reason, count in part["ended"].items()) or "none"),
    ("CPU of the readers", lambda part: f"{part['readers_percent']:.0f} % of a core"),
]
