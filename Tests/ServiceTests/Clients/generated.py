"""Uses a client that openapi-python-client made of /openapi.json: generated.py FOLDER URL KEY, where FOLDER has the
package `presence_client`. Prints what each call gave, one a line."""

import sys

folder, url, key = sys.argv[1:]
sys.path.insert(0, folder)

from presence_client import AuthenticatedClient, Client
from presence_client.api.default import heartbeats, kick, login, logout, statuses, user
from presence_client.models import (
    HeartbeatsBody,
    KickBody,
    LoginBody,
    Problem,
    ProblemCode,
    SessionOfUser,
    Status,
    StatusesBody,
)
from presence_client.types import Unset

client = AuthenticatedClient(base_url=url, token=key)

answer = login.sync(client=client, body=LoginBody(user="ann", platform="Web"))
print("login", answer.status == Status.ONLINE, answer.heartbeat.interval_seconds, len(answer.kicked))
session = SessionOfUser(user="ann", session=answer.session)

found = user.sync("ann", client=client)
print("user", found.status.value, found.sessions[0].platform, found.changed_at == found.version)
print("never seen", user.sync("zoë/ß", client=client).changed_at)

both = statuses.sync(client=client, body=StatusesBody(users=["ann", "bob", ""]))
print("statuses", *[one.status.value for one in both.results], both.errors[0].code.value)
print("without detail", isinstance(both.results[0].sessions, Unset))

print("heartbeat", heartbeats.sync(client=client, body=HeartbeatsBody(sessions=[session])).renewed)

ended = kick.sync("ann", client=client, body=KickBody(instance="other"))
print("kick of another instance", len(ended.kicked))
ended = kick.sync("ann", client=client, body=KickBody(reason="a test"))
print("kick", ended.kicked[0].session == answer.session)
gone = heartbeats.sync(client=client, body=HeartbeatsBody(sessions=[session]))
print("gone", gone.gone[0].session == answer.session)
print("logout", logout.sync(client=client, body=session).user_status.value)

refused = user.sync("ann", client=AuthenticatedClient(base_url=url, token="wrong"))
print("wrong key", isinstance(refused, Problem), refused.status, refused.code == ProblemCode.UNAUTHORIZED)
invalid = login.sync(client=client, body=LoginBody(user="ann", platform="Toaster"))
print("invalid", invalid.code.value, invalid.field)
