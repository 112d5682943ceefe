"""botocore's own model of the API, as a judge of what we send and of what fixtures and fakes answer."""

import re
from functools import cache
from typing import Any

from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StringShape, StructureShape
from botocore.validate import ParamValidator


@cache
def service() -> ServiceModel:
    return ServiceModel(Loader().load_service_model("bedrock-runtime", "service-2"))


def judged(name: str, value: Any) -> None:
    """Fails unless the value is of the shape; enums, patterns and unions count too, which botocore leaves to servers."""
    shape = service().shape_for(name)
    report = ParamValidator().validate(value, shape)
    assert not report.has_errors(), report.generate_report()
    _walk(shape, value, "$")


def request(body: dict[str, Any]) -> None:
    """A body as an encoder makes it: with `model` and `stream` in it."""
    rest = {name: value for name, value in body.items() if name not in ("model", "stream")}
    judged("ConverseRequest", {"modelId": body["model"], **rest})


def reply(body: dict[str, Any]) -> None:
    judged("ConverseResponse", body)


def event(kind: str, payload: dict[str, Any]) -> None:
    judged("ConverseStreamOutput", {kind: {name: value for name, value in payload.items() if name != "p"}})


def _walk(shape: Shape, value: Any, path: str) -> None:
    match shape:
        case StructureShape() if not shape.is_document_type:
            if shape.is_tagged_union:
                assert len(value) == 1, f"{path}: a union of {len(value)} members"
            for name, inner in value.items():
                _walk(shape.members[name], inner, f"{path}.{name}")
        case ListShape():
            for i, inner in enumerate(value):
                _walk(shape.member, inner, f"{path}[{i}]")
        case MapShape():
            for name, inner in value.items():
                _walk(shape.value, inner, f"{path}.{name}")
        case StringShape():
            assert not shape.enum or value in shape.enum, f"{path}: no word of {shape.name}"
            pattern = shape.metadata.get("pattern")
            assert pattern is None or re.fullmatch(pattern, value), f"{path}: not as {shape.name} is"
