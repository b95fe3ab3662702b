// What a cell's checks mean: which failures nobody expected, which were expected and have gone.

import { existsSync, readFileSync } from 'node:fs';
import type { Check } from './suite.ts';

/** A line of an expected-failures file: a scenario, or one check of it, and why it fails. */
export type Expectation = { scenario: string; id: string | undefined; reason: string };

export type Judgement = {
    passed: number;
    failed: number;
    warnings: number;
    /** Failed here, not without the gateway. */
    lost: Check[];
    /** Passed without the gateway, and neither passed nor failed here: nothing is shown about these. */
    unseen: string[];
    /** Of those lost, what no line of the file expects. */
    unexpected: Check[];
    /** Lines whose checks pass now. */
    stale: string[];
};

/**
 * Reads a file in the suite's own format. A line without a reason is an error: a failure that nobody can explain is not
 * to be expected.
 */
export function readExpectations(path: string): Expectation[] {
    if (!existsSync(path)) return [];
    const expectations: Expectation[] = [];
    for (const [index, line] of readFileSync(path, 'utf8').split('\n').entries()) {
        if (/^\s*(#.*)?$/.test(line) || /^(server|client):$/.test(line)) continue;
        const [, scenario, id, reason] = /^ +- ([^\s:]+)(?::(\S+))? +# (.+)$/.exec(line) ?? [];
        if (scenario === undefined || reason === undefined) {
            throw new Error(`${path}:${index + 1}: expected \`  - scenario[:check]  # reason\``);
        }
        expectations.push({ scenario, id, reason });
    }
    return expectations;
}

/**
 * Judges `checks`. What failed in `anchor` too, a run of the same scenarios without the gateway, is not the gateway's
 * doing; a scenario that ran there and not here is a failure.
 */
export function judge(checks: Check[], anchor: Check[], expectations: Expectation[]): Judgement {
    const failing = checks.filter(failed);
    const without = new Set(anchor.filter(failed).map(name));
    const lost = [...failing.filter(check => !without.has(name(check))), ...missing(checks, anchor)];
    const judged = new Set(checks.filter(check => check.status === 'SUCCESS' || failed(check)).map(name));
    const expected = (check: Check) => expectations.some(line => covers(line, check));
    return {
        passed: checks.filter(({ status }) => status === 'SUCCESS').length,
        failed: checks.filter(({ status }) => status === 'FAILURE').length,
        warnings: checks.filter(({ status }) => status === 'WARNING').length,
        lost,
        unseen: anchor.filter(({ status }) => status === 'SUCCESS').map(name).filter(other => !judged.has(other)),
        unexpected: lost.filter(check => !expected(check)),
        stale: expectations
            .filter(line => passes(line, checks))
            .map(({ scenario, id }) => (id ? `${scenario}:${id}` : scenario))
    };
}

export function name({ scenario, id }: Check): string {
    return `${scenario}:${id}`;
}

function failed({ status }: Check): boolean {
    return status === 'FAILURE' || status === 'WARNING';
}

function covers(line: Expectation, { scenario, id }: Check): boolean {
    return line.scenario === scenario && (line.id === undefined || line.id === id);
}

/** Whether what `line` expects to fail demonstrably passes. What did not run says nothing. */
function passes(line: Expectation, checks: Check[]): boolean {
    const meant = checks.filter(check => covers(line, check));
    return meant.some(({ status }) => status === 'SUCCESS') && !meant.some(failed);
}

function missing(checks: Check[], anchor: Check[]): Check[] {
    const ran = new Set(checks.map(({ scenario }) => scenario));
    const lacking = new Set(anchor.map(({ scenario }) => scenario).filter(scenario => !ran.has(scenario)));
    return [...lacking].map(scenario => ({
        scenario,
        id: 'run',
        status: 'FAILURE',
        message: 'the scenario did not run'
    }));
}
