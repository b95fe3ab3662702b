// A company's network for pages: a proxy (CONNECT) on PORT that knows the names in HOSTS and nobody else, and behind it TLS
// for them, with KEY and CERTIFICATE, in front of what listens on this machine.
//
//   read -r _ < <(node network.mjs 3128 site.key site.pem '{"mcpd.acme.example": 3000}')
import { readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import net from "node:net";

const [port, key, certificate, hosts] = process.argv.slice(2);
const ports = JSON.parse(hosts);

// Like any reverse proxy: the request as it is, the answer as it comes.
const site = https.createServer({ key: readFileSync(key), cert: readFileSync(certificate) }, (request, response) => {
  const to = ports[request.headers.host.split(":")[0]];
  const { method, url: path, headers } = request;
  const onward = http.request({ host: "127.0.0.1", port: to, method, path, headers }, (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
  onward.on("error", () => response.writeHead(502).end());
  response.on("close", () => onward.destroy());
  request.pipe(onward);
});

const proxy = http.createServer((request, response) => response.writeHead(403).end());
proxy.on("connect", (request, client, head) => {
  const known = request.url.split(":")[0] in ports;
  if (!known) {
    client.end("HTTP/1.1 403 Forbidden\r\n\r\n");
    return;
  }
  const behind = net.connect(site.address().port, "127.0.0.1", () => {
    client.write("HTTP/1.1 200 OK\r\n\r\n");
    behind.write(head);
    client.pipe(behind).pipe(client);
  });
  for (const socket of [client, behind]) socket.on("error", () => { client.destroy(); behind.destroy(); });
});
site.listen(0, "127.0.0.1", () => proxy.listen(Number(port), "127.0.0.1", () => console.log("ready")));
