# shellcheck shell=bash disable=SC1091  # sourced
# scripted STEPS: Claude Code asks a model that makes these calls of tools, [["tool", {"argument": …}], …], and then ends. Where
# Claude Code is not installed, something that makes the same calls has its name.
scripted() {
    local port here=$DOCS_REPOSITORY/tests/e2e/documentation
    read -r port < <(node "$here/model.mjs" "$1")
    export ANTHROPIC_BASE_URL=http://127.0.0.1:$port ANTHROPIC_API_KEY=not-a-key
    # All tools at once, and nothing that has to do with anybody else.
    export ENABLE_TOOL_SEARCH=false CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1 DISABLE_AUTOUPDATER=1
    command -v claude >/dev/null && return
    printf '#!/bin/sh\nexec node "%s/client.mjs" '"'%s'"'\n' "$here" "$1" >"${PATH%%:*}/claude"
    chmod +x "${PATH%%:*}/claude"
}
