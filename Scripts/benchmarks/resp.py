"""The little of Redis' protocol that the benchmarks need."""

import socket


class RedisError(Exception):
    pass


class Redis:
    """A connection to a Redis on loopback. Texts are str."""

    def __init__(self, port):
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._replies = self._socket.makefile("rb")

    def close(self):
        self._replies.close()
        self._socket.close()

    def command(self, *arguments):
        return self.pipeline([arguments])[0]

    def pipeline(self, commands):
        self._socket.sendall(b"".join(map(encode, commands)))
        return [self._reply() for _ in commands]

    def lines(self):
        """What Redis sends from now on, for MONITOR."""
        while True:
            yield self._reply()

    def keys(self, pattern):
        """Walks all keys: for a Redis that holds few."""
        cursor, found = "0", set()
        while True:
            cursor, page = self.command("SCAN", cursor, "MATCH", pattern, "COUNT", "1000")
            found.update(page)
            if cursor == "0":
                return sorted(found)

    def info(self, section):
        lines = self.command("INFO", section).splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line)

    def command_stats(self):
        """Calls and microseconds of every command so far, those that scripts call included."""
        stats = {}
        for name, text in self.info("commandstats").items():
            fields = dict(field.split("=") for field in text.split(","))
            stats[name.removeprefix("cmdstat_")] = (int(fields["calls"]), int(fields["usec"]))
        return stats

    def _reply(self):
        line = self._replies.readline()
        if not line:
            raise ConnectionError("Redis closed the connection")
        kind, text = line[:1], line[1:-2].decode()
        if kind == b"+":
            return text
        if kind == b"-":
            raise RedisError(text)
        if kind == b":":
            return int(text)
        if text == "-1":
            return None
        if kind == b"$":
            return self._replies.read(int(text) + 2)[:-2].decode(errors="replace")
        return [self._reply() for _ in range(int(text))]


def encode(arguments):
    parts = [str(argument).encode() for argument in arguments]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
