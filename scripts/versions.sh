# shellcheck shell=bash disable=SC2034  # sourced
# Every tool that scripts/setup installs beside the toolchain of rust-toolchain.toml, with its exact version.
# Changing a line here makes the next setup install that tool again.

RUST_MIN=1.94
CARGO_DENY_VERSION=0.20.2

# Node comes from the npm registry: `node-linux-*` is the package that `node@22` resolves to.
NODE_VERSION=22.23.3
NODE_SHA512_x86_64=a879f3e6d16c1e88ff58cfae4443558d638d8b9855be6c2b82af00e15efa2a9b95340738fa3c0af31e20c1ba1b13d06d1cd83f00a476e7cdde628acb17f73b9e
NODE_SHA512_aarch64=9770c01d9adeca5a3ea7d4170edb0eae31b625726a5736179c01a621034e50d01170ca694ced9c99ec1540ffb7ead8c99d213e773a4c36d816f9cde8883bd7b4
NPM_VERSION=10.9.9
NPM_SHA512=d60fba8cb42f688b81e33c2f1cbef2ad7b977166700ec0ad057f1b6d60ea6ef2524abf673e20c35931cd8305d1dbb8887134d6eefdc0e7b8435bd458bf65b862

CLAUDE_CODE_VERSION=2.1.330
CODEX_VERSION=0.171.0
GEMINI_CLI_VERSION=0.61.0

# Other people's servers, which the whole-system tests drive, and `make compatibility`. Those of Python's environments do not
# go together in one.
NODE_SERVERS="@modelcontextprotocol/server-everything@2026.8.31 @modelcontextprotocol/server-filesystem@2026.8.31 @modelcontextprotocol/server-github@2025.4.8 @modelcontextprotocol/server-memory@2026.8.31 @modelcontextprotocol/server-slack@2025.4.25 kubernetes-mcp-server@0.0.67 slack-mcp-server@1.3.0"
PYTHON_SERVERS="mcp-grafana==2.1.1 mcp-server-git==2026.10.19 mcp-server-time==2026.10.19"
ATLASSIAN_SERVER="mcp-atlassian==0.23.1"
GO_SERVERS="github.com/github/github-mcp-server/cmd/github-mcp-server@v1.10.1 github.com/hashicorp/terraform-mcp-server/cmd/terraform-mcp-server@v1.2.0"

# Other people's clients, for `make compatibility`. Each release of the SDK has another revision as its newest.
MCP_OLD_SDK_VERSIONS="1.6.0 1.9.4"
MCP_SDK_VERSIONS="1.22.0 1.30.0 2.3.0"
# The last one that the old releases can be loaded with.
PYDANTIC_OLD_VERSION=2.11.7
NODE_CLIENTS="@modelcontextprotocol/inspector@2.12.0 @openai/codex@$CODEX_VERSION"

# For scripts/deploy-check, built with Go where that is.
HELM_VERSION=v3.19.2
ACTIONLINT_VERSION=v1.7.9
COMPOSE_GO_VERSION=v2.16.2

# For deploy/release/sbom.
CARGO_CYCLONEDX_VERSION=0.5.9
# What `make bench` loads with and compares with; nginx and wrk are Debian's.
K6_VERSION=1.1.0
ENVOY_VERSION=1.40.0

# For `scripts/flamegraph`.
INFERNO_VERSION=0.12.8

# For `make docs`.
MDBOOK_VERSION=0.5.4
MERMAID_VERSION=12.3.0
MERMAID_SHA512=e35d774dd5de2c0b0caee27bf4ea452f93bcf8b4c55e142a676eb4ac5ded8149a2340b519b852e99ed3823eeb93d137ac99ebd2787fcad56165bccd193ae5463
