"""Azure Container Apps: one Bicep file, with the environment's logs going nowhere."""

from lethe.deploy.deployment import PORT, Deployment, Secret
from lethe.deploy.platform import platform
from lethe.deploy.target import Files, Undeployable
from lethe.deploy.template import filled, template

ID = "container-apps"
REGION = "westeurope"
IDLE = 30  # minutes, the most that the front's idle timeout can be
_LAST_WORDS = 10  # seconds after the drain


def files(deployment: Deployment) -> Files:
    """Raises Undeployable."""
    for secret in deployment.secrets:
        if secret.variable is None:
            raise Undeployable(f"{secret.reference}: write env:NAME, which the app fills from Key Vault")
    drain = platform(ID).drain
    shared = {"NAME": deployment.name, "REGION": deployment.region or REGION, "IDLE": str(IDLE)}
    return {
        "lethe.toml": deployment.config,
        "main.bicep": filled(
            template(ID, "main.bicep"),
            {
                **shared,
                "IMAGE": deployment.image,
                "PORT": str(PORT),
                "DRAIN": f"{drain:g}",
                "GRACE": f"{drain + _LAST_WORDS:g}",
                "CONCURRENCY": str(deployment.need.concurrency),
                "VAULTED": "".join(map(_vaulted, deployment.secrets)),
                "SECRETS": "".join(map(_variable, deployment.secrets)),
            },
        ),
        "README.md": filled(
            template(ID, "README.md"),
            {
                **shared,
                "HEARTBEAT": f"{deployment.need.heartbeat:g}",
                "CREATE": "".join(map(_create, deployment.secrets)),
                "IDENTITY": _identity(deployment),
            },
        ),
    }


def _vaulted(secret: Secret) -> str:
    return (
        "{\n"
        f"  name: '{secret.label}'\n"
        f"  keyVaultUrl: '${{keys.properties.vaultUri}}secrets/{secret.label}'\n"
        "  identity: identity.id\n"
        "}\n"
    )


def _variable(secret: Secret) -> str:
    return f"{{\n  name: '{secret.variable}'\n  secretRef: '{secret.label}'\n}}\n"


def _create(secret: Secret) -> str:
    return f'az keyvault secret set --vault-name YOUR-VAULT --name {secret.label} --value "${secret.variable}"\n'


def _identity(deployment: Deployment) -> str:
    if not any(reference.startswith("azure:") for reference in deployment.identities):
        return ""
    return filled(template(ID, "identity.md"), {"NAME": deployment.name})
