#!/bin/bash
# Copies the primary into an empty data folder, then streams from it.
set -euo pipefail

install -d -o postgres -g postgres -m 700 "$PGDATA"
if [[ ! -s "$PGDATA/PG_VERSION" ]]; then
    export PGPASSWORD=$POSTGRES_PASSWORD
    until gosu postgres pg_basebackup --host="$PRIMARY" --username="$POSTGRES_USER" --pgdata="$PGDATA" \
        --wal-method=stream --checkpoint=fast --write-recovery-conf; do
        # A copy that broke off leaves nothing that the next one could use.
        find "$PGDATA" -mindepth 1 -delete
        sleep 1
    done
fi
exec gosu postgres postgres -c max_prepared_transactions=64 -c max_connections=200
