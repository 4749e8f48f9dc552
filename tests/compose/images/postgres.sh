#!/bin/bash
# What docker-compose.yml relies on of the official image's entrypoint: the first start makes the data folder, and tries the server
# on its socket before it listens to others.
set -euo pipefail
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    # shellcheck disable=SC2086 # several words
    initdb --pgdata="$PGDATA" --username=postgres --pwfile="$POSTGRES_PASSWORD_FILE" $POSTGRES_INITDB_ARGS
    printf '\nhost all all all scram-sha-256\n' >> "$PGDATA/pg_hba.conf"
    pg_ctl -D "$PGDATA" -o "$(printf '%q ' "${@:2}" -c listen_addresses= -p "$PGPORT")" -w start
    PGPASSWORD=$(< "$POSTGRES_PASSWORD_FILE") psql --username postgres --no-password --no-psqlrc -qc 'select 1'
    pg_ctl -D "$PGDATA" -m fast -w stop
fi
exec "$@"
