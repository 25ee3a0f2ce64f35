"""requests with one session: prints the status of each answer."""

import sys

import requests

CALLS = [
    ("/v1/sessions", '{"user":"ann","platform":"Web"}'),
    ("/v1/heartbeats", '{"sessions":[{"user":"ann","session":"Web:a:b"}]}'),
    ("/v1/statuses", '{"users":["ann"]}'),
    ("/v1/statuses", "a" * 2_000_000),
    ("/v1/statuses", '{"users":["ann"]}'),
]

with requests.Session() as session:
    print(*[session.post(sys.argv[1] + path, data=body).status_code for path, body in CALLS])
