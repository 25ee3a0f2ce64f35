"""What Redis and the workers use: CPU time from /proc, commands from INFO, scripts from the slow log."""

import collections
import contextlib
import time

from .resp import Redis

SLOW_LOG_US_MIN = 3  # leaves out single heartbeats
SLOW_LOG_CALLS_MAX = 50_000


class Usage:
    """What Redis and the workers have used up to now, in microseconds of CPU."""

    def __init__(self, redis, *workers):
        self.at = time.monotonic()
        self.commands = redis.command_stats()
        self.redis_us = redis.cpu_us()
        self.worker_us = sum(worker.cpu_us() for worker in workers)

    def since(self, before):
        return Spent(self, before)


class Spent:
    """What was used from one moment to a later one."""

    def __init__(self, now, before):
        self.seconds = now.at - before.at
        self.redis_us = now.redis_us - before.redis_us
        self.worker_us = now.worker_us - before.worker_us
        self.commands = {}
        for name, (calls, us) in now.commands.items():
            calls_before, us_before = before.commands.get(name, (0, 0))
            if calls > calls_before:
                self.commands[name] = (calls - calls_before, us - us_before)

    @property
    def calls(self):
        """Commands that were executed, those that scripts call included."""
        return sum(calls for calls, _ in self.commands.values())

    def beyond(self, usual, share=1.0):
        """What Redis and the worker used beyond this share of another time's pace, in microseconds."""
        scale = share * self.seconds / usual.seconds
        return self.redis_us - usual.redis_us * scale, self.worker_us - usual.worker_us * scale

    def figures(self):
        """Shares of a core in percent; of a script the commands it calls are part, and named beside it."""
        ranked = sorted(self.commands.items(), key=lambda item: -item[1][1])
        return {
            "seconds": self.seconds,
            "redis_percent": self.redis_us / self.seconds / 10_000,
            "worker_percent": self.worker_us / self.seconds / 10_000,
            "commands": [
                {"name": name, "calls_per_second": calls / self.seconds, "us_per_call": us / calls,
                 "percent": us / self.seconds / 10_000} for name, (calls, us) in ranked
            ],
        }


def script_figures(port, seconds):
    """A sample of the scripts that run in so many seconds, by the kinds of keys they take, the costliest first.

    Runs in a thread of its own while nothing is measured: the slow log costs Redis time, though not a script's own.
    """
    with contextlib.closing(Redis(port)) as redis:
        redis.pipeline([
            ("SLOWLOG", "RESET"), ("CONFIG", "SET", "slowlog-max-len", SLOW_LOG_CALLS_MAX),
            ("CONFIG", "SET", "slowlog-log-slower-than", SLOW_LOG_US_MIN)])
        time.sleep(seconds)
        redis.command("CONFIG", "SET", "slowlog-log-slower-than", -1)
        scripts = collections.defaultdict(lambda: [0, 0])
        for entry in redis.command("SLOWLOG", "GET", -1):
            us, arguments = entry[2], entry[3]
            if arguments[0].upper() == "EVALSHA":
                tally = scripts[key_kinds(arguments)]
                tally[0] += 1
                tally[1] += us
        redis.command("SLOWLOG", "RESET")
    total = sum(us for _, us in scripts.values())
    ranked = sorted(scripts.items(), key=lambda item: -item[1][1])
    return [{"keys": kinds, "calls": calls, "us_per_call": us / calls, "share_of_script_time": us / total}
            for kinds, (calls, us) in ranked]


def key_kinds(evalsha):
    """`user deadlines events ...`: what stands behind the shard in the names of a script's keys, each kind once."""
    keys = evalsha[3:3 + int(evalsha[2])]
    kinds = dict.fromkeys(key.split("}:", 1)[1].split(":")[0] for key in keys if "}:" in key)
    return " ".join(kinds) or "without a shard"
