// A result of 1,000 messages of which the client wants those about something; MEMORY: cold (messages never seen before) or
// warm (the same ones). Without the gateway it is the same call, unfiltered.
import exec from 'k6/execution';
import { call, filters, options as of, seed, steadily } from './lib/mcp.js';

export { handleSummary } from './lib/mcp.js';

// The whole result has more than 100 KB.
const WHOLE = 100_000;
const warm = __ENV.MEMORY !== 'cold';

export const options = of({ calls: steadily(1) });

function ask(n) {
  const args = { seed: seed + n };
  if (filters) {
    args._context = 'open ports on a machine';
  }
  return call(__ENV.FILTERED, 'messages', args, (answer) => (answer.body.length < WHOLE) === filters);
}

export default function () {
  ask(warm ? 0 : exec.scenario.iterationInTest + 1);
}
