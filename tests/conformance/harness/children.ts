// Processes that the harness starts: with their output in a file, and ended when their cell is done.

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

/** Longest wait for anything that must happen, on a busy machine. */
const PATIENCE_MS = 60_000;
/** Between two looks at a condition. */
const LOOK_MS = 20;
/** From the polite signal to the other one. */
const FAREWELL_MS = 10_000;

export type Finished = { code: number | null; stdout: string };

export class Child {
    readonly #process: ChildProcess;
    readonly #log: string;

    /** Starts `command`; its output goes to the file `log`. */
    constructor(command: string, args: string[], log: string, env: NodeJS.ProcessEnv = {}) {
        const output = openSync(log, 'w');
        this.#process = spawn(command, args, { stdio: ['ignore', output, output], env: { ...process.env, ...env } });
        this.#process.on('error', error => console.error(`${command}: ${error.message}`));
        this.#log = log;
        closeSync(output);
    }

    /** What `look` finds, as soon as it finds something. Fails when the process ends first. */
    async until<Found>(what: string, look: () => Found | undefined | Promise<Found | undefined>): Promise<Found> {
        const end = Date.now() + PATIENCE_MS;
        for (;;) {
            const found = await look();
            if (found !== undefined) return found;
            const over = this.#process.exitCode !== null || this.#process.signalCode !== null;
            if (over || Date.now() > end) {
                throw new Error(`${over ? 'ended' : 'waited'} without ${what}; see ${this.#log}`);
            }
            await pause(LOOK_MS);
        }
    }

    /** The first URL that it prints at the end of a line. */
    url(): Promise<string> {
        return this.until('a URL', () => /\bhttps?:\S+$/m.exec(readFileSync(this.#log, 'utf8'))?.[0]);
    }

    async stop(): Promise<void> {
        if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
        const ended = once(this.#process, 'exit');
        this.#process.kill('SIGTERM');
        const hurry = setTimeout(() => this.#process.kill('SIGKILL'), FAREWELL_MS);
        await ended;
        clearTimeout(hurry);
    }
}

/** Runs a command to its end; everything it prints is shown too where `shown`. */
export async function run(
    command: string,
    args: string[],
    shown = false,
    env: NodeJS.ProcessEnv = {}
): Promise<Finished> {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
    let stdout = '';
    child.stdout.on('data', (piece: Buffer) => {
        stdout += piece.toString();
        if (shown) process.stdout.write(piece);
    });
    child.stderr.on('data', (piece: Buffer) => {
        stdout += piece.toString();
        if (shown) process.stderr.write(piece);
    });
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, stdout };
}
