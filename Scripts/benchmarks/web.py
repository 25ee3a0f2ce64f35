"""HTTP to workers, in turn, from one thread: requests of any number of tasks over kept connections, pipelined where
asked."""

import asyncio
import itertools
import json

ANSWER_SECONDS_MAX = 30


class Failure(Exception):
    """No answer, or none a caller can go on with."""


class Web:
    def __init__(self, *ports):
        self._ports = itertools.cycle(ports)
        self._free = {port: [] for port in ports}

    async def exchange(self, requests, count=1):
        """Sends requests one behind the other over one connection; the status and the body of each answer."""
        port = next(self._ports)
        reader, writer = await self._connection(port)
        try:
            writer.write(requests)
            answers = await asyncio.wait_for(read_answers(reader, count), ANSWER_SECONDS_MAX)
        except (OSError, EOFError, asyncio.TimeoutError) as error:
            writer.close()
            raise Failure(f"no answer: {error!r}") from error
        self._free[port].append((reader, writer))
        return answers

    async def call(self, request):
        """The JSON of one answer that has to be good."""
        (status, body), = await self.exchange(request)
        if status >= 300:
            raise Failure(f"answered {status}: {body.decode()}")
        return json.loads(body)

    async def status(self, request):
        """The status of one answer; 0 if there is none."""
        try:
            return (await self.exchange(request))[0][0]
        except Failure:
            return 0

    async def _connection(self, port):
        """One that is free and still open, the last used first, or a new one."""
        while self._free[port]:
            reader, writer = self._free[port].pop()
            if not reader.at_eof():
                return reader, writer
            writer.close()
        return await asyncio.open_connection("127.0.0.1", port)


async def read_answers(reader, count):
    answers = []
    for _ in range(count):
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0])
        answers.append((int(head[9:12]), await reader.readexactly(length)))
    return answers


def get(path):
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


def post(path, body):
    """A request whose body is JSON: bytes as they are, or a value to be encoded."""
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    return head.encode() + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
