#!/usr/bin/env bash
# Over one connection: the status of each answer, and how many connections that took.
set -euo pipefail
large=$(mktemp)
trap 'rm -f "$large"' EXIT
head -c 2000000 /dev/zero | tr '\0' a >"$large"
call=(--silent --output /dev/null --write-out '%{http_code} ' --header 'Content-Type: application/json')
curl "${call[@]}" --data '{"user":"ann","platform":"Web"}' "$1/v1/sessions" \
    --next "${call[@]}" --data '{"sessions":[{"user":"ann","session":"Web:a:b"}]}' "$1/v1/heartbeats" \
    --next "${call[@]}" --data '{"users":["ann"]}' --header 'Expect: 100-continue' "$1/v1/statuses" \
    --next "${call[@]}" --header 'Expect:' --data "@$large" "$1/v1/statuses"
curl "${call[@]}" --header 'Expect: 100-continue' --data "@$large" "$1/v1/statuses"
