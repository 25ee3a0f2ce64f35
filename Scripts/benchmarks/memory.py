"""Bytes of Redis per session, per event and per user who is Offline, by `used_memory`."""

import asyncio
import collections
import time

from .people import People
from .web import post

LOGOUT_TASKS = 16
SETTLE_SECONDS = 3  # until Redis has moved its tables to their new size
WARM_USERS = 100

# `streams` and `events`: bytes and entries of the event streams.
Memory = collections.namedtuple("Memory", "used streams events")


def memory_now(streams):
    used = bytes_of_streams = events = 0
    for master, keys in streams.items():
        sizes = master.pipeline([("MEMORY", "USAGE", key, "SAMPLES", "0") for key in keys])
        bytes_of_streams += sum(size or 0 for size in sizes)
        events += sum(master.pipeline([("XLEN", key) for key in keys]))
        used += int(master.info("memory")["used_memory"])
    return Memory(used, bytes_of_streams, events)


def event_streams(redis):
    """The names of the event streams of the shards that each master has, from those of their owners: these are there
    before anything happens."""
    return {master: [key.removesuffix("owner") + "events" for key in master.keys("presence:{*}:owner")]
            for master in redis.masters}


def memory_figures(redis, service, users):
    """On a Redis that nobody else uses, without a receiver: what mobile sessions with full details take."""
    return asyncio.run(measure(redis, People(service.port), users))


async def measure(redis, people, users):
    streams = event_streams(redis)
    await log_out(people, await people.log_in("Android", range(users, users + WARM_USERS)))
    empty = settled(streams)
    sessions = await people.log_in("Android", range(users))
    online = settled(streams)
    await log_out(people, sessions)
    offline = settled(streams)
    return {
        "users": users,
        "bytes_per_mobile_session": apart_from_events(online, empty) / users,
        "bytes_per_event": (offline.streams - empty.streams) / (offline.events - empty.events),
        "bytes_per_offline_user": apart_from_events(offline, empty) / users,
    }


def apart_from_events(now, before):
    return (now.used - now.streams) - (before.used - before.streams)


def settled(streams):
    time.sleep(SETTLE_SECONDS)
    return memory_now(streams)


async def log_out(people, sessions):
    sessions = iter(sessions)

    async def work():
        for session in sessions:
            await people.web.call(post("/v1/sessions/logout", session))
    await asyncio.gather(*(work() for _ in range(LOGOUT_TASKS)))
