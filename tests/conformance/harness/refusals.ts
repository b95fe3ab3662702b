// Scenarios in which mcpd has to refuse. The suite sees only that no token was asked for, which is also so where the driver
// broke down on the way; whether it was a refusal, and the right one, stands on the page that the driver ended on.

import type { Check } from './suite.ts';

const ANOTHER_SENDER = 'The answer did not come from the authorization server that was asked.';

/** What mcpd's page says in each. */
const REFUSALS = new Map([
    ['auth/iss-supported-missing', ANOTHER_SENDER],
    ['auth/iss-wrong-issuer', ANOTHER_SENDER],
    ['auth/iss-unexpected', ANOTHER_SENDER],
    ['auth/iss-normalized', ANOTHER_SENDER],
    ['auth/metadata-issuer-mismatch', 'The metadata found for the authorization server'],
    ['auth/resource-mismatch', 'metadata speaks of another resource than the server']
]);

/** A failure where `output`, what the driver printed, does not show the refusal that `scenario` is about. */
export function unrefused(scenario: string, output: string): Check | undefined {
    const sentence = REFUSALS.get(scenario);
    if (sentence === undefined) return undefined;
    const shown = output.split('\n').some(line => line.includes(': 409 ') && line.includes(sentence));
    if (shown) return undefined;
    return { scenario, id: 'refusal', status: 'FAILURE', message: `no page said \`${sentence}\`` };
}
