"""What workers without any traffic ask of a Redis that writes its append-only file, and how soon the shards of one
that is killed belong to others.
"""

import contextlib
import sys
import time

from .report import print_section
from .resp import Redis
from .servers import prepare, redis_server, subfolder, worker
from .usage import Usage

ALONE_SECONDS = 3  # until the first worker owns all shards
SETTLE_SECONDS = 12  # until each worker has its share of the shards
MONITOR_SECONDS = 5
TAKEOVER_SECONDS_MAX = 60
POLL_SECONDS = 0.1
DAY_SECONDS = 86_400


def add_options(parser):
    parser.add_argument("--workers", type=int, default=5, help="workers of the first part (5)")
    parser.add_argument("--shards", type=int, default=4096, help="its shards (4096)")
    parser.add_argument("--seconds", type=int, default=20, help="length of each measurement (20)")


def check_options(parser, options):
    if options.workers < 2:
        parser.error("--workers must be at least 2: one is killed")


def run(options, folder):
    binary = prepare(options)
    figures = {}
    for part, workers, shards in [("many", options.workers, options.shards), ("one", 1, 128)]:
        with contextlib.ExitStack() as stack:
            stage = Scene(stack, binary, subfolder(folder, part), workers, shards)
            figures[part] = stage.idle(options.seconds)
            if workers > 1:
                figures[part]["takeover_seconds"] = stage.takeover()
        print_figures(figures[part])
    return figures


class Scene:
    def __init__(self, stack, binary, folder, workers, shards):
        self.shards = shards
        self.redis = stack.enter_context(redis_server(folder, append_only=True))
        self.workers = []
        while len(self.workers) < workers:
            self.workers.append(stack.enter_context(worker(binary, folder, self.redis, "--shards", str(shards))))
            if len(self.workers) == 1:
                time.sleep(ALONE_SECONDS)
                self.first_name, = self._owners()
        print(f"{workers} workers, {shards} shards", file=sys.stderr)
        time.sleep(SETTLE_SECONDS)

    def idle(self, seconds):
        bytes_before, before = self._written(), Usage(self.redis)
        cpu_before = [each.cpu_us() for each in self.workers]
        time.sleep(seconds)
        spent, written = Usage(self.redis).since(before), self._written() - bytes_before
        cpu = [each.cpu_us() - used for each, used in zip(self.workers, cpu_before)]
        per_second = spent.calls / spent.seconds
        return {
            "workers": len(self.workers), "shards": self.shards, "commands_per_second": per_second,
            "sent_per_second": per_second * (1 - self._share_of_scripts()),
            "most_called": {name: calls / spent.seconds for name, (calls, _) in
                            sorted(spent.commands.items(), key=lambda item: -item[1][0])[:8]},
            "aof_bytes_per_second": written / spent.seconds, "aof_bytes_per_day": written / spent.seconds * DAY_SECONDS,
            "redis_percent": spent.redis_us / spent.seconds / 10_000,
            "worker_percents": [us / spent.seconds / 10_000 for us in cpu],
        }

    def takeover(self):
        """Seconds from the kill of the first worker until no shard names it; nothing if that takes too long."""
        if len(self._owners()) < len(self.workers):
            sys.exit("error: not every worker owns shards before one is killed")
        self.workers[0].process.kill()
        killed = time.monotonic()
        while time.monotonic() < killed + TAKEOVER_SECONDS_MAX:
            if self.first_name not in self._owners():
                return time.monotonic() - killed
            time.sleep(POLL_SECONDS)
        return None

    def _owners(self):
        """The names of the workers that own shards."""
        keys = self.redis.keys("presence:{*}:owner")
        return set(self.redis.pipeline([("HGET", key, "worker") for key in keys]))

    def _written(self):
        return int(self.redis.info("persistence")["aof_current_size"])

    def _share_of_scripts(self):
        """Of the commands of a few seconds, the part that scripts called."""
        called = sent = 0
        with contextlib.closing(Redis(self.redis.port)) as monitor:
            monitor.command("MONITOR")
            until = time.monotonic() + MONITOR_SECONDS
            for line in monitor.lines():
                if " lua] " in line:
                    called += 1
                else:
                    sent += 1
                if time.monotonic() > until:
                    return called / (called + sent)


def print_figures(figures):
    percents = ", ".join(f"{percent:.1f}" for percent in figures["worker_percents"])
    rows = [
        ("commands, those that scripts call included", f"{figures['commands_per_second']:,.0f}/s"),
        ("commands the workers send (by a sample)", f"{figures['sent_per_second']:,.0f}/s"),
        ("called most", ", ".join(f"{name} {calls:,.0f}/s" for name, calls in figures["most_called"].items())),
        ("append-only file", f"{figures['aof_bytes_per_second'] / 1e3:,.1f} kB/s, "
                             f"{figures['aof_bytes_per_day'] / 1e6:,.0f} MB a day"),
        ("CPU of Redis", f"{figures['redis_percent']:.1f} % of a core"),
        ("CPU of each worker", f"{percents} % of a core"),
    ]
    if "takeover_seconds" in figures:
        taken = figures["takeover_seconds"]
        rows.append(("a killed worker's shards are others' after", f"{taken:.1f} s" if taken else "not in time"))
    print_section(f"{figures['workers']} worker(s), {figures['shards']} shards, no traffic", rows)
