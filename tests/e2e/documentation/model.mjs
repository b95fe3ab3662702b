// A model with a script, for pages that start Claude Code: it answers the Messages API on loopback. It calls the tools of
// its script one after the other, then says that it has read them. It understands nothing.
//
//   read -r port < <(node model.mjs '[["slack_get_messages", {"_context": "…"}]]')
import { createServer } from "node:http";

const steps = JSON.parse(process.argv[2]);

function results(asked) {
  const blocks = (asked.messages ?? []).flatMap((message) => (Array.isArray(message.content) ? message.content : []));
  return blocks.filter((block) => block.type === "tool_result");
}

function next(asked) {
  const done = results(asked);
  const offered = (asked.tools ?? []).map((tool) => tool.name);
  const step = offered.length > 0 ? steps[done.length] : undefined;
  if (!step) return [{ type: "text", text: `results read: ${done.length}` }, "end_turn"];
  const name = offered.find((tool) => tool.endsWith(`__${step[0]}`)) ?? step[0];
  return [{ type: "tool_use", id: `toolu_${done.length}`, name, input: step[1] }, "tool_use"];
}

function events(message) {
  const block = message.content[0];
  const use = block.type === "tool_use";
  const empty = use ? { ...block, input: {} } : { type: "text", text: "" };
  const delta = use
    ? { type: "input_json_delta", partial_json: JSON.stringify(block.input) }
    : { type: "text_delta", text: block.text };
  const list = [
    { type: "message_start", message: { ...message, content: [], stop_reason: null } },
    { type: "content_block_start", index: 0, content_block: empty },
    { type: "content_block_delta", index: 0, delta },
    { type: "content_block_stop", index: 0 },
    { type: "message_delta", delta: { stop_reason: message.stop_reason, stop_sequence: null }, usage: { output_tokens: 1 } },
    { type: "message_stop" },
  ];
  return list.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join("");
}

const server = createServer(async (request, response) => {
  let body = "";
  for await (const chunk of request) body += chunk;
  if (!request.url.startsWith("/v1/messages") || request.url.includes("count_tokens")) {
    response.setHeader("content-type", "application/json").end('{"input_tokens": 1}');
    return;
  }
  const asked = JSON.parse(body);
  const [block, reason] = next(asked);
  const message = {
    id: `msg_${results(asked).length}`, type: "message", role: "assistant", model: asked.model, content: [block],
    stop_reason: reason, stop_sequence: null, usage: { input_tokens: 1, output_tokens: 1 },
  };
  response.setHeader("content-type", asked.stream ? "text/event-stream" : "application/json");
  response.end(asked.stream ? events(message) : JSON.stringify(message));
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
