// The conformance suite against mcp-gateway; see README.md. Started by scripts/conformance, which installs and builds.
//
//     scripts/conformance [--scenario NAME] [--write-page] [CELL…]
//
// CELL is the beginning of a cell's name: `gateway`, `gateway/legacy`, `client/2026-07-28`.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { CELLS } from './harness/cells.ts';
import type { Cell, Setting } from './harness/cells.ts';
import { judge, name, readExpectations } from './harness/judgement.ts';
import type { Judgement } from './harness/judgement.ts';
import type { Check } from './harness/suite.ts';
import { page, table } from './harness/table.ts';
import type { Row } from './harness/table.ts';

const ROOT = join(import.meta.dirname, '../..');

const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { scenario: { type: 'string' }, 'write-page': { type: 'boolean', default: false } }
});

const setting: Setting = {
    binaries: process.env.CONFORMANCE_BINARIES || join(ROOT, 'target/debug'),
    output: join(ROOT, 'target/conformance'),
    scenario: values.scenario
};

const results = new Map<string, Check[]>();

async function main(): Promise<boolean> {
    const chosen = CELLS.filter(cell => positionals.length === 0 || positionals.some(start => matches(cell, start)));
    if (chosen.length === 0) {
        throw new Error(`no such cell; there are:\n${CELLS.map(cell => `    ${cell.name}`).join('\n')}`);
    }
    mkdirSync(setting.output, { recursive: true });
    const rows: Row[] = [];
    for (const cell of chosen) rows.push(await row(cell));
    console.log(`\n${table(rows)}`);
    writeFileSync(join(setting.output, 'summary.json'), `${JSON.stringify(rows, undefined, 2)}\n`);
    if (values['write-page']) {
        if (chosen.length < CELLS.length) throw new Error('the page is about all cells: run it without choosing any');
        writeFileSync(join(ROOT, 'docs/conformance.md'), page(rows, expectedOf));
    }
    return rows.every(({ unexpected, stale }) => unexpected.length === 0 && stale.length === 0);
}

function matches({ name }: Cell, start: string): boolean {
    return name === start || name.startsWith(start.endsWith('/') ? start : `${start}/`);
}

async function row(cell: Cell): Promise<Row> {
    const anchor = CELLS.find(({ name }) => name === cell.anchor);
    const without = anchor ? await checksOf(anchor) : [];
    const start = performance.now();
    const checks = await checksOf(cell);
    const judgement = judge(checks, without, readExpectations(expectedOf(cell.name)));
    if (checks.length === 0) throw new Error(`${cell.name}: no scenario ran; see ${setting.output}`);
    const seconds = Math.round((performance.now() - start) / 100) / 10;
    tell(cell.name, seconds, judgement);
    return { cell: cell.name, seconds, ...judgement };
}

/** Every cell is run once, also when it is another's anchor. */
async function checksOf(cell: Cell): Promise<Check[]> {
    const known = results.get(cell.name);
    if (known) return known;
    const checks = await cell.run(setting);
    results.set(cell.name, checks);
    return checks;
}

function expectedOf(cell: string): string {
    return join(import.meta.dirname, 'expected', `${cell.replaceAll('/', '-')}.yml`);
}

function tell(cell: string, seconds: number, { passed, failed, warnings, unseen, unexpected, stale }: Judgement): void {
    console.log(`${cell}: ${passed} passed, ${failed} failed, ${warnings} warnings (${seconds} s)`);
    for (const check of unexpected) console.log(`    ${check.status} ${name(check)}: ${check.message}`);
    for (const check of unseen) console.log(`    not seen: ${check}`);
    for (const line of stale) console.log(`    passes now, though expected to fail: ${line}`);
}

process.exitCode = (await main()) ? 0 : 1;
