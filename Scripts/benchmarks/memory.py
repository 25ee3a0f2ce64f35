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


def memory_now(redis, streams):
    sizes = redis.pipeline([("MEMORY", "USAGE", key, "SAMPLES", "0") for key in streams])
    lengths = redis.pipeline([("XLEN", key) for key in streams])
    return Memory(int(redis.info("memory")["used_memory"]), sum(size or 0 for size in sizes), sum(lengths))


def event_streams(redis):
    """The names of all shards' event streams, from those of their owners: these are there before anything happens."""
    return [key.removesuffix("owner") + "events" for key in redis.keys("presence:{*}:owner")]


def memory_figures(redis, service, users):
    """On a Redis that nobody else uses, without a receiver: what mobile sessions with full details take."""
    return asyncio.run(measure(redis, People(service.port), users))


async def measure(redis, people, users):
    streams = event_streams(redis)
    await log_out(people, await people.log_in("Android", range(users, users + WARM_USERS)))
    empty = settled(redis, streams)
    sessions = await people.log_in("Android", range(users))
    online = settled(redis, streams)
    await log_out(people, sessions)
    offline = settled(redis, streams)
    return {
        "users": users,
        "bytes_per_mobile_session": apart_from_events(online, empty) / users,
        "bytes_per_event": (offline.streams - empty.streams) / (offline.events - empty.events),
        "bytes_per_offline_user": apart_from_events(offline, empty) / users,
    }


def apart_from_events(now, before):
    return (now.used - now.streams) - (before.used - before.streams)


def settled(redis, streams):
    time.sleep(SETTLE_SECONDS)
    return memory_now(redis, streams)


async def log_out(people, sessions):
    sessions = iter(sessions)

    async def work():
        for session in sessions:
            await people.web.call(post("/v1/sessions/logout", session))
    await asyncio.gather(*(work() for _ in range(LOGOUT_TASKS)))
