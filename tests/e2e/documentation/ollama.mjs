// A server that speaks OpenAI's protocol, for pages about the last tier of relevance filtering: it finds a record relevant that
// holds a word of what is looked for. It needs no model, and understands nothing.
//
//   read -r _ < <(node ollama.mjs 11434)
import { createServer } from "node:http";

const WORD_LETTERS_MIN = 4;
const words = (text) => text.toLowerCase().match(/[a-z]+/g)?.filter((word) => word.length >= WORD_LETTERS_MIN) ?? [];

// The question names what is looked for, then the records, each a JSON string on a numbered line.
function verdicts(question) {
  const wanted = new Set(words(JSON.parse(question.match(/^Looking for: (.*)$/m)[1])));
  const records = [...question.matchAll(/^(\d+): (".*")$/gm)];
  return Object.fromEntries(records.map(([, number, text]) => [number, words(JSON.parse(text)).some((word) => wanted.has(word)) ? 1 : 0]));
}

const server = createServer(async (request, response) => {
  let body = "";
  for await (const chunk of request) body += chunk;
  response.setHeader("content-type", "application/json");
  if (request.url !== "/v1/chat/completions") {
    response.end(JSON.stringify({ object: "list", data: [{ id: "any", object: "model" }] }));
    return;
  }
  const { model, messages } = JSON.parse(body);
  const question = messages.at(-1).content;
  const content = /^Looking for: /m.test(question) ? JSON.stringify(verdicts(question)) : "Yes.";
  const choice = { index: 0, message: { role: "assistant", content }, finish_reason: "stop" };
  response.end(JSON.stringify({ id: "1", object: "chat.completion", model, choices: [choice] }));
});
server.listen(Number(process.argv[2]), "127.0.0.1", () => console.log("ready"));
