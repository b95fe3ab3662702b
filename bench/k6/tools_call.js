// tools/call with a result of a known size (TOOL: text_1k, text_100k, text_1m), eight clients one after another.
import { call, options as of, steadily } from './lib/mcp.js';

export { handleSummary } from './lib/mcp.js';

const SIZES = { text_1k: 1 << 10, text_100k: 100 << 10, text_1m: 1 << 20 };
const tool = __ENV.TOOL || 'text_1k';

export const options = of({ calls: steadily(8) });

export default function () {
  call(__ENV.CALLS, tool, { channel: 'general', limit: 100 }, (answer) => answer.body.length >= SIZES[tool]);
}
