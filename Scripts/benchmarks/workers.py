"""What many workers without clients ask of the masters: by how much ownership, the list of workers, sweeps, and
subscriptions grow with the number of workers.

Starts workers on a cluster (with --masters 1, on one Redis) up to each of the sizes and measures each time, once every
worker owns its share of the shards. A worker takes about 35 MB. All share this machine's cores, so the CPU that a
hundred workers use is told as that of one.
"""

import contextlib
import statistics
import sys
import time

from .report import print_section
from .servers import prepare, redis_cluster, redis_server, subfolder, worker
from .usage import Usage

SETTLE_SECONDS = 15  # until each worker has its share of the shards, which with few of them is none for some
COMMANDS_MOST = 8


def add_options(parser):
    parser.add_argument("--workers", type=int, nargs="+", default=[10, 50, 100], help="sizes (10 50 100)")
    parser.add_argument("--masters", type=int, default=3, help="masters of the cluster; 1: one Redis (3)")
    parser.add_argument("--shards", type=int, default=128, help="(128)")
    parser.add_argument("--seconds", type=int, default=30,
                        help="length of each measurement: a worker checks the servers every 30 s (30)")


def check_options(parser, options):
    if options.masters < 1 or options.workers != sorted(set(options.workers)) or options.workers[0] < 1:
        parser.error("--masters must be at least 1, and --workers grow")


def run(options, folder):
    binary = prepare(options)
    with contextlib.ExitStack() as stack:
        deployment = redis_server(folder) if options.masters == 1 else redis_cluster(folder, options.masters)
        crew = Crew(stack, binary, folder, stack.enter_context(deployment), options.shards)
        sizes = []
        for workers in options.workers:
            crew.grow(workers)
            sizes.append(crew.figures(options.seconds))
    print_report(sizes, options.shards)
    return {"masters": options.masters, "shards": options.shards, "sizes": sizes}


class Crew:
    """Workers that are there for one another only."""

    def __init__(self, stack, binary, folder, redis, shards):
        self.stack, self.binary, self.folder, self.redis, self.shards = stack, binary, folder, redis, shards
        self.workers = []

    def grow(self, size):
        print(f"Starting workers up to {size}", file=sys.stderr)
        while len(self.workers) < size:
            self.workers.append(self.stack.enter_context(
                worker(self.binary, self.folder, self.redis, "--shards", str(self.shards))))
        time.sleep(SETTLE_SECONDS)

    def figures(self, seconds):
        nodes = self.redis.masters
        before = [(Usage(node), traffic(node)) for node in nodes]
        worker_us = sum(each.cpu_us() for each in self.workers)
        time.sleep(seconds)
        worker_us = sum(each.cpu_us() for each in self.workers) - worker_us
        masters = []
        for node, (usage, carried) in zip(nodes, before):
            spent, now = Usage(node).since(usage), traffic(node)
            masters.append({
                "percent": spent.redis_us / spent.seconds / 10_000,
                "commands_per_second": spent.calls / spent.seconds,
                "most_called": {name: calls / spent.seconds for name, (calls, _) in
                                sorted(spent.commands.items(), key=lambda item: -item[1][0])[:COMMANDS_MOST]},
                "in_per_second": (now[0] - carried[0]) / spent.seconds,
                "out_per_second": (now[1] - carried[1]) / spent.seconds, **connections(node)})
        return {"workers": len(self.workers), "shards": self.shards, "owners": len(self._owners()),
                "worker_percent": worker_us / seconds / 10_000 / len(self.workers),
                "worker_mb": statistics.median(each.resident_kb() for each in self.workers) / 1024,
                "worker_own_mb": statistics.median(each.resident_kb("RssAnon") for each in self.workers) / 1024,
                "masters": masters}

    def _owners(self):
        return {node.command("HGET", key, "worker") for node in self.redis.masters
                for key in node.keys("presence:{*}:owner")}


def traffic(node):
    """Bytes that clients sent and were sent so far."""
    stats = node.info("stats")
    return int(stats["total_net_input_bytes"]), int(stats["total_net_output_bytes"])


def connections(node):
    """Of workers, and the channels they listen to."""
    clients = [dict(field.split("=", 1) for field in line.split()) for line in
               node.command("CLIENT", "LIST", "TYPE", "NORMAL").splitlines()
               + node.command("CLIENT", "LIST", "TYPE", "PUBSUB").splitlines()]
    clients = [client for client in clients if client["cmd"] != "client|list"]
    channels = [int(client["sub"]) + int(client["ssub"]) for client in clients]
    return {"connections": len(clients), "subscribers": sum(map(bool, channels)), "subscriptions": sum(channels)}


COLUMNS = [("CPU %", "percent", 1), ("commands/s", "commands_per_second", 0), ("kB/s in", "in_per_second", 1),
           ("kB/s out", "out_per_second", 1), ("connections", "connections", 0), ("subscribers", "subscribers", 0),
           ("channels", "subscriptions", 0)]


def print_report(sizes, shards):
    print(f"{shards} shards, no clients. Commands are those that scripts call too.\n")
    print(f"{'workers':>7}{'master':>8}" + "".join(f"{title:>13}" for title, _, _ in COLUMNS))
    for figures in sizes:
        for number, master in enumerate(figures["masters"], 1):
            print_master(figures["workers"], number, master)
    print_section("A worker", [
        (f"of {figures['workers']}, {figures['owners']} of them own shards",
         f"{figures['worker_percent']:.2f} % of a core, {figures['worker_mb']:.0f} MB, "
         f"{figures['worker_own_mb']:.0f} MB of them its own") for figures in sizes])
    busiest = max(sizes[-1]["masters"], key=lambda master: master["commands_per_second"])
    print_section(f"Called most on the busiest master, with {sizes[-1]['workers']} workers", [
        (name, f"{calls:,.0f}/s") for name, calls in busiest["most_called"].items()])
    if len(sizes) > 1:
        print_section("What each further worker adds to all masters together", [
            (title, f"{value:,.{digits + 2}f}") for title, value, digits in growth(sizes[0], sizes[-1])])


def print_master(workers, number, master):
    print(f"{workers if number == 1 else '':>7}{number:8}" + "".join(
        f"{scaled(title, master[name]):13,.{digits}f}" for title, name, digits in COLUMNS))


def growth(fewest, most):
    workers = most["workers"] - fewest["workers"]
    for title, name, digits in COLUMNS:
        before, after = (sum(master[name] for master in figures["masters"]) for figures in [fewest, most])
        yield title, scaled(title, after - before) / workers, digits


def scaled(title, value):
    return value / 1000 if title.startswith("kB") else value
