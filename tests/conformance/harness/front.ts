// The suite can send no token. This stands in front of the gateway and adds one where there is none; everything else,
// Host and Origin too, passes as it came, in both directions and without waiting for the end of anything.

import { createServer, request as ask } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Front = { url: string; stop: () => void };

export async function startFront(endpoint: string, token: string): Promise<Front> {
    const behind = new URL(endpoint);
    const server = createServer((incoming, outgoing) => {
        const headers = [...incoming.rawHeaders];
        if (incoming.headers.authorization === undefined) headers.push('Authorization', `Bearer ${token}`);
        const { hostname, port } = behind;
        const forward = ask(
            { hostname, port, method: incoming.method, path: incoming.url, headers, setHost: false },
            reply => {
                outgoing.writeHead(reply.statusCode ?? 502, reply.statusMessage, reply.rawHeaders);
                outgoing.flushHeaders();
                reply.pipe(outgoing);
                reply.on('error', () => outgoing.destroy());
            }
        );
        forward.on('error', () => outgoing.destroy());
        outgoing.on('close', () => forward.destroy());
        incoming.pipe(forward);
    });
    await new Promise<void>(listening => server.listen(0, '127.0.0.1', listening));
    const { port } = server.address() as AddressInfo;
    return {
        url: `http://127.0.0.1:${port}${behind.pathname}`,
        stop: () => {
            server.close();
            server.closeAllConnections();
        }
    };
}
