"""A session of requests, or a client of httpx."""

import sys

import httpx
import requests

library, url, heartbeat = sys.argv[1:]
CALLS = [
    ("/v1/sessions", '{"user":"ann","platform":"Web"}'),
    ("/v1/heartbeats", heartbeat),
    ("/v1/statuses", '{"users":["ann"]}'),
    ("/v1/statuses", "a" * 2_000_000),
    ("/v1/statuses", '{"users":["ann"]}'),
]
client, body_is = {"requests": (requests.Session, "data"), "httpx": (httpx.Client, "content")}[library]
words = []
with client() as session:
    for path, body in CALLS:
        response = session.post(url + path, **{body_is: body})
        if body == heartbeat:
            words.append(response.text)
        words.append(response.status_code)
print(*words)
