"""An offline, stateful Stripe over HTTP with test clocks, for development and tests.

The unchanged ``stripe`` library reaches it through its base address. It knows nothing of BillingOS.
"""

from stripe_simulator.chaos import Chaos
from stripe_simulator.settings import API_VERSION, Settings
from stripe_simulator.simulator import Simulator

__all__ = ["API_VERSION", "Chaos", "Settings", "Simulator"]
