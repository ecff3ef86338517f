"""Every page by its address."""

from stripe_simulator.deliveries import Deliveries
from stripe_simulator.pages.site import View


def all_views(deliveries: Deliveries) -> dict[str, View]:
    """Addresses and the functions that answer them."""
    return {}
