#!/usr/bin/env bash
# Ten thousand users at once: each has a connection of its own, does something, thinks, does something again.
#
#   PGPASSWORD=app config/load/users.sh                  10,000 users for ten minutes, some 500 busy at a time
#   USERS=500 DURATION=30 THINK_MS=100 config/load/users.sh
#
# Expects the tables of config/docker/schema.sql, as `docker compose up` has them. Ends with exit code 1 when a
# statement failed or a user could not connect. A run leaves rows with kind = 'load' behind.
#
# The proxy needs `max_clients` above USERS, and both need file descriptors: `ulimit -n 32768`.
set -euo pipefail
cd "$(dirname "$0")"

export PGHOST="${PGHOST:-127.0.0.1}" PGPORT="${PGPORT:-6432}" PGUSER="${PGUSER:-app}" PGDATABASE="${PGDATABASE:-app}"
users="${USERS:-10000}"
duration="${DURATION:-600}"
threads="${THREADS:-4}"
# At 190 ms for each statement, 19 times as much to think leaves one user in twenty busy.
think_ms="${THINK_MS:-3600}"
protocol="${PROTOCOL:-extended}"
metrics="${METRICS:-http://$PGHOST:9090}"

wanted=$((users + 256))
if (($(ulimit -n) < wanted)); then
    ulimit -n "$wanted" || { echo "needs ulimit -n $wanted" >&2; exit 1; }
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT

pgbench --no-vacuum --client="$users" --jobs="$threads" --time="$duration" --protocol="$protocol" --progress=10 \
    --define=clients=5000 --define=think=$((think_ms * 1000)) --max-tries=1 --failures-detailed \
    --file=read.sql@85 --file=write.sql@12 --file=several.sql@3 2>&1 | tee "$log"

echo
echo "== the proxy's own figures"
curl --silent --show-error "$metrics/metrics" | grep -E '^shardway_(clients|waiting_clients|errors_total|refusals_total|clients_rejected_total)' || true

if grep -qE 'aborted|could not connect|FATAL|ERROR' "$log"; then
    echo "some statements or logins failed" >&2
    exit 1
fi
if ! grep -qE '^number of failed transactions: 0 ' "$log"; then
    echo "some transactions failed" >&2
    exit 1
fi
