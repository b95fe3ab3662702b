// What a developer's client asks in a day: mostly short calls, sometimes long results, now and then the list.
import { ask, call } from './mcp.js';

export function oneThing() {
  const drawn = Math.random();
  if (drawn < 0.05) {
    ask(__ENV.LIST_100, 'tools/list', {}, (answer) => answer.body.length > 10_000);
  } else if (drawn < 0.06) {
    call(__ENV.CALLS, 'text_1m', {}, (answer) => answer.body.length >= 1 << 20);
  } else if (drawn < 0.2) {
    call(__ENV.CALLS, 'text_100k', {}, (answer) => answer.body.length >= 100 << 10);
  } else {
    call(__ENV.CALLS, 'text_1k', { channel: 'general', limit: 100 }, (answer) => answer.body.length >= 1024);
  }
}
