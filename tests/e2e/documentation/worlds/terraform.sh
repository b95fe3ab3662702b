# shellcheck shell=bash disable=SC1091  # sourced
# `terraform-mcp-server` is installed, and plays the registry and HCP Terraform, too; it takes tokens with `.atlasv1.` in them.
printf '#!/bin/sh\nexec node "%s/tests/e2e/documentation/server.mjs" terraform\n' "$DOCS_REPOSITORY" >"${PATH%%:*}/terraform-mcp-server"
chmod +x "${PATH%%:*}/terraform-mcp-server"
