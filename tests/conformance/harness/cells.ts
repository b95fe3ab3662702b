// The cells of the table, and how each is run.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Child } from './children.ts';
import { startFront } from './front.ts';
import { startGateway, TOKEN } from './gateway.ts';
import { runSuite, scenariosOf, SETS } from './suite.ts';
import type { Check, Set } from './suite.ts';

const KINDS = ['modern', 'legacy', 'dual', 'rmcp'] as const;
type Kind = (typeof KINDS)[number];

/** Where the harness finds and puts things, and what it was asked for. */
export type Setting = {
    /** Programs of this repository. */
    binaries: string;
    /** Results and logs, one folder for each cell. */
    output: string;
    /** Only this scenario, with everything that the suite says about it. */
    scenario: string | undefined;
};

export type Cell = {
    name: string;
    /** The cell that shows what the fixture does without the gateway. */
    anchor: string | undefined;
    run: (setting: Setting) => Promise<Check[]>;
};

export const CELLS: Cell[] = [
    ...KINDS.flatMap(kind => SETS.filter(set => speaks(kind, set)).map(set => direct(kind, set))),
    ...KINDS.flatMap(kind => SETS.map(set => through(kind, set))),
    through('rmcp', '2025-11-25', 'legacy'),
    ...SETS.map(client)
];

function speaks(kind: Kind, set: Set): boolean {
    return kind === 'dual' || kind === 'rmcp' || (kind === 'modern') === (set === '2026-07-28');
}

/** The suite against a fixture. */
function direct(kind: Kind, set: Set): Cell {
    const name = `direct/${kind}/${set}`;
    return {
        name,
        anchor: undefined,
        run: setting =>
            withFixture(kind, setting, folder(setting, name), url =>
                serverScenarios(url, set, setting, folder(setting, name))
            )
    };
}

/** The suite against a gateway in front of a fixture, which may be told that it is to speak the legacy era to it. */
function through(kind: Kind, set: Set, era: 'auto' | 'legacy' = 'auto'): Cell {
    const name = `gateway/${era === 'auto' ? kind : `${kind}-${era}`}/${set}`;
    return {
        name,
        anchor: `direct/${speaks(kind, set) ? kind : 'dual'}/${set}`,
        run: setting => {
            const into = folder(setting, name);
            return withFixture(kind, setting, into, async url => {
                const gateway = await startGateway(join(setting.binaries, 'mcp-gateway'), join(into, 'home'), {
                    url,
                    era
                });
                const front = await startFront(gateway.endpoint, TOKEN);
                try {
                    return await serverScenarios(front.url, set, setting, into);
                } finally {
                    front.stop();
                    await gateway.stop();
                }
            });
        }
    };
}

/** The suite's own servers behind a gateway that a driver talks to. */
function client(set: Set): Cell {
    const name = `client/${set}`;
    return {
        name,
        anchor: undefined,
        run: async setting => {
            const scenarios = setting.scenario ? [setting.scenario] : await scenariosOf(set, 'client');
            const checks: Check[] = [];
            // One after the other: the suite would start all of them at once, each with a gateway of its own.
            for (const scenario of scenarios) {
                const into = join(folder(setting, name), scenario.replaceAll('/', '-'));
                mkdirSync(into, { recursive: true });
                const driver = join(import.meta.dirname, '../driver/drive.ts');
                const command = [process.execPath, driver, join(into, 'home'), setting.binaries].join(' ');
                const args = [
                    '--command',
                    command,
                    '--scenario',
                    scenario,
                    '--spec-version',
                    set,
                    '--force',
                    '--timeout',
                    '60000'
                ];
                checks.push(...(await runSuite('client', args, into, setting.scenario !== undefined)));
            }
            return checks;
        }
    };
}

function serverScenarios(url: string, set: Set, { scenario }: Setting, into: string): Promise<Check[]> {
    const which = scenario ? ['--scenario', scenario, '--spec-version', set, '--force'] : ['--requirements', set];
    return runSuite('server', ['--url', url, ...which], into, scenario !== undefined);
}

async function withFixture<Result>(
    kind: Kind,
    { binaries }: Setting,
    into: string,
    use: (url: string) => Promise<Result>
): Promise<Result> {
    const script = join(import.meta.dirname, '../fixtures/everything.ts');
    const [program, args] =
        kind === 'rmcp' ? [join(binaries, 'everything-rmcp'), []] : [process.execPath, [script, '--era', kind]];
    const fixture = new Child(program, args, join(into, 'fixture.log'));
    try {
        return await use(await fixture.url());
    } finally {
        await fixture.stop();
    }
}

function folder({ output }: Setting, name: string): string {
    const path = join(output, name.replaceAll('/', '-'));
    mkdirSync(path, { recursive: true });
    return path;
}
