"""How far the service carries, by arithmetic: servers for 1, 10 and 100 million users who are online at once, of each
class of platforms, from figures measured by `cluster`, `crowd` and `workers` (their --json). Nothing is measured here.

With N users online, each with one session over a WebSocket that heartbeats every I seconds, may be silent for T and
lasts for M:

    heartbeats/s = N / I          a sweep looks at N / T sessions/s          changes/s = 2 N / M: it begins, and ends
    cores        = each of these x CPU of one, of Redis and of workers
    memory       = N x session + changes/s x events.retention-ms x event
    masters      = the most of: cores / load of a core, memory / memory of a master
    workers      = the most of: cores / (cores of a worker x load), N / connect.sockets-max
"""

import collections
import json
import math
import pathlib

from .cluster import SOCKET_KINDS
from .load import BATCH_HEARTBEATS

MILLIONS = [1, 10, 100]
# In seconds; how long sessions last is assumed.
Pace = collections.namedtuple("Pace", "interval timeout length")
CLASSES = {"mobile": Pace(120, 400, 10 * 60), "desktop": Pace(120, 400, 4 * 3600), "browser": Pace(25, 60, 15 * 60)}
EVENTS_KEPT_SECONDS = 600
MASTERS_MIN, WORKERS_MIN = 3, 2  # so that one may fail


def add_options(parser):
    parser.add_argument("cluster", help="file that Scripts/bench cluster wrote")
    parser.add_argument("crowd", help="file that Scripts/bench crowd wrote, of a run on a cluster")
    parser.add_argument("--load", type=float, default=0.5, help="share of a core that is used in usual times (0.5)")
    parser.add_argument("--cores", type=int, default=4, help="cores of a worker (4)")
    parser.add_argument("--gigabytes", type=float, default=16, help="memory of a master that is used (16)")
    parser.add_argument("--sockets", type=int, default=100_000, help="connect.sockets-max (100000)")


def check_options(parser, options):
    if min(options.load, options.cores, options.gigabytes, options.sockets) <= 0:
        parser.error("all must be greater than 0")


def run(options, folder):
    del folder
    costs = Costs(*(json.loads(pathlib.Path(path).read_text()) for path in [options.cluster, options.crowd]))
    rows = [carried(kind, millions * 1e6, costs, options) for kind in CLASSES for millions in MILLIONS]
    print_report(rows, costs, options)
    return {"costs": vars(costs), "rows": rows}


class Costs:
    """Of one heartbeat, of a look at a session, of a change with its delivery (microseconds of CPU), and what is kept
    (bytes)."""

    def __init__(self, cluster, crowd):
        measured = {row["kind"]: row["cluster"] for row in cluster["rows"]}
        connect, beat = (measured[kind] for kind in SOCKET_KINDS)
        self.redis_beat, self.worker_beat = beat["redis"], beat["worker"]
        login, ending = crowd["login"], crowd["ending"]
        # The crowd logs in over HTTP: what a socket takes beyond that comes on top.
        socket = connect["worker"] - measured["login, new user"]["worker"]
        self.redis_change = (login["redis_us"] + ending["redis_us_each"]) / 2
        self.worker_change = (login["worker_us"] + socket + ending["worker_us_each"]) / 2
        self.redis_look, self.worker_look = (
            look(crowd, side, measured[f"heartbeat, {BATCH_HEARTBEATS}"][side]) for side in ["redis", "worker"])
        self.session_bytes = {
            "mobile": crowd["memory"]["bytes_per_mobile_session"], "desktop": login["bytes_per_session"],
            "browser": login["bytes_per_session"]}
        self.event_bytes = crowd["memory"]["bytes_per_event"]
        self.socket_bytes = connect["resident_kb"] * 1024


def look(crowd, side, beat):
    """What the crowd's steady time cost beyond its heartbeats, for each look at a session."""
    pace, sessions = CLASSES["browser"], crowd["sessions"]
    us_per_second = crowd["steady"][f"{side}_percent"] * 10_000
    return (us_per_second - sessions / pace.interval * beat) / (sessions / pace.timeout)


def carried(kind, users, costs, options):
    pace = CLASSES[kind]
    beats, looks, changes = users / pace.interval, users / pace.timeout, 2 * users / pace.length
    redis_cores, worker_cores = (
        (beats * beat + looks * look + changes * change) / 1e6 for beat, look, change in [
            (costs.redis_beat, costs.redis_look, costs.redis_change),
            (costs.worker_beat, costs.worker_look, costs.worker_change)])
    gigabytes = (users * costs.session_bytes[kind] + changes * EVENTS_KEPT_SECONDS * costs.event_bytes) / 1e9
    masters = {"CPU": redis_cores / options.load, "memory": gigabytes / options.gigabytes}
    workers = {"CPU": worker_cores / options.load / options.cores, "sockets": users / options.sockets}
    return {
        "class": kind, "users": users, "beats": beats, "changes": changes, "redis_cores": redis_cores,
        "worker_cores": worker_cores, "gigabytes": gigabytes,
        "masters": needed(masters, MASTERS_MIN), "workers": needed(workers, WORKERS_MIN),
    }


def needed(wanted, least):
    """How many servers, and what asks for that many."""
    most = max(wanted, key=wanted.get)
    count = math.ceil(wanted[most])
    return (count, most) if count > least else (least, "to spare one")


def print_report(rows, costs, options):
    print("| class | users online | heartbeats/s | changes/s | Redis: cores | memory | masters, by | workers: cores "
          "| workers, by |\n|---|---|---|---|---|---|---|---|---|")
    for row in rows:
        print(f"| {row['class']} | {row['users'] / 1e6:,.0f} M | {count(row['beats'])} | {count(row['changes'])} "
              f"| {row['redis_cores']:,.1f} | {row['gigabytes']:,.1f} GB | {servers(*row['masters'])} "
              f"| {row['worker_cores']:,.1f} | {servers(*row['workers'])} |")
    lengths = ", ".join(f"{kind} {pace.length / 60:.0f} min" for kind, pace in CLASSES.items())
    sessions = ", ".join(f"{kind} {size:.0f}" for kind, size in costs.session_bytes.items())
    print(f"\nCPU of a heartbeat over a socket: Redis {costs.redis_beat:.1f} µs, worker {costs.worker_beat:.1f} µs; "
          f"of a look at a session: Redis {costs.redis_look:.1f} µs, worker {costs.worker_look:.1f} µs;\n"
          f"of a change, its delivery included: Redis {costs.redis_change:.0f} µs, worker {costs.worker_change:.0f} µs.\n"
          f"Bytes: of a session {sessions}; of an event {costs.event_bytes:.0f}; "
          f"of a worker for an idle socket {costs.socket_bytes:.0f}.\n"
          f"Assumed: a session lasts {lengths}; a core is used for {options.load:.0%}; "
          f"a worker has {options.cores} cores and {options.sockets:,} sockets, a master {options.gigabytes:.0f} GB.")


def servers(number, by):
    return f"{number:,} ({by})"


def count(value):
    return f"{value / 1e6:,.1f} M" if value >= 1e6 else f"{value / 1e3:,.1f} k"
