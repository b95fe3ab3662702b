# A company, as it runs elsewhere: mcpd as https://mcpd.example, users ada and ann (password: correct horse battery), Slack
# and Jira, the project weekly_reports for both, and the central gateways berlin-1 and berlin-2 (http://NAME.example:8080,
# their admin listeners on port 9090) behind https://mcp.example. Certificates are of an authority that this machine trusts.
company=~/company
mkdir "$company"
cat >>/etc/hosts <<'END'
127.0.0.2 mcpd.example
127.0.0.3 mcp.example
127.0.0.11 berlin-1.example
127.0.0.12 berlin-2.example
127.0.0.13 berlin-3.example
END
(
    cd "$company"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout ca.key -out ca.pem -subj /CN=company
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out request.pem -subj /CN=mcpd.example
    openssl x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out certificate.pem \
        -extfile <(echo subjectAltName=DNS:mcpd.example,DNS:mcp.example)
) 2>/dev/null
mount --bind "$company/ca.pem" /etc/ssl/certs/ca-certificates.crt
relay() { /usr/bin/python3 "$DOCS_REPOSITORY/tests/e2e/documentation/relay.py" "$@" & }
relay 127.0.0.2:443 127.0.0.1:3000 "$company/certificate.pem" "$company/key.pem"
relay 127.0.0.3:443 127.0.0.11:8080 "$company/certificate.pem" "$company/key.pem"

export MCPD_ALLOWED_HOSTS=localhost,127.0.0.1,mcpd.example MCPD_CENTRAL_URL=https://mcp.example
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
        --listen "$2:8080" --admin-listen "$2:9090" --allowed-hosts "localhost,$1.example,mcp.example" \
        --public-url https://mcp.example >>"$home/log" 2>&1 &
    echo $! >"$home/pid"
    eventually curl -fsS -o "$home/ready" "http://$1.example:9090/readyz"
}
gateway berlin-1 127.0.0.11
gateway berlin-2 127.0.0.12
