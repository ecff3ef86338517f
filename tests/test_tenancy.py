"""Two walls around each merchant: selectors that filter, and row-level security that answers with nothing."""

import re
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.apps import apps
from django.conf import settings
from django.db import DatabaseError, ProgrammingError, connection, connections, transaction
from django.db.models import QuerySet
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

import billingos.merchants.selectors
import billingos.webhooks.selectors
import customers.selectors
import entitlements.selectors
import insights.selectors
import subscriptions.move_selectors
import subscriptions.payment_selectors
import subscriptions.selectors
import usage.selectors
from billingos.common.errors import NotFound, TenancyError
from billingos.common.models import MerchantOwned
from billingos.common.tenancy import platform_scope, scope
from billingos.merchants.models import ApiKey, AuditEntry, BillingSettings, Invitation, Membership, Merchant, User
from billingos.merchants.services import add_member
from billingos.webhooks.models import WebhookEvent
from customers.models import Customer
from tests.factories import UserFactory
from tests.filling import fill_the_mirror, fill_what_the_path_leaves_empty
from tests.fixtures import Api
from tests.scenes import Scene

TENANT_TABLES = sorted(
    model._meta.db_table
    for model in apps.get_models()
    if issubclass(model, MerchantOwned) or getattr(model, "row_level_security", False)
)


def merchant_column(table: str) -> str:
    return "id" if table == "merchants" else "merchant_id"


@pytest.fixture
def app_connection(committed_db: None) -> Iterator[psycopg.Connection[Any]]:
    """The application's role, without Django and its guard in between."""
    values = settings.DATABASES["default"]
    with psycopg.connect(
        host=values["HOST"],
        port=values["PORT"],
        dbname=connection.settings_dict["NAME"],
        user=values["USER"],
        password=values["PASSWORD"],
        autocommit=True,
    ) as found:
        yield found


def owner_rows(sql: str) -> list[tuple[Any, ...]]:
    with connections["owner"].cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


def test_every_tenant_table_is_known_and_has_its_policies(committed_db: None) -> None:
    with_column = {
        row[0]
        for row in owner_rows(
            "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'merchant_id' "
            "WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
        )
    }
    assert with_column | {"merchants"} == set(TENANT_TABLES)
    policies = set(owner_rows("SELECT tablename, policyname, roles::text FROM pg_policies"))
    secured = {row[0] for row in owner_rows("SELECT relname FROM pg_class WHERE relrowsecurity")}
    for table in TENANT_TABLES:
        assert table in secured, table
        assert (table, "tenant", "{billingos_app}") in policies, table
        assert (table, "platform", "{billingos_platform}") in policies, table


def test_without_a_scope_the_application_reads_nothing(scene: Scene, app_connection: psycopg.Connection[Any]) -> None:
    fill_what_the_path_leaves_empty(scene)
    for table in TENANT_TABLES:
        assert owner_rows(f"SELECT count(*) > 0 FROM {table}") == [(True,)], f"{table} is empty: this proves nothing"  # noqa: S608  (names of ours)
        assert app_connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table  # noqa: S608  (names of ours)


def test_in_a_scope_there_is_one_merchant(scene: Scene, app_connection: psycopg.Connection[Any]) -> None:
    fill_what_the_path_leaves_empty(scene)
    merchant_id = scene.api.merchant.id
    with app_connection.transaction():
        app_connection.execute("SELECT set_config('billingos.merchant', %s, true)", [str(merchant_id)])
        for table in TENANT_TABLES:
            found = app_connection.execute(f"SELECT DISTINCT {merchant_column(table)} FROM {table}").fetchall()  # noqa: S608  (names of ours)
            assert found == [(merchant_id,)], table


def test_a_row_of_another_merchant_cannot_be_written(merchant: Merchant, other_merchant: Merchant) -> None:
    with pytest.raises(ProgrammingError, match="row-level security"), scope(merchant.id):
        AuditEntry.objects.create(merchant=other_merchant, action="forged")
    with scope(other_merchant.id):
        theirs = BillingSettings.objects.for_merchant(other_merchant.id).get()
    with scope(merchant.id):
        assert BillingSettings.objects.filter(id=theirs.id).update(paused_counts=True) == 0
        assert BillingSettings.objects.filter(id=theirs.id).delete()[0] == 0
        mine = BillingSettings.objects.for_merchant(merchant.id)
    for table in ("api_keys", "billing_settings", "invitations", "webhook_events", "audit_entries", "merchants"):
        checks = owner_rows(f"SELECT with_check FROM pg_policies WHERE tablename = '{table}' AND policyname = 'tenant'")  # noqa: S608  (names of ours)
        assert "billingos.merchant" in checks[0][0], table
    with pytest.raises(ProgrammingError, match="row-level security"), scope(merchant.id):
        mine.update(merchant=other_merchant)


def test_after_a_scope_its_empty_setting_is_no_merchant(scene: Scene, app_connection: psycopg.Connection[Any]) -> None:
    """A setting that was once made in a session is afterwards an empty text, not null: no id, and no error either."""
    with app_connection.transaction():
        app_connection.execute("SELECT set_config('billingos.merchant', %s, true)", [str(scene.api.merchant.id)])
        assert app_connection.execute("SELECT count(*) FROM customers").fetchone() == (1,)
    assert app_connection.execute("SELECT current_setting('billingos.merchant', true)").fetchone() == ("",)
    assert app_connection.execute("SELECT count(*) FROM customers").fetchone() == (0,)


def test_scopes_do_not_nest_across_merchants(merchant: Merchant, other_merchant: Merchant) -> None:
    with scope(merchant.id):
        with scope(merchant.id):
            assert Customer.objects.count() == 0
        with pytest.raises(TenancyError), scope(other_merchant.id):
            pass
        with pytest.raises(TenancyError), platform_scope():
            pass


def test_a_scope_does_not_leak_into_the_transaction_around_it(scene: Scene) -> None:
    def left_behind() -> tuple[str, str]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT coalesce(current_setting('billingos.merchant', true), ''), current_user::text")
            setting, role = cursor.fetchone() or ("", "")
        return setting, role

    nothing = ("", "billingos_app")

    with transaction.atomic():
        with scope(scene.api.merchant.id):
            assert Customer.objects.count() == 1
        assert left_behind() == nothing
        with platform_scope():
            assert Customer.objects.filter(merchant=scene.api.merchant).count() == 1
        assert left_behind() == nothing
        with pytest.raises(ZeroDivisionError), scope(scene.api.merchant.id):
            raise ZeroDivisionError
        assert left_behind() == nothing


def test_a_query_outside_of_any_scope_raises(merchant: Merchant) -> None:
    with pytest.raises(TenancyError):
        Customer.objects.for_merchant(merchant.id).exists()


def test_in_production_a_query_outside_of_any_scope_yields_nothing_and_is_logged(
    scene: Scene, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.UNSCOPED_QUERIES_RAISE = False
    assert not Customer.objects.for_merchant(scene.api.merchant.id).exists()
    assert "unscoped_tenant_query" in caplog.text


def test_the_first_wall_stands_without_the_second(scene: Scene, other_merchant: Merchant) -> None:
    """The platform may see all rows: here nothing but the selectors' own filters keeps merchants apart."""
    fill_what_the_path_leaves_empty(scene)
    lists: list[Callable[[UUID], QuerySet[Any]]] = [
        customers.selectors.customers,
        subscriptions.selectors.products,
        subscriptions.selectors.prices,
        subscriptions.selectors.coupons,
        subscriptions.selectors.promotion_codes,
        subscriptions.move_selectors.migrations,
        subscriptions.selectors.subscriptions,
        subscriptions.selectors.find_subscriptions,
        subscriptions.selectors.all_invoices,
        subscriptions.payment_selectors.merchant_invoices,
        subscriptions.payment_selectors.whole_invoices,
        subscriptions.payment_selectors.payments,
        lambda merchant_id: subscriptions.selectors.changes(merchant_id, [scene.subscription["stripe_id"]]),
        entitlements.selectors.features,
        entitlements.selectors.products,
        usage.selectors.meters,
        insights.selectors.insights,
        billingos.webhooks.selectors.events,
        billingos.merchants.selectors.api_keys,
        billingos.merchants.selectors.open_invitations,
    ]
    with platform_scope():
        for rows in lists:
            assert rows(scene.api.merchant.id).exists(), rows
            assert {row.merchant_id for row in rows(scene.api.merchant.id)} == {scene.api.merchant.id}, rows
            assert not rows(other_merchant.id).exists(), rows
        for rows in (billingos.merchants.selectors.members, billingos.merchants.selectors.audit_entries):
            for merchant in (scene.api.merchant, other_merchant):  # both have an owner, and were created
                assert {row.merchant_id for row in rows(merchant.id)} == {merchant.id}, rows
        for reference in (scene.customer["id"], scene.customer["stripe_id"], scene.customer["external_id"]):
            with pytest.raises(NotFound):
                customers.selectors.get_customer(other_merchant.id, reference)


def test_the_audit_log_only_grows(merchant: Merchant) -> None:
    for statement in ("UPDATE audit_entries SET action = ''", "DELETE FROM audit_entries"):
        for entered in (scope(merchant.id), platform_scope()):
            with pytest.raises(DatabaseError, match="permission denied"), entered, connection.cursor() as cursor:
                cursor.execute(statement)


def test_the_raw_mirror_and_the_partitions_are_out_of_reach(
    scene: Scene, app_connection: psycopg.Connection[Any]
) -> None:
    fill_what_the_path_leaves_empty(scene)
    partitions = [row[0] for row in owner_rows("SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r'")]
    assert len(partitions) > 16
    for table in ["djstripe_customer", "djstripe_subscription", "djstripe_apikey", *partitions]:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app_connection.execute(f"SELECT count(*) FROM {table}")  # noqa: S608  (names of ours)


# --- Every address, walked as another merchant ----------------------------------------------------------------------


def addresses(resolver: URLResolver | None = None, prefix: str = "") -> Iterator[str]:
    for pattern in (resolver or get_resolver()).url_patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            yield path
        elif not path.startswith(("ops/", "accounts/")):
            yield from addresses(pattern, path)


def test_every_address_that_takes_an_id_hides_other_merchants_objects(scene: Scene, other_merchant: Merchant) -> None:
    fill_the_mirror(scene)
    (migration,) = scene.api.found(f"/products/{scene.product['id']}/migrations")["data"]
    invoice = scene.api.found("/invoices")["data"][0]
    refund = scene.api.made("/refunds", {"invoice": invoice["id"], "amount": 100})
    note = scene.api.made("/credit-notes", {"invoice": invoice["id"], "amount": 100})
    ids = {
        "customer_id": scene.customer,
        "coupon_id": scene.api.found("/coupons")["data"][0],
        "promotion_code_id": scene.api.found("/promotion-codes")["data"][0],
        "migration_id": {**migration, "stripe_id": ""},
        "product_id": scene.product,
        "price_id": scene.price,
        "subscription_id": scene.subscription,
        "invoice_id": scene.api.found("/invoices")["data"][0],
        "payment_id": scene.api.found("/payments")["data"][0],
        "refund_id": refund,
        "credit_note_id": note,
        "feature_id": scene.api.found("/features")["data"][0],
        "run_id": {**scene.api.found("/reconciliation/runs")["data"][0], "stripe_id": ""},
        "session_id": scene.api.made(
            "/checkout/sessions", {"price": scene.price["id"], "success_url": "https://shop.example/"}
        ),
    }
    stranger = Api(other_merchant)
    walked = 0
    for path in addresses():
        if not path.startswith("api/") or "<" not in path:
            continue
        name = re.findall(r"<str:(\w+)>", path)[0]
        for reference in filter(None, (ids[name]["id"], ids[name]["stripe_id"])):
            address = "/" + re.sub(r"<[^>]+>", reference, path.removeprefix("api/"))
            for method in ("GET", "POST", "PATCH", "DELETE"):
                answer = stranger.request(method, address, {})
                assert answer.status_code in {404, 405}, f"{method} {address}: {answer.status_code}"
                assert scene.customer["email"] not in answer.content.decode()
            mine = scene.api.request("GET", address)
            assert mine.status_code in {200, 405}, f"{address} is not there for its own merchant"
            walked += 1
    assert walked >= 12


def page_addresses() -> Iterator[tuple[str, list[str]]]:
    """The merchant's pages with the names of what they take beside the slug."""
    for path in addresses():
        if path.startswith("app/<slug:slug>"):
            yield path.removeprefix("app/"), re.findall(r"<\w+:(\w+)>", path)[1:]


def member_of(merchant: Merchant) -> Client:
    person: User = UserFactory.create()
    add_member(merchant=merchant, user=person, role=Membership.Role.OWNER)
    client = Client()
    client.force_login(person)
    return client


def test_every_page_is_for_the_merchants_own_people_and_hides_other_merchants_objects(
    scene: Scene, other_merchant: Merchant
) -> None:
    fill_what_the_path_leaves_empty(scene)
    merchant = scene.api.merchant
    things = {
        "customer_id": scene.customer["id"],
        "subscription_id": scene.subscription["id"],
        "product_id": scene.product["id"],
        "invoice_id": scene.api.found("/invoices")["data"][0]["id"],
        "meter_id": scene.api.found("/meters")["data"][0]["id"],
        "insight_id": scene.api.found("/insights")["data"][0]["id"],
        "run_id": scene.api.found("/reconciliation/runs")["data"][0]["id"],
    }
    with scope(merchant.id):
        things |= {
            "key_id": ApiKey.objects.for_merchant(merchant.id).values_list("id", flat=True)[0],
            "event_id": WebhookEvent.objects.filter(merchant=merchant).values_list("id", flat=True)[0],
            "membership_id": Membership.objects.for_merchant(merchant.id).values_list("id", flat=True)[0],
            "invitation_id": Invitation.objects.for_merchant(merchant.id).values_list("id", flat=True)[0],
        }
    mine, stranger = member_of(merchant), member_of(other_merchant)
    walked = set()
    for path, names in page_addresses():
        address = path
        for name in names:
            address = re.sub(rf"<\w+:{name}>", str(things[name]), address)
        for method in ("get", "post"):
            foreign = getattr(stranger, method)("/app/" + address.replace("<slug:slug>", merchant.slug))
            assert foreign.status_code == 404, f"{method} {address}"
            if names:
                hidden = getattr(stranger, method)("/app/" + address.replace("<slug:slug>", other_merchant.slug))
                assert hidden.status_code in {404, 405}, f"{method} {address}: {hidden.status_code}"
        own = mine.get("/app/" + address.replace("<slug:slug>", merchant.slug))
        assert own.status_code in {200, 405}, f"{address} is not there for its own merchant"
        walked.add(path)
    assert len(walked) >= 9


def test_every_page_shows_a_merchant_its_own(scene: Scene, other_merchant: Merchant) -> None:
    scene.api.made(f"/subscriptions/{scene.subscription['id']}/cancel", {"at_period_end": True})
    fill_what_the_path_leaves_empty(scene)
    mine, stranger = member_of(scene.api.merchant), member_of(other_merchant)
    for page, told in (
        ("home", "$49.00"),
        ("customers", scene.customer["external_id"]),
        ("products", scene.product["id"]),
        ("usage", scene.api.found("/meters")["data"][0]["id"]),
        ("insights", scene.subscription["stripe_id"]),
    ):
        assert told in mine.get(f"/app/{scene.api.merchant.slug}/{page}").content.decode(), page
        seen = stranger.get(f"/app/{other_merchant.slug}/{page}").content.decode()
        assert told not in seen, page


def test_every_list_shows_a_merchant_its_own(scene: Scene, other_merchant: Merchant) -> None:
    stranger = Api(other_merchant)
    coupon = scene.api.made("/coupons", {"percent_off": "10", "duration": "once"})
    scene.api.made("/promotion-codes", {"coupon": coupon["id"]})
    lists = [
        "customers", "products", "prices", "features", "meters", "subscriptions", "insights", "webhooks/events",
        "coupons", "promotion-codes", "invoices", "payments", "refunds", "credit-notes",
    ]  # fmt: skip
    scene.api.made(f"/subscriptions/{scene.subscription['id']}/cancel", {})
    invoice = scene.api.found("/invoices")["data"][0]["id"]
    scene.api.made("/refunds", {"invoice": invoice, "amount": 100})
    scene.api.made("/credit-notes", {"invoice": invoice, "amount": 100})
    for name in lists:
        assert scene.api.found(f"/{name}")["data"], name
        assert stranger.found(f"/{name}")["data"] == [], name
    series = {"from": "2026-01-01", "to": "2026-01-02"}
    assert scene.api.found("/analytics/mrr", **series)["data"][0]["mrr"] == 4900
    assert stranger.found("/analytics/mrr", **series)["data"][0]["mrr"] == 0


def test_references_to_another_merchants_objects_are_not_found(scene: Scene, other_merchant: Merchant) -> None:
    stranger = Api(other_merchant)
    mine = stranger.made("/customers", {"external_id": "mine", "name": "Mine"})
    attempts: list[tuple[str, dict[str, Any], str]] = [
        ("/subscriptions", {"customer_id": scene.customer["id"], "items": [{"price": "x"}]}, "customer_id"),
        ("/subscriptions", {"customer_id": mine["id"], "items": [{"price": scene.price["id"]}]}, "items[0][price]"),
        ("/prices", {"product": scene.product["id"], "currency": "usd", "unit_amount": 1}, "product"),
        ("/products", {"name": "P", "features": [{"feature": "sso"}]}, "features[0][feature]"),
        ("/features", {"lookup_key": "f", "name": "F", "type": "limit", "meter": "api_calls"}, "meter"),
        ("/usage/track", {"customer_id": scene.customer["id"], "meter": "api_calls", "event_id": "e"}, "customer_id"),
        ("/portal/sessions", {"customer_id": scene.customer["id"]}, "customer_id"),
    ]
    for path, body, param in attempts:
        answer = stranger.post(path, body)
        assert (answer.status_code, answer.json()["error"]["param"]) == (404, param), answer.content
    for reference in (scene.customer["id"], scene.customer["stripe_id"], scene.customer["external_id"]):
        check = stranger.get("/entitlements/check", customer_id=reference, feature="sso")
        assert check.status_code == 404
