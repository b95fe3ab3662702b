// A client for pages, where Claude Code is not installed: starts what .mcp.json names, and makes the calls of a script.
//
//   node client.mjs '[["slack_get_messages", {"_context": "…"}]]'
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

const steps = JSON.parse(process.argv[2]);
const [{ command, args }] = Object.values(JSON.parse(readFileSync(".mcp.json")).mcpServers);
const bridge = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
const answers = createInterface({ input: bridge.stdout })[Symbol.asyncIterator]();

function send(message) {
  bridge.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
}

async function ask(id, method, params) {
  send({ id, method, params });
  for (;;) {
    const { value, done } = await answers.next();
    if (done) throw new Error("the bridge ended");
    const message = JSON.parse(value);
    if (message.id === id && message.error) throw new Error(message.error.message);
    if (message.id === id) return message.result;
  }
}

await ask(0, "initialize", { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "page", version: "1" } });
send({ method: "notifications/initialized" });
for (const [index, [name, given]] of steps.entries()) await ask(index + 1, "tools/call", { name, arguments: given });
console.log(`results read: ${steps.length}`);
bridge.stdin.end();
