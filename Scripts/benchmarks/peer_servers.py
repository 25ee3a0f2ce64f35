"""Servers of others that do some of what a worker does, on the same Redis: Scripts/peers and webdis."""

import contextlib
import json
import os
import pathlib
import subprocess

from .servers import ROOT, Server, connect, free_port, running, wait_for
from .sockets import SECRET

PEERS = ROOT / "Scripts/peers"
GO = ROOT / ".build/python/bin/go"


@contextlib.contextmanager
def go_server(folder, redis):
    program = f"{folder}/presence-go"
    subprocess.run([GO, "build", "-o", program, PEERS / "presence.go", PEERS / "redis.go"], check=True)
    with listening(folder, "go", lambda port: [program, str(port), str(redis.port)]) as server:
        yield server


@contextlib.contextmanager
def node_server(folder, redis):
    # Debian's modules, also for a node that is not Debian's.
    environment = os.environ | {"NODE_PATH": "/usr/share/nodejs"}
    with listening(folder, "node", lambda port: ["node", PEERS / "sockets.js", str(port), str(redis.port), SECRET],
                   environment) as server:
        yield server


@contextlib.contextmanager
def webdis(folder, redis):
    """As Debian sets it up, but for the ports and the log."""
    def command(port):
        path = pathlib.Path(folder, "webdis.json")
        path.write_text(json.dumps({
            "redis_host": "127.0.0.1", "redis_port": redis.port, "http_host": "127.0.0.1", "http_port": port,
            "threads": 2, "daemonize": False, "database": 0, "verbosity": 3, "logfile": f"{folder}/webdis.out"}))
        return ["webdis", path]
    with listening(folder, "webdis", command) as server:
        yield server


@contextlib.contextmanager
def listening(folder, name, command, environment=None):
    port, log = free_port(), f"{folder}/{name}.log"
    with running(command(port), log, environment) as process:
        wait_for(process, log, lambda: connect(port).close())
        yield Server(process, port)
