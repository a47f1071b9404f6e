#!/bin/bash
# Lets replicas in, once, when a primary's data folder is made.
set -euo pipefail
echo "host replication app all scram-sha-256" >>"$PGDATA/pg_hba.conf"
