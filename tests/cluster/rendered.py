"""Holds what kubectl and Helm render against what is printed: rendered.py PRINTED RENDERED, both of them folders."""
import pathlib
import sys

import helm_python as helm
import yaml

printed, rendered = map(pathlib.Path, sys.argv[1:])
root = (printed / "root.pem").read_text()
wrong = []


def objects(text):
    found = [one for one in yaml.safe_load_all(text) if one]
    return {f"{one['kind']} {one['metadata']['name']}": one for one in found}


def differences(path, left, right):
    if isinstance(left, dict) and isinstance(right, dict):
        for key in sorted(left.keys() | right.keys()):
            yield from differences(f"{path}.{key}", left.get(key), right.get(key))
    elif left != right:
        yield f"{path}: rendered {left!r}, printed {right!r}"


def same(what, text, name, without=()):
    left = objects(text)
    right = {key: one for key, one in objects((printed / name).read_text()).items() if one["kind"] not in without}
    found = list(differences(what, left, right))
    print(f"{what}: {len(left)} objects, {len(found)} differences")
    wrong.extend(found)


for name in ["kustomize", "kustomize-from-cluster"]:
    kustomize = rendered / f"{name}.yaml"
    if kustomize.exists():
        same(name, kustomize.read_text(), f"{name}.printed")

# Severity 1 is an information: that an icon is recommended.
findings = helm.lint("deploy/chart")
print(f"helm {helm.helm_sdk_version()} lint: {findings['messages']}")
wrong.extend(f"lint: {one}" for one in findings["messages"] if one["severity"] > 1)
wrong.extend(f"lint: {one}" for one in findings["errors"])

other = {
    "name": "keeper",
    "namespace": "gate",
    "image": {"repository": "r.example/p", "tag": "1"},
    "replicas": 3,
    "certificate": {"existingSecret": "c"},
    "policies": {"configMap": "p"},
    "guards": {"configMap": "g"},
    "failurePolicy": "Ignore",
    "options": ["--max-newly-allowed", "0"],
}
registered = {"registration": {"enabled": True}, "caBundle": root}
with helm.Chart.load("deploy/chart") as chart:

    def template(values):
        files = chart.render(values, name="portcullis", namespace="portcullis")
        return "\n---\n".join(text for name, text in sorted(files.items()) if not name.endswith(".txt"))

    # The namespace is the release's.
    same("chart", template(registered), "usual.printed", ["Namespace"])
    (rendered / "chart.yaml").write_text(template(registered))
    same("chart with other values", template(other | registered), "other.printed", ["Namespace"])
    more = {"resources": {"limits": {"memory": "1Gi"}}}
    cluster = more | {"cluster": {"enabled": True}}
    same("chart with a cluster", template(cluster | registered), "cluster.printed", ["Namespace"])
    (rendered / "chart-from-cluster.yaml").write_text(template(cluster | registered))
    revision = more | {
        "name": "keeper",
        "namespace": "gate",
        "guards": {"configMap": "g"},
        "cluster": {"enabled": True, "istioNamespace": "mesh", "revision": "canary"},
    }
    same("chart with a revision", template(revision | registered), "revision.printed", ["Namespace"])
    unproven = objects(template({}))
    if any("Webhook" in one for one in unproven):
        wrong.append("the chart registers the webhook unasked")
    for values, word in [({"registration": {"enabled": True}}, "caBundle"), ({"failurePolicy": "Maybe"}, "failurePolicy")]:
        try:
            template(values)
            chart.validate_schema(values)
            wrong.append(f"{values} is taken")
        except helm.HelmError as error:
            if word not in str(error):
                wrong.append(f"{values}: {error}")
for one in wrong:
    print(one, file=sys.stderr)
sys.exit(1 if wrong else 0)
