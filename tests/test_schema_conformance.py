"""Whatever the OpenAPI description allows, and what it does not: no answer is a 5xx, and none is undocumented.

Requests are generated from the description by Schemathesis, valid and invalid ones. Ids in addresses and bodies are
often those of real objects, so that requests come further than to a 404.
"""

import random
from functools import cache
from typing import Any

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.failures import FailureGroup

from billingos import api_urls
from tests.filling import fill_what_the_path_leaves_empty
from tests.scenes import Scene
from tests.test_docs import NOT_IN_SCHEMA, endpoints

load_all_checks()
HELD = [
    CHECKS.get_one(name)
    for name in (
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_schema_conformance",
        "response_headers_conformance",
    )
]
OPERATIONS = sorted((path, method) for method, path in endpoints() if path not in NOT_IN_SCHEMA)
PARTS = 4  # so that workers share them


@pytest.fixture
def ids(scene: Scene) -> dict[str, list[str]]:
    """Parameter → values that exist."""
    fill_what_the_path_leaves_empty(scene)
    found = scene.api.found

    def of(path: str) -> list[str]:
        return [row["id"] for row in found(path)["data"]]

    return {
        "customer_id": [scene.customer["id"], scene.customer["external_id"], scene.customer["stripe_id"]],
        "product_id": of("/products"),
        "product": of("/products"),
        "price_id": of("/prices"),
        "price": of("/prices"),
        "feature_id": of("/features"),
        "feature": ["sso", "api_calls"],
        "meter": ["api_calls"],
        "subscription_id": of("/subscriptions"),
        "subscription": of("/subscriptions"),
        "invoice_id": of("/invoices"),
        "invoice": of("/invoices"),
        "payment_id": of("/payments"),
        "payment": of("/payments"),
        "refund_id": of("/refunds"),
        "credit_note_id": of("/credit-notes"),
        "coupon_id": of("/coupons"),
        "coupon": of("/coupons"),
        "promotion_code_id": of("/promotion-codes"),
        "promotion_code": of("/promotion-codes"),
        "currency": ["usd"],
        "migration_id": of(f"/products/{scene.product['id']}/migrations"),
    }


def with_real_ids(value: Any, ids: dict[str, list[str]], dice: random.Random) -> Any:
    """The body with ids of real objects in most of the places for one."""
    if isinstance(value, dict):
        return {
            key: dice.choice(ids[key])
            if ids.get(key) and isinstance(entry, str) and dice.random() < 0.8
            else with_real_ids(entry, ids, dice)
            for key, entry in value.items()
        }
    return [with_real_ids(entry, ids, dice) for entry in value] if isinstance(value, list) else value


@cache
def described() -> Any:
    """What OpenAPI says; reading it takes longer than asking an endpoint."""
    return schemathesis.openapi.from_wsgi("/api/schema?format=json", get_wsgi_application())


def ask(scene: Scene, ids: dict[str, list[str]], path: str, method: str, examples: int) -> None:
    operation = described()[path][method]
    dice = random.Random(f"{method} {path}")

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def answers(case: Any) -> None:
        case.path_parameters = with_real_ids(dict(case.path_parameters or {}), ids, dice)
        case.query = with_real_ids(dict(case.query or {}), ids, dice)
        if isinstance(case.body, dict):
            case.body = with_real_ids(case.body, ids, dice)
        headers = {"Authorization": f"Bearer {scene.api.key}"}
        case.call_and_validate(headers=headers, checks=HELD)

    answers()


def ask_all(scene: Scene, ids: dict[str, list[str]], part: int, examples: int) -> None:
    wrong = []
    for path, method in OPERATIONS[part::PARTS]:
        try:
            ask(scene, ids, path, method, examples)
        except (Exception, FailureGroup) as error:
            wrong.append(f"{method} {path}: {_told(error)}")
    assert wrong == [], "\n\n".join(wrong)


def _told(error: BaseException) -> str:
    inner = getattr(error, "exceptions", None)
    return "\n".join(_told(one) for one in inner) if inner else str(error)[:600]


@pytest.mark.parametrize("part", range(PARTS))
def test_every_answer_is_described(scene: Scene, ids: dict[str, list[str]], part: int) -> None:
    ask_all(scene, ids, part, examples=3)


@pytest.mark.long
@pytest.mark.parametrize("part", range(PARTS))
def test_every_one_of_many_answers_is_described(scene: Scene, ids: dict[str, list[str]], part: int) -> None:
    ask_all(scene, ids, part, examples=100)


def test_no_endpoint_is_left_out() -> None:
    described = {path for path, _ in OPERATIONS} | NOT_IN_SCHEMA
    assert len(described) == len({str(entry.pattern) for entry in api_urls.urlpatterns})
