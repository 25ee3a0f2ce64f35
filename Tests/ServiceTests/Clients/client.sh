#!/usr/bin/env bash
# curl with all calls over one connection, with an expectation and without, then a refusal that it expects.
set -euo pipefail
large=$(mktemp)
trap 'rm -f "$large"' EXIT
head -c 2000000 /dev/zero | tr '\0' a >"$large"
tell=(--silent --write-out ' %{http_code} ' --header 'Content-Type: application/json')
call=("${tell[@]}" --output /dev/null)
curl "${call[@]}" --data '{"user":"ann","platform":"Web"}' "$1/v1/sessions" \
    --next "${tell[@]}" --data "$2" "$1/v1/heartbeats" \
    --next "${call[@]}" --data '{"users":["ann"]}' --header 'Expect: 100-continue' "$1/v1/statuses" \
    --next "${call[@]}" --header 'Expect:' --data "@$large" "$1/v1/statuses"
curl "${call[@]}" --header 'Expect: 100-continue' --data "@$large" "$1/v1/statuses"
