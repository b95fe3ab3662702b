# shellcheck shell=bash disable=SC1091  # sourced
# The weights are where `mcpctl model pull` puts them.
(umask 077 && mkdir -p ~/.mcpctl/models)
ln -s "$DOCS_MODEL" ~/.mcpctl/models/all-MiniLM-L6-v2
