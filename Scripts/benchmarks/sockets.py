"""Clients connected over WebSocket: `presence simulate` in a process of its own, to a worker or a peer of it."""

import contextlib
import json
import os
import pathlib
import resource
import sys
import time

from .servers import POLL_SECONDS, running
from .usage import Usage

WARM_CLIENTS = 200
BEATING_CLIENTS = 4000
BEAT_MS = 800  # 5 000 heartbeats a second; a client that hears nothing for some of these comes anew
FILES_RESERVED = 200
FILES_AT_REST_MAX = 100  # of a server without clients
CONNECT_SECONDS_MAX = 120
SECRET = "secret-of-the-tokens-that-clients-show"
FLAGS = ["--connect-jwt-secrets", SECRET, "--connect-rate-max", "1000000"]  # of a worker that they come to


class Sockets:
    def __init__(self, binary, folder, redis, server):
        self.binary, self.redis, self.server = binary, redis, server
        self.log = pathlib.Path(folder, "simulate.log")

    def figures(self, idle_clients, seconds):
        idle_clients = min(idle_clients, resource.getrlimit(resource.RLIMIT_NOFILE)[1] - FILES_RESERVED)
        return {"idle_clients": idle_clients} | self._idle(idle_clients) | self._beating(seconds)

    def _idle(self, count):
        """Memory and CPU of those that connect, after a few that came first: these make the server ready for it."""
        with self._clients(WARM_CLIENTS, "--user-prefix", "warm"):
            pass
        self._wait_for_leave()
        print(f"Connecting {count} clients", file=sys.stderr)
        empty_kb, before = self.server.resident_kb(), Usage(self.redis, self.server)
        with self._clients(count, "--user-prefix", "idle"):
            spent = Usage(self.redis, self.server).since(before)
            resident_kb = (self.server.resident_kb() - empty_kb) / count
        self._wait_for_leave()
        summary = json.loads(self._told()[-1])
        return {"resident_kb_per_client": resident_kb, "server_us_per_connect": spent.worker_us / count,
                "redis_us_per_connect": spent.redis_us / count,
                "connects_per_second": count / summary["allConnectedAfterSeconds"]}

    def _beating(self, seconds):
        print("Heartbeats over sockets", file=sys.stderr)
        with self._clients(BEATING_CLIENTS, "--user-prefix", "beating", "--heartbeat-interval-ms", str(BEAT_MS)):
            beats, server_us, redis_us = self._beats(), self.server.cpu_us(), self.redis.cpu_us()
            time.sleep(seconds)
            beats = self._beats() - beats
            server_us = (self.server.cpu_us() - server_us) / beats
            redis_us = (self.redis.cpu_us() - redis_us) / beats
        return {"beating_clients": BEATING_CLIENTS, "heartbeats_per_second": beats / seconds,
                "server_us_per_heartbeat": server_us, "redis_us_per_heartbeat": redis_us}

    @contextlib.contextmanager
    def _clients(self, count, *flags):
        """Runs the body when all are welcomed: the clients' process tells it once a second."""
        command = [self.binary, "simulate", "--url", f"ws://127.0.0.1:{self.server.port}", "--users", str(count),
                   "--rate", "1000000", "--platform-mix", "Android=1", "--jwt-secret", SECRET, *flags]
        with running(command, self.log) as simulation:
            deadline = time.monotonic() + CONNECT_SECONDS_MAX
            while f" {count} of {count} connected" not in "".join(self._told()[-1:]):
                if simulation.poll() is not None or time.monotonic() > deadline:
                    sys.exit(f"error: {count} clients did not connect: {self._told()[-1:]}")
                time.sleep(POLL_SECONDS)
            yield

    def _wait_for_leave(self):
        while len(os.listdir(f"/proc/{self.server.process.pid}/fd")) > FILES_AT_REST_MAX:
            time.sleep(POLL_SECONDS)

    def _told(self):
        return self.log.read_text().splitlines()

    def _beats(self):
        return self.redis.command_stats().get("pexpire", (0, 0))[0]


def print_sockets(sockets, plain):
    print(f"\nClients over WebSocket ({sockets['idle_clients']:,} idle, then {sockets['beating_clients']:,} that "
          f"heartbeat every {BEAT_MS} ms, offered {BEATING_CLIENTS * 1000 // BEAT_MS:,}/s):")
    print(f"  resident memory of the worker per idle client  {sockets['resident_kb_per_client']:.1f} kB")
    print(f"  clients connected                              {sockets['connects_per_second']:,.0f}/s, "
          f"{sockets['server_us_per_connect']:.0f} us of the worker each")
    print(f"  heartbeats                                     {sockets['heartbeats_per_second']:,.0f}/s, "
          f"worker {sockets['server_us_per_heartbeat']:.2f} us, Redis {sockets['redis_us_per_heartbeat']:.2f} us each "
          f"(redis-benchmark PEXPIRE -P100: {plain['redis_us_per_operation']:.2f} us)")
