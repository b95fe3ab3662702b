# shellcheck shell=bash disable=SC1091  # sourced
# A company's network: its proxy on port 3128, which knows mcpd.acme.example, mcp.acme.example, gone.acme.example (where nothing
# listens) and mcpd.other.example, all behind TLS of the company's authority, acme-ca.pem; site.key and site.pem are theirs.
openssl req -x509 -newkey rsa:2048 -nodes -keyout authority.key -out acme-ca.pem -subj '/CN=Acme CA' -days 30 2>/dev/null
openssl req -newkey rsa:2048 -nodes -keyout site.key -out site.csr -subj '/CN=mcpd.acme.example' 2>/dev/null
openssl x509 -req -in site.csr -CA acme-ca.pem -CAkey authority.key -CAcreateserial -out site.pem -days 30 \
    -extfile <(echo 'subjectAltName=DNS:*.acme.example') 2>/dev/null
read -r _ < <(node "$DOCS_REPOSITORY/tests/e2e/documentation/network.mjs" 3128 site.key site.pem \
    '{"mcpd.acme.example": 3000, "mcp.acme.example": 8080, "gone.acme.example": 3009, "mcpd.other.example": 3000}')
export MCPD_ALLOWED_HOSTS=localhost,127.0.0.1,mcpd.acme.example
