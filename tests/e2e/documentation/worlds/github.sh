# shellcheck shell=bash disable=SC1091  # sourced
# `github-mcp-server` is installed, and plays GitHub, too; it takes tokens that begin with github_pat_.
printf '#!/bin/sh\nexec node "%s/tests/e2e/documentation/server.mjs" github\n' "$DOCS_REPOSITORY" >"${PATH%%:*}/github-mcp-server"
chmod +x "${PATH%%:*}/github-mcp-server"
