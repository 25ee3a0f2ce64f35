"""Receives callbacks and checks both proofs of every attempt: Sign, and the webhook headers with the package
standardwebhooks. Every event is refused until an attempt comes with a later RequestTime than its first.

Arguments: the token, a webhook secret. Prints its port, then one line of JSON per attempt.
"""

import hashlib
import http.server
import json
import sys
import time
import urllib.parse

from standardwebhooks import Webhook

token, secret = sys.argv[1:]
first_times = {}


class Receiver(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query, keep_blank_values=True))
        event = self.headers["webhook-id"]
        request_time = query["RequestTime"]
        sign = hashlib.sha256((token + request_time).encode()).hexdigest()
        Webhook(secret).verify(body, dict(self.headers))
        is_retry = request_time != first_times.setdefault(event, request_time)
        attempt = {
            "id": event,
            "timestamp": self.headers["webhook-timestamp"],
            "signature": self.headers["webhook-signature"],
            "query": query,
            "body": body.decode(),
            "signed": sign == query["Sign"] and abs(time.time() - int(request_time)) <= 60,
            "accepted": is_retry,
        }
        print(json.dumps(attempt), flush=True)
        answer = b'{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0}'
        self.send_response(200 if is_retry else 500)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
print(json.dumps({"port": server.server_port}), flush=True)
server.serve_forever()
