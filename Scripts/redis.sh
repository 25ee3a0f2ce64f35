# shellcheck shell=bash
# Sourced by the scripts beside it, after common.sh: Redis servers on loopback, each in a folder below $folder, that end
# with the script.

servers=()
temporary=

# read_options NAMES --NAME VALUE...: sets the variables of these names, and a $folder, temporary if none is given.
read_options() {
    local names=" $1 folder "
    shift
    if [[ "${1-}" == --help ]]; then
        sed -n '2,/^set/s/^# \{0,1\}//p' "$0"
        exit
    fi
    while (($# > 0)); do
        [[ "$1" == --* && "$names" == *" ${1#--} "* && $# -gt 1 ]] ||
            fail "$1 is not understood: the first lines of $0 tell the options"
        printf -v "${1#--}" %s "$2"
        shift 2
    done
    if [[ -z "${folder-}" ]]; then folder=$(mktemp -d) temporary=yes; fi
    mkdir -p "$folder"
    folder=$(cd "$folder" && pwd)
    trap end_servers EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
}

# start_server PORT LINE... -- ARGUMENT...: starts a server, with these lines as its configuration unless its folder has
# one, which servers rewrite. Started again by hand it is the same.
start_server() {
    local port=$1 place=$folder/$1 lines=("port $1" "bind 127.0.0.1" "dir $folder/$1" "logfile log")
    shift
    while (($# > 0)) && [[ "$1" != -- ]]; do
        lines+=("$1")
        shift
    done
    if (($# > 0)); then shift; fi
    ! redis-cli -p "$port" ping &>/dev/null || fail "port $port is taken: choose another with --port"
    mkdir -p "$place"
    [[ -e "$place/redis.conf" ]] || printf '%s\n' "${lines[@]}" >"$place/redis.conf"
    redis-server "$place/redis.conf" "$@" >"$place/start" 2>&1 &
    servers+=($!)
    until [[ "$(redis-cli -p "$port" ping 2>&1)" =~ PONG|LOADING|MASTERDOWN ]]; do
        kill -0 $! 2>/dev/null ||
            fail "the server on port $port ended: $(cat "$place/start" "$place/log" 2>/dev/null | tail -n 5)"
        sleep 0.1
    done
}

# start_store PORT LINE...: the same, a server that holds data and is set up as the service wants it.
start_store() {
    start_server "$@" "appendonly yes" "maxmemory-policy noeviction" "notify-keyspace-events Kxt" \
        "hash-max-listpack-value 1024" "repl-diskless-sync-delay 0"
}

# until_says PORT PATTERN COMMAND...: waits until the server's answer has something like this in it.
until_says() {
    local port=$1 pattern=$2 end=$((SECONDS + 60))
    shift 2
    until [[ "$(redis-cli -p "$port" "$@" 2>&1)" =~ $pattern ]]; do
        ((SECONDS < end)) || fail "the server on port $port does not say $pattern to $*: see $folder/$port/log"
        sleep 0.1
    done
}

end_servers() {
    if ((${#servers[@]} > 0)); then
        kill "${servers[@]}" 2>/dev/null || true
        wait "${servers[@]}" || true
    fi
    if [[ -n "$temporary" ]]; then rm -r "$folder"; fi
}

# addresses PORT...: as they stand in a URL.
addresses() {
    local list
    list=$(printf ',127.0.0.1:%s' "$@")
    echo "${list#,}"
}

# serve URL: prints it and waits for Ctrl-C.
serve() {
    echo "Logs and data are in $folder. A server that was killed starts again with" >&2
    echo "    redis-server $folder/PORT/redis.conf${2:+ (a sentinel with $2)}" >&2
    echo "Ctrl-C ends all of them. The URL for redis.url:" >&2
    echo "$1"
    wait || true
}
