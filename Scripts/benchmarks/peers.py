"""One worker beside others' servers on the same Redis, and beside Redis alone: the table of the documentation.

Each round measures everything once, so that what is compared was measured seconds apart; figures and ratios are the
medians of the rounds. CPU is user and kernel time of the server's process, all its threads, by /proc. Everything
shares this machine's cores: rates say less than CPU.

Beside it, with the same users and requests: a small server on Go's net/http that gives the same answers
(Scripts/peers/presence.go), webdis with the bare HGETALL or PEXPIRE, and for clients over WebSocket a small server
on Node's ws (Scripts/peers/sockets.js). What they leave out stands in them.
"""

import contextlib
import pathlib
import statistics
import subprocess
import sys
import time

from .load import BATCH_HEARTBEATS, BATCH_USERS, Caller, Load, heartbeat, login, lookup, lookups, renew, seed, split
from .peer_servers import go_server, node_server, webdis
from .servers import prepare, redis_server, subfolder, worker
from .sockets import FLAGS, Sockets

CONNECTIONS = [64, 8]
KNOWN_USERS = 5_000  # who log in again
NEW_LOGINS_MAX = 40_000  # of a second; more than a worker can take in it
IDLE_SECONDS = 3
PACKAGES = ["wrk", "redis-tools:redis-benchmark", "webdis", "nodejs:node", "node-ws", "binutils:strip"]


def add_options(parser):
    parser.add_argument("--rounds", type=int, default=5, help="(5)")
    parser.add_argument("--seconds", type=int, default=2, help="length of each run (2)")
    parser.add_argument("--users", type=int, default=10_000, help="users logged in beforehand, at least 1000 (10000)")
    parser.add_argument("--sockets", type=int, default=10_000, help="idle clients, at least 1000 (10000)")


def check_options(parser, options):
    for flag, least in [("rounds", 1), ("seconds", 1), ("users", 1000), ("sockets", 1000)]:
        if getattr(options, flag) < least:
            parser.error(f"--{flag} must be at least {least}")


def run(options, folder):
    binary = prepare(options, *PACKAGES, needs="need_python\n")
    with contextlib.ExitStack() as stack:
        redis = stack.enter_context(redis_server(folder))
        servers = {
            "service": stack.enter_context(worker(binary, folder, redis)),
            "go": stack.enter_context(go_server(folder, redis)),
            "webdis": stack.enter_context(webdis(folder, redis)),
        }
        requests = Requests(servers, Load(pathlib.Path(folder), redis, options.seconds), options.users)
        rounds = []
        for number in range(1, options.rounds + 1):
            print(f"Round {number} of {options.rounds}", file=sys.stderr)
            part = subfolder(folder, f"round-{number}")
            rounds.append(requests.round(number) | sockets_round(binary, part, options))
    sizes = binary_sizes(binary, folder)
    rows = [row(rounds, *each) for each in ROWS]
    print_table(rows, sizes, options)
    return {"rows": rows, "sizes": sizes, "rounds": rounds}


class Requests:
    """Calls over HTTP, to the worker and to those that stand beside it."""

    def __init__(self, servers, load, users):
        self.servers, self.load = servers, load
        service = servers["service"]
        self.sessions = seed(service.port, [f"user-{number}" for number in range(users)])
        seed(service.port, known_users())
        self.load.prepare_plain(users)
        self._copy_for_peers()
        names = [session["user"] for session in self.sessions]
        leases = [f"{session['user']}:{session['session']}" for session in self.sessions]
        ours = {"query": [lookup(name) for name in names], "heartbeat": [heartbeat([one]) for one in self.sessions]}
        bare = {"query": [f"GET /HGETALL/bench:user:{name}" for name in names],
                "heartbeat": [f"GET /PEXPIRE/bench:lease:{lease}/400000" for lease in leases]}
        self.single = {"service": ours, "go": ours, "webdis": bare}
        self.lookups = [lookups(batch) for batch in split(names, BATCH_USERS)]
        self.renewals = [heartbeat(batch) for batch in split(self.sessions, BATCH_HEARTBEATS)]
        self._expect_same_answers()

    def round(self, number):
        service, load, figures = self.servers["service"], self.load, {}
        renew(service.port, self.sessions)
        for connections in CONNECTIONS:
            for kind in ["query", "heartbeat"]:
                for name, server in self.servers.items():
                    found = load.wrk(server, f"{kind}, {connections} connections, {name}",
                                     self.single[name][kind], connections=connections)
                    figures[f"{kind} {connections} {name} us"] = found["server_us_per_operation"]
                    figures[f"{kind} {connections} {name} rate"] = found["requests_per_second"]
        figures |= self._batch("lookups", self.lookups, BATCH_USERS, load.plain("read", pipeline=100))
        figures |= self._batch("renewals", self.renewals, BATCH_HEARTBEATS, load.plain("renew", pipeline=100))
        figures["plain login redis us"] = load.plain("write")["redis_us_per_operation"]
        for kind, users in [("new", new_users(number, load.seconds)), ("again", known_users())]:
            found = load.wrk(service, f"login, {kind}", [login(user) for user in users])
            figures[f"login {kind} redis us"] = found["redis_us_per_operation"]
            figures[f"login {kind} us"] = found["server_us_per_operation"]
        return figures

    def _batch(self, kind, requests, operations_each, plain):
        found = self.load.wrk(self.servers["service"], kind, requests, operations_each)
        return {f"{kind} us": found["server_us_per_operation"], f"{kind} rate": found["operations_per_second"],
                f"{kind} plain rate": plain["operations_per_second"]}

    def _copy_for_peers(self):
        """Records and leases under names without a shard: the peers know none."""
        redis = self.load.redis
        for kind in ["user", "lease"]:
            keys = redis.keys(f"presence:*:{kind}:user-*")
            redis.pipeline([("COPY", key, "bench:" + key.split("}:", 1)[1]) for key in keys])

    def _expect_same_answers(self):
        for kind in ["query", "heartbeat"]:
            answers = [Caller(self.servers[name].port).call(self.single[name][kind][0]) for name in ["service", "go"]]
            if answers[0] != answers[1]:
                sys.exit(f"error: another answer from Scripts/peers/presence.go: {answers[1]}, not {answers[0]}")
        if Caller(self.servers["webdis"].port).call(self.single["webdis"]["heartbeat"][0]) != {"PEXPIRE": 1}:
            sys.exit("error: webdis renews nothing: is the lease copied?")


def sockets_round(binary, folder, options):
    """Clients over WebSocket to a worker, then to Node, on a Redis that nobody else uses."""
    with redis_server(folder) as redis:
        with worker(binary, folder, redis, *FLAGS) as gateway:
            time.sleep(IDLE_SECONDS)
            figures = {"ready ms": gateway.ready_ms, "resident MB": gateway.resident_kb() / 1024,
                       "own MB": gateway.resident_kb("RssAnon") / 1024}
            clients = {"service": Sockets(binary, folder, redis, gateway).figures(options.sockets, options.seconds)}
        with node_server(folder, redis) as node:
            clients["node"] = Sockets(binary, folder, redis, node).figures(options.sockets, options.seconds)
    for name, found in clients.items():
        figures[f"socket heartbeat {name} us"] = found["server_us_per_heartbeat"]
        figures[f"socket connect {name} us"] = found["server_us_per_connect"]
        figures[f"socket memory {name} kB"] = found["resident_kb_per_client"]
    return figures


def known_users():
    return [f"known-{number}" for number in range(KNOWN_USERS)]


def new_users(number, seconds):
    return [f"new-{number}-{user}" for user in range(NEW_LOGINS_MAX * seconds)]


def binary_sizes(binary, folder):
    stripped = pathlib.Path(folder, "stripped")
    subprocess.run(["strip", "-o", stripped, binary], check=True)
    return {"built_mb": binary.stat().st_size / 1e6, "stripped_mb": stripped.stat().st_size / 1e6}


def singles(kind, webdis_goal):
    for connections in CONNECTIONS:
        of = f"single {kind}, {connections} connections"
        key = f"{kind} {connections}"
        yield (f"{of}: CPU", "µs", f"{key} service us", {"Go": f"{key} go us", "webdis": f"{key} webdis us"},
               f"0.8 x Go, {webdis_goal} x webdis")
        yield (f"{of}: rate", "/s", f"{key} service rate", {"Go": f"{key} go rate", "webdis": f"{key} webdis rate"},
               "1.3 x Go")


# What it is called, its unit, the name of the worker's figure, those beside it by whose they are, and the goal.
ROWS = [
    *singles("query", 1.1),
    *singles("heartbeat", 1.2),
    ("query of 500: users", "/s", "lookups rate", {"HGETALL, redis-benchmark -P 100": "lookups plain rate"}, "0.70 x"),
    ("query of 500: CPU of a user", "µs", "lookups us", {}, "2.0 µs"),
    ("1000 heartbeats in one: heartbeats", "/s", "renewals rate",
     {"PEXPIRE, redis-benchmark -P 100": "renewals plain rate"}, "0.65 x"),
    ("1000 heartbeats in one: CPU of each", "µs", "renewals us", {}, "1.2 µs"),
    ("login, new user: CPU of Redis", "µs", "login new redis us",
     {"SET, HSET, ZADD, XADD one by one": "plain login redis us"}, "1.3 x"),
    ("login again: CPU of Redis", "µs", "login again redis us",
     {"SET, HSET, ZADD, XADD one by one": "plain login redis us"}, "1.9 x"),
    ("heartbeat over a socket: CPU", "µs", "socket heartbeat service us", {"Node ws": "socket heartbeat node us"},
     "12 µs"),
    ("client connecting (token, login, welcome): CPU", "µs", "socket connect service us",
     {"Node ws": "socket connect node us"}, "100 µs"),
    ("idle socket: resident memory", "kB", "socket memory service kB", {"Node ws": "socket memory node kB"},
     "4.0 kB"),
    ("start to ready, Redis up", "ms", "ready ms", {}, "250 ms"),
    ("idle worker: resident memory", "MB", "resident MB", {}, "25 MB"),
    ("of it its own, the rest is the program's file", "MB", "own MB", {}, ""),
]


def row(rounds, what, unit, ours, beside, goal):
    return {
        "what": what, "unit": unit, "goal": goal, "service": statistics.median(each[ours] for each in rounds),
        "beside": {name: {
            "figure": statistics.median(each[key] for each in rounds),
            "ratio": statistics.median(each[ours] / each[key] for each in rounds),
        } for name, key in beside.items()},
    }


def print_table(rows, sizes, options):
    print(f"Medians of {options.rounds} rounds, {options.seconds} s a run, {options.users:,} users, "
          f"{options.sockets:,} idle sockets:\n")
    print("| what | this service | beside it | ratio | goal |\n|---|---|---|---|---|")
    for each in rows:
        beside = ", ".join(f"{name} {text(found['figure'], each['unit'])}" for name, found in each["beside"].items())
        ratios = ", ".join(ratio(found["ratio"], name, each["beside"]) for name, found in each["beside"].items())
        print(f"| {each['what']} | {text(each['service'], each['unit'])} | {beside} | {ratios} | {each['goal']} |")
    print(f"| the program's file, as built; stripped | {sizes['built_mb']:.0f} MB; {sizes['stripped_mb']:.0f} MB "
          "| | | |")


def ratio(figure, name, beside):
    return f"{figure:.2f} x {name}" if len(beside) > 1 else f"{figure:.2f} x"


def text(figure, unit):
    if unit == "/s":
        return f"{figure / 1000:,.1f} k/s"
    return f"{figure:,.0f} {unit}" if figure >= 100 else f"{figure:.1f} {unit}"
