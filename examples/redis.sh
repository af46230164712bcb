#!/bin/sh
# Drives Redis at rising rates and prints a row for each, up to the first that is not sustained.
#
#   examples/redis.sh                        a private server, 1,000 a second and doubling
#   examples/redis.sh 500 1000 2000          these rates
#   REDIS_URL=redis://host/ examples/redis.sh
#   FLAGS="-w 4 -d 10s" examples/redis.sh    any flags of the benchmark
#
# Needs a POSIX shell, awk, and cargo. Exits 0 if every rate was sustained, 1 at the first that was
# not, and with the benchmark's own code where it could not tell.
set -eu

cd "$(dirname "$0")/.."
cargo build --quiet --release --example redis
benchmark=${CARGO_TARGET_DIR:-target}/release/examples/redis
[ $# -gt 0 ] || set -- 1000 2000 4000 8000 16000 32000 64000 128000

printf '%10s %12s %12s %12s %10s  %s\n' rate delivered p50 p99 backlog verdict
for rate in "$@"; do
    code=0
    # shellcheck disable=SC2086 # FLAGS is a list of words.
    row=$("$benchmark" --rate "$rate" --format csv --quiet ${FLAGS:-}) || code=$?
    [ -n "$row" ] || exit "$code"
    printf '%s\n' "$row" | awk -F, '
        NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i }
        NR == 2 {
            printf "%10s %12.1f %9.3f ms %9.3f ms %10d  %s\n",
                $column["rate_asked"], $column["rate_delivered"],
                $column["response_p50_ns"] / 1e6, $column["response_p99_ns"] / 1e6,
                $column["backlog_max"], $column["verdict"]
        }'
    [ "$code" -eq 0 ] || exit "$code"
done
