"""Tokens of Microsoft Entra, by the chain of Azure's own SDK; imported by the broker only.

azure-identity 1.27.0, `DefaultAzureCredential`, in this order:

- a service principal: `AZURE_TENANT_ID`, `AZURE_CLIENT_ID`, and `AZURE_CLIENT_SECRET` or
  `AZURE_CLIENT_CERTIFICATE_PATH`;
- a workload identity: `AZURE_FEDERATED_TOKEN_FILE`, with tenant and client as above;
- a managed identity: `IDENTITY_ENDPOINT` and `IDENTITY_HEADER` (App Service, Container Apps), `MSI_ENDPOINT`, or the
  instance's metadata (`AZURE_POD_IDENTITY_AUTHORITY_HOST`);
- who is signed in with `az` or `azd`.

`AZURE_AUTHORITY_HOST` names another cloud's authority, `AZURE_TOKEN_CREDENTIALS` takes one of these out of the chain.
What would read or write a cache of tokens on disk is left out.
"""

import os

from azure.core.exceptions import AzureError, ClientAuthenticationError, ServiceRequestError, ServiceResponseError
from azure.identity import DefaultAzureCredential

from lethe.credentials.issued import Issued, carried, refused

# learn.microsoft.com/azure/ai-services/authentication; models on Foundry want their own (anthropic 2.13.0, foundry.md)
SCOPE = "https://cognitiveservices.azure.com/.default"
_REASONS: dict[type[Exception], str] = {
    ClientAuthenticationError: "no Azure identity gives a token here",
    ServiceRequestError: "Azure cannot be reached",
    ServiceResponseError: "Azure cannot be reached",
    AzureError: "it cannot be had from Azure",
    ValueError: "the environment describes no Azure identity",
}


def issue_token(reference: str, place: str) -> Issued:
    """A bearer token; `place` is `[CLIENT_ID][#SCOPE]`, the former of a user-assigned identity. Raises Unresolved."""
    client, _, scope = place.partition("#")
    try:
        with _credential(client) as credential:
            token = credential.get_token_info(scope or SCOPE)
    except (AzureError, ValueError) as error:
        raise refused(reference, error, _REASONS) from None
    return Issued(carried(reference, token.token), float(token.expires_on))


def _credential(client: str) -> DefaultAzureCredential:
    named = {"managed_identity_client_id": client} if client else {}
    return DefaultAzureCredential(
        exclude_shared_token_cache_credential=True,
        exclude_visual_studio_code_credential=True,
        exclude_powershell_credential=True,
        exclude_broker_credential=True,
        # an authority that the operator names needs no other one to vouch for it
        disable_instance_discovery="AZURE_AUTHORITY_HOST" in os.environ,
        connection_timeout=5,
        read_timeout=10,
        retry_total=2,
        process_timeout=10,
        **named,
    )
