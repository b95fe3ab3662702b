# shellcheck shell=bash disable=SC1091  # sourced
# The project that most pages speak of, on this machine: Slack and Jira set up, and both read.
. "$DOCS_WORLDS/slack.sh"
. "$DOCS_WORLDS/jira.sh"
mcpctl daemon status >/dev/null 2>&1 || mcpctl daemon start
printf 'xoxb-0000000000-an-example' | mcpctl setup slack --token-stdin --non-interactive
printf 'ATATT-0000000000-an-example' |
    mcpctl setup jira --set JIRA_URL=https://jira.example.com --token-stdin --non-interactive
mcpctl project create weekly_reports --profiles slack-read-only jira-read-only --wait
