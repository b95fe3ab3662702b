#!/usr/bin/env python3
"""Writes the dashboards of panels.py as Grafana reads them: `deploy/grafana/generate.py [FOLDER]`.

The JSON in dashboards/ is what this prints; a test compares the two. It knows what a dashboard looks like, and nothing
of what is on it.
"""

import json
import pathlib
import sys

sys.dont_write_bytecode = True
import panels  # noqa: E402  (leaves nothing beside itself)

SOURCE = {"type": "prometheus", "uid": "${datasource}"}
WIDTH = 24
PALETTE = {"mode": "palette-classic"}


def variable(name, label, query):
    """A choice of values of a label, all of them at first."""
    return {
        "type": "query", "name": name, "label": label, "datasource": SOURCE, "definition": query,
        "query": {"qryType": 1, "query": query, "refId": name}, "refresh": 2, "sort": 1,
        "includeAll": True, "allValue": ".*", "multi": True, "current": {"text": ["All"], "value": ["$__all"]},
    }


def variables(wanted):
    source = {
        "type": "datasource", "name": "datasource", "label": "Data source", "query": "prometheus", "refresh": 1,
        "includeAll": False, "multi": False,
    }
    return [source] + [variable(*panels.VARIABLES[name]) for name in ("job", "instance", *wanted)]


def target(index, query, kind):
    expression, legend = query
    instant = kind in ("stat", "table")
    found = {
        "refId": chr(ord("A") + index), "datasource": SOURCE, "editorMode": "code", "expr": expression,
        "legendFormat": legend, "range": not instant, "instant": instant,
        "exemplar": kind == "timeseries" and panels.EXEMPLARS in expression,
    }
    if kind == "table":
        found["format"] = "table"
    return found


def look(kind, panel):
    """What a kind of panel needs beside its queries."""
    steps = [{"color": "green", "value": None}]
    for color, value in panel.get("steps", ()):
        steps.append({"color": color, "value": value})
    defaults = {"unit": panel["unit"], "color": PALETTE, "thresholds": {"mode": "absolute", "steps": steps}}
    options = {}
    if kind == "stat":
        defaults["color"] = {"mode": "thresholds"}
        options = {"colorMode": "background", "graphMode": "none", "reduceOptions": {"calcs": ["lastNotNull"]}}
    elif kind == "timeseries":
        stacking = {"mode": "normal" if panel.get("stacked") else "none", "group": "A"}
        fill = 40 if panel.get("stacked") else 8
        defaults["custom"] = {"drawStyle": "line", "fillOpacity": fill, "showPoints": "never", "stacking": stacking}
        defaults["min"] = 0
        options = {
            "legend": {"displayMode": "table", "placement": "bottom", "calcs": ["lastNotNull", "max"]},
            "tooltip": {"mode": "multi", "sort": "desc"},
        }
    elif kind == "state-timeline":
        defaults["color"] = {"mode": "thresholds"}
        words = {"1": {"text": panel["words"][1]}, "0": {"text": panel["words"][0]}}
        defaults["mappings"] = [{"type": "value", "options": words}]
        options = {"showValue": "never", "mergeValues": True, "legend": {"showLegend": True}}
    return {"fieldConfig": {"defaults": defaults, "overrides": []}, "options": options}


def laid_out(described):
    """The panels one beside the other, in rows as high as the highest of them."""
    left, top, height, placed = 0, 0, 0, []
    for number, panel in enumerate(described, start=1):
        kind = panel["kind"]
        width, tall = panel.get("width", 12), 4 if kind == "stat" else 8
        if left + width > WIDTH:
            left, top, height = 0, top + height, 0
        queries = [target(index, query, kind) for index, query in enumerate(panel["queries"])]
        placed.append({
            "id": number, "type": kind, "title": panel["title"], "description": panel["description"],
            "datasource": SOURCE, "gridPos": {"x": left, "y": top, "w": width, "h": tall}, "targets": queries,
            **look(kind, panel),
        })
        left, height = left + width, max(height, tall)
    return placed


def dashboard(name, title, wanted, described):
    links = {
        "type": "dashboards", "title": "mcpctl", "tags": ["mcpctl"], "asDropdown": True, "includeVars": True,
        "keepTime": True,
    }
    return {
        "uid": f"mcpctl-{name}", "title": f"mcpctl: {title}", "tags": ["mcpctl"], "schemaVersion": 39, "version": 1,
        "editable": False, "graphTooltip": 1, "refresh": "30s", "timezone": "browser",
        "time": {"from": "now-6h", "to": "now"}, "links": [links],
        "templating": {"list": variables(wanted)}, "panels": laid_out(described),
    }


def main():
    folder = pathlib.Path(sys.argv[1]) if sys.argv[1:] else pathlib.Path(__file__).parent / "dashboards"
    for name, title, wanted, described in panels.DASHBOARDS:
        text = json.dumps(dashboard(name, title, wanted, described), indent=2, ensure_ascii=False)
        (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
