// What the client does in each scenario.

import { SdkError, SdkErrorCode } from '@modelcontextprotocol/client';
import type { Client } from '@modelcontextprotocol/client';
import { setTimeout as pause } from 'node:timers/promises';

/** Longest wait for the tools of a server that was connected a moment ago. */
const PATIENCE_MS = 5_000;
const LOOK_MS = 50;
/** The gateway's own tool for connecting the server: no tool of the server's, and what it leads to is done already. */
const CONNECT_TOOL = 'connect_fixture';
/** Longest wait for the answer to a call. */
const ANSWER_MS = 15_000;

type Call = { name: string; arguments?: Record<string, unknown> };

/** Gives consent at the server, as somebody does who misses its tools. */
export type Connect = () => Promise<void>;

export async function act(
    client: Client,
    scenario: string,
    given: Record<string, unknown>,
    connect: Connect
): Promise<void> {
    switch (scenario) {
        case 'tools_call':
            await list(client);
            return call(client, { name: 'add_numbers', arguments: { a: 5, b: 3 } });
        case 'http-standard-headers':
            return everyMethod(client);
        case 'http-custom-headers':
            await list(client);
            for (const one of given.toolCalls as Call[]) await call(client, one);
            return;
        case 'http-invalid-tool-headers':
            for (const name of await list(client)) await call(client, { name, arguments: { region: 'us-west1' } });
            return;
        case 'sep-2322-client-request-state':
            return rounds(client);
        case 'json-schema-2020-12-preservation':
            return echoSchema(client);
        default:
            return scenario.startsWith('auth/') ? withToken(client, connect) : everyTool(client);
    }
}

/** Lists the tools and calls each of them without arguments. */
async function everyTool(client: Client): Promise<void> {
    for (const name of await list(client)) await call(client, { name });
}

/**
 * The same at a server that wants a token. A server can forget the token that it was given a moment ago; what its user
 * sees of that is that its tools are not there.
 */
async function withToken(client: Client, connect: Connect): Promise<void> {
    await connect();
    if (!(await offersTools(client))) {
        await connect();
        if (!(await offersTools(client))) throw new Error('the server has no tools');
    }
    await everyTool(client);
}

async function offersTools(client: Client): Promise<boolean> {
    const end = Date.now() + PATIENCE_MS;
    while ((await list(client)).length === 0) {
        if (Date.now() > end) return false;
        await pause(LOOK_MS);
    }
    return true;
}

async function everyMethod(client: Client): Promise<void> {
    await everyTool(client);
    for (const { uri } of (await client.listResources()).resources) await client.readResource({ uri });
    for (const { name } of (await client.listPrompts()).prompts) await client.getPrompt({ name });
}

/** Calls of several rounds, and one between them that has nothing to do with them. */
async function rounds(client: Client): Promise<void> {
    await list(client);
    for (const kind of ['echo_state', 'no_state', 'unrelated', 'no_result_type']) {
        await call(client, { name: `test_mrtr_${kind}` });
    }
}

/** Hands the schema of a tool back as it was listed. */
async function echoSchema(client: Client): Promise<void> {
    const { tools } = await client.listTools();
    const schema = tools.find(({ name }) => name === 'json_schema_2020_12_tool')?.inputSchema;
    await call(client, { name: 'json_schema_echo', arguments: { schema } });
}

async function list(client: Client): Promise<string[]> {
    const names = (await client.listTools()).tools.map(({ name }) => name);
    return names.filter((name) => name !== CONNECT_TOOL);
}

/** What comes back is for the log: the suite looks at what reaches its server. That nothing comes back is a failure. */
async function call(client: Client, one: Call): Promise<void> {
    const told = await client.callTool({ arguments: {}, ...one }, { timeout: ANSWER_MS }).catch((error: unknown) => {
        if (error instanceof SdkError && error.code === SdkErrorCode.RequestTimeout) throw error;
        return String(error);
    });
    console.log(one.name, JSON.stringify(told));
}
