// What the suite starts as the client under test: a gateway whose only server is the suite's, and a client in front of it
// that does what the scenario is about. The client under test is the gateway; the one in front only makes it act.
//
//     node driver/drive.ts FOLDER BINARIES URL
//
// The scenario comes in the environment, as the suite has it.

import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import type { ElicitRequest, ElicitResult } from '@modelcontextprotocol/client';
import { join } from 'node:path';
import { REVISION, startGateway, TOKEN } from '../harness/gateway.ts';
import { startCompany } from './company.ts';
import type { Company } from './company.ts';
import { act } from './scenarios.ts';

const [folder, binaries, url] = process.argv.slice(2);
const { MCP_CONFORMANCE_SCENARIO: scenario, MCP_CONFORMANCE_PROTOCOL_VERSION: version } = process.env;
if (!folder || !binaries || !url || !scenario) {
    throw new Error('the suite starts this, with a scenario in MCP_CONFORMANCE_SCENARIO');
}
const given = JSON.parse(process.env.MCP_CONFORMANCE_CONTEXT ?? '{}') as Record<string, unknown>;

async function place(): Promise<Company> {
    if (scenario?.startsWith('auth/')) {
        return startCompany({ folder: folder!, binaries: binaries!, url: url!, given });
    }
    const gateway = await startGateway(join(binaries!, 'mcp-gateway'), folder!, { url: url!, era: 'auto' });
    return { ...gateway, token: TOKEN, connect: async () => {}, open: async () => false };
}

async function client({ endpoint, token, open }: Company): Promise<Client> {
    const modern = version === REVISION;
    const made = new Client(
        { name: 'driver', version: '1.0.0' },
        {
            capabilities: { elicitation: { form: { applyDefaults: true }, url: {} }, sampling: {}, roots: {} },
            ...(modern ? { versionNegotiation: { mode: 'auto' as const } } : {})
        }
    );
    made.setRequestHandler('elicitation/create', async ({ params }: ElicitRequest): Promise<ElicitResult> => {
        if (params.mode === 'url') {
            return { action: (await open(params.url)) ? 'accept' : 'decline' };
        }
        // What is left out, the client fills with the form's defaults.
        return {
            action: 'accept',
            content: 'confirmed' in params.requestedSchema.properties ? { confirmed: true } : {}
        };
    });
    const headers = { Authorization: `Bearer ${token}` };
    await made.connect(new StreamableHTTPClientTransport(new URL(endpoint), { requestInit: { headers } }));
    return made;
}

const here = await place();
try {
    const driven = await client(here);
    await act(driven, scenario, given, here.connect);
    await driven.close();
} finally {
    await here.stop();
}
