// What the suite runs as a client: a gateway before the suite's mock server, and a client before the gateway. So it is the
// gateway that the mock server sees.
//
//   node through.mjs MOCK_URL     (the scenario is in MCP_CONFORMANCE_SCENARIO)
import http from 'node:http';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { startGateway } from './gateway.mjs';

const scenario = process.env.MCP_CONFORMANCE_SCENARIO;
const modern = process.env.MCP_CONFORMANCE_PROTOCOL_VERSION === '2026-07-28';
const calls = JSON.parse(process.env.MCP_CONFORMANCE_CONTEXT ?? '{}').toolCalls ?? [];
/** Mocks of these scenarios answer neither `server/discover` nor `initialize`, which every server must. */
const WITHOUT_DISCOVERY = ['http-standard-headers', 'http-custom-headers', 'http-invalid-tool-headers', 'sep-2322-client-request-state'];

/** Answers `server/discover` for a mock that does not; everything else passes. */
async function discoverable(mock) {
    const target = new URL(mock);
    const server = http.createServer(async (request, response) => {
        const chunks = [];
        for await (const chunk of request) chunks.push(chunk);
        const body = Buffer.concat(chunks);
        const { method, id } = body.length ? JSON.parse(body) : {};
        if (method === 'server/discover') {
            const result = { resultType: 'complete', supportedVersions: ['2026-07-28'], capabilities: { tools: {}, resources: {}, prompts: {} }, ttlMs: 0, cacheScope: 'private' };
            response.writeHead(200, { 'content-type': 'application/json' });
            return response.end(JSON.stringify({ jsonrpc: '2.0', id, result }));
        }
        const headers = { ...request.headers, host: target.host };
        const upstream = http.request(target, { method: request.method, headers }, answer => {
            response.writeHead(answer.statusCode, answer.rawHeaders);
            answer.pipe(response);
        });
        upstream.once('error', () => response.destroy());
        response.once('close', () => upstream.destroy());
        upstream.end(body);
    });
    await new Promise(resolve => server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${server.address().port}${target.pathname}`;
}

async function connect(url) {
    const able = scenario.startsWith('elicitation') ? { elicitation: { form: { applyDefaults: true } } } : scenario.startsWith('sep-2322') ? { elicitation: {} } : {};
    const client = new Client({ name: 'through', version: '1.0.0' }, { capabilities: able, ...(modern && { versionNegotiation: { mode: 'auto' } }) });
    if (able.elicitation) {
        const content = scenario.startsWith('sep-2322') ? { confirmed: true } : {};
        client.setRequestHandler('elicitation/create', async () => ({ action: 'accept', content }));
    }
    await client.connect(new StreamableHTTPClientTransport(new URL(url)));
    return client;
}

const all = async (client, names) => {
    for (const name of names) await client.callTool({ name, arguments: {} }).catch(error => console.error(name, error.message));
};

const SCENARIOS = {
    initialize: async () => {},
    'request-metadata': async () => {},
    'json-schema-ref-no-deref': async () => {},
    tools_call: client => client.callTool({ name: 'add_numbers', arguments: { a: 5, b: 3 } }),
    'elicitation-sep1034-client-defaults': client => client.callTool({ name: 'test_client_elicitation_defaults', arguments: {} }),
    'sse-retry': client => client.callTool({ name: 'test_reconnection', arguments: {} }),
    'sep-2322-client-request-state': client => all(client, ['test_mrtr_echo_state', 'test_mrtr_no_state', 'test_mrtr_unrelated', 'test_mrtr_no_result_type']),
    'http-standard-headers': async (client, tools) => {
        await all(client, tools.slice(0, 1).map(tool => tool.name));
        const { resources } = await client.listResources();
        if (resources[0]) await client.readResource({ uri: resources[0].uri });
        const { prompts } = await client.listPrompts();
        if (prompts[0]) await client.getPrompt({ name: prompts[0].name, arguments: {} });
    },
    'http-custom-headers': async client => {
        for (const call of calls) await client.callTool(call);
    },
    'http-invalid-tool-headers': async (client, tools) => {
        for (const { name } of tools) await client.callTool({ name, arguments: { region: 'us-west1' } }).catch(() => {});
    },
    'json-schema-2020-12-preservation': async (client, tools) => {
        const { inputSchema } = tools.find(tool => tool.name === 'json_schema_2020_12_tool');
        await client.callTool({ name: 'json_schema_echo', arguments: { schema: inputSchema } });
    },
};

const mock = process.argv[2];
const url = WITHOUT_DISCOVERY.includes(scenario) ? await discoverable(mock) : mock;
const gateway = await startGateway({ transport: { type: 'http', url } });
try {
    const client = await connect(gateway.url);
    const { tools } = await client.listTools();
    await SCENARIOS[scenario](client, tools);
    await client.close();
} finally {
    await gateway.stop();
}
process.exit(0);
