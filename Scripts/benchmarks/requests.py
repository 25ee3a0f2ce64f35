"""Measures one worker on a private Redis, beside redis-benchmark on that same Redis.

Prints a table: per kind of request its rate, latency and CPU time in the worker and in Redis, then what
redis-benchmark reaches with the same commands. Takes under two minutes after the release build.
All of it (wrk, worker, Redis) shares this machine's cores: read the CPU times and ratios before the rates.
"""

import os
import pathlib
import time

from .load import (BATCH_HEARTBEATS, BATCH_USERS, CONNECTIONS, Load, heartbeat, login, lookup, lookups, seed, split)
from .servers import prepare, redis_server, worker
from .sockets import FLAGS, Sockets, print_sockets

NEW_LOGINS_MAX = 300_000  # prepared before the run; more than a worker can take in it


def add_options(parser):
    parser.add_argument("--seconds", type=int, default=5, help="length of each run (5)")
    parser.add_argument("--users", type=int, default=20_000, help="users logged in beforehand, at least 1000 (20000)")
    parser.add_argument("--sockets", type=int, default=20_000,
                        help="idle clients connected at once, at least 1000, as far as the file limit goes (20000)")


def check_options(parser, options):
    for flag, count in [("--users", options.users), ("--sockets", options.sockets)]:
        if count < 1000:
            parser.error(f"{flag} must be at least 1000")


def run(options, folder):
    binary = prepare(options, "wrk", "redis-tools:redis-benchmark")
    with redis_server(folder) as redis, worker(binary, folder, redis) as service:
        load = Load(pathlib.Path(folder), redis, options.seconds)
        sessions = seed(service.port, [f"user-{number}" for number in range(options.users)])
        idle = idle_cpu(load, service)
        rows = measure(load, service, sessions)
        with worker(binary, folder, redis, *FLAGS) as gateway:
            sockets = Sockets(binary, folder, redis, gateway).figures(options.sockets, options.seconds)
    print_report(rows, idle, options)
    print_sockets(sockets, rows[1]["plain"])
    return {"idle": idle, "rows": rows, "sockets": sockets}


def measure(load, service, sessions):
    load.prepare_plain(len(sessions))
    plain = {
        "renew": load.plain("renew"), "renew batch": load.plain("renew", pipeline=100),
        "read": load.plain("read"), "read batch": load.plain("read", pipeline=100), "write": load.plain("write"),
    }
    users = [session["user"] for session in sessions]
    renewals = [heartbeat(batch) for batch in split(sessions, BATCH_HEARTBEATS)]
    queries = [lookups(batch) for batch in split(users, BATCH_USERS)]

    def row(name, requests, operations_each, plain):
        figures = load.wrk(service, name, requests, operations_each)
        return figures | {
            "plain": plain, "rate_ratio": figures["operations_per_second"] / plain["operations_per_second"],
            "redis_cpu_ratio": figures["redis_us_per_operation"] / plain["redis_us_per_operation"]}
    return [
        row("heartbeat, 1", [heartbeat([session]) for session in sessions], 1, plain["renew"]),
        row("heartbeat, 1000", renewals, BATCH_HEARTBEATS, plain["renew batch"]),
        row("query, 1 user", [lookup(user) for user in users], 1, plain["read"]),
        row("query, 500 users", queries, BATCH_USERS, plain["read batch"]),
        row("login, new user", [login(f"new-{i}") for i in range(NEW_LOGINS_MAX)], 1, plain["write"]),
        row("login, again", [login(user) for user in users], 1, plain["write"]),
    ]


def idle_cpu(load, service):
    """CPU time, in microseconds a second, that worker and Redis use while nobody asks anything."""
    worker_before, redis_before = service.cpu_us(), load.redis.cpu_us()
    time.sleep(load.seconds)
    return {"worker_us_per_second": (service.cpu_us() - worker_before) / load.seconds,
            "redis_us_per_second": (load.redis.cpu_us() - redis_before) / load.seconds}


def print_report(rows, idle, options):
    print(f"One worker, {options.users} users logged in, {CONNECTIONS} connections, {options.seconds} s a run, "
          f"{os.cpu_count()} cores for everything.\n")
    print_line("", "requests/s", "operations/s", "p50 ms", "p99 ms", "worker us/op", "redis us/op")
    for row in rows:
        print_line(row["name"], f"{row['requests_per_second']:,.0f}", f"{row['operations_per_second']:,.0f}",
                   f"{row['p50_ms']:.2f}", f"{row['p99_ms']:.2f}",
                   f"{row['server_us_per_operation']:.2f}", f"{row['redis_us_per_operation']:.2f}")
    print(f"\nIdle: worker {idle['worker_us_per_second'] / 1000:.1f} ms/s, "
          f"Redis {idle['redis_us_per_second'] / 1000:.1f} ms/s of CPU.\n")
    print_line("redis-benchmark", "pipeline", "operations/s", "redis us/op", "rate ratio", "CPU ratio", "  commands")
    for row in rows:
        plain = row["plain"]
        print_line(row["name"], plain["pipeline"], f"{plain['operations_per_second']:,.0f}",
                   f"{plain['redis_us_per_operation']:.2f}", f"{row['rate_ratio']:.2f}",
                   f"{row['redis_cpu_ratio']:.2f}", "  " + plain["commands"])
    print("\nA ratio is the service's figure over redis-benchmark's. There a login's commands run one by one and their "
          "times are\nsummed up; the service decides, writes and queues the event in one script.")


def print_line(name, *columns):
    print(f"{name:18}" + "".join(f"{column:>17}" for column in columns))
