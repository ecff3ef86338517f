"""``python -m stripe_simulator``: the simulator as a process."""

import argparse
import errno
import logging
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

from stripe_simulator import chaos
from stripe_simulator.chaos import Chaos
from stripe_simulator.errors import StripeError
from stripe_simulator.settings import Settings
from stripe_simulator.simulator import Simulator


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; the exit status."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=options.log_level.upper(), format="%(levelname)s %(name)s: %(message)s")
    stop = threading.Event()

    def stop_on(number: int, frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, stop_on)
    signal.signal(signal.SIGINT, stop_on)
    simulator = Simulator(
        secret_key=options.secret_key,
        state_path=options.state,
        synchronous_clocks=options.synchronous_clocks,
        settings=Settings(
            chaos=options.chaos,
            clock_limits=options.clock_limits,
            event_days=options.event_days,
            public_url=options.public_url,
        ),
    )
    try:
        server = simulator.serve(port=options.port, host=options.host)
    except OSError as error:
        return _cannot_listen(options.host, options.port, error)
    if options.webhook_url:
        for connect in (False, True):
            simulator.add_webhook_endpoint(options.webhook_url, secret=options.webhook_secret, connect=connect)
    print(f"Stripe simulator ready on {server.url}", flush=True)
    stop.wait()
    server.close()
    return 0


def _cannot_listen(host: str, port: int, error: OSError) -> int:
    reason = "the port is taken" if error.errno == errno.EADDRINUSE else (error.strerror or str(error))
    print(f"stripe_simulator: cannot listen on {host}:{port}: {reason}", file=sys.stderr)
    return 1


def _chaos(text: str) -> Chaos:
    try:
        return chaos.read(dict(pair.split("=", 1) for pair in text.split(",") if pair))
    except (StripeError, ValueError) as bad:
        raise argparse.ArgumentTypeError(str(bad)) from bad


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("stripe_simulator", description="An offline, stateful Stripe over HTTP.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=12111)
    parser.add_argument("--state", type=Path, help="SQLite file that keeps everything (default: memory only)")
    parser.add_argument("--secret-key", default="sk_test_simulator", help="the only key that is let in")
    parser.add_argument("--webhook-url", help="registered for the platform and, with connect, its accounts")
    parser.add_argument("--webhook-secret", help="whsec_… that signs what is sent there")
    parser.add_argument(
        "--synchronous-clocks", action="store_true", help="advancing a test clock answers when it has arrived"
    )
    parser.add_argument(
        "--chaos",
        type=_chaos,
        default=Chaos(),
        metavar="duplicate=0.1,seed=7",
        help="deliver webhooks wrongly: probabilities of duplicate, delay, shuffle, drop; seed; delay_seconds",
    )
    parser.add_argument("--clock-limits", action="store_true", help="keep Stripe's limits of test clocks")
    parser.add_argument("--event-days", type=int, help="forget events after so many days (default: never)")
    parser.add_argument("--public-url", help="where browsers reach the pages (default: where it listens)")
    parser.add_argument("--log-level", default="warning", choices=("debug", "info", "warning", "error"))
    return parser


if __name__ == "__main__":
    sys.exit(main())
