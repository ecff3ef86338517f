"""Benchmarks: `make bench`, or one by its name. They print ratios against a reference measured in the same run, for
machines are noisy, and absolute figures only beside them. They are no tests."""
