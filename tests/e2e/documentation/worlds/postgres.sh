# shellcheck shell=bash disable=SC1091  # sourced
# PostgreSQL as db.example, with an empty database `mcpd` of the user `mcpd`, whose password is `password`.
echo '127.0.0.4 db.example' >>/etc/hosts
/usr/bin/python3 "$DOCS_REPOSITORY/tests/e2e/documentation/relay.py" 127.0.0.4:5432 "$DOCS_POSTGRES" &
PATH=$PATH:$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
# as_mcpd psql …
as_mcpd() { PGHOST=db.example PGUSER=mcpd PGPASSWORD=password PGDATABASE=mcpd "$@"; }
eventually as_mcpd psql -qAtc 'SELECT 1'
