# shellcheck shell=bash disable=SC1091  # sourced
# The same for Jira and `uvx`.
stand_in uvx mock-jira mcp-atlassian
