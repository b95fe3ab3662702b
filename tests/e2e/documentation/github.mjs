// GitHub as `server.mjs` plays it: a few tools, and little behind them.

const HITS = ["checkout", "reports"].map((name, index) => ({
  name: "main.tf", path: `${name}/main.tf`, sha: String(index).padStart(40, "0"), repository: "acme/shop",
  text_matches: [{ fragment: `resource "aws_s3_bucket" "${name}" {}`, matches: [{ text: "aws_s3_bucket" }] }],
}));

export function github(environment) {
  const token = environment.GITHUB_PERSONAL_ACCESS_TOKEN;
  const found = () => ({ total_count: HITS.length, incomplete_results: false, items: HITS });
  const reading = {
    get_me: { description: "Get details of the authenticated user", answer: () => ({ login: "ann", id: 5 }) },
    search_code: { description: "Search code across repositories", arguments: ["query", "perPage"], answer: found },
    list_issues: { description: "List issues in a repository", arguments: ["owner", "repo"], answer: () => ({ issues: [], totalCount: 0 }) },
    get_file_contents: {
      description: "Get the contents of a file", arguments: ["owner", "repo", "path"],
      answer: () => HITS.map((hit) => hit.text_matches[0].fragment).join("\n"),
    },
  };
  const writing = {
    issue_write: { description: "Create or update an issue", arguments: ["owner", "repo", "title"], answer: () => ({ number: 1 }) },
    delete_file: { description: "Delete a file", arguments: ["owner", "repo", "path"], answer: () => ({}) },
  };
  return {
    name: "github-mcp-server", version: "1.10.1",
    missing: token ? undefined : "Error: GITHUB_PERSONAL_ACCESS_TOKEN not set",
    refuses: (name) => (token.startsWith("github_pat_") ? undefined : `failed to ${name === "get_me" ? "get user" : "call GitHub"}: GET https://api.github.com/user: 401 Bad credentials []`),
    tools: environment.GITHUB_READ_ONLY === "1" ? reading : { ...reading, ...writing },
  };
}
