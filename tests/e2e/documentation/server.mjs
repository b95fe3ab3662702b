// Servers for pages: stand-ins for GitHub's and Terraform's MCP servers on stdin and stdout, with a few of their tools, the
// shapes of their results, and made-up content. They write nothing anywhere.
//
//   node server.mjs github|terraform
import { createInterface } from "node:readline";
import { github } from "./github.mjs";
import { terraform } from "./terraform.mjs";

const kinds = { github, terraform };
const server = kinds[process.argv[2]](process.env);

const text = (value) => ({ type: "text", text: typeof value === "string" ? value : JSON.stringify(value) });

function tools() {
  return Object.entries(server.tools).map(([name, tool]) => {
    const properties = Object.fromEntries((tool.arguments ?? []).map((argument) => [argument, { type: "string" }]));
    return { name, description: tool.description, inputSchema: { type: "object", properties } };
  });
}

function call({ name, arguments: given }) {
  const tool = server.tools[name];
  if (!tool) return { content: [text(`unknown tool: ${name}`)], isError: true };
  const refusal = server.refuses(name);
  return refusal ? { content: [text(refusal)], isError: true } : { content: [text(tool.answer(given ?? {}))] };
}

function answer({ method, params }) {
  switch (method) {
    case "initialize":
      return { protocolVersion: "2025-06-18", capabilities: { tools: {} }, serverInfo: { name: server.name, version: server.version } };
    case "tools/list":
      return { tools: tools() };
    case "tools/call":
      return call(params);
    case "ping":
      return {};
  }
}

if (server.missing) {
  console.error(server.missing);
  process.exit(1);
}
createInterface({ input: process.stdin }).on("line", (line) => {
  const asked = JSON.parse(line);
  if (asked.id === undefined || !asked.method) return;
  const result = answer(asked);
  const outcome = result ? { result } : { error: { code: -32601, message: "Method not found" } };
  console.log(JSON.stringify({ jsonrpc: "2.0", id: asked.id, ...outcome }));
});
