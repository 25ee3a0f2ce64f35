# shellcheck shell=bash
# Sourced by the scripts beside it, in the repository's top folder: what a machine needs, and how it gets there.

fail() {
    echo "error: $*" >&2
    exit 1
}

need_swift() {
    command -v swift >/dev/null || fail "Swift 6.2 or newer is not on PATH: see https://www.swift.org/install"
}

# What building, running and testing need.
need_toolchain() {
    need_swift
    need_packages libhiredis-dev zlib1g-dev redis-server
}

# The Python that tests start clients and receivers with: the packages of requirements.txt in an environment of
# their own, installed again only when that file changes.
need_python() {
    local folder=.build/python requirements=Tests/CompatibleTests/Python/requirements.txt
    if cmp --silent "$requirements" "$folder/requirements.txt"; then return; fi
    python3 -c 'import ensurepip, venv' 2>/dev/null || need_packages python3 python3-venv
    echo "Installing the Python packages of the tests" >&2
    python3 -m venv --clear "$folder" || fail "python3 could not make an environment in $folder: its message is above"
    "$folder/bin/pip" install --quiet --disable-pip-version-check --no-deps --requirement "$requirements" ||
        fail "pip could not install $requirements: its message is above"
    cp "$requirements" "$folder/"
}

# need_packages PACKAGE[:COMMAND]...: installs each Debian package that is not installed and whose command (by
# default of the same name) is not on PATH. Asks apt nothing when all are there.
need_packages() {
    local need missing=()
    for need in "$@"; do
        command -v "${need#*:}" >/dev/null || is_installed "${need%%:*}" || missing+=("${need%%:*}")
    done
    if ((${#missing[@]} == 0)); then return; fi
    command -v apt-get >/dev/null || fail "install ${missing[*]} first: there is no apt-get here to do it"
    echo "Installing ${missing[*]}" >&2
    as_root apt-get update -qq || fail "apt-get update failed: check the network, or install ${missing[*]} by hand"
    # Debian starts a server as it installs it; the service and the tests start their own. One that is there stays.
    if [[ -d /run/systemd/system ]]; then
        for need in redis-server nginx haproxy webdis prometheus; do
            systemctl cat "$need" &>/dev/null || as_root systemctl mask --runtime --quiet "$need"
        done
    fi
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -qq --no-install-recommends "${missing[@]}" >/dev/null ||
        fail "apt-get could not install ${missing[*]}: its message is above"
}

is_installed() {
    [[ "$(dpkg-query --show --showformat '${db:Status-Status}' "$1" 2>/dev/null)" == installed ]]
}

as_root() {
    if ((EUID == 0)); then "$@"; else sudo "$@"; fi
}
