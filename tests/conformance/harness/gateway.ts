// A gateway of its own for one cell: one server without a prefix, one user who may do everything, configured by a file.

import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { Child } from './children.ts';

export const REVISION = '2026-07-28';

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** The gateway's own notation: a kind, 32 bytes and their check sum, in base 62. */
export const TOKEN = token(new Uint8Array(32).fill(7));

export type Gateway = { endpoint: string; stop: () => Promise<void> };

export type Upstream = { url: string; era: 'auto' | 'modern' | 'legacy' };

/** Starts `binary` in the folder `folder`, which is emptied, with `upstream` as its only server. */
export async function startGateway(binary: string, folder: string, upstream: Upstream): Promise<Gateway> {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const snapshot = join(folder, 'snapshot.json');
    writeFileSync(
        snapshot,
        JSON.stringify({ revision: 1, issued_at: '2026-01-01T00:00:00Z', objects: objects(upstream) })
    );
    const flags = ['--listen', '127.0.0.1:0', '--home', folder, '--config-file', snapshot];
    const child = new Child(binary, flags, join(folder, 'gateway.log'), { RUST_LOG: process.env.RUST_LOG ?? 'info' });
    try {
        return { endpoint: await ready(child, folder, 'everything'), stop: () => child.stop() };
    } catch (error) {
        await child.stop();
        throw error;
    }
}

/** The endpoint of `project` at the gateway in `folder`, once it serves. */
export async function ready(child: Child, folder: string, project: string): Promise<string> {
    const address = await child.until('an address', () => {
        try {
            return readFileSync(join(folder, 'gateway/local/addr'), 'utf8');
        } catch {
            return undefined;
        }
    });
    const endpoint = `http://${address}/projects/${project}/mcp`;
    // Nothing is sent that could reach the server: the first thing it hears is to be the scenario's doing.
    await child.until('a configuration in force', async () => {
        const { status } = await fetch(endpoint, {
            method: 'POST',
            headers: { 'Content-Type': 'application/json' },
            body: '{}'
        });
        return status === 503 ? undefined : status;
    });
    return endpoint;
}

function objects({ url, era }: Upstream): object[] {
    const digest = createHash('sha256').update(TOKEN).digest('hex');
    return [
        { kind: 'user', name: 'ada', spec: { roles: ['developer'], tokens: [{ id: 'ada', digest }] } },
        { kind: 'server', name: 'fixture', spec: { transport: { type: 'http', url }, prefix: '', era } },
        {
            kind: 'profile',
            name: 'all',
            spec: { server: 'fixture', access: 'full', allow: ['*'], prompts: ['*'], resources: ['*'] }
        },
        { kind: 'project', name: 'everything', spec: { profiles: ['all'], members: ['ada'] } }
    ];
}

function token(random: Uint8Array): string {
    const body = base62(BigInt(`0x${Buffer.from(random).toString('hex')}`), 43);
    return `mcpctl_pat_${body}${base62(BigInt(crc32(`pat${body}`)), 6)}`;
}

function base62(value: bigint, width: number): string {
    let digits = '';
    for (let rest = value; rest > 0n; rest /= 62n) digits = DIGITS.charAt(Number(rest % 62n)) + digits;
    return digits.padStart(width, '0');
}
