"""Clients connected over WebSocket, a part of `Scripts/bench requests`."""

import contextlib
import os
import resource
import sys
import time

from .servers import running

BEATING_CLIENTS = 4000
BEAT_MS = 400  # 10 000 heartbeats a second
FILES_RESERVED = 200


class Sockets:
    """Clients connected over WebSocket: `presence simulate` in a process of its own."""

    def __init__(self, bench, binary, gateway, idle_clients):
        self.bench, self.binary, self.gateway = bench, binary, gateway
        self.idle_clients = min(idle_clients, resource.getrlimit(resource.RLIMIT_NOFILE)[1] - FILES_RESERVED)

    def figures(self, plain):
        print(f"Connecting {self.idle_clients} clients", file=sys.stderr)
        empty_kb, cpu_before, started = self.gateway.resident_kb(), self.gateway.cpu_us(), time.monotonic()
        with self.clients(self.idle_clients, "--user-prefix", "idle"):
            connecting = time.monotonic() - started
            connect_us = (self.gateway.cpu_us() - cpu_before) / self.idle_clients
            time.sleep(2)
            resident_kb = (self.gateway.resident_kb() - empty_kb) / self.idle_clients
        self.wait_for(0)
        print("Heartbeats over sockets", file=sys.stderr)
        with self.clients(BEATING_CLIENTS, "--user-prefix", "beating", "--heartbeat-interval-ms", str(BEAT_MS)):
            time.sleep(2)
            beats, worker_us, redis_us = self.beats(), self.gateway.cpu_us(), self.bench.redis.cpu_us()
            time.sleep(self.bench.seconds)
            beats = self.beats() - beats
            worker_us = (self.gateway.cpu_us() - worker_us) / beats
            redis_us = (self.bench.redis.cpu_us() - redis_us) / beats
        return {
            "idle_clients": self.idle_clients, "resident_kb_per_client": resident_kb,
            "connects_per_second": self.idle_clients / connecting, "worker_us_per_connect": connect_us,
            "beating_clients": BEATING_CLIENTS, "heartbeats_per_second": beats / self.bench.seconds,
            "worker_us_per_heartbeat": worker_us, "redis_us_per_heartbeat": redis_us, "plain": plain,
        }

    @contextlib.contextmanager
    def clients(self, count, *flags):
        """Runs the body when all are connected."""
        command = [self.binary, "simulate", "--url", f"ws://127.0.0.1:{self.gateway.port}", "--users", str(count),
                   "--rate", "1000000", "--platform-mix", "Android=1", *flags]
        with running(command, self.bench.folder / "simulate.log"):
            self.wait_for(count)
            yield

    def wait_for(self, count):
        deadline = time.monotonic() + 120
        while (self.sockets() < count) if count else (self.sockets() > 100):
            if time.monotonic() > deadline:
                sys.exit(f"error: {self.sockets()} sockets are open, not {count}: see presence simulate")
            time.sleep(0.05)

    def sockets(self):
        return len(os.listdir(f"/proc/{self.gateway.process.pid}/fd"))

    def beats(self):
        return self.bench.redis.command_stats().get("pexpire", (0, 0))[0]


def print_sockets(sockets):
    print(f"\nClients over WebSocket ({sockets['idle_clients']:,} idle, then {sockets['beating_clients']:,} that "
          f"heartbeat every {BEAT_MS} ms, offered {BEATING_CLIENTS * 1000 // BEAT_MS:,}/s):")
    print(f"  resident memory of the worker per idle client  {sockets['resident_kb_per_client']:.1f} kB")
    print(f"  clients connected                              {sockets['connects_per_second']:,.0f}/s, "
          f"{sockets['worker_us_per_connect']:.0f} us of the worker each")
    print(f"  heartbeats                                     {sockets['heartbeats_per_second']:,.0f}/s, "
          f"worker {sockets['worker_us_per_heartbeat']:.2f} us, Redis {sockets['redis_us_per_heartbeat']:.2f} us each "
          f"(redis-benchmark PEXPIRE -P100: {sockets['plain']['redis_us_per_operation']:.2f} us)")
