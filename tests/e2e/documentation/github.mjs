// GitHub as `server.mjs` plays it: code of one company, in which some buckets are open to everybody.

const SERVICES = [
  "billing", "catalogue", "checkout", "crm", "delivery", "fleet", "forecast", "gateway", "hiring", "inventory", "ledger", "loyalty",
  "mailer", "maps", "payroll", "pricing", "returns", "search", "suppliers", "tracking",
];
const PURPOSES = ["logs", "exports", "uploads", "backups", "assets"];

// What Terraform code says about a bucket that nobody but its owner reads.
const CLOSED = [
  (bucket) => `resource "aws_s3_bucket" "${bucket}" {\n  bucket = "acme-${bucket}"\n  tags   = { team = "platform" }\n}`,
  (bucket) => `resource "aws_s3_bucket_versioning" "${bucket}" {\n  bucket = aws_s3_bucket.${bucket}.id\n  versioning_configuration { status = "Enabled" }\n}`,
  (bucket) => `resource "aws_s3_bucket_lifecycle_configuration" "${bucket}" {\n  bucket = aws_s3_bucket.${bucket}.id\n  rule {\n    id     = "expire"\n    status = "Enabled"\n    expiration { days = 90 }\n  }\n}`,
  (bucket) => `resource "aws_s3_bucket_server_side_encryption_configuration" "${bucket}" {\n  bucket = aws_s3_bucket.${bucket}.id\n  rule {\n    apply_server_side_encryption_by_default { sse_algorithm = "aws:kms" }\n  }\n}`,
  (bucket) => `module "${bucket}" {\n  source        = "../modules/bucket"\n  name          = "acme-${bucket}"\n  force_destroy = false\n}`,
];
// And about one that is open.
const OPEN = [
  (bucket) => `resource "aws_s3_bucket_acl" "${bucket}" {\n  bucket = aws_s3_bucket.${bucket}.id\n  acl    = "public-read"\n}`,
  (bucket) => `resource "aws_s3_bucket_public_access_block" "${bucket}" {\n  bucket                  = aws_s3_bucket.${bucket}.id\n  block_public_acls       = false\n  block_public_policy     = false\n  restrict_public_buckets = false\n}`,
  (bucket) => `# everybody may read: public website\ndata "aws_iam_policy_document" "${bucket}" {\n  statement {\n    actions   = ["s3:GetObject"]\n    resources = ["arn:aws:s3:::acme-${bucket}/*"]\n    principals { type = "*", identifiers = ["*"] }\n  }\n}`,
];
// The buckets that are open, by their place in the list.
const OPENED = [7, 19, 33, 48, 62, 81, 94];

export function items() {
  return SERVICES.flatMap((service, row) => PURPOSES.map((purpose, column) => {
    const index = row * PURPOSES.length + column;
    const bucket = `${service}_${purpose}`;
    const opened = OPENED.indexOf(index);
    const write = opened < 0 ? CLOSED[(row + column) % CLOSED.length] : OPEN[opened % OPEN.length];
    return {
      name: `${purpose}.tf`, path: `terraform/${purpose}.tf`, sha: index.toString(16).padStart(40, "0"), repository: `acme/${service}`,
      text_matches: [{ fragment: write(bucket), matches: [{ text: "aws_s3_bucket" }] }],
    };
  }));
}

export function github(environment) {
  const token = environment.GITHUB_PERSONAL_ACCESS_TOKEN;
  const found = () => ({ total_count: items().length, incomplete_results: false, items: items() });
  const reading = {
    get_me: { description: "Get details of the authenticated user", answer: () => ({ login: "ann", id: 5 }) },
    search_code: { description: "Search code across repositories", arguments: ["query", "perPage"], answer: found },
    list_issues: { description: "List issues in a repository", arguments: ["owner", "repo"], answer: () => ({ issues: [], totalCount: 0 }) },
    get_file_contents: {
      description: "Get the contents of a file", arguments: ["owner", "repo", "path"],
      answer: ({ repo }) => items().filter((item) => item.repository === `acme/${repo}`).map((item) => item.text_matches[0].fragment).join("\n"),
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
