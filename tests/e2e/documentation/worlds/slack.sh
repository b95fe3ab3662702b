# shellcheck shell=bash disable=SC1091  # sourced
# Whatever package of a Slack server `npx` is to fetch, the demo Slack starts.
stand_in npx mock-slack slack-mcp-server @modelcontextprotocol/server-slack
