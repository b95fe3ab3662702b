# shellcheck shell=bash disable=SC1091  # sourced
# A company, as it runs elsewhere: mcpd as https://mcpd.company.example, users ada and ann (password: correct horse battery),
# Slack and Jira, the project weekly_reports for both, and the central gateways berlin-1 and berlin-2
# (http://NAME.company.example:8080, their admin listeners on port 9090) behind https://mcp.company.example.
# `mcpctl` is the administrator's, on mcpd's own machine.
. "$DOCS_WORLDS/authority.sh"
company=~/company
mkdir "$company"
cat >>/etc/hosts <<'END'
127.0.0.2 mcpd.company.example
127.0.0.3 mcp.company.example
127.0.0.11 berlin-1.company.example
127.0.0.12 berlin-2.company.example
END
trusted mcpd.company.example mcp.company.example
relay 127.0.0.2:443 127.0.0.1:3000
relay 127.0.0.3:443 127.0.0.11:8080

export MCPD_ALLOWED_HOSTS=localhost,127.0.0.1,mcpd.company.example MCPD_CENTRAL_URL=https://mcp.company.example
# The usual port is for a laptop.
mcpctl daemon start --gateway-port 0
. "$DOCS_WORLDS/weekly.sh"
for user in ada ann; do
    mcpctl user create "$user"
    printf 'correct horse battery' | mcpctl user passwd "$user" --stdin
done
mcpctl apply --wait -f - <<'END'
kind: project
name: weekly_reports
spec:
  profiles: [slack-read-only, jira-read-only]
  members: [ada, ann, admin]
END

# gateway NAME ADDRESS: starts one that joins, or has joined; its process is in ~/company/NAME/pid.
gateway() {
    local home=$company/$1
    mkdir -p "$home"
    [ -e "$home/gateway" ] || mcpctl gateway join-token "$1" --role central --format name >"$home/join-token"
    mcp-gateway --role central --name "$1" --home "$home" --join-token-file "$home/join-token" --mcpd-url http://127.0.0.1:3000 \
        --listen "$2:8080" --admin-listen "$2:9090" --allowed-hosts "localhost,$1.company.example,mcp.company.example" \
        --public-url https://mcp.company.example >>"$home/log" 2>&1 &
    echo $! >"$home/pid"
    eventually curl -fsS -o "$home/ready" "http://$1.company.example:9090/readyz"
}
gateway berlin-1 127.0.0.11
gateway berlin-2 127.0.0.12
