"""Every page of the dashboard and the portal, read from the URLconf: how many statements it takes with one row and with
500 of everything, and who may take its list away. A page that is added is measured without anybody adding it here."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from billingos.common.tenancy import scope
from billingos.merchants.models import ApiKey, Membership, User
from billingos.merchants.services import add_member, create_api_key, record_audit
from billingos.merchants.services.keys import key_digest
from customers.models import Customer
from customers.selectors import get_customer
from subscriptions.models import Invoice, Product, ProductVersion, Subscription
from tests.e2e.addresses import Area, Route, routes_in
from tests.factories import UserFactory, unique
from tests.pages.filling import add_events as add_usage
from tests.pages.filling import add_insights, add_meters, add_price, add_products, add_reconciliation, subscribe_to
from tests.pages.joining import add_invitations, add_members
from tests.pages.looking import BUDGET, START, add_customers, statements
from tests.pages.test_customer import fill as fill_customer
from tests.pages.test_ops import add_events
from tests.portal.conftest import enter, session_for
from tests.scenes import Scene
from usage.models import Meter

PAGES = routes_in(Area.DASHBOARD, Area.PORTAL)
MANY = 500
# What the plain address does not show: who has one business is sent on to it.
QUERIES = {"dashboard:choose": "?all"}
# Not pages of their own: they take something in and send on.
SENDS_ON = {"portal:card-added"}
# It asks Stripe and writes down the answer.
BUDGETS = {"dashboard:connect_done": BUDGET + 1}
EXPORTS = {"customers", "customer_invoices", "subscriptions", "inbox", "reconciliation_run", "audit"}


class Company:
    """One business with something of everything, its people at their browsers, and a customer at the portal."""

    def __init__(self, scene: Scene) -> None:
        self.scene, self.merchant = scene, scene.api.merchant
        with scope(self.merchant.id):
            memberships = Membership.objects.for_merchant(self.merchant.id).select_related("user")
            self.owner: User = memberships.get(role="owner").user
            self.customer = get_customer(self.merchant.id, scene.customer["id"])
            self.subscription = Subscription.objects.for_merchant(self.merchant.id).get(customer=self.customer)
            self.product = Product.objects.for_merchant(self.merchant.id).get()
            self.invoice = Invoice.objects.for_merchant(self.merchant.id).get()
            self.meter = Meter.objects.for_merchant(self.merchant.id).get()
        add_usage(self.meter, self.customer, (START, 1))
        add_insights(self.customer, 1)
        self.colleague = self.join("viewer")
        self.values = self.links()

    def join(self, role: str) -> Membership:
        return add_member(merchant=self.merchant, user=UserFactory.create(), role=Membership.Role(role))

    def links(self) -> dict[str, dict[str, Any]]:
        """Parameter → value; what bears the same name in several addresses stands under the address's own."""
        token, (event,) = unique("token-"), add_events(self.merchant, 1, status="failed")
        (invitation,) = add_invitations(self.merchant, 1, by=self.owner, token=token)
        key, _ = create_api_key(merchant=self.merchant, name="server", by=self.owner)
        common = {
            "slug": self.merchant.slug,
            "customer_id": self.customer.id,
            "subscription_id": self.subscription.id,
            "product_id": self.product.id,
            "invoice_id": self.invoice.id,
            "meter_id": self.meter.id,
            "key_id": key.id,
            "event_id": event.id,
            "run_id": add_reconciliation(self.merchant, drifts=1).id,
            "membership_id": self.colleague.id,
            "invitation_id": invitation.id,
        }
        link = session_for(self.scene.api, self.scene.customer["id"]).link_token
        own = {"dashboard:invitation": {"token": token}, "portal:link": {"token": link}}
        return {route.name: {**common, **own.get(route.name, {})} for route in PAGES}

    def url(self, route: Route) -> str:
        """Raises KeyError for a page whose address needs what no company here has: give it one, in `links`."""
        return route.fill(self.values[route.name]) + QUERIES.get(route.name, "")

    def browsers(self) -> dict[Area, Client]:
        owner = Client()
        owner.force_login(self.owner)
        link = session_for(self.scene.api, self.scene.customer["id"]).link_token
        customer = enter(link, Client(headers={"Host": "127.0.0.1:8000"}))  # the demo's page is for this machine
        return {Area.DASHBOARD: owner, Area.PORTAL: customer}

    def measure(self) -> dict[str, int]:
        """Statements a page, by its name."""
        browsers = self.browsers()
        return {
            route.name: statements(browsers[route.area], self.url(route))
            for route in PAGES
            if route.name not in SENDS_ON
        }

    def grow(self, count: int) -> None:
        """`count` more of everything: of the business, of the customer, of the product, of the meter."""
        fill_customer(self.customer, count)
        others = add_customers(self.merchant, count)
        self.sell(others)
        self.use(others)
        add_insights(self.customer, count)
        add_events(self.merchant, count, status="failed")
        add_reconciliation(self.merchant, drifts=count)
        self.staff(count)

    def sell(self, customers: list[Customer]) -> None:
        """A product for each, and all of them on one product, which has a price for each."""
        add_products(self.merchant, len(customers))
        with scope(self.merchant.id):
            version = ProductVersion.objects.for_merchant(self.merchant.id).filter(product=self.product)[0]
        prices = [add_price(version, unit_amount=number) for number, _ in enumerate(customers)]
        for customer, price in zip(customers, prices, strict=True):
            subscribe_to(customer, [price])

    def use(self, customers: list[Customer]) -> None:
        add_meters(self.merchant, len(customers))
        for customer in customers:
            add_usage(self.meter, customer, (timezone.now(), 1))

    def staff(self, count: int) -> None:
        add_members(self.merchant, count)
        with scope(self.merchant.id):
            ApiKey.objects.bulk_create(
                ApiKey(
                    merchant=self.merchant,
                    name="server",
                    kind="secret",
                    prefix="bos_sk_test_",
                    last4="abcd",
                    digest=key_digest(unique("key-")),
                    created_by=self.owner,
                )
                for _ in range(count)
            )
            for number in range(count):
                record_audit(merchant_id=self.merchant.id, action="test", target=str(number))
        add_invitations(self.merchant, 49, by=self.owner)  # more may not be open


@pytest.fixture
def company(scene: Scene) -> Company:
    return Company(scene)


def test_every_page_takes_few_statements_with_one_row_and_no_more_with_500(company: Company, settings: Any) -> None:
    settings.DEMO_MODE = True
    few = company.measure()
    company.grow(MANY)
    many = company.measure()
    assert {name: many[name] for name in few if many[name] > few[name]} == {}
    assert {name: count for name, count in few.items() if count > BUDGETS.get(name, BUDGET)} == {}


def test_whoever_may_only_look_takes_no_list_away(company: Company) -> None:
    owner, viewer = company.browsers()[Area.DASHBOARD], Client()
    viewer.force_login(company.colleague.user)
    found = set()
    for route in routes_in(Area.DASHBOARD):
        if "slug" not in route.parameters:
            continue
        answer = owner.get(company.url(route), {"format": "csv"})
        if answer.headers["Content-Type"].startswith("text/csv"):
            found.add(route.name.removeprefix("dashboard:"))
            assert viewer.get(company.url(route), {"format": "csv"}).status_code == 403, route.name
            assert "format=csv" not in viewer.get(company.url(route)).content.decode(), route.name
    assert found == EXPORTS
