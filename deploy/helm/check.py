"""What Helm and the API schemas do not say about the chart.

    check.py schema CHART          values.schema.json refuses unknown keys everywhere and knows every key of values.yaml
    check.py rendered FILE…        every pod keeps to the restricted Pod Security Standard and has probes and bounds; no
                                   secret is made here; selectors fit; what is referred to is there
    check.py variables FOLDER…     every variable that chart, images, compose and units set is one that a program reads
"""

import json
import pathlib
import re
import sys

import yaml

PROBLEMS: list[str] = []
# Variables that are others' than ours; and of ours, those that no setting of a program has by itself.
OTHERS = {"PATH", "HOME", "TMPDIR", "PGDATA", "PGPASSWORD", "MCPD_MASTER_KEY", "POD_NAME", "VAULT_TOKEN_FILE"}
OTHERS |= {"MCPCTL_SERVER", "MCPCTL_TOKEN", "RUSTUP_TOOLCHAIN", "NPM_CONFIG_UPDATE_NOTIFIER", "UV_PYTHON_DOWNLOADS"}


def wrong(what: str) -> None:
    """Remembers one thing that is."""
    PROBLEMS.append(what)


def strict(node: object, at: str) -> None:
    """Whether every object in a schema says what is not in it."""
    if isinstance(node, list):
        for index, item in enumerate(node):
            strict(item, f"{at}[{index}]")
    if not isinstance(node, dict):
        return
    if node.get("type") == "object" and at != "#.properties.global":
        if "properties" in node and node.get("additionalProperties") is not False:
            wrong(f"{at}: takes keys it does not know")
        if "properties" not in node and not isinstance(node.get("additionalProperties"), dict):
            wrong(f"{at}: takes anything")
    for key, value in node.items():
        strict(value, f"{at}.{key}")


def covered(values: dict, schema: dict, definitions: dict, at: str) -> None:
    """Whether defaults and schema have the same keys."""
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rsplit("/", 1)[1]]
    known = schema.get("properties")
    if known is None or not isinstance(values, dict):
        return
    for key in values.keys() - known.keys():
        wrong(f"{at}{key}: in values.yaml, not in the schema")
    for key in values.keys() & known.keys():
        covered(values[key], known[key], definitions, f"{at}{key}.")
    if not at:
        for key in known.keys() - values.keys() - {"global"}:
            wrong(f"{key}: in the schema, not in values.yaml")


def restricted(spec: dict, at: str) -> None:
    """The restricted Pod Security Standard, and what we ask for besides."""
    pod = spec.get("securityContext", {})
    if pod.get("runAsNonRoot") is not True or pod.get("runAsUser") == 0:
        wrong(f"{at}: may run as root")
    if pod.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        wrong(f"{at}: no seccomp profile")
    if any(spec.get(key) for key in ("hostNetwork", "hostPID", "hostIPC")):
        wrong(f"{at}: has a namespace of the node")
    if "automountServiceAccountToken" not in spec:
        wrong(f"{at}: does not say whether it gets a token of the cluster")
    volumes = {volume["name"]: set(volume) - {"name"} for volume in spec.get("volumes", [])}
    for name, kinds in volumes.items():
        if not kinds <= {"emptyDir", "secret", "configMap", "persistentVolumeClaim", "projected"}:
            wrong(f"{at}: volume {name} is {kinds}")
    for container in spec.get("initContainers", []) + spec["containers"]:
        name, security = f"{at}/{container['name']}", container.get("securityContext", {})
        if security.get("allowPrivilegeEscalation") is not False or security.get("privileged"):
            wrong(f"{name}: may gain privileges")
        if security.get("readOnlyRootFilesystem") is not True:
            wrong(f"{name}: its root can be written to")
        if security.get("capabilities") != {"drop": ["ALL"]}:
            wrong(f"{name}: has capabilities")
        if "memory" not in container.get("resources", {}).get("limits", {}):
            wrong(f"{name}: has no bound on memory")
        ports = {port["name"] for port in container.get("ports", [])}
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            if ports and probe not in container:
                wrong(f"{name}: no {probe}")
            port = container.get(probe, {}).get("httpGet", {}).get("port")
            if port and port not in ports:
                wrong(f"{name}: {probe} asks at {port}")


def rendered(path: str) -> None:
    """One rendering of the chart."""
    objects = [one for one in yaml.safe_load_all(pathlib.Path(path).read_text()) if one]
    templates = []
    for one in objects:
        kind, name = one["kind"], one["metadata"]["name"]
        if kind == "Secret":
            wrong(f"{path}: Secret {name} is made here")
        if kind not in ("ClusterRole", "ClusterRoleBinding") and len(name) > 63:
            wrong(f"{path}: {name} is too long")
        template = one.get("spec", {}).get("template") if kind in ("Deployment", "StatefulSet", "Job") else None
        if kind == "Pod":
            restricted(one["spec"], f"{path}: {kind}/{name}")
        if template:
            restricted(template["spec"], f"{path}: {kind}/{name}")
            templates.append((one, template))
            wanted = one["spec"].get("selector", {}).get("matchLabels", {})
            if not wanted.items() <= template["metadata"]["labels"].items():
                wrong(f"{path}: {kind}/{name} does not select its own pods")
            mounted = {mount["name"] for container in template["spec"]["containers"] for mount in container.get("volumeMounts", [])}
            claims = {claim["metadata"]["name"] for claim in one["spec"].get("volumeClaimTemplates", [])}
            missing = mounted - claims - {volume["name"] for volume in template["spec"].get("volumes", [])}
            if missing:
                wrong(f"{path}: {kind}/{name} mounts {missing}, which are not there")
    named = {(one["kind"], one["metadata"]["name"]) for one in objects}
    for one in objects:
        kind, name, spec = one["kind"], one["metadata"]["name"], one.get("spec", {})
        if kind in ("Service", "PodDisruptionBudget"):
            wanted = spec["selector"] if kind == "Service" else spec["selector"]["matchLabels"]
            ports = [port.get("targetPort") for port in spec.get("ports", [])]
            found = [t for _, t in templates if wanted.items() <= t["metadata"]["labels"].items()]
            if not found:
                wrong(f"{path}: {kind}/{name} selects nothing")
            for template in found:
                there = {port["name"] for c in template["spec"]["containers"] for port in c.get("ports", [])}
                if not set(ports) <= there:
                    wrong(f"{path}: Service/{name} leads to {set(ports) - there}, which are not there")
        if kind == "HorizontalPodAutoscaler":
            target = spec["scaleTargetRef"]
            if (target["kind"], target["name"]) not in named:
                wrong(f"{path}: {name} scales nothing")
            elif any("replicas" in o["spec"] for o, _ in templates if o["metadata"]["name"] == target["name"]):
                wrong(f"{path}: {name} and a number of replicas contradict each other")
        if kind == "Ingress":
            backend = spec["rules"][0]["http"]["paths"][0]["backend"]["service"]["name"]
            if ("Service", backend) not in named:
                wrong(f"{path}: Ingress/{name} leads nowhere")


def variables(root: pathlib.Path) -> None:
    """Whether a program reads what the deployments set."""
    read = set(OTHERS)
    for source in ("gateway/src", "control-plane/src", "cli/src"):
        for file in (root / source).rglob("*.rs"):
            read |= set(re.findall(r'env = "([A-Z][A-Z0-9_]+)"', file.read_text()))
    mocks = "".join(file.read_text() for file in (root / "tests/e2e").rglob("*.rs"))
    read |= set(re.findall(r'"((?:SLACK|JIRA)_[A-Z_]+)"', mocks)) | {"DATABASE_URL", "MCPCTL_HOME"}
    places = {
        "deploy/helm/mcpctl/templates/*.yaml": r"name: ([A-Z][A-Z0-9_]+)\b",
        "deploy/helm/mcpctl/templates/_helpers.tpl": r"name: ([A-Z][A-Z0-9_]+)\b",
        "deploy/compose/compose*.yaml": r"^\s+(?:environment: \{ )?([A-Z][A-Z0-9_]+):",
        "deploy/docker/Dockerfile": r"(?:ENV|\s)\s*([A-Z][A-Z0-9_]+)=\S",
        "deploy/systemd/*.service": r"(?:Environment=|\s)((?:MCP|DATABASE)[A-Z0-9_]+)=",
    }
    for pattern, form in places.items():
        for file in sorted(root.glob(pattern)):
            for name in re.findall(form, file.read_text(), re.MULTILINE):
                if name not in read and not name.startswith(("GF_", "POSTGRES_")) and not name.endswith("_IMAGE"):
                    wrong(f"{file.relative_to(root)}: nothing reads {name}")


def main() -> int:
    what, *paths = sys.argv[1:]
    for path in paths:
        if what == "schema":
            chart = pathlib.Path(path)
            schema = json.loads((chart / "values.schema.json").read_text())
            strict(schema, "#")
            covered(yaml.safe_load((chart / "values.yaml").read_text()), schema, schema["definitions"], "")
        elif what == "rendered":
            rendered(path)
        elif what == "variables":
            variables(pathlib.Path(path))
    for problem in PROBLEMS:
        print(problem)
    return 1 if PROBLEMS else 0


sys.exit(main())
