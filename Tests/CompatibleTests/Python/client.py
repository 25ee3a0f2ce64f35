"""Calls a worker through the client library tencentcloud_im as it is, with only its base URL set.

Arguments: the worker's URL, sdkappid, secret key, administrator, then calls like `query=ann,bob`.
Prints one line of JSON per call.
"""

import json
import sys

from tencentcloud_im.tcim_client import TCIMClient

url, app, key, administrator = sys.argv[1:5]
client = TCIMClient(int(app), key, administrator, tencent_url=url + "/v4")
for call in sys.argv[5:]:
    name, _, users = call.partition("=")
    if name == "sign":
        print(json.dumps(client.get_user_sig(users)), flush=True)
        continue
    answer = {
        "query": lambda: client.check_user_online(users.split(",")),
        "check": lambda: client.search_user(users.split(",")),
        "kick": lambda: client.abolition_user_sig(users),
    }[name]()
    print(json.dumps({"status": answer.status_code, "body": answer.json()}), flush=True)
