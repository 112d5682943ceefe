"""Google Cloud Run: one service, by Terraform or by gcloud, and the logs that are left out."""

from lethe.deploy.deployment import PORT, Deployment, Secret
from lethe.deploy.platform import platform
from lethe.deploy.target import Files, Undeployable
from lethe.deploy.template import filled, template

ID = "cloud-run"
REGION = "europe-west4"
PROJECT = "YOUR-PROJECT"
_OUTPUT = " OR ".join(f'log_id("run.googleapis.com/{name}")' for name in ("stdout", "stderr", "varlog/system"))
_LOGS = (("requests", 'log_id("run.googleapis.com/requests")'), ("output", f"({_OUTPUT})"))


_IDENTITY = """resource "google_project_iam_member" "models" {
  project = var.project
  role    = "roles/aiplatform.user"
  member  = "serviceAccount:${google_service_account.lethe.email}"
}

"""


def files(deployment: Deployment) -> Files:
    """Raises Undeployable."""
    for secret in deployment.secrets:
        if secret.variable is None:
            raise Undeployable(f"{secret.reference}: use env:NAME, which Cloud Run fills from Secret Manager")
    region = deployment.region or REGION
    shared = {"NAME": deployment.name, "IMAGE": deployment.image, "REGION": region, "PORT": str(PORT)}
    sized = {"DRAIN": f"{platform(ID).drain:g}", "CONCURRENCY": str(deployment.need.concurrency)}
    secrets = deployment.secrets
    return {
        "lethe.toml": deployment.config,
        "service.yaml": filled(
            template(ID, "service.yaml"),
            {
                **shared,
                **sized,
                "PROJECT": PROJECT,
                "CONFIG": deployment.config,
                "SECRETS": "".join(map(_knative, secrets)),
            },
        ),
        "main.tf": filled(
            template(ID, "main.tf"),
            {
                **shared,
                **sized,
                "IDENTITY": _IDENTITY if _google(deployment) else "",
                "VERSIONS": "".join(f'"{_id(secret)}" = "1"\n' for secret in secrets),
                "SECRETS": "\n".join(map(_block, secrets)),
            },
        ),
        "README.md": _readme(deployment, region),
    }


def _google(deployment: Deployment) -> bool:
    """Does it ask Google's models by the service's own identity?"""
    return any(reference.startswith("google:") for reference in deployment.identities)


def _id(secret: Secret) -> str:
    """The secret's name in Secret Manager."""
    return secret.label


def _knative(secret: Secret) -> str:
    return (
        f"- name: {secret.variable}\n"
        "  valueFrom:\n"
        "    secretKeyRef:\n"
        f"      name: {_id(secret)}\n"
        '      key: "1"  # a version, pinned\n'
    )


def _block(secret: Secret) -> str:
    return (
        "env {\n"
        f'  name = "{secret.variable}"\n'
        "  value_source {\n"
        "    secret_key_ref {\n"
        f'      secret  = "{_id(secret)}"\n'
        f'      version = var.secret_versions["{_id(secret)}"]\n'
        "    }\n"
        "  }\n"
        "}\n"
    )


def _readme(deployment: Deployment, region: str) -> str:
    create = "".join(
        f"printf '%s' \"${secret.variable}\" | gcloud secrets create {_id(secret)} --data-file=- --project {PROJECT}\n"
        for secret in deployment.secrets
    )
    account = f"{deployment.name}@{PROJECT}.iam.gserviceaccount.com"
    models = (
        f"gcloud projects add-iam-policy-binding {PROJECT} \\\n"
        f"    --member serviceAccount:{account} --role roles/aiplatform.user\n"
    )
    grant = (models if _google(deployment) else "") + "".join(
        f"gcloud secrets add-iam-policy-binding {_id(secret)} --project {PROJECT} \\\n"
        f"    --member serviceAccount:{account} --role roles/secretmanager.secretAccessor\n"
        for secret in deployment.secrets
    )
    service = f'resource.type="cloud_run_revision" AND resource.labels.service_name="{deployment.name}" AND '
    exclude = "".join(
        f"gcloud logging sinks update _Default --project {PROJECT} \\\n"
        f"    --add-exclusion='name={deployment.name}-{name},filter={service}{log}'\n"
        for name, log in _LOGS
    )
    return filled(
        template(ID, "README.md"),
        {
            "NAME": deployment.name,
            "PROJECT": PROJECT,
            "REGION": region,
            "DRAIN": f"{platform(ID).drain:g}",
            "CREATE": create,
            "GRANT": grant,
            "EXCLUDE": exclude,
            "TF_REGION": f" -var region={region}" if deployment.region else "",
        },
    )
