"""Cloudflare's edge: a Worker that takes the request, in front of containers that run Lethe's own image."""

from lethe.deploy.deployment import IMAGE, PORT, Deployment
from lethe.deploy.platform import platform
from lethe.deploy.target import Files, Undeployable
from lethe.deploy.template import filled, template

ID = "cloudflare-edge"
DOMAIN = "lethe.example.com"
REGISTRY = "registry.cloudflare.com/YOUR-ACCOUNT-ID/lethe@sha256:THE-DIGEST-THAT-THE-PUSH-PRINTS"
INSTANCES = 2
_YOUNG = 900  # seconds in which a rollout leaves an instance that has just begun to serve alone


def files(deployment: Deployment) -> Files:
    """Raises Undeployable."""
    for secret in deployment.secrets:
        if secret.variable is None:
            raise Undeployable(f"{secret.reference}: write env:NAME, which is filled from the Worker's secrets")
    for reference in deployment.identities:
        raise Undeployable(f"{reference}: nobody vouches for a container here; use a key of the provider's, env:NAME")
    names = [str(secret.variable) for secret in deployment.secrets]
    image = REGISTRY if deployment.image == IMAGE else deployment.image
    named, drain = {"NAME": deployment.name}, f"{platform(ID).drain:g}"
    held = {"INSTANCES": str(INSTANCES), "SECRETS": ", ".join(f'"{name}"' for name in names)}
    config = {**named, **held, "IMAGE": image, "DOMAIN": DOMAIN, "YOUNG": str(_YOUNG)}
    put = "".join(f"printf '%s' \"${name}\" | npx wrangler secret put {name}\n" for name in names)
    return {
        "lethe.toml": deployment.config,
        "package.json": template(ID, "package.json"),
        "wrangler.json": filled(template(ID, "wrangler.json"), config),
        "src/index.js": filled(template(ID, "src/index.js"), {**held, "PORT": str(PORT), "DRAIN": drain}),
        "src/relay.js": template(ID, "src/relay.js"),
        "README.md": filled(
            template(ID, "README.md"),
            {**named, "IMAGE": deployment.image, "DOMAIN": DOMAIN, "DRAIN": drain, "PUT": put},
        ),
    }
