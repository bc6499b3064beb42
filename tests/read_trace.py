"""Reads a trace as any viewer does, and holds it to the format's rules and to what a training does.

    read_trace.py FILE RANKS STEPS [CATEGORY...]

STEPS are those of each rank, +N for at least N; categories are those that each rank must have.
"""

import json
import sys
from collections import defaultdict

path, ranks, steps, *categories = sys.argv[1:]
with open(path, encoding="utf-8") as file:
    events = json.load(file)["traceEvents"]

names = {e["pid"]: e["args"]["name"] for e in events if e["name"] == "process_name"}
assert sorted(names.values()) == [f"rank {r}" for r in range(int(ranks))], names
slices = [e for e in events if e["ph"] == "X"]
assert len(slices) + sum(e["ph"] == "M" for e in events) == len(events)

rows = defaultdict(list)
for event in slices:
    begin = round(1000 * event["ts"])
    rows[event["pid"], event["tid"]].append((begin, begin + round(1000 * event["dur"]), event))

for (pid, tid), row in rows.items():
    # Slices of a row nest: each lies wholly inside of the one that is open, or after it.
    open_until = []
    for begin, end, event in sorted(row, key=lambda slice: (slice[0], -slice[1])):
        assert 0 <= begin <= end, event
        while open_until and open_until[-1] <= begin < end:
            open_until.pop()
        while open_until and open_until[-1] < begin:
            open_until.pop()
        assert not open_until or end <= open_until[-1], event
        open_until.append(end)

for pid in names:
    own = [e for e in slices if e["pid"] == pid]
    found = {e["cat"] for e in own}
    missing = set(categories) - found
    assert not missing, f"{names[pid]} has no {missing}, only {found}"
    numbers = [int(e["name"].split()[1]) for e in own if e["cat"] == "step"]
    if steps.startswith("+"):
        assert len(numbers) >= int(steps), len(numbers)
    else:
        assert len(numbers) == int(steps), len(numbers)
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), "steps are in order"

# Ranks make the same calls, and none of them ends before all have begun: the clocks are one.
calls = defaultdict(list)
for event in slices:
    if event["cat"] == "collective" and not event["name"].endswith("broadcast"):
        key = (event["name"], *(event["args"][part] for part in ("group", "first rank", "number")))
        begin = round(1000 * event["ts"])
        calls[key].append((begin, begin + round(1000 * event["dur"])))
together = [spans for spans in calls.values() if len(spans) > 1]
assert together or int(ranks) == 1
for spans in together:
    assert max(begin for begin, _ in spans) <= min(end for _, end in spans), spans
