"""What is on the dashboards: for every panel what it shows, in which unit, and how to read it.

Names of metrics are those of docs/metrics.md; `%G` stands for the choice of job and instance, `%R` for the interval of
rates. How a panel looks is generate.py's.
"""

OPERATIONS = "mcp_server_operation_duration_seconds"
PHASE = "mcpctl_exchange_phase_duration_seconds"
CLIENT = "mcp_client_operation_duration_seconds"
# Queries of this histogram show traces beside the lines.
EXEMPLARS = f"{OPERATIONS}_bucket"
FAILED = 'error_type=~"error|partial|unknown"'
# Lasts as long as its client likes.
TIMED = 'mcp_method_name!="subscriptions/listen"'

VARIABLES = {
    "job": ("job", "Job", "label_values(mcpctl_build_info, job)"),
    "instance": ("instance", "Instance", 'label_values(mcpctl_build_info{job=~"$job"}, instance)'),
    "server": ("server", "Server", "label_values(mcpctl_upstream_up, server)"),
    "tool": ("tool", "Tool", f'label_values({OPERATIONS}_count{{server=~"$server"}}, gen_ai_tool_name)'),
}


def panel(kind, title, unit, description, *queries, **more):
    words = [(query.replace("%G", 'job=~"$job", instance=~"$instance"').replace("%R", "$__rate_interval"), legend)
             for query, legend in queries]
    return {"kind": kind, "title": title, "unit": unit, "description": description, "queries": words, **more}


def stat(title, unit, description, query, **more):
    return panel("stat", title, unit, description, (query, ""), width=4, **more)


def series(title, unit, description, *queries, **more):
    return panel("timeseries", title, unit, description, *queries, **more)


def table(title, unit, description, query):
    return panel("table", title, unit, description, (query, ""))


def states(title, words, description, query, legend, bad):
    """When something was (1) and was not (0); `bad` is the one that is red."""
    steps = [("red", 1)] if bad else [("green", 1)]
    shown = panel("state-timeline", title, "none", description, (query, legend), words=words, steps=steps)
    return shown


def quantiles(metric, where, by=""):
    """The three lines everybody asks for."""
    group = f"le, {by}" if by else "le"
    name = f"{{{{{by}}}}} " if by else ""
    rate = f"sum by ({group}) (rate({metric}_bucket{{{where}}}[%R]))"
    return [(f"histogram_quantile({q}, {rate})", f"{name}p{round(q * 100)}") for q in (0.5, 0.95, 0.99)]


def quantile(q, metric, where, by):
    return f"histogram_quantile({q}, sum by (le, {by}) (rate({metric}_bucket{{{where}}}[%R])))"


def share(part, whole):
    """`part` of `whole`, 0 where there is none of it, nothing where there is no `whole`."""
    return f"(({part}) or 0 * ({whole})) / (({whole}) > 0)"


def rate(metric, where="%G", by=""):
    return f"sum {f'by ({by}) ' if by else ''}(rate({metric}{{{where}}}[%R]))"


OVERVIEW = [
    stat("Gateways", "none", "Gateways that are scraped and answer.",
         'count(mcpctl_build_info{component="gateway", %G}) or vector(0)'),
    stat("Exchanges", "reqps", "Requests of clients a second, of every method.", rate(f"{OPERATIONS}_count")),
    stat("Failed", "percentunit", "Share of exchanges that ended in an error of the protocol, or whose end nobody knows. "
         "Refusals and errors that tools report themselves are answers. 0.5 % are planned for.",
         share(rate(f"{OPERATIONS}_count", f"{FAILED}, %G"), rate(f"{OPERATIONS}_count")),
         steps=[("orange", 0.005), ("red", 0.03)]),
    stat("Slower than 5 s", "percentunit", "Share of exchanges that took longer, subscriptions left out. 1 % is planned for.",
         "1 - " + rate(f"{OPERATIONS}_bucket", f'{TIMED}, le=~"5|5[.]0", %G')
         + " / (" + rate(f"{OPERATIONS}_count", f"{TIMED}, %G") + " > 0)", steps=[("orange", 0.01), ("red", 0.06)]),
    stat("Servers down", "none", "Servers that do not answer at some gateway. One that nobody asked for anything yet counts, too.",
         "count(mcpctl_upstream_up{%G} == 0) or vector(0)", steps=[("orange", 1)]),
    stat("Alerts", "none", "Alerts of these rules that fire now.",
         'count(ALERTS{alertstate="firing", alertname=~"Mcpctl.*"}) or vector(0)', steps=[("red", 1)]),
    series("Exchanges by method", "reqps", "What clients ask for.",
           (rate(f"{OPERATIONS}_count", by="mcp_method_name"), "{{mcp_method_name}}"), stacked=True),
    series("Exchanges by end", "reqps", "How they ended; without a word: well.",
           (rate(f"{OPERATIONS}_count", by="error_type"), "{{error_type}}"), stacked=True),
    series("Latency", "s", "From the arrival of a request to the last byte of its reply, subscriptions left out. Dots are "
           "single exchanges with their trace.", *quantiles(OPERATIONS, f"{TIMED}, %G")),
    series("Where the time goes", "s", "Mean time of an exchange in each of its phases. All but `upstream` is the gateway's own.",
           (rate(f"{PHASE}_sum", by="phase") + " / ignoring (phase) group_left () ("
            + rate(f"{PHASE}_count", 'phase="request_filters", %G') + " > 0)", "{{phase}}"),
           stacked=True),
    series("Open now", "none", "Exchanges that run, requests that wait for a place, streams and sessions.",
           ("sum(mcpctl_exchanges_in_flight{%G})", "exchanges"), ("sum(mcpctl_requests_waiting{%G})", "waiting"),
           ("sum(mcpctl_streams_open{%G})", "streams"), ("sum(mcpctl_sessions_open{%G})", "sessions")),
    series("Refused for want of room", "reqps", "503: the gateway had no more (`shed`); 429: the user or the profile had no more (`limited`).",
           (rate("mcpctl_requests_shed_total", by="reason"), "shed: {{reason}}"),
           (rate("mcpctl_requests_limited_total", by="limit"), "limited: {{limit}}")),
    series("Processor", "none", "Cores in use.", (rate("process_cpu_seconds_total", by="job, instance"), "{{instance}}")),
    series("Memory", "bytes", "Resident memory of gateways and mcpd.",
           ("process_resident_memory_bytes{%G}", "{{instance}}")),
    series("Descriptors", "none", "Open files and connections. From 90 % of its limit on a gateway refuses every request.",
           ("process_open_fds{%G}", "{{instance}}")),
    series("Running for", "s", "Time since each process was started.",
           ("time() - process_start_time_seconds{%G}", "{{instance}}")),
]

AT = '%G, server=~"$server"'
OF = f'{AT}, gen_ai_tool_name=~"$tool", mcp_method_name="tools/call"'
SERVERS = [
    series("Requests by server", "reqps", "Exchanges that were for a server, of every method.",
           (rate(f"{OPERATIONS}_count", AT, "server"), "{{server}}"), stacked=True),
    series("Failed by server", "percentunit", "Share that ended in an error of the protocol, or whose end nobody knows.",
           (share(rate(f"{OPERATIONS}_count", f"{AT}, {FAILED}", "server"), rate(f"{OPERATIONS}_count", AT, "server")), "{{server}}")),
    series("p50 by server", "s", "Half of its exchanges are quicker.", (quantile(0.5, OPERATIONS, f"{AT}, {TIMED}", "server"), "{{server}}")),
    series("p99 by server", "s", "One of a hundred exchanges is slower.", (quantile(0.99, OPERATIONS, f"{AT}, {TIMED}", "server"), "{{server}}")),
    series("Calls by tool", "reqps", "Calls of the tools with a label of their own; further ones are `other`.",
           (rate(f"{OPERATIONS}_count", OF, "gen_ai_tool_name"), "{{gen_ai_tool_name}}"), stacked=True),
    series("Errors by tool", "reqps", "Calls that did not end well, by tool and kind.",
           (rate(f"{OPERATIONS}_count", f'{OF}, error_type!~"|denied|input_required"', "gen_ai_tool_name, error_type"),
            "{{gen_ai_tool_name}} {{error_type}}")),
    series("p50 by tool", "s", "Half of its calls are quicker.", (quantile(0.5, OPERATIONS, OF, "gen_ai_tool_name"), "{{gen_ai_tool_name}}")),
    series("p95 by tool", "s", "One of twenty calls is slower.", (quantile(0.95, OPERATIONS, OF, "gen_ai_tool_name"), "{{gen_ai_tool_name}}")),
    series("p99 by tool", "s", "One of a hundred calls is slower.", (quantile(0.99, OPERATIONS, OF, "gen_ai_tool_name"), "{{gen_ai_tool_name}}")),
    series("Refused by tool", "reqps", "Calls that a profile, an argument's rule or a limit forbids.",
           (rate(f"{OPERATIONS}_count", '%G, mcp_method_name="tools/call", error_type="denied"', "server, gen_ai_tool_name"),
            "{{server}} {{gen_ai_tool_name}}")),
    table("Most called", "none", "The tools that were called most within the time shown.",
          f"topk(20, sum by (server, gen_ai_tool_name) (increase({OPERATIONS}_count{{{OF}}}[$__range])))"),
    table("Slowest", "s", "The tools with the longest mean time within the time shown.",
          f"topk(20, sum by (server, gen_ai_tool_name) (rate({OPERATIONS}_sum{{{OF}}}[$__range]))"
          f" / (sum by (server, gen_ai_tool_name) (rate({OPERATIONS}_count{{{OF}}}[$__range])) > 0))"),
]

DECISIONS = "mcpctl_policy_decisions_total"
DENY = 'decision="deny", %G'
POLICY = [
    stat("Refused", "percentunit", "Share of all requests that were decided upon.",
         share(rate(DECISIONS, DENY), rate(DECISIONS)), steps=[("orange", 0.2)]),
    stat("Without a valid token", "reqps", "Requests that show none, or one that is not good here.",
         rate(DECISIONS, f'reason="unauthenticated", {DENY}') + " or vector(0)", steps=[("orange", 1)]),
    stat("Tools in quarantine", "none", "Tools whose definition is not the one that is trusted; offered to nobody.",
         "sum(mcpctl_tools_quarantined{%G})", steps=[("red", 1)]),
    stat("Credentials blotted out", "none", "Within the time shown: servers that were about to give away what they were given.",
         "sum(increase(mcpctl_redactions_total{%G}[$__range])) or vector(0)", steps=[("red", 1)]),
    series("Decisions", "reqps", "Requests that went on and requests that were refused.",
           (rate(DECISIONS, by="decision"), "{{decision}}"), stacked=True, width=8),
    series("Refusals by reason", "reqps", "Why requests were refused.", (rate(DECISIONS, DENY, "reason"), "{{reason}}"), stacked=True),
    series("Refusals by server", "reqps", "Which servers the refused requests were for; without a name: the gateway itself.",
           (rate(DECISIONS, DENY, "server"), "{{server}}"), stacked=True),
    series("Against the last day", "none", "How many times more is refused now than on average within a day (rule McpctlDenialsSurge).",
           ("job:mcpctl_policy_denials:rate5m / (job:mcpctl_policy_denials:rate1d > 0)", "{{job}}")),
    series("Over a limit", "reqps", "Requests answered 429, by the limit that they met.",
           (rate("mcpctl_requests_limited_total", by="limit"), "{{limit}}"), stacked=True),
    series("Quarantined tools", "none", "Tools that wait for somebody to look at their new definition.",
           ("sum by (server) (mcpctl_tools_quarantined{%G})", "{{server}}")),
    series("Credentials blotted out over time", "reqps", "By what was to leave.",
           (rate("mcpctl_redactions_total", by="from"), "{{from}}")),
]

ITEMS, BYTES = "mcpctl_filter_items_total", "mcpctl_filter_bytes_total"
RELEVANCE = [
    stat("Tokens saved", "none", "Estimated, within the time shown: tokens of results that models did not have to read.",
         "sum(increase(mcpctl_relevance_tokens_saved_total{%G}[$__range]))"),
    stat("Left out", "percentunit", "Share of records that did not matter to what was asked.",
         share(rate(ITEMS, 'action="dropped", %G'), rate(ITEMS))),
    stat("Fell back", "percentunit", "Share of results that were judged by less than is configured. Those that cannot be cut are not among them.",
         share(rate("mcpctl_filter_fallbacks_total", 'reason!="uncuttable", %G'), rate("mcpctl_relevance_duration_seconds_count")),
         steps=[("orange", 0.05), ("red", 0.5)]),
    series("Tokens saved by server", "none", "Estimated tokens a second.",
           (rate("mcpctl_relevance_tokens_saved_total", AT, "server"), "{{server}}"), stacked=True),
    series("Records", "none", "Records of results a second, kept and left out.",
           (rate(ITEMS, AT, "action"), "{{action}}"), stacked=True),
    series("Left out by server", "percentunit", "Share of records that were left out.",
           (share(rate(ITEMS, f'action="dropped", {AT}', "server"), rate(ITEMS, AT, "server")), "{{server}}")),
    series("Bytes", "Bps", "Into filtering and out of it.", (rate(BYTES, AT, "stage"), "{{stage}}")),
    series("Fallbacks", "reqps", "Results that were judged by less than there is, or not at all, by reason.",
           (rate("mcpctl_filter_fallbacks_total", by="reason"), "{{reason}}"), stacked=True),
    series("Results by tier", "reqps", "Who judged them.",
           (rate("mcpctl_relevance_duration_seconds_count", by="tier"), "{{tier}}"), stacked=True),
    series("p50 by tier", "s", "Half of the results take less time to judge.",
           (quantile(0.5, "mcpctl_relevance_duration_seconds", "%G", "tier"), "{{tier}}")),
    series("p95 by tier", "s", "One of twenty results takes longer to judge.",
           (quantile(0.95, "mcpctl_relevance_duration_seconds", "%G", "tier"), "{{tier}}")),
    series("Filters", "s", "Time that each filter of the chain takes of an exchange, mean.",
           (f'{rate("mcpctl_filter_duration_seconds_sum", by="filter")} / ({rate("mcpctl_filter_duration_seconds_count", by="filter")} > 0)',
            "{{filter}}"), stacked=True),
]

AUDIT = [
    stat("Could not be written", "none", "Records within the time shown; each refused a call.",
         "sum(increase(mcpctl_audit_append_failures_total{%G}[$__range]))", steps=[("red", 1)]),
    stat("Refused by mcpd", "none", "Batches within the time shown that did not verify.",
         "sum(increase(mcpd_audit_rejected_total{%G}[$__range]))", steps=[("red", 1)]),
    stat("Longest lag", "s", "Age of the oldest record that mcpd has not acknowledged.",
         "max(mcpctl_audit_ship_lag_seconds{%G})", steps=[("orange", 60), ("red", 300)]),
    series("Lag", "s", "Age of the oldest record that mcpd has not acknowledged, by gateway.",
           ("mcpctl_audit_ship_lag_seconds{%G}", "{{instance}}")),
    series("Backlog", "none", "Records on the gateway's disk that mcpd has not acknowledged.",
           ("mcpctl_audit_backlog{%G}", "{{instance}}")),
    series("Queue", "none", "Records that wait for the disk; 4,096 at most.", ("mcpctl_audit_queue{%G}", "{{instance}}")),
    series("Spool", "bytes", "Room on the disk; at 1 GiB every call is refused.", ("mcpctl_audit_spool_bytes{%G}", "{{instance}}")),
    series("Flush", "s", "Time of one write and sync, which a call in strict mode waits for twice.",
           *quantiles("mcpctl_audit_flush_duration_seconds", "%G")),
    series("Records in one flush", "none", "Mean. The more exchanges there are at once, the more share a flush.",
           (f'{rate("mcpctl_audit_batch_records_sum", by="instance")} / ({rate("mcpctl_audit_batch_records_count", by="instance")} > 0)',
            "{{instance}}")),
    series("Written", "none", "Records a second that gateways made durable.",
           (rate("mcpctl_audit_batch_records_sum", by="instance"), "{{instance}}"), stacked=True),
    series("Taken in by mcpd", "none", "Records a second that mcpd verified and keeps.",
           (rate("mcpd_audit_records_ingested_total", by="instance"), "{{instance}}"), stacked=True),
    series("Failures", "none", "Records a second that could not be written, and batches a second that did not verify.",
           (rate("mcpctl_audit_append_failures_total", by="instance"), "not written: {{instance}}"),
           (rate("mcpd_audit_rejected_total", by="instance"), "refused: {{instance}}")),
]

HTTP = "mcpd_http_request_duration_seconds"
FLEET = [
    series("Gateways by state", "none", "As `mcpctl gateway list` says it, gateways on developers' machines included.",
           ("max by (state) (mcpd_gateways{%G})", "{{state}}"), stacked=True),
    table("Versions", "none", "How many processes run which version. Supported is a gateway of mcpd's minor version or the one before.",
          "count by (component, version) (mcpctl_build_info{%G})"),
    series("Revisions behind", "none", "Revisions that a gateway has yet to put into force, as mcpd sees it.",
           ("max by (gateway) (mcpd_gateway_config_lag_revisions{%G})", "{{gateway}}")),
    series("Since the last report", "s", "Time since mcpd last heard of a gateway. From a minute on it is taken for cut off.",
           ("time() - max by (gateway) (mcpd_gateway_last_report_timestamp_seconds{%G})", "{{gateway}}")),
    series("Age of the configuration", "s", "Time since the control plane confirmed what is in force. After an hour profiles refuse "
           "writing, after a day reading, unless they say something else.", ("mcpctl_config_age_seconds{%G}", "{{instance}}")),
    series("Revision", "none", "The newest one of mcpd, and what is in force at each gateway.",
           ("mcpd_config_revision{%G}", "mcpd {{instance}}"), ("mcpctl_config_revision{%G}", "gateway {{instance}}")),
    series("Configurations refused", "none", "Within five minutes; the gateway goes on with the one before.",
           ("increase(mcpctl_config_rejected_total{%G}[5m])", "{{instance}}")),
    series("Instances", "none", "Servers that mcpd runs in containers, by what runs them and how they are.",
           ("max by (runtime, state) (mcpd_instances{%G})", "{{runtime}} {{state}}"), stacked=True),
    series("Requests to mcpd", "reqps", "Answered by mcpd, by route.", (rate(f"{HTTP}_count", by="route"), "{{route}}"), stacked=True),
    series("p95 of mcpd", "s", "By route; one of twenty requests takes longer.", (quantile(0.95, HTTP, "%G", "route"), "{{route}}")),
    series("Errors of mcpd", "percentunit", "Share of requests that were answered 5xx.",
           (share(rate(f"{HTTP}_count", 'status=~"5..", %G', "instance"), rate(f"{HTTP}_count", by="instance")), "{{instance}}")),
    series("Database connections", "none", "Of the pool of each mcpd.", ("mcpd_database_connections{%G}", "{{instance}} {{state}}"), stacked=True),
    series("Database errors", "none", "Requests a second that failed in the database.",
           (rate("mcpd_database_errors_total", by="instance"), "{{instance}}")),
    series("Sessions of people", "none", "Logins of browsers and command lines that are good now.",
           ("max(mcpd_sessions_active{%G})", "sessions")),
]

UPSTREAMS = [
    states("Up", ("down or not asked yet", "up"), "Whether each server answers at each gateway.",
           f"mcpctl_upstream_up{{{AT}}}", "{{instance}} {{server}}", bad=False),
    states("Left alone", ("served", "left alone"), "Whether a gateway leaves a server alone because it keeps failing.",
           f"mcpctl_upstream_breaker_open{{{AT}}}", "{{instance}} {{server}}", bad=True),
    series("Requests", "reqps", "What gateways ask servers: clients' requests and their own lists and probes.",
           (rate(f"{CLIENT}_count", AT, "server"), "{{server}}"), stacked=True),
    series("Errors", "reqps", "What did not end well: `error` is an answer that is one, the other words say why there is none.",
           (rate(f"{CLIENT}_count", f'{AT}, error_type!=""', "server, error_type"), "{{server}} {{error_type}}")),
    series("p50", "s", "Half of a server's answers are quicker.", (quantile(0.5, CLIENT, AT, "server"), "{{server}}")),
    series("p95", "s", "One of twenty answers is slower.", (quantile(0.95, CLIENT, AT, "server"), "{{server}}")),
    series("p99", "s", "One of a hundred answers is slower.", (quantile(0.99, CLIENT, AT, "server"), "{{server}}")),
    series("Restarts", "none", "Starts of a server's process within 15 minutes, beyond the first.",
           (f"increase(mcpctl_instance_restarts_total{{{AT}}}[15m])", "{{instance}} {{server}}")),
    series("Dropped", "none", "Lines and events a second that a server sent in place of messages.",
           (rate("mcpctl_upstream_messages_dropped_total", AT, "server"), "{{server}}")),
    series("Tools", "none", "Tools that each server lists.", (f"max by (server) (mcpctl_tools_listed{{{AT}}})", "{{server}}")),
    table("Credentials", "s", "Time that is left of the first credential of a server that mcpd does not renew by itself.",
          "min by (server, kind) (mcpctl_credential_expiry_timestamp_seconds{%G}) - time()"),
]

DASHBOARDS = [
    ("overview", "overview", (), OVERVIEW),
    ("servers", "servers and tools", ("server", "tool"), SERVERS),
    ("policy", "policy", (), POLICY),
    ("relevance", "relevance", ("server",), RELEVANCE),
    ("audit", "audit", (), AUDIT),
    ("fleet", "fleet", (), FLEET),
    ("upstreams", "upstreams", ("server",), UPSTREAMS),
]
