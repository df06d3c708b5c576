"""What the OpenAPI document allows is answered as it says: no bug, no answer that it does not name."""

import re

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case
from schemathesis.checks import CHECKS

from tests.jepa_retrieval.serving.conftest import Running

pytestmark = pytest.mark.long

# Jobs write to the index, sessions set cookies, alerts never end: they have tests of their own.
NOT_ASKED = re.compile(r"/v1/(jobs/(index|optimize)|session|alerts/events)")
CHECKED = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)


def test_answers_are_those_of_the_document(server: Running) -> None:
    document = schemathesis.openapi.from_url(f"{server.url}/openapi.json")
    checks = CHECKS.get_by_names(list(CHECKED))
    asked = 0
    for found in document.get_all_operations():
        operation = found.ok()
        if NOT_ASKED.fullmatch(operation.path):
            continue

        @given(case=operation.as_strategy())
        @settings(
            max_examples=12,
            deadline=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
            derandomize=True,
            database=None,
        )
        def ask(case: Case) -> None:
            case.call_and_validate(checks=checks, timeout=60)

        ask()
        asked += 1
    assert asked >= 20


def test_every_route_is_described_with_its_errors(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()

    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation["summary"], (method, path)
            assert operation["description"], (method, path)
            assert {"401", "403", "421"} <= set(operation["responses"]), (method, path)
            for status, answer in operation["responses"].items():
                if int(status) >= 400:
                    assert list(answer["content"]) == ["application/problem+json"], (method, path, status)
    for name in ("SearchRequest", "ClassifyRequest", "AskRequest", "EmbeddingsRequest", "ExportRequest"):
        assert document["components"]["schemas"][name]["examples"], name


def test_the_description_is_a_page_too(client: httpx.Client) -> None:
    page = client.get("/docs")

    assert page.headers["content-type"].startswith("text/html")
    assert "POST /v1/search" in page.text
    assert "a dog on the beach" in page.text
    assert "<script" not in page.text
