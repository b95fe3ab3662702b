// STREAMS clients that listen, and beside them one that calls a tool: what the calls take is measured, and no stream may end.
import { broken, call, options as of, post, seconds, steadily } from './lib/mcp.js';

export { handleSummary } from './lib/mcp.js';

const streams = Number(__ENV.STREAMS || 10);
// k6's word for a request that was still open when its time was over.
const TIMED_OUT = 1050;

export const options = of({
  listeners: {
    executor: 'per-vu-iterations', vus: streams, iterations: 1, exec: 'listen', maxDuration: `${seconds + 30}s`,
  },
  calls: steadily(1, 'calls'),
});

export function listen() {
  const held = { timeout: `${seconds}s`, responseType: 'none' };
  const answer = post(__ENV.CALLS, 'subscriptions/listen', { notifications: { toolsListChanged: true } }, held);
  if (answer.error_code !== TIMED_OUT) {
    broken.add(1);
  }
}

export function calls() {
  call(__ENV.CALLS, 'text_1k', { channel: 'general', limit: 100 }, (answer) => answer.body.length >= 1024);
}

export default calls;
