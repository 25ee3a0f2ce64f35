"""Measures one worker on a private Redis, beside redis-benchmark on that same Redis.

Prints a table: per kind of request its rate, latency and CPU time in the worker and in Redis, then what
redis-benchmark reaches with the same commands. Takes under two minutes after the release build.
All of it (wrk, worker, Redis) shares this machine's cores: read the CPU times and ratios before the rates.
"""

import concurrent.futures
import http.client
import json
import os
import pathlib
import subprocess
import sys
import threading
import time

from .servers import prepare, redis_server, worker
from .sockets import Sockets, print_sockets

CONNECTIONS = 32
BATCH_HEARTBEATS = 1000
BATCH_USERS = 500
SEED_THREADS = 4
NEW_LOGINS_MAX = 300_000  # prepared before the run; more than a worker can take in it

# Makes as many copies of a key as there are users: redis-benchmark picks among them, as callers do among the users.
COPY = """
for i = 0, ARGV[2] - 1 do
  redis.call('COPY', KEYS[1], ARGV[1] .. string.format('%012d', i))
end
"""

# Every thread of wrk sends its own part of the file's requests ("METHOD PATH BODY" a line), over and over.
WRK_SCRIPT = """
local threads = 0
function setup(thread) thread:set("number", threads); threads = threads + 1 end
function init(args)
  requests = {}
  for line in io.lines(args[1]) do
    local method, path, body = line:match("^(%S+) (%S+) ?(.*)$")
    requests[#requests + 1] = wrk.format(method, path, {["Content-Type"] = "application/json"}, body)
  end
  at = math.floor(#requests / 2) * number
end
function request() at = at % #requests + 1; return requests[at] end
function done(summary, latency)
  local failed = summary.errors
  io.stderr:write(string.format('{"requests":%d,"us":%d,"p50":%d,"p99":%d,"failed":%d}', summary.requests,
    summary.duration, latency:percentile(50), latency:percentile(99),
    failed.status + failed.connect + failed.read + failed.write + failed.timeout))
end
"""


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
        bench = Bench(pathlib.Path(folder), redis, service, options.seconds)
        print(f"Seeding {options.users} users", file=sys.stderr)
        sessions = seed(service.port, options.users)
        idle = bench.idle_cpu()
        rows = bench.rows(sessions)
        with worker(binary, folder, redis, "--connect-rate-max", "1000000") as gateway:
            sockets = Sockets(bench, binary, gateway, options.sockets).figures(rows[1]["plain"])
    print_report(rows, idle, options)
    print_sockets(sockets)
    return {"idle": idle, "rows": rows, "sockets": sockets}


class Bench:
    def __init__(self, folder, redis, service, seconds):
        self.folder, self.redis, self.service, self.seconds = folder, redis, service, seconds
        (folder / "wrk.lua").write_text(WRK_SCRIPT)

    def rows(self, sessions):
        lease, record = (self.redis.keys(f"presence:*:{kind}:*")[0] for kind in ["lease", "user"])
        for key, copies in [(lease, "bench:lease:"), (record, "bench:user:")]:
            self.redis.command("EVAL", COPY, 1, key, copies, len(sessions))
        renew, read = ["PEXPIRE", "bench:lease:__rand_int__", "400000"], ["HGETALL", "bench:user:__rand_int__"]
        value = self.redis.command("HVALS", record)[0]
        write = [
            ["SET", "bench:lease:__rand_int__", "1", "PX", "400000"],
            ["HSET", "bench:user:__rand_int__", "Android:1", value],
            ["ZADD", "bench:deadlines", "1", "__rand_int__"],
            ["XADD", "bench:events", "MAXLEN", "~", "1000", "*", "event", value],
        ]
        plain = {
            "renew": self.redis_benchmark([renew], len(sessions), pipeline=1),
            "renew batch": self.redis_benchmark([renew], len(sessions), pipeline=100),
            "read": self.redis_benchmark([read], len(sessions), pipeline=1),
            "read batch": self.redis_benchmark([read], len(sessions), pipeline=100),
            "write": self.redis_benchmark(write, len(sessions), pipeline=1),
        }
        users = [session["user"] for session in sessions]
        renewals = [heartbeat(batch) for batch in split(sessions, BATCH_HEARTBEATS)]
        lookups = [post("/v1/statuses", {"users": batch}) for batch in split(users, BATCH_USERS)]
        return [
            self.row("heartbeat, 1", [heartbeat([session]) for session in sessions], 1, plain["renew"]),
            self.row("heartbeat, 1000", renewals, BATCH_HEARTBEATS, plain["renew batch"]),
            self.row("query, 1 user", [f"GET /v1/users/{user}" for user in users], 1, plain["read"]),
            self.row("query, 500 users", lookups, BATCH_USERS, plain["read batch"]),
            self.row("login, new user", [login(f"new-{i}") for i in range(NEW_LOGINS_MAX)], 1, plain["write"]),
            self.row("login, again", [login(user) for user in users], 1, plain["write"]),
        ]

    def row(self, name, requests, operations_each, plain):
        print(f"Running {name}", file=sys.stderr)
        path = self.folder / "requests"
        path.write_text("\n".join(requests) + "\n")
        command = ["wrk", "-t2", f"-c{CONNECTIONS}", f"-d{self.seconds}s", "-s", self.folder / "wrk.lua",
                   f"http://127.0.0.1:{self.service.port}", "--", path]
        worker_before, redis_before = self.service.cpu_us(), self.redis.cpu_us()
        figures = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stderr)
        worker_us, redis_us = self.service.cpu_us() - worker_before, self.redis.cpu_us() - redis_before
        operations = figures["requests"] * operations_each
        if operations == 0 or figures["failed"]:
            sys.exit(f"error: {name}: {figures['failed']} of {figures['requests']} requests failed")
        rate = operations * 1e6 / figures["us"]
        return {
            "name": name, "requests_per_second": figures["requests"] * 1e6 / figures["us"],
            "operations_per_second": rate, "p50_ms": figures["p50"] / 1000, "p99_ms": figures["p99"] / 1000,
            "worker_us_per_operation": worker_us / operations, "redis_us_per_operation": redis_us / operations,
            "plain": plain, "rate_ratio": rate / plain["operations_per_second"],
            "redis_cpu_ratio": redis_us / operations / plain["redis_us_per_operation"],
        }

    def redis_benchmark(self, commands, keys, pipeline):
        """One operation is all the commands, each measured in a run of its own and summed up, on as many keys."""
        count = 100_000 if pipeline == 1 else 1_500_000
        seconds = cpu = 0
        for command in commands:
            cpu_before = self.redis.cpu_us()
            output = subprocess.run(
                ["redis-benchmark", "-p", str(self.redis.port), "-c", str(CONNECTIONS), "-n", str(count),
                 "-P", str(pipeline), "-r", str(keys), "--csv", *command],
                check=True, capture_output=True, text=True).stdout
            cpu += self.redis.cpu_us() - cpu_before
            seconds += count / float(output.splitlines()[-1].split('","')[1])
        names = "+".join(command[0] for command in commands)
        return {"commands": names, "pipeline": pipeline,
                "operations_per_second": count / seconds, "redis_us_per_operation": cpu / count}

    def idle_cpu(self):
        """CPU time, in microseconds a second, that worker and Redis use while nobody asks anything."""
        worker_before, redis_before = self.service.cpu_us(), self.redis.cpu_us()
        time.sleep(self.seconds)
        return {"worker_us_per_second": (self.service.cpu_us() - worker_before) / self.seconds,
                "redis_us_per_second": (self.redis.cpu_us() - redis_before) / self.seconds}


def post(path, body):
    return f"POST {path} {json.dumps(body)}"


def login(user):
    return post("/v1/sessions", {"user": user, "platform": "Android", "instance": "1"})


def heartbeat(sessions):
    return post("/v1/heartbeats", {"sessions": sessions})


def seed(port, users):
    """Logs the users in; their sessions, as a heartbeat names them, each seen to be renewed by one."""
    local = threading.local()

    def call(request):
        if not hasattr(local, "connection"):
            local.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        method, path, body = request.split(" ", 2)
        local.connection.request(method, path, body, {"Content-Type": "application/json"})
        response = local.connection.getresponse()
        answer = response.read().decode()
        if response.status >= 300:
            sys.exit(f"error: {path} was answered {response.status}: {answer}")
        return json.loads(answer)

    def log_in(number):
        return {"user": f"user-{number}", "session": call(login(f"user-{number}"))["session"]}

    with concurrent.futures.ThreadPoolExecutor(SEED_THREADS) as pool:
        sessions = list(pool.map(log_in, range(users)))
    for batch in split(sessions, BATCH_HEARTBEATS):
        if call(heartbeat(batch))["renewed"] != len(batch):
            sys.exit("error: heartbeats did not renew the sessions just logged in: nothing to measure")
    return sessions


def split(items, size):
    return [items[i:i + size] for i in range(0, len(items), size)]


def print_report(rows, idle, options):
    print(f"One worker, {options.users} users logged in, {CONNECTIONS} connections, {options.seconds} s a run, "
          f"{os.cpu_count()} cores for everything.\n")
    print_line("", "requests/s", "operations/s", "p50 ms", "p99 ms", "worker us/op", "redis us/op")
    for row in rows:
        print_line(row["name"], f"{row['requests_per_second']:,.0f}", f"{row['operations_per_second']:,.0f}",
                   f"{row['p50_ms']:.2f}", f"{row['p99_ms']:.2f}",
                   f"{row['worker_us_per_operation']:.2f}", f"{row['redis_us_per_operation']:.2f}")
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
