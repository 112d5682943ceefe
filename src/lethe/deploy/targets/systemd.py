"""systemd, on a machine of your own: the unit, and nginx or Caddy in front such that neither logs or keeps a thing."""

from lethe.deploy.deployment import Deployment, Secret
from lethe.deploy.platform import platform
from lethe.deploy.target import Files, Undeployable
from lethe.deploy.template import filled, template
from lethe.retention.levels import Level

ID = "systemd"
PORT = 3456
DOMAIN = "lethe.example.com"
CREDENTIALS = "/run/credentials/lethe.service/"  # where systemd puts them for a unit of this name
_ENVIRONMENT = "/etc/lethe/secrets.env"
_LAST_WORDS = 10  # seconds after the drain
_IDLE_HEARTBEATS = 4


def files(deployment: Deployment) -> Files:
    """Raises Undeployable."""
    variables = [secret for secret in deployment.secrets if secret.variable is not None]
    credentials = [secret for secret in deployment.secrets if secret.variable is None]
    for secret in credentials:
        if secret.file is not None and not secret.file.startswith(CREDENTIALS):
            raise Undeployable(
                f"{secret.reference}: the service sees no such file; write file:{CREDENTIALS}NAME, and the secret is "
                "handed over encrypted"
            )
    drain = platform(ID).drain
    need = deployment.need
    shared = {"PORT": str(PORT)}
    front = {
        **shared,
        "DOMAIN": DOMAIN,
        "HEARTBEAT": f"{need.heartbeat:g}",
        "IDLE": f"{max(60.0, need.heartbeat * _IDLE_HEARTBEATS):g}",
    }
    files_of = [secret for secret in credentials if secret.file is not None]
    unit = {
        **shared,
        "DRAIN": f"{drain:g}",
        "STOP": f"{drain + _LAST_WORDS:g}",
        "SECRETS": _handed(variables, files_of),
        "OUTPUT": "journal" if need.level is Level.C else "null",
    }
    return {
        "lethe.toml": deployment.config,
        "lethe.service": filled(template(ID, "lethe.service"), unit),
        "nginx.conf": filled(template(ID, "nginx.conf"), {**front, "BODY": str(need.max_body)}),
        "Caddyfile": filled(template(ID, "Caddyfile"), {**front, "BODY": str(need.max_body)}),
        "README.md": filled(
            template(ID, "README.md"),
            {
                "NAME": deployment.name,
                "DOMAIN": DOMAIN,
                "DRAIN": f"{drain:g}",
                "STORE": _stored(variables, files_of),
            },
        ),
    }


def _handed(variables: list[Secret], credentials: list[Secret]) -> str:
    lines = [f"EnvironmentFile={_ENVIRONMENT}"] if variables else []
    lines += [f"LoadCredentialEncrypted={name}:/etc/credstore.encrypted/{name}" for name in _names(credentials)]
    return "\n".join(lines)


def _stored(variables: list[Secret], credentials: list[Secret]) -> str:
    """Commands that put the secrets where the unit looks for them."""
    lines = []
    if variables:
        lines.append(f"install -m 600 /dev/null {_ENVIRONMENT}")
        lines += [f"printf '{each.variable}=%s\\n' \"${each.variable}\" >> {_ENVIRONMENT}" for each in variables]
    if credentials:
        lines.append("mkdir -p -m 700 /etc/credstore.encrypted")
    lines += [
        f"printf '%s' \"$SECRET\" | systemd-creds encrypt --name={name} - /etc/credstore.encrypted/{name}"
        for name in _names(credentials)
    ]
    return "\n".join(lines)


def _names(credentials: list[Secret]) -> list[str]:
    return [str(secret.file).removeprefix(CREDENTIALS) for secret in credentials]
