// What the scenarios share: requests of MCP 2026-07-28, the thresholds, the summary. Everything comes from the environment:
//   TARGET           URL of the contender, without a path; CONTENDER: its name
//   CALLS, FILTERED  paths of the tools with results of their own, and of the same with relevance filtering
//   LIST_10, LIST_100, LIST_1000   paths of lists of that length
//   TOKEN            what the gateway knows the user by; the others do not look at it
//   SECONDS          how long; SEED: chooses messages that were never seen before
//   BASELINE_P50_MS, RATIO_MAX     the median without anything between, in the same round, and how many times that is allowed
//   SUMMARY          file for the result
import http from 'k6/http';
import { check } from 'k6';
import { Counter, Trend } from 'k6/metrics';

const REVISION = '2026-07-28';
const META = {
  'io.modelcontextprotocol/protocolVersion': REVISION,
  'io.modelcontextprotocol/clientCapabilities': {},
  'io.modelcontextprotocol/clientInfo': { name: 'bench-k6', version: '1' },
};

// One answered call, in milliseconds. Held streams are not calls.
export const callMs = new Trend('call_ms', true);
export const calls = new Counter('calls');
export const broken = new Counter('broken');

export const seconds = Number(__ENV.SECONDS || 5);
export const seed = Number(__ENV.SEED || 1);
export const filters = Boolean(__ENV.FILTERS);

// Options of a scenario: `scenarios` as k6 has them; broken answers are never allowed.
export function options(scenarios) {
  const thresholds = { broken: ['count==0'] };
  if (__ENV.BASELINE_P50_MS) {
    thresholds.call_ms = [`med<=${Number(__ENV.BASELINE_P50_MS) * Number(__ENV.RATIO_MAX)}`];
  }
  return { scenarios, thresholds, summaryTrendStats: ['med', 'p(99)', 'max'], discardResponseBodies: false };
}

// `vus` that ask one thing after another.
export function steadily(vus, exec = 'default') {
  return { executor: 'constant-vus', vus, duration: `${seconds}s`, gracefulStop: '5s', exec };
}

export function post(path, method, params = {}, extra = {}) {
  const headers = {
    'Content-Type': 'application/json',
    Accept: 'application/json, text/event-stream',
    'MCP-Protocol-Version': REVISION,
    'Mcp-Method': method,
    Authorization: `Bearer ${__ENV.TOKEN}`,
  };
  if (params.name) {
    headers['Mcp-Name'] = params.name;
  }
  const message = { jsonrpc: '2.0', id: 1, method, params: { ...params, _meta: META } };
  return http.post(`${__ENV.TARGET}${path}`, JSON.stringify(message), { headers, ...extra });
}

// Asks, measures, and holds the answer to `right`, which is given the result.
export function ask(path, method, params, right) {
  const answer = post(path, method, params);
  callMs.add(answer.timings.duration);
  calls.add(1);
  const passed = check(answer, {
    [`${method} is answered as it must be`]: (r) => r.status === 200 && right(r),
  });
  if (!passed) {
    broken.add(1);
  }
  return answer;
}

export function call(path, name, args, right) {
  return ask(path, 'tools/call', { name, arguments: args }, right);
}

export function handleSummary(data) {
  const trend = data.metrics.call_ms ? data.metrics.call_ms.values : {};
  const count = data.metrics.calls ? data.metrics.calls.values.count : 0;
  const crossed = [];
  for (const [name, metric] of Object.entries(data.metrics)) {
    for (const [rule, judged] of Object.entries(metric.thresholds || {})) {
      if (!judged.ok) {
        crossed.push(`${name} ${rule}`);
      }
    }
  }
  const told = {
    contender: __ENV.CONTENDER,
    calls: count,
    rps: count / seconds,
    failed: data.metrics.broken ? data.metrics.broken.values.count : 0,
    p50_ms: trend.med || 0,
    p99_ms: trend['p(99)'] || 0,
    max_ms: trend.max || 0,
    crossed,
  };
  return __ENV.SUMMARY ? { [__ENV.SUMMARY]: JSON.stringify(told) } : { stdout: `${JSON.stringify(told)}\n` };
}
