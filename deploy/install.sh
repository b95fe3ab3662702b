#!/bin/sh
# Installs mcpctl, mcp-gateway and mcpd for one user: into ~/.local/bin, with the manual and completions below
# ~/.local/share. Asks for no rights, changes no file of a shell, and installs nothing whose SHA-256 it cannot check.
#
#   curl --proto '=https' --tlsv1.2 -fsSL RELEASES/install.sh | sh
#   sh install.sh [--from URL] [--prefix DIR]
#
#   --from URL    where SHA256SUMS and the archives are (https, or this machine); also MCPCTL_RELEASES
#   --prefix DIR  in place of ~/.local
set -eu

# The release workflow writes its own URL here.
releases=@RELEASES@

main() {
    from=${MCPCTL_RELEASES:-$releases} prefix=${HOME:-}/.local
    while [ $# -gt 0 ]; do
        case $1 in
        --from | --prefix)
            [ $# -ge 2 ] || fail "$1 needs a value"
            [ "$1" = --from ] && from=$2 || prefix=$2
            shift 2
            ;;
        -h | --help)
            echo "usage: install.sh [--from URL] [--prefix DIR]"
            return
            ;;
        *) fail "unknown argument $1; usage: install.sh [--from URL] [--prefix DIR]" ;;
        esac
    done
    case $from in
    @*) fail "this copy of the installer knows no place to fetch from: give --from URL" ;;
    https://* | http://127.0.0.1[:/]* | http://localhost[:/]* | "http://[::1]"[:/]*) from=${from%/} ;;
    *) fail "$from is neither https nor on this machine" ;;
    esac
    [ "$prefix" != /.local ] || fail "HOME is not set: give --prefix DIR"
    need tar
    need gzip
    target=$(target)

    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    trap 'exit 1' HUP INT TERM
    fetch SHA256SUMS
    line=$(grep -E "^[0-9a-f]{64} [ *]mcpctl-[0-9][0-9A-Za-z.+-]*-$target\.tar\.gz\$" "$work/SHA256SUMS" || true)
    case $line in
    "") fail "$from has no checksum of an archive for $target: nothing was installed" ;;
    *"
"*) fail "$from has several archives for $target: nothing was installed" ;;
    esac
    archive=${line#* [ *]}
    fetch "$archive"
    sum=$(checksum "$work/$archive")
    [ "$sum" = "${line%% *}" ] || fail "$archive is not what SHA256SUMS says: nothing was installed
    expected ${line%% *}
    got      $sum"
    mkdir "$work/unpacked"
    tar -xzf "$work/$archive" -C "$work/unpacked"
    install_from "$work/unpacked/${archive%.tar.gz}"

    echo "installed $("$prefix/bin/mcpctl" --version) into $prefix/bin"
    case :$PATH: in
    *:"$prefix/bin":*) ;;
    *) echo "hint: $prefix/bin is not in PATH: export PATH=\"$prefix/bin:\$PATH\"" ;;
    esac
    echo "next: mcpctl version; mcpctl daemon start; mcpctl doctor"
}

fail() {
    echo "error: $1" >&2
    exit 1
}

need() { command -v "$1" >/dev/null 2>&1 || fail "$1 is needed and not here"; }

target() {
    case $(uname -s)/$(uname -m) in
    Linux/x86_64) machine=x86_64-unknown-linux-gnu ;;
    Linux/aarch64 | Linux/arm64) machine=aarch64-unknown-linux-gnu ;;
    Darwin/x86_64) machine=x86_64-apple-darwin ;;
    Darwin/arm64) machine=aarch64-apple-darwin ;;
    *) fail "there is no archive for $(uname -s) on $(uname -m): build it from source" ;;
    esac
    case $machine in
    *-linux-gnu)
        # musl's ldd names itself, and fails.
        ! { ldd --version 2>&1 || true; } | grep -qi musl || fail "the archives need glibc, and this system has musl: use the container images"
        ;;
    esac
    echo "$machine"
}

# fetch NAME: into $work, by TLS unless from this machine; redirects only by TLS, too.
fetch() {
    if command -v curl >/dev/null 2>&1; then
        case $from in https:*) only='=https' ;; *) only='=http,https' ;; esac
        curl --proto "$only" --tlsv1.2 -fsSL --retry 2 -o "$work/$1" "$from/$1" || fail "$from/$1 cannot be fetched"
    elif command -v wget >/dev/null 2>&1; then
        wget -q -O "$work/$1" "$from/$1" || fail "$from/$1 cannot be fetched"
    else
        fail "curl or wget is needed and neither is here"
    fi
}

checksum() {
    if command -v sha256sum >/dev/null 2>&1; then
        sha256sum "$1" | cut -d ' ' -f 1
    elif command -v shasum >/dev/null 2>&1; then
        shasum -a 256 "$1" | cut -d ' ' -f 1
    else
        fail "sha256sum or shasum is needed: without it nothing can be checked, and nothing was installed"
    fi
}

# A program that runs is not written over: each gets its name when it is complete.
install_from() {
    mkdir -p "$prefix/bin"
    for program in mcpctl mcp-gateway mcpd; do
        [ -f "$1/bin/$program" ] || fail "the archive has no $program: nothing was installed"
    done
    for program in mcpctl mcp-gateway mcpd; do
        cp "$1/bin/$program" "$prefix/bin/.$program.new"
        chmod 0755 "$prefix/bin/.$program.new"
    done
    for program in mcpctl mcp-gateway mcpd; do mv -f "$prefix/bin/.$program.new" "$prefix/bin/$program"; done
    for part in man bash-completion zsh fish; do
        [ ! -d "$1/share/$part" ] || { mkdir -p "$prefix/share" && cp -R "$1/share/$part" "$prefix/share/"; }
    done
    if [ -f "$1/share/systemd/user/mcpctl.service" ]; then
        mkdir -p "$prefix/share/systemd/user"
        cp "$1/share/systemd/user/mcpctl.service" "$prefix/share/systemd/user/"
    fi
}

main "$@"
