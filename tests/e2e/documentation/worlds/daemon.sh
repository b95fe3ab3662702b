# shellcheck shell=bash disable=SC1091  # sourced
# mcpd and a local gateway with their usual ports.
mcpctl daemon start
