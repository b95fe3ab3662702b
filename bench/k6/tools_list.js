// tools/list of TOOLS (10, 100, 1000) tools, four clients one after another.
import { ask, options as of, steadily } from './lib/mcp.js';

export { handleSummary } from './lib/mcp.js';

const tools = Number(__ENV.TOOLS || 10);
const path = __ENV[`LIST_${tools}`];

export const options = of({ lists: steadily(4) });

// Every tool has one schema, and reading a long list as JSON costs the client more than the list costs anybody else.
export default function () {
  ask(path, 'tools/list', {}, (answer) => answer.body.split('"inputSchema"').length - 1 === tools);
}
