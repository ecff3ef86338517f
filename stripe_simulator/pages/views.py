"""Every page by its address."""

from stripe_simulator.deliveries import Deliveries
from stripe_simulator.pages import challenge, checkout, invoice, onboarding, portal
from stripe_simulator.pages.home import Home
from stripe_simulator.pages.site import View


def all_views(deliveries: Deliveries) -> dict[str, View]:
    """Addresses and the functions that answer them."""
    home = Home(deliveries)
    return {
        "/": home.overview,
        "/clocks/<account>/<id>/advance": home.advance,
        "/events/<id>/redeliver": home.redeliver,
        "/objects/<account>/<kind>": home.listing,
        "/objects/<account>/<kind>/<id>": home.one,
        "/3ds/<account>/<id>": challenge.challenge,
        "/c/pay/<id>": checkout.checkout,
        "/i/<account>/<id>": invoice.invoice,
        "/i/<account>/<id>/pdf": invoice.pdf,
        "/p/session/<secret>": portal.portal,
        "/setup/s/<secret>": onboarding.onboarding,
    }
