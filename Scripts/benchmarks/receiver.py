"""The receiver of callbacks: receiver.c, compiled when it is needed."""

import collections
import contextlib
import http.client
import json
import pathlib
import subprocess
import urllib.parse

from .servers import Server, connect, free_port, running, wait_for

SOURCE = pathlib.Path(__file__).with_name("receiver.c")

# Times in ms: when the callback came and when the change was; `status` is what it was answered.
Callback = collections.namedtuple("Callback", "arrived status happened version user")


class Receiver(Server):
    def __init__(self, process, port, log):
        super().__init__(process, port)
        self.url = f"http://127.0.0.1:{port}/"
        self._log = log

    def behave(self, **how):
        """From now on: `status`, `delay` (ms), and `fail`, the beginning of the names of users that fail."""
        self._get("/control?" + urllib.parse.urlencode(how))

    def stats(self):
        return self._get("/stats")

    def callbacks(self):
        """Everything that came so far, in the order it came."""
        self.stats()
        with open(self._log) as lines:
            for line in lines:
                arrived, status, happened, version, user = line.split(" ", 4)
                yield Callback(int(arrived), int(status), int(happened), int(version), user.rstrip("\n"))

    def first_accepted(self, since_ms=0):
        """Each accepted event that happened since then once, as it came first: repeats are allowed."""
        events = {}
        for callback in self.callbacks():
            if callback.status == 200 and callback.happened >= since_ms:
                events.setdefault((callback.user, callback.version), callback)
        return list(events.values())

    def _get(self, target):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        with contextlib.closing(connection):
            connection.request("GET", target)
            return json.loads(connection.getresponse().read())


@contextlib.contextmanager
def receiver(folder, port=None):
    """A receiver that answers 200 at once, on a free port if none is named."""
    program, port = f"{folder}/receiver", port or free_port()
    subprocess.run(["cc", "-O2", "-o", program, SOURCE], check=True)
    log, output = f"{folder}/callbacks-{port}.log", f"{folder}/receiver-{port}.log"
    with running([program, str(port), log], output) as process:
        wait_for(process, output, lambda: connect(port).close())
        yield Receiver(process, port, log)
