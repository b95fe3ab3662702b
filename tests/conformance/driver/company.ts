// mcpd and a gateway that enrolled with it: where a server wants an access token, mcpd is the OAuth client.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Child } from '../harness/children.ts';
import { ready } from '../harness/gateway.ts';
import { Browser } from './browser.ts';

/** The client id that the suite's authorization servers expect of clients that have a metadata document. */
const CLIENT_ID_URL = 'https://conformance-test.local/client-metadata.json';

export type Wish = { folder: string; binaries: string; url: string; given: Record<string, unknown> };

export type Company = {
    endpoint: string;
    token: string;
    /** What `mcpctl connect` does, and a person at the page it opens. */
    connect: () => Promise<void>;
    /** A person at the page of a link that the gateway showed; whether they got through. */
    open: (link: string) => Promise<boolean>;
    stop: () => Promise<void>;
};

export async function startCompany({ folder, binaries, url, given }: Wish): Promise<Company> {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const started: Child[] = [];
    const stop = async () => {
        for (const child of started.reverse()) await child.stop();
    };
    try {
        const start = (program: string, args: string[], env: NodeJS.ProcessEnv) => {
            const log = join(folder, `${program}.log`);
            const child = new Child(join(binaries, program), args, log, {
                MCPCTL_HOME: folder,
                RUST_LOG: 'info',
                ...env
            });
            started.push(child);
            return child;
        };
        const identity = { MCPD_OAUTH_CLIENT_ID_URL: CLIENT_ID_URL };
        const mcpd = await controlPlane(folder, start('mcpd', ['--listen', '127.0.0.1:0'], identity));
        await configure(mcpd, url, given);
        const { token } = (await mcpd.send('POST', 'join-tokens', { gateway: 'local' })) as { token: string };
        const file = join(folder, 'join-token');
        writeFileSync(file, token, { mode: 0o600 });
        const flags = ['--listen', '127.0.0.1:0', '--mcpd-url', mcpd.url, '--join-token-file', file];
        const endpoint = await ready(start('mcp-gateway', flags, {}), folder, 'everything');
        const browser = new Browser(mcpd.url);
        const connect = async () => {
            if (needsNobody(given)) return;
            const { url: link } = (await mcpd.send('POST', 'connections/fixture/ticket', {})) as { url: string };
            await browser.consent(link);
        };
        const open = (link: string) => browser.consent(link).then(() => true, refused);
        return { endpoint, token: mcpd.token, connect, open, stop };
    } catch (error) {
        await stop();
        throw error;
    }
}

type ControlPlane = {
    url: string;
    token: string;
    send: (method: string, path: string, body: object) => Promise<unknown>;
};

async function controlPlane(folder: string, child: Child): Promise<ControlPlane> {
    const read = (name: string) =>
        child.until(name, () => {
            try {
                return readFileSync(join(folder, name), 'utf8').trim() || undefined;
            } catch {
                return undefined;
            }
        });
    const url = `http://${await read('mcpd.addr')}`;
    const token = await read('admin-token');
    const send = async (method: string, path: string, body: object): Promise<unknown> => {
        const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' };
        const reply = await fetch(`${url}/api/v1/${path}`, { method, headers, body: JSON.stringify(body) });
        const text = await reply.text();
        if (!reply.ok) throw new Error(`${method} ${path}: ${reply.status} ${text}`);
        return text === '' ? undefined : JSON.parse(text);
    };
    return { url, token, send };
}

/** One server that wants access tokens, for the user `admin`; a client registered by hand where the scenario has one. */
async function configure({ send }: ControlPlane, url: string, given: Record<string, unknown>): Promise<void> {
    const registered: Record<string, unknown> = {};
    if (typeof given.client_id === 'string') registered.client_id = given.client_id;
    if (typeof given.client_secret === 'string') {
        await send('PUT', 'secrets/client-secret', { value: given.client_secret });
        registered.client_secret = 'client-secret';
    }
    const oauth = needsNobody(given)
        ? { mode: 'service', grant: 'client_credentials', ...registered }
        : { mode: 'per_user', ...registered };
    const objects = [
        { kind: 'server', name: 'fixture', spec: { transport: { type: 'http', url }, prefix: '', oauth } },
        { kind: 'profile', name: 'all', spec: { server: 'fixture', access: 'full', allow: ['*'] } },
        { kind: 'project', name: 'everything', spec: { profiles: ['all'], members: ['admin'] } }
    ];
    await send('POST', 'apply', { objects });
}

/** Whether the scenario is about a client that speaks for itself. */
function needsNobody({ name }: Record<string, unknown>): boolean {
    return typeof name === 'string' && name.startsWith('auth/client-credentials');
}

function refused(error: unknown): boolean {
    console.log(String(error));
    return false;
}
