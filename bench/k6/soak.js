// The same mix at a steady rate for a long time (SECONDS; `scripts/bench --soak-seconds 3600`): memory must not grow.
import { options as of, seconds } from './lib/mcp.js';
import { oneThing } from './lib/day.js';

export { handleSummary } from './lib/mcp.js';

export const options = of({
  soak: {
    executor: 'constant-arrival-rate', rate: Number(__ENV.RATE || 200), timeUnit: '1s', duration: `${seconds}s`,
    preAllocatedVUs: 50, maxVUs: 200, gracefulStop: '5s',
  },
});

export default oneThing;
