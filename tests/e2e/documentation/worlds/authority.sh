# shellcheck shell=bash disable=SC1091  # sourced
# trusted NAME…: makes a certificate of these names, ~/certificate/{certificate,key}.pem, of an authority that everything in the
# page trusts. Only in mounts of its own: elsewhere it would last.
trusted() {
    [ "$$" = 1 ] || return
    local folder=~/certificate names
    names=$(printf ',DNS:%s' "$@")
    mkdir "$folder"
    (
        set -e
        cd "$folder"
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout ca.key -out ca.pem -subj /CN=authority
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out request.pem -subj "/CN=$1"
        openssl x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out certificate.pem \
            -extfile <(echo "subjectAltName=${names#,}")
    ) && mount --bind "$folder/ca.pem" /etc/ssl/certs/ca-certificates.crt
}

# relay ADDRESS:PORT TARGET: what is at TARGET is reached by TLS, too.
relay() {
    /usr/bin/python3 "$DOCS_REPOSITORY/tests/e2e/documentation/relay.py" "$1" "$2" ~/certificate/certificate.pem ~/certificate/key.pem &
}
