// A gateway with one server behind it and no prefix, and a way to it for clients that cannot be given a token.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const START_PATIENCE_MS = 30_000;

function base62(value, length) {
    let text = '';
    for (let rest = BigInt(value); rest > 0n; rest /= 62n) text = ALPHABET[Number(rest % 62n)] + text;
    return text.padStart(length, '0');
}

/** A personal token of the one user: the same in every run, and known to nobody else's gateway. */
function token() {
    const body = base62(BigInt(`0x${'07'.repeat(32)}`), 43);
    return `mcpctl_pat_${body}${base62(crc32(`pat${body}`), 6)}`;
}

function snapshot(server, secret) {
    const digest = createHash('sha256').update(secret).digest('hex');
    const objects = [
        { kind: 'user', name: 'ada', spec: { roles: ['developer'], tokens: [{ id: 'ada', digest }] } },
        { kind: 'server', name: 'fixture', spec: { prefix: '', ...server } },
        { kind: 'profile', name: 'all', spec: { server: 'fixture', access: 'full', allow: ['*'], prompts: ['*'], resources: ['*'] } },
        { kind: 'project', name: 'conformance', spec: { profiles: ['all'], members: ['ada'] } },
    ];
    return { revision: 1, issued_at: new Date().toISOString(), objects };
}

/** Starts a gateway before `server` (a server's spec); its URL, and how to stop it. */
export async function startGateway(server) {
    const program = process.env.MCP_GATEWAY_BIN ?? 'target/debug/mcp-gateway';
    const home = mkdtempSync(join(tmpdir(), 'conformance-'));
    const secret = token();
    writeFileSync(join(home, 'snapshot.json'), JSON.stringify(snapshot(server, secret)));
    const log = openSync(join(home, 'log'), 'w');
    const flags = ['--listen', '127.0.0.1:0', '--home', home, '--config-file', join(home, 'snapshot.json')];
    const child = spawn(program, flags, { stdio: ['ignore', log, log] });
    const exited = new Promise(resolve => child.once('exit', resolve));
    const address = join(home, 'gateway/local/addr');
    await until(() => existsSync(address) || child.exitCode !== null, 'the gateway did not start');
    if (child.exitCode !== null) throw new Error(`the gateway ended: ${readFileSync(join(home, 'log'), 'utf8')}`);
    const target = new URL(`http://${readFileSync(address, 'utf8')}/projects/conformance/mcp`);
    const front = await startFront(target, secret);
    await until(() => listed(front.url), 'the gateway did not list its server');
    const stop = async () => {
        front.close();
        child.kill();
        await exited;
        rmSync(home, { recursive: true, force: true });
    };
    return { url: front.url, stop };
}

/** Whether the gateway has heard of its server. */
async function listed(url) {
    const meta = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientCapabilities': {} };
    const headers = {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': '2026-07-28',
        'mcp-method': 'server/discover',
    };
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'server/discover', params: { _meta: meta } });
    const response = await fetch(url, { method: 'POST', headers, body });
    const { result } = await response.json();
    return result !== undefined && result.ttlMs > 0;
}

async function until(condition, complaint) {
    const end = Date.now() + START_PATIENCE_MS;
    while (!(await condition())) {
        if (Date.now() > end) throw new Error(complaint);
        await new Promise(resolve => setTimeout(resolve, 50));
    }
}

/** The suite sends no credentials: this adds the token and changes nothing else, neither Host nor Origin nor the stream. */
async function startFront(target, secret) {
    const server = http.createServer((request, response) => {
        const headers = { authorization: `Bearer ${secret}`, ...request.headers };
        const path = request.url === '/mcp' ? target.pathname : request.url;
        const options = { host: target.hostname, port: target.port, method: request.method, path, headers, setHost: false };
        const upstream = http.request(options, answer => {
            response.writeHead(answer.statusCode, answer.statusMessage, answer.rawHeaders);
            response.flushHeaders();
            answer.pipe(response);
            answer.once('error', () => response.destroy());
        });
        upstream.once('error', () => response.destroy());
        response.once('close', () => upstream.destroy());
        request.pipe(upstream);
    });
    await new Promise(resolve => server.listen(0, '127.0.0.1', resolve));
    const close = () => {
        server.close();
        server.closeAllConnections();
    };
    return { url: `http://127.0.0.1:${server.address().port}/mcp`, close };
}
