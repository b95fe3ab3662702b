// The mix of a developer's day, ten clients, without the pauses.
import { options as of, steadily } from './lib/mcp.js';
import { oneThing } from './lib/day.js';

export { handleSummary } from './lib/mcp.js';

export const options = of({ day: steadily(10) });

export default oneThing;
