"""A worker on one Redis and a worker on a cluster, side by side: what each kind of request costs, and how many commands
it takes.

Each round measures every kind on both, seconds apart; figures and ratios are the medians of the rounds. CPU is user and
kernel time by /proc, that of Redis summed up over the masters. Commands are those that Redis counted, of scripts those
that they call too, without what the worker sends when nobody asks anything. All of it shares this machine's cores: the
more servers there are to wake, the smaller their writes, so a ratio is that of a machine as busy as this one.
"""

import contextlib
import os
import pathlib
import statistics
import sys
import time

from .load import BATCH_HEARTBEATS, BATCH_USERS, Load, heartbeat, login, lookup, lookups, renew, seed, split
from .servers import prepare, redis_cluster, redis_server, subfolder, worker
from .sockets import FLAGS, Sockets
from .usage import Usage

NEW_LOGINS_MAX = 30_000  # of a second; more than a worker can take in it
IDLE_SECONDS = 5
REST_SECONDS, REST_CHECKS_MAX = 0.5, 40
BATCH_CONNECTIONS = 8  # what is still under way when a run ends is not counted, and should be little
KNOWN_USERS = [f"known-{number}" for number in range(5_000)]  # who log in again


def add_options(parser):
    parser.add_argument("--rounds", type=int, default=5, help="(5)")
    parser.add_argument("--seconds", type=int, default=2, help="length of each run (2)")
    parser.add_argument("--users", type=int, default=10_000, help="users logged in beforehand, at least 1000 (10000)")
    parser.add_argument("--sockets", type=int, default=5_000, help="idle clients, at least 1000 (5000)")
    parser.add_argument("--masters", type=int, default=3, help="masters of the cluster (3)")
    parser.add_argument("--connections", type=int, default=64, help="of those who ask for one thing at a time (64)")
    parser.add_argument("--beside", metavar="PATH", help="another worker on one Redis, to be measured too")


def check_options(parser, options):
    for flag, least in [("rounds", 1), ("seconds", 1), ("users", 1000), ("sockets", 1000), ("masters", 1),
                        ("connections", 2)]:
        if getattr(options, flag) < least:
            parser.error(f"--{flag} must be at least {least}")


def run(options, folder):
    binary = prepare(options, "wrk")
    with contextlib.ExitStack() as stack:
        single = subfolder(folder, "single")
        deployments = {"one": (single, stack.enter_context(redis_server(single)), binary)}
        if options.beside:
            other = subfolder(folder, "beside")
            deployments["beside"] = (other, stack.enter_context(redis_server(other)), pathlib.Path(options.beside))
        many = subfolder(folder, "cluster")
        deployments["cluster"] = (many, stack.enter_context(redis_cluster(many, options.masters)), binary)
        sides = {name: stack.enter_context(open_side(*parts, options)) for name, parts in deployments.items()}
        rounds = []
        for number in range(1, options.rounds + 1):
            print(f"Round {number} of {options.rounds}", file=sys.stderr)
            rounds.append(play(number, sides))
    rows = [row(kind, rounds, sides) for kind in rounds[0]]
    print_report(rows, sides, options)
    return {"masters": options.masters, "rows": rows, "rounds": rounds}


def play(number, sides):
    """A round: what each kind of request costs, by kind and side."""
    for side in sides.values():
        side.renew()
    clients = {name: side.measure_sockets() for name, side in sides.items()}
    found = {kind: {name: side.measure(kind, number) for name, side in sides.items()} for kind in KINDS}
    return found | {kind: {name: found[kind] for name, found in clients.items()} for kind in SOCKET_KINDS}


@contextlib.contextmanager
def open_side(folder, redis, binary, options):
    with worker(binary, folder, redis, *FLAGS) as service:
        yield Side(folder, redis, binary, service, options)


class Side:
    """A worker, its Redis, and users who are logged in."""

    def __init__(self, folder, redis, binary, service, options):
        self.redis, self.service, self.options = redis, service, options
        self.load = Load(pathlib.Path(folder), redis, options.seconds)
        self.sockets = Sockets(binary, folder, redis, service)
        self.sessions = seed(service.port, [f"user-{number}" for number in range(options.users)])
        seed(service.port, KNOWN_USERS)
        before = Usage(redis)
        time.sleep(IDLE_SECONDS)
        idle = Usage(redis).since(before)
        self.idle_calls_per_second = idle.calls / idle.seconds

    def renew(self):
        renew(self.service.port, self.sessions)

    def measure(self, kind, number):
        """In round `number`."""
        make, operations_each = KINDS[kind]
        connections = self.options.connections if operations_each == 1 else BATCH_CONNECTIONS
        found = self.load.wrk(self.service, kind, make(self, number), operations_each, connections)
        idle_calls = self.idle_calls_per_second / found["operations_per_second"]
        return {"worker": found["server_us_per_operation"], "redis": found["redis_us_per_operation"],
                "commands": found["commands_per_operation"] - idle_calls}

    def measure_sockets(self):
        found = self.sockets.figures(self.options.sockets, self.options.seconds)
        self._wait_for_rest()
        costs = [{"worker": found[f"server_us_per_{kind}"], "redis": found[f"redis_us_per_{kind}"]}
                 for kind in ["connect", "heartbeat"]]
        costs[0]["resident_kb"] = found["resident_kb_per_client"]
        return dict(zip(SOCKET_KINDS, costs))

    def _wait_for_rest(self):
        """Until the ends of the clients that left are recorded."""
        for _ in range(REST_CHECKS_MAX):
            before = Usage(self.redis)
            time.sleep(REST_SECONDS)
            spent = Usage(self.redis).since(before)
            if spent.calls / spent.seconds < 2 * self.idle_calls_per_second:
                break

    @property
    def users(self):
        return [session["user"] for session in self.sessions]

    def new_users(self, number):
        return [f"new-{number}-{user}" for user in range(NEW_LOGINS_MAX * self.options.seconds)]


SOCKET_KINDS = ["client connecting", "heartbeat over a socket"]
# Requests for a side in a round, and the operations of each.
KINDS = {
    "heartbeat, 1": (lambda side, _: [heartbeat([session]) for session in side.sessions], 1),
    "query, 1 user": (lambda side, _: [lookup(user) for user in side.users], 1),
    f"heartbeat, {BATCH_HEARTBEATS}": (
        lambda side, _: [heartbeat(batch) for batch in split(side.sessions, BATCH_HEARTBEATS)], BATCH_HEARTBEATS),
    f"query, {BATCH_USERS} users": (
        lambda side, _: [lookups(batch) for batch in split(side.users, BATCH_USERS)], BATCH_USERS),
    "login, new user": (lambda side, number: [login(user) for user in side.new_users(number)], 1),
    "login, again": (lambda *_: [login(user) for user in KNOWN_USERS], 1),
}


def row(kind, rounds, names):
    """Medians of a kind of request, by side; of ratios to one Redis too."""
    found = {}
    for name in names:
        figures = [each[kind][name] for each in rounds]
        found[name] = {what: statistics.median(each[what] for each in figures) for what in figures[0]}
        if "resident_kb" in figures[0]:
            # That of the first round: later ones find memory that the worker kept.
            found[name]["resident_kb"] = figures[0]["resident_kb"]
        found[name] |= {f"{what} ratio": statistics.median(
            each[kind][name][what] / each[kind]["one"][what] for each in rounds) for what in ["worker", "redis"]}
    return {"kind": kind, **found}


def print_report(rows, names, options):
    print(f"Medians of {options.rounds} rounds, {options.seconds} s a run, {options.users:,} users, "
          f"{options.connections} connections ({BATCH_CONNECTIONS} for batches), {os.cpu_count()} cores for everything:\n")
    titles = {"one": "one Redis", "beside": "another worker", "cluster": f"cluster of {options.masters}"}
    print("| CPU of an operation, µs | " + " | ".join(
        f"{titles[name]}: worker | Redis | commands" for name in names) + " | ratio: worker | Redis |")
    print("|---" * (3 * len(names) + 3) + "|")
    for each in rows:
        print(f"| {each['kind']} | " + " | ".join(costs(each[name]) for name in names)
              + f" | {each['cluster']['worker ratio']:.2f} | {each['cluster']['redis ratio']:.2f} |")


def costs(found):
    commands = f"{found['commands']:.2f}" if "commands" in found else ""
    return f"{found['worker']:.1f} | {found['redis']:.1f} | {commands}"
