"""`python -m benchmarks [webhooks …] [--seconds N]`: each prints a table and writes .billingos/bench/<name>.json."""

import argparse
import sys
from collections.abc import Callable

from benchmarks.report import Report
from benchmarks.webhooks import measure_webhooks

BENCHMARKS: dict[str, Callable[[float], Report]] = {"webhooks": measure_webhooks}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("names", nargs="*", help="all of them unless some are named: " + ", ".join(BENCHMARKS))
    parser.add_argument("--seconds", type=float, default=10.0, help="how long each rate is measured")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - BENCHMARKS.keys():
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}")
    reports = [BENCHMARKS[name](arguments.seconds) for name in arguments.names or BENCHMARKS]
    for report in reports:
        report.print()
        report.write()
    return 0 if all(report.met for report in reports) else 1


if __name__ == "__main__":
    sys.exit(main())
