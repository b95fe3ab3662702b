# shellcheck shell=bash  # sourced
# What the scripts print. Colours and the running last line only on a terminal; plain lines otherwise.

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
    bold=$'\e[1m' dim=$'\e[2m' red=$'\e[31m' plain=$'\e[0m' terminal=yes
else
    bold='' dim='' red='' plain='' terminal=
fi

step() { printf '%s==> %s%s\n' "$bold" "$*" "$plain"; }
note() { printf '    %s\n' "$*"; }

# fail WHAT HINT
fail() {
    printf '%serror:%s %s\n' "$red" "$plain" "$1" >&2
    printf 'hint: %s\n' "$2" >&2
    exit 1
}

# watched LOG COMMAND…: the command's output goes to LOG; what is shown is that it goes on.
watched() {
    local log=$1 start=$SECONDS told=$SECONDS pid rc=0
    shift
    "$@" >"$log" 2>&1 </dev/null &
    pid=$!
    while kill -0 "$pid" 2>/dev/null; do
        if [ -n "$terminal" ]; then
            printf '\r\e[K    %s%4d s  %s%s' "$dim" $((SECONDS - start)) "$(tail -n 1 "$log" | tr -dc '[:print:]' | cut -c1-90)" "$plain"
        elif ((SECONDS - told >= 20)); then
            told=$SECONDS
            note "$((SECONDS - start)) s  $(tail -n 1 "$log" | tr -dc '[:print:]' | cut -c1-90)"
        fi
        sleep 0.2
    done
    wait "$pid" || rc=$?
    [ -z "$terminal" ] || printf '\r\e[K'
    if ((rc)); then
        tail -n 20 "$log" | sed 's/^/    | /' >&2
        note "failed after $((SECONDS - start)) s; the whole output is in $log" >&2
    else
        note "done in $((SECONDS - start)) s"
    fi
    return "$rc"
}
