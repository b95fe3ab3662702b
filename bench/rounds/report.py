"""The rounds as tables: medians, and ratios within a round, so that a machine that slows down slows both down."""

import statistics

from loads import PROXIES, SCENARIOS, WORKLOADS

# What a threshold of k6 is about.
WORDS = {"call_ms": "too slow", "broken": "broken answers"}


def median(cells, member):
    return statistics.median(cell[member] for cell in cells)


def ratio(rounds, place, name, base, member):
    """The median over rounds of `name` beside `base` in the same round."""
    pairs = [(cells[place][name], cells[place][base]) for cells in rounds
             if name in cells.get(place, {}) and base in cells[place]]
    found = [one[member] / other[member] for one, other in pairs if other[member]]
    return f"{statistics.median(found):.2f}" if found else "–"


def number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def workload(rounds, place):
    _, _, title, names = WORKLOADS[place]
    base = next(name for name in names if name.startswith("nginx"))
    yield f"### {title}\n"
    yield "| contender | calls/s (lowest – highest round) | × nginx | × direct | CPU µs/call | p50 ms | added p50 µs | p99 ms | RSS MB |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for name in names:
        cells = [cells[place][name] for cells in rounds if name in cells.get(place, {})]
        if not cells:
            continue
        speeds = [cell["rps"] for cell in cells]
        added = [(cells[place][name]["p50_ms"] - cells[place]["direct"]["p50_ms"]) * 1e3 for cells in rounds]
        wrong = " **wrong answers**" if any(cell["wrong"] for cell in cells) else ""
        yield (f"| {name}{wrong} | {statistics.median(speeds):,.0f} ({min(speeds):,.0f} – {max(speeds):,.0f}) "
               f"| {ratio(rounds, place, name, base, 'rps')} | {ratio(rounds, place, name, 'direct', 'rps')} "
               f"| {median(cells, 'cpu_us'):,.0f} | {number(median(cells, 'p50_ms'))} "
               f"| {statistics.median(added):+,.0f} | {number(median(cells, 'p99_ms'))} | {median(cells, 'rss_mb'):,.0f} |")
    yield ""


def scenarios(rounds, names):
    yield "| scenario | contender | calls/s | p50 ms | × direct (at most) | p99 ms | CPU µs/call | RSS MB | RSS end/start | thresholds |"
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for place, (script, _, ratio_max, _) in SCENARIOS.items():
        for name in names:
            cells = [cells[place][name] for cells in rounds if name in cells.get(place, {})]
            if not cells:
                continue
            crossed = sorted({WORDS[each.split(" ")[0]] for cell in cells for each in cell["crossed"]})
            kept = sum(not cell["crossed"] for cell in cells)
            judged = "kept" if not crossed else f"kept in {kept} of {len(cells)} rounds: {', '.join(crossed)}"
            most = "" if name == "direct" else f" ({ratio_max})"
            # Opening the streams costs more than the calls beside them.
            cpu = "–" if script == "streams" else f"{median(cells, 'cpu_us'):,.0f}"
            yield (f"| {place} | {name} | {median(cells, 'rps'):,.0f} | {number(median(cells, 'p50_ms'))} "
                   f"| {ratio(rounds, place, name, 'direct', 'p50_ms')}{most} | {number(median(cells, 'p99_ms'))} "
                   f"| {cpu} | {median(cells, 'rss_mb'):,.0f} | {median(cells, 'rss_growth'):.2f} | {judged} |")
    yield ""


def write(told, rounds, figures):
    """The whole page; `told` are lines about machine and run."""
    here = {name for cells in rounds for of in cells.values() for name in of}
    names = [name for name in PROXIES if name in here]
    yield f"# {told['title']}\n"
    yield from told["lines"]
    yield "\nHow to read it: `bench/README.md`. Every ratio is the median of ratios within one round.\n"
    if any(place in cells for cells in rounds for place in WORKLOADS):
        yield "## Throughput (wrk)\n"
        for place in WORKLOADS:
            if any(place in cells for cells in rounds):
                yield from workload(rounds, place)
    if any(place in cells for cells in rounds for place in SCENARIOS):
        yield "## Scenarios (k6)\n"
        yield from scenarios(rounds, names)
    if figures:
        yield "## Start and memory of the gateway\n"
        yield "| what | |"
        yield "|---|---|"
        for what, value in figures:
            yield f"| {what} | {value} |"
        yield ""
