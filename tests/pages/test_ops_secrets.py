"""No secret reaches a page of the ops admin, whatever lies in the tables."""

import re
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.sites import AdminSite
from django.urls import reverse
from djstripe import models as djstripe

from billingos.common.redaction import MASK, redacted
from billingos.common.tenancy import platform_scope
from billingos.merchants.models import Merchant, User
from billingos.merchants.services import create_api_key, record_audit
from tests.factories import unique
from tests.pages.conftest import SignIn
from tests.pages.looking import text_of
from tests.pages.test_ops import add_events

SECRETS = ["sk_test_51Leaked", "sk_live_51Leaked", "rk_live_51Leaked", "whsec_Leaked", "bos_sk_test_Leaked"]
LEAK = re.compile(r"[sr]k_(?:test|live)_|whsec_|Leaked|pbkdf2_sha256\$|argon2")


def hide_secrets_everywhere(merchant: Merchant, staff: User) -> None:
    """Into every column that Stripe, or somebody careless, could have put one."""
    note = {"note": " ".join(SECRETS), "client_secret": "pi_1_secret_Leaked", SECRETS[0]: "as a name"}
    add_events(merchant, 1, payload={"data": {"object": note}}, reason=SECRETS[0], account=f"acct_{SECRETS[3]}")
    with platform_scope():
        record_audit(merchant_id=merchant.id, action="test", target=SECRETS[1], details=note, user=staff)
        key = djstripe.APIKey(
            type="secret", secret=unique("sk_test_Leaked"), name="leak", livemode=False, id=unique("mk_")
        )
        djstripe.APIKey.objects.bulk_create([key])
        djstripe.WebhookEndpoint.objects.bulk_create(
            [
                djstripe.WebhookEndpoint(
                    id=unique("we_"),
                    secret=SECRETS[3],
                    url="https://example.com",
                    enabled_events=["*"],
                    livemode=False,
                    stripe_data={"secret": SECRETS[3]},
                )
            ]
        )
        owner = djstripe.Account(id=unique("acct_"), livemode=False, stripe_data=note)
        djstripe.Account.objects.bulk_create([owner])
        customer = djstripe.Customer(
            id=unique("cus_"), livemode=False, stripe_data={**note, "name": SECRETS[0]}, djstripe_owner_account=owner
        )
        djstripe.Customer.objects.bulk_create([customer])
        for kind in (djstripe.Subscription, djstripe.Invoice):
            kind.objects.bulk_create(
                [kind(id=unique("obj_"), livemode=False, stripe_data=note, customer=customer, metadata=note)]
            )


def pages_of(site: AdminSite) -> list[str]:
    """Every list, and the newest row of each."""
    urls = ["/ops/", "/ops/search/?s=a"]
    for model in site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        newest: Any = model._default_manager.order_by("-pk").values_list("pk", flat=True)[0]
        urls += [reverse(f"{name}_changelist"), reverse(f"{name}_change", args=[newest])]
    return urls


def test_no_secret_reaches_a_page(browser: SignIn, staff: User, shop: Merchant) -> None:
    plain = create_api_key(merchant=shop, name="test")[1]
    hide_secrets_everywhere(shop, staff)
    client, masked = browser(staff), 0
    with platform_scope():
        urls = pages_of(admin.site)
    for url in urls:
        html = text_of(client.get(url, follow=True))
        assert LEAK.search(html) is None, url
        assert plain not in html
        masked += MASK in html
    assert masked >= 6, "the rows with the secrets were shown: event, audit entry and four raw objects"


@pytest.mark.parametrize("model", ["apikey", "webhookendpoint", "event", "idempotencykey"])
def test_dj_stripes_own_pages_are_not_there(model: str, browser: SignIn, staff: User) -> None:
    assert browser(staff).get(f"/ops/djstripe/{model}/").status_code == 404


@pytest.mark.parametrize("url", ["/ops/mfa/authenticator/", "/ops/account/emailaddress/", "/ops/auth/group/"])
def test_allauths_and_djangos_own_pages_are_not_there(url: str, browser: SignIn, staff: User) -> None:
    assert browser(staff).get(url).status_code == 404


def test_the_secrets_are_in_the_tables_in_the_clear(staff: User, shop: Merchant) -> None:
    """So that the walk above can fail."""
    hide_secrets_everywhere(shop, staff)
    with platform_scope():
        assert LEAK.search(djstripe.APIKey.objects.latest("pk").secret)
        assert LEAK.search(djstripe.WebhookEndpoint.objects.latest("pk").secret)
        assert LEAK.search(str(djstripe.Invoice.objects.latest("pk").stripe_data))


@pytest.mark.parametrize("secret", [*SECRETS, "pi_3abc_secret_def", "seti_1_secret_2", "ek_test_1"])
def test_secrets_are_masked_wherever_they_stand(secret: str) -> None:
    shown = str(redacted({"a": [f"before {secret} after", {secret: 1}], "client_secret": "anything", "n": 4900}))
    assert secret not in shown
    assert "anything" not in shown
    assert "before •••• after" in shown
    assert "4900" in shown


def test_what_is_no_secret_is_left_alone() -> None:
    plain = {"id": "cus_1", "risk_level": "normal", "task_id": "task_1", "tokens_used": 3, "note": "desk_lamp"}
    assert redacted(plain) == plain
