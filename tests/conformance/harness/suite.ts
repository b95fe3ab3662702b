// Runs the suite's command line and reads what it found.

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './children.ts';
import { unrefused } from './refusals.ts';

export const SETS = ['2026-07-28', '2025-11-25'] as const;
export type Set = (typeof SETS)[number];

export type Status = 'SUCCESS' | 'FAILURE' | 'WARNING' | 'SKIPPED' | 'INFO';
export type Check = { scenario: string; id: string; status: Status; message: string };

const PROGRAM = join(import.meta.dirname, '../node_modules/@modelcontextprotocol/conformance/dist/index.js');
/** Worst first: of several checks with one id, the worst counts, as in the suite. */
const SEVERITY: Status[] = ['FAILURE', 'WARNING', 'SUCCESS', 'SKIPPED', 'INFO'];

/** Runs scenarios and gives every check that says something. */
export async function runSuite(
    side: 'server' | 'client',
    args: string[],
    folder: string,
    shown: boolean
): Promise<Check[]> {
    const results = join(folder, 'results');
    rmSync(results, { recursive: true, force: true });
    mkdirSync(results, { recursive: true });
    const { stdout } = await run(process.execPath, [PROGRAM, side, ...args, '--output-dir', results], shown);
    writeFileSync(join(folder, 'suite.log'), stdout);
    const checks = read(results, side);
    // The suite judges what reached its server; a client that fails where none has to is a failure all the same.
    const scenario = checks[0]?.scenario;
    const [, trouble] = /CLIENT (TIMED OUT|EXITED WITH ERROR)/.exec(stdout) ?? [];
    if (scenario && trouble) {
        checks.push({ scenario, id: 'client', status: 'FAILURE', message: `the client ${trouble.toLowerCase()}` });
    }
    const missing = scenario && unrefused(scenario, stdout);
    if (missing) checks.push(missing);
    return checks;
}

/** Names of the scenarios of one side in a set, those that are never scored included. */
export async function scenariosOf(set: Set, side: 'server' | 'client'): Promise<string[]> {
    const { stdout } = await run(process.execPath, [PROGRAM, 'list', '--requirements', set]);
    const names: string[] = [];
    let section = '';
    for (const line of stdout.split('\n')) {
        section =
            /^(Server|Client) scenarios|^Run and reported/.exec(line)?.[0].split(' ')[0]?.toLowerCase() ?? section;
        const [, name, leg] = /^ +- (\S+)(?: \[(\w+)\])?$/.exec(line) ?? [];
        if (name && (leg ?? section) === side) names.push(name);
    }
    return names;
}

/** Folders are called `[server-]SCENARIO-TIME`; a scenario's name can hold slashes. */
function read(results: string, side: 'server' | 'client'): Check[] {
    const checks: Check[] = [];
    for (const path of readdirSync(results, { recursive: true, encoding: 'utf8' }).sort()) {
        const [, named] = /^(.+)-\d{4}-\d\d-\d\dT[\d-]+Z\/checks\.json$/.exec(path) ?? [];
        if (named === undefined) continue;
        const scenario = side === 'server' ? named.replace(/^server-/, '') : named;
        const found = JSON.parse(readFileSync(join(results, path), 'utf8')) as (Check & {
            errorMessage?: string;
            description?: string;
        })[];
        checks.push(...collapse(scenario, found));
    }
    return checks;
}

function collapse(scenario: string, found: (Check & { errorMessage?: string; description?: string })[]): Check[] {
    const worst = new Map<string, Check>();
    for (const { id, status, errorMessage, description } of found) {
        const before = worst.get(id);
        if (before === undefined || SEVERITY.indexOf(status) < SEVERITY.indexOf(before.status)) {
            worst.set(id, { scenario, id, status, message: errorMessage ?? description ?? '' });
        }
    }
    return [...worst.values()];
}
