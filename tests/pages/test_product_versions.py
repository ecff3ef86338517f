"""A product's page says of each version who is on it."""

import re

from django.test import Client

from billingos.common.tenancy import scope
from billingos.merchants.models import Merchant
from subscriptions.models import ProductVersion
from tests.pages.filling import add_price, add_products, subscribe_to
from tests.pages.looking import add_customers, text_of
from tests.pages.test_products import page, price_of

__all__ = ["page"]


def test_each_version_has_its_subscribers_and_mrr(shop: Merchant, page: tuple[Client, str]) -> None:
    client, url = page
    product = add_products(shop, 1)[0]
    old = price_of(product)
    assert "<h3>Subscribers</h3>" not in text_of(client.get(f"{url}/{product.id}"))  # one version: told beside it
    with scope(shop.id):
        second = ProductVersion.objects.create(merchant=shop, product=product, number=2)
        ProductVersion.objects.create(merchant=shop, product=product, number=3, published=False)
    new = add_price(second, unit_amount=5_900)
    one, two, three = add_customers(shop, 3)
    subscribe_to(one, [old])
    subscribe_to(two, [old], quantity=2, mrr=9_800)
    subscribe_to(three, [new], mrr=5_900)
    html = text_of(client.get(f"{url}/{product.id}"))
    cards = re.findall(r'aria-labelledby="version-(\d)">(.*?)</section>', html, flags=re.DOTALL)
    told = {number: " ".join(re.sub(r"<[^>]+>", " ", card).split()) for number, card in cards}
    assert told.keys() == {"2", "1"}  # what is not published is not told of
    assert told["2"].endswith("Subscriptions 1 MRR $59.00")
    assert told["1"].endswith("Subscriptions 2 MRR $147.00")
