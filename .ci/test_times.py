#!/usr/bin/env python3
"""Passes the output of `cargo test` through and adds the time that each module of the suite took.

libtest prints a test when it ends and starts tests in the order of their names, one as soon as
another has ended. So a test started when the one RUST_TEST_THREADS places before it in the order
of ends had ended, and its duration follows from the times at which lines arrive.

wall: from the start of a module's first test to the end of its last. Modules overlap at their edges.
tests: the sum of their durations. They run side by side, so it can exceed the wall time.
"""

import os
import re
import sys
import time

THREADS = int(os.environ.get("RUST_TEST_THREADS") or len(os.sched_getaffinity(0)))
ENDED = re.compile(r"test ((?:\w+::)+\w+)(?: - should panic)? \.\.\. (?:ok|FAILED)\b")


def report(began, ends):
    """Prints a line for each folder and each module of it, in the order of the names."""
    in_order_of_ends = sorted(ends.values())
    modules = {}
    for place, name in enumerate(sorted(ends)):
        start = began if place < THREADS else in_order_of_ends[place - THREADS]
        path = name.split("::")[:-1][:2]
        for module in {path[0], "::".join(path)}:
            modules.setdefault(module, []).append((start, ends[name]))
    print(f"\n   wall   tests  count  module (seconds, {THREADS} at a time)")
    for module, times in sorted(modules.items()):
        wall = max(end for _, end in times) - min(start for start, _ in times)
        total = sum(end - start for start, end in times)
        indent = "  " * module.count("::")
        print(f"{wall:7.1f} {total:7.1f} {len(times):6}  {indent}{module}")
    print(flush=True)


in_suite, began, ends = False, 0.0, {}
for line in sys.stdin:
    print(line, end="", flush=True)
    if "Running " in line:
        in_suite = "tests/suite/" in line
    elif in_suite and line.startswith("running "):
        began, ends = time.monotonic(), {}
    elif in_suite and line.startswith("test result:"):
        report(began, ends)
        in_suite = False
    elif in_suite and (ended := ENDED.search(line)):
        ends[ended[1]] = time.monotonic()
