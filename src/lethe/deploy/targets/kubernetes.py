"""Kubernetes: plain manifests, and the same as a Helm chart whose only expressions are its values."""

import lethe
from lethe.deploy.deployment import PORT, Deployment, Secret
from lethe.deploy.platform import platform
from lethe.deploy.target import Files, Undeployable
from lethe.deploy.template import filled, template

ID = "kubernetes"
PAUSE = 10  # seconds between "no new requests, please" and SIGTERM
_LAST_WORDS = 10  # seconds after the drain
_METADATA = "except: [169.254.169.254/32]"
# What a chart's user may choose, by hole.
VALUES = {
    "NAME": "{{ .Values.name }}",
    "NAMESPACE": "{{ .Values.namespace }}",
    "IMAGE": "{{ .Values.image }}",
    "GATEWAY": "{{ .Values.gateway }}",
    "HOST": "{{ .Values.host }}",
}
CONFIG = '{{ .Files.Get "lethe.toml" | nindent 4 | trim }}'


def files(deployment: Deployment) -> Files:
    """Raises Undeployable."""
    for secret in deployment.secrets:
        if secret.variable is None and secret.file is None:
            raise Undeployable(f"{secret.reference}: write env:NAME or file:/path, which the cluster's Secret fills")
    chosen = {
        "NAME": deployment.name,
        "NAMESPACE": deployment.name,
        "IMAGE": deployment.image,
        "GATEWAY": "gateway",
        "HOST": "lethe.example.com",
    }
    fixed = _fixed(deployment)
    plain, chart = template(ID, "lethe.yaml"), template(ID, "lethe.yaml").replace("    %%CONFIG%%\n", f"    {CONFIG}\n")
    named = {"NAME": chosen["NAME"], "NAMESPACE": chosen["NAMESPACE"]}
    return {
        "manifests/namespace.yaml": filled(template(ID, "namespace.yaml"), {"NAMESPACE": chosen["NAMESPACE"]}),
        "manifests/lethe.yaml": filled(plain, {**chosen, **fixed, "CONFIG": deployment.config}),
        "chart/Chart.yaml": filled(template(ID, "Chart.yaml"), {"VERSION": lethe.__version__}),
        "chart/values.yaml": filled(template(ID, "values.yaml"), chosen),
        "chart/lethe.toml": deployment.config,
        "chart/templates/lethe.yaml": filled(chart, {**VALUES, **fixed}),
        "README.md": filled(
            template(ID, "README.md"),
            {
                **named,
                "GATEWAY": chosen["GATEWAY"],
                "HOST": chosen["HOST"],
                "HEARTBEAT": f"{deployment.need.heartbeat:g}",
                "DRAIN": fixed["DRAIN"],
                "CREATE": _created(deployment),
                "IDENTITY": _identity(deployment),
            },
        ),
    }


def _fixed(deployment: Deployment) -> dict[str, str]:
    drain = platform(ID).drain
    variables = [secret for secret in deployment.secrets if secret.variable is not None]
    mounted = [secret for secret in deployment.secrets if secret.file is not None]
    ports = sorted({egress.port for egress in deployment.egress})
    return {
        "PORT": str(PORT),
        "DRAIN": f"{drain:g}",
        "PAUSE": str(PAUSE),
        "GRACE": f"{drain + PAUSE + _LAST_WORDS:g}",
        "SECRETS": "".join(_variable(deployment.name, secret) for secret in variables),
        "MOUNTS": "".join(_mount(secret) for secret in mounted),
        "VOLUMES": _volume(deployment.name) if mounted else "",
        "EXCEPT": "" if deployment.identities else _METADATA,
        "PORTS": "".join(f"- protocol: TCP\n  port: {port}\n" for port in ports),
    }


def _variable(name: str, secret: Secret) -> str:
    return (
        f"- name: {secret.variable}\n  valueFrom:\n    secretKeyRef:\n      name: {name}\n      key: {secret.label}\n"
    )


def _mount(secret: Secret) -> str:
    return f"- name: secrets\n  mountPath: {secret.file}\n  subPath: {secret.label}\n  readOnly: true\n"


def _volume(name: str) -> str:
    return f"- name: secrets\n  secret:\n    secretName: {name}\n    defaultMode: 292\n"


def _created(deployment: Deployment) -> str:
    """The command that makes the Secret, from variables and files of whoever calls it."""
    lines = [f"kubectl -n {deployment.name} create secret generic {deployment.name}"]
    for secret in deployment.secrets:
        if secret.variable is not None:
            lines.append(f'    --from-literal={secret.label}="${secret.variable}"')
        else:
            lines.append(f"    --from-file={secret.label}={secret.file}")
    return " \\\n".join(lines) if deployment.secrets else ""


def _identity(deployment: Deployment) -> str:
    if not deployment.identities:
        return ""
    listed = ", ".join(f"`{reference}`" for reference in deployment.identities)
    return (
        f"\nThe configuration asks with the workload's own identity ({listed}): bind it to the service account\n"
        f"`{deployment.name}` as your cluster's cloud does it (IRSA or Pod Identity,\n"
        "Workload Identity Federation, Azure workload identity)."
    )
