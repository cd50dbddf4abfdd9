# shellcheck shell=bash
# What the peers' scripts share: a peer is built from the crate registry, started and ended.
set -euo pipefail

WORD=${1:-} DIR=${2:-}
case "$WORD:$#" in
    install:1) ;;
    start:2 | stop:2) mkdir -p "$DIR" && DIR=$(cd "$DIR" && pwd) ;;
    *) echo "usage: $0 install | start DIR | stop DIR" >&2; exit 2 ;;
esac

# A peer that can't be had here: exit 3, whoever compares leaves it out and says so.
unavailable() {
    echo "$(basename "$0") can't be had here: $*" >&2
    exit 3
}

# crate NAME VERSION BINARY: sets BINARY, built with the lock file that the crate came with. Its own profile holds.
crate() {
    local target peers
    target=$(cd "$(dirname "$0")" && cargo metadata --format-version 1 --no-deps --offline --locked | jq -r .target_directory)
    peers=$target/peers BINARY=$target/peers/bin/$3
    [ -x "$BINARY" ] && grep -qF "\"$1 $2 (" "$peers/.crates.toml" && return
    echo "building $1 $2 into $peers, once; this takes some minutes" >&2
    CARGO_TARGET_DIR=$peers/build cargo install --locked --root "$peers" --version "=$2" "$1" >&2 ||
        unavailable "cargo install $1 --version $2 failed"
    rm -rf "$peers/build"
}

needs() {
    local each
    for each; do command -v "$each" >/dev/null || unavailable "$each is missing"; done
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# A process is known by its number and its start: numbers come back.
born() { sed -E 's/.*\) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }
lives() { [ -n "$2" ] && [ "$(born "$1")" = "$2" ]; }

# begin: what an earlier start left in DIR is ended and taken away; a start that fails leaves nothing running.
begin() {
    end_all
    rm -rf "${DIR:?}"/{store,work,upstream_port} "$DIR"/*.log
    trap '[ $? = 0 ] || end_all' EXIT
    trap 'exit 1' INT TERM
}

# spawn NAME COMMAND...: in the background, beyond the end of this script; sets PID. `stop` ends it.
spawn() {
    local name=$1
    shift
    setsid "$@" </dev/null >"$DIR/$name.log" 2>&1 &
    PID=$!
    echo "$PID $(born "$PID")" >>"$DIR/processes"
}

# answers SECONDS COMMAND...: polls until the command succeeds; shows the logs if it never does.
answers() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        if [ "$SECONDS" -ge "$end" ]; then
            echo "no answer from: $*" >&2
            tail -n 20 "$DIR"/*.log >&2
            exit 1
        fi
        sleep 0.1
    done
}

end_all() {
    local pid start
    [ -e "$DIR/processes" ] || return 0
    while read -r pid start; do ! lives "$pid" "$start" || kill "$pid"; done <"$DIR/processes"
    for _ in {1..50}; do
        while read -r pid start; do
            lives "$pid" "$start" && sleep 0.1 && continue 2
        done <"$DIR/processes"
        break
    done
    while read -r pid start; do ! lives "$pid" "$start" || kill -KILL "$pid"; done <"$DIR/processes"
    rm -f "$DIR/processes"
}
