"""Load on a server, and on Redis alone: rates, latencies, and the CPU time that both took, as the kernel counts it."""

import concurrent.futures
import http.client
import json
import subprocess
import sys
import threading

from .usage import Usage

CONNECTIONS = 32
BATCH_HEARTBEATS = 1000
BATCH_USERS = 500
SEED_THREADS = 4

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


class Load:
    """wrk and redis-benchmark on one Redis and the servers that use it."""

    def __init__(self, folder, redis, seconds):
        self.folder, self.redis, self.seconds = folder, redis, seconds
        (folder / "wrk.lua").write_text(WRK_SCRIPT)

    def wrk(self, server, name, requests, operations_each=1, connections=CONNECTIONS):
        print(f"Running {name}", file=sys.stderr)
        path = self.folder / "requests"
        path.write_text("\n".join(requests) + "\n")
        command = ["wrk", "-t2", f"-c{connections}", f"-d{self.seconds}s", "-s", self.folder / "wrk.lua",
                   f"http://127.0.0.1:{server.port}", "--", path]
        before = Usage(self.redis, server)
        figures = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stderr)
        spent = Usage(self.redis, server).since(before)
        operations = figures["requests"] * operations_each
        if operations == 0 or figures["failed"]:
            sys.exit(f"error: {name}: {figures['failed']} of {figures['requests']} requests failed")
        return {
            "name": name, "requests_per_second": figures["requests"] * 1e6 / figures["us"],
            "operations_per_second": operations * 1e6 / figures["us"],
            "p50_ms": figures["p50"] / 1000, "p99_ms": figures["p99"] / 1000,
            "server_us_per_operation": spent.worker_us / operations,
            "redis_us_per_operation": spent.redis_us / operations, "commands_per_operation": spent.calls / operations,
        }

    def prepare_plain(self, keys):
        """Makes what `plain` asks for, from a user's that is there."""
        self.keys = keys
        lease, record = (self.redis.keys(f"presence:*:{kind}:*")[0] for kind in ["lease", "user"])
        for key, copies in [(lease, "plain:lease:"), (record, "plain:user:")]:
            self.redis.command("EVAL", COPY, 1, key, copies, keys)
        renew, read = ["PEXPIRE", "plain:lease:__rand_int__", "400000"], ["HGETALL", "plain:user:__rand_int__"]
        value = self.redis.command("HVALS", record)[0]
        write = [
            ["SET", "plain:lease:__rand_int__", "1", "PX", "400000"],
            ["HSET", "plain:user:__rand_int__", "Android:1", value],
            ["ZADD", "plain:deadlines", "1", "__rand_int__"],
            ["XADD", "plain:events", "MAXLEN", "~", "1000", "*", "event", value],
        ]
        self.commands = {"renew": [renew], "read": [read], "write": write}

    def plain(self, kind, pipeline=1):
        """The same commands by redis-benchmark, on as many keys. One operation is all the commands, each measured in
        a run of its own and summed up."""
        count = 100_000 if pipeline == 1 else 1_500_000
        seconds = cpu = 0
        for command in self.commands[kind]:
            cpu_before = self.redis.cpu_us()
            output = subprocess.run(
                ["redis-benchmark", "-p", str(self.redis.port), "-c", str(CONNECTIONS), "-n", str(count),
                 "-P", str(pipeline), "-r", str(self.keys), "--csv", *command],
                check=True, capture_output=True, text=True).stdout
            cpu += self.redis.cpu_us() - cpu_before
            seconds += count / float(output.splitlines()[-1].split('","')[1])
        return {"commands": "+".join(command[0] for command in self.commands[kind]), "pipeline": pipeline,
                "operations_per_second": count / seconds, "redis_us_per_operation": cpu / count}


def post(path, body):
    return f"POST {path} {json.dumps(body)}"


def login(user):
    return post("/v1/sessions", {"user": user, "platform": "Android", "instance": "1"})


def heartbeat(sessions):
    return post("/v1/heartbeats", {"sessions": sessions})


def lookup(user):
    return f"GET /v1/users/{user}"


def lookups(users):
    return post("/v1/statuses", {"users": users})


class Caller:
    """Requests one after the other over a kept connection."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)

    def call(self, request):
        """The JSON of the answer to `METHOD PATH BODY`, which has to be good."""
        method, path, body = (request + " ").split(" ", 2)
        self.connection.request(method, path, body.strip() or None, {"Content-Type": "application/json"})
        response = self.connection.getresponse()
        answer = response.read().decode()
        if response.status >= 300:
            sys.exit(f"error: {path} was answered {response.status}: {answer}")
        return json.loads(answer)


def seed(port, users):
    """Logs the users in; their sessions, as a heartbeat names them, each seen to be renewed by one."""
    print(f"Seeding {len(users)} users", file=sys.stderr)
    local = threading.local()

    def log_in(user):
        if not hasattr(local, "caller"):
            local.caller = Caller(port)
        return {"user": user, "session": local.caller.call(login(user))["session"]}

    with concurrent.futures.ThreadPoolExecutor(SEED_THREADS) as pool:
        sessions = list(pool.map(log_in, users))
    renew(port, sessions)
    return sessions


def renew(port, sessions):
    """All of them are live, or there is nothing to measure."""
    caller = Caller(port)
    for batch in split(sessions, BATCH_HEARTBEATS):
        if caller.call(heartbeat(batch))["renewed"] != len(batch):
            sys.exit("error: heartbeats did not renew the sessions logged in before: nothing to measure")


def split(items, size):
    return [items[i:i + size] for i in range(0, len(items), size)]
