// Terraform's registry and HCP Terraform as `server.mjs` plays them: modules for AWS, and what they say about themselves.

const MODULES = [
  ["s3-bucket", "Creates S3 buckets with ownership controls, versioning, lifecycle rules and, unless told otherwise, all public access blocked"],
  ["s3-public-access", "Blocks public access to every S3 bucket of an account: ACLs, policies and cross-account access"],
  ["vpc", "Creates a network with public and private subnets, NAT gateways and flow logs"],
  ["eks", "Creates a Kubernetes cluster with managed node groups"],
  ["rds", "Creates databases with parameter groups, subnets and monitoring"],
  ["lambda", "Builds, packages and deploys functions"],
  ["iam", "Creates users, roles, groups and policies"],
  ["security-group", "Creates security groups and rules for many well-known ports"],
  ["alb", "Creates load balancers with listeners and target groups"],
  ["cloudfront", "Creates distributions, origin access control included"],
  ["kms", "Creates keys, aliases and grants"],
  ["dynamodb-table", "Creates tables with autoscaling and streams"],
];

export function terraform(environment) {
  const found = () => MODULES.map(([name, description], index) => [
    `- module_id: terraform-aws-modules/${name}/aws/${5 - (index % 3)}.0.0`, `- Name: ${name}`, `- Description: ${description}`,
    `- Downloads: ${90_000_000 - index * 4_000_000}`, "- Verified: true", "- Published: 2026-10-01", "---",
  ].join("\n")).join("\n\n");
  const details = ({ module_id: id }) => {
    const [, description] = MODULES.find(([name]) => id?.includes(name)) ?? ["", "no such module"];
    return `# ${id}\n\n**Description:** ${description}\n\n| input | type | default |\n|---|---|---|\n| block_public_acls | bool | true |\n| block_public_policy | bool | true |`;
  };
  const registry = {
    search_modules: { description: "Search modules of the public registry", arguments: ["module_query"], answer: found },
    get_module_details: { description: "Get details of a module", arguments: ["module_id"], answer: details },
  };
  const hcp = {
    list_terraform_orgs: { description: "List organizations", answer: () => ({ items: [{ name: "acme" }] }) },
    list_workspaces: { description: "List workspaces", arguments: ["terraform_org_name"], answer: () => ({ items: [] }) },
    create_run: { description: "Create a run", arguments: ["workspace_name"], answer: () => ({ id: "run-1" }) },
  };
  const token = environment.TFE_TOKEN;
  const refused = (name) => name in hcp && !token.includes(".atlasv1.");
  return {
    name: "terraform-mcp-server", version: "1.2.0",
    refuses: (name) => (refused(name) ? "failed to list Terraform organizations: unauthorized" : undefined),
    tools: token ? { ...registry, ...hcp } : registry,
  };
}
