"""What the fakes of `provers.py` answer is what the providers' own types say, and probes know all that those can say."""

from typing import Any, get_args

import botocore.session
import jsonschema
import msgspec
import pytest
from azure.mgmt.cognitiveservices import models as azure_models
from azure.mgmt.cognitiveservices._utils.serialization import Deserializer
from botocore.validate import ParamValidator
from cloudflare.types.ai_gateway import AIGatewayGetResponse
from openai.types.admin.organization import OrganizationDataRetention
from openai.types.admin.organization.projects import ProjectDataRetention
from openrouter.operations import ListEndpointsZdrResponse
from pydantic import BaseModel
from tests.upstream.probes.provers import GATEWAY, PROVERS, RESOURCE_BODY

from lethe.providers.gateway import HARMLESS, SETTINGS, undecided
from lethe.upstream.probes import bedrock, openai, vertex

# Vertex AI v1, discovery document of revision 20261106.
CACHE_CONFIG = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string", "pattern": "^projects/[^/]+/cacheConfig$"},
        "disableCache": {"type": "boolean"},
        "retentionConfig": {
            "type": "object",
            "additionalProperties": False,
            "properties": {"retentionType": {"enum": ["RETENTION_TYPE_UNSPECIFIED", "EPHEMERAL", "DURABLE"]}},
        },
    },
}


def answer(probe: str, path: str = "") -> dict[str, Any]:
    answers = PROVERS[probe].answers
    return answers[path] if path else next(iter(answers.values()))


def strictly(model: type[BaseModel], body: object) -> None:
    """No other type, no missing member, and none that the model does not know."""
    parsed = model.model_validate_json(msgspec.json.encode(body), strict=True)
    assert msgspec.to_builtins(body).keys() <= {
        field.alias or name for name, field in type(parsed).model_fields.items()
    }


OPENAI: dict[str, type[BaseModel]] = {
    "/organization/projects/proj_abc/data_retention": ProjectDataRetention,
    "/organization/data_retention": OrganizationDataRetention,
}


@pytest.mark.parametrize(("path", "model"), OPENAI.items())
def test_openai(path: str, model: type[BaseModel]) -> None:
    strictly(model, answer("openai.data_retention", path))
    said = set(get_args(model.model_fields["type"].annotation))
    assert said <= openai.ZERO | openai.KEEPS | openai.INHERITS
    assert said >= openai.ZERO


def bedrock_shape(operation: str) -> Any:
    return botocore.session.get_session().get_service_model("bedrock").operation_model(operation).output_shape


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("GetAccountDataRetention", answer("bedrock.data_retention", "/v1/data_retention")),
        ("GetModelInvocationLoggingConfiguration", answer("bedrock.invocation_logging")),
    ],
)
def test_bedrock(operation: str, body: dict[str, Any]) -> None:
    shape = bedrock_shape(operation)
    assert not ParamValidator().validate(body, shape).has_errors()
    assert body.keys() <= shape.members.keys()


def test_bedrock_says_no_more_than_the_probe_knows() -> None:
    assert set(bedrock_shape("GetAccountDataRetention").members["mode"].enum) == bedrock.MODES
    logging = bedrock_shape("GetModelInvocationLoggingConfiguration")
    assert logging.members.keys() == {"loggingConfig"}
    kinds = {name for name in logging.members["loggingConfig"].members if name.endswith(bedrock.DELIVERY)}
    assert kinds == {kind + bedrock.DELIVERY for kind in bedrock.KINDS}


def test_azure() -> None:
    account = Deserializer({name: each for name, each in vars(azure_models).items() if isinstance(each, type)})(
        "Account", RESOURCE_BODY
    )
    capabilities = account.properties.capabilities
    assert all(not part.additional_properties for part in (account, account.properties, *capabilities))
    told = [{"name": each.name, "value": each.value} for each in capabilities]
    assert told == RESOURCE_BODY["properties"]["capabilities"]


def test_vertex() -> None:
    jsonschema.validate(answer("vertex.cache_config"), CACHE_CONFIG)
    types = CACHE_CONFIG["properties"]["retentionConfig"]["properties"]["retentionType"]["enum"]  # type: ignore[index]
    assert set(types) == vertex.RETENTION_TYPES


def test_cloudflare() -> None:
    strictly(AIGatewayGetResponse, GATEWAY)
    known = AIGatewayGetResponse.model_fields.keys()
    assert {setting.name for setting in SETTINGS} | HARMLESS <= known
    assert undecided(dict.fromkeys(known, True)) == ()


def test_openrouter() -> None:
    body = answer("openrouter.zdr_endpoints")
    strictly(ListEndpointsZdrResponse, body)
    (endpoints,) = get_args(ListEndpointsZdrResponse.model_fields["data"].annotation)
    for each in body["data"]:
        strictly(endpoints, each)
