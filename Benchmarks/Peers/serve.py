"""Runs one peer as a contestant: requests on standard input, JSON lines on standard output.

    python serve.py PEER --data DIR --threads T

The protocol is the one of the Palimpsest executable (README.md), with one more option:
`items=N` limits a workload to the first N training items.
"""

import argparse
import importlib
import json
import os
import sys
import time

import numpy as np

from arrays import Arrays
from peers import PEERS


def protocol_output():
    """The real standard output; whatever else prints goes to standard error."""
    output = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    return output


def parse(line):
    """`WORKLOAD [items=N] [result=PATH]` as (workload, items, path)."""
    line, _, path = line.partition(" result=")
    workload, _, items = line.partition(" items=")
    return workload, int(items) if items else None, path or None


def serve(peer, threads, output):
    prepared = {}
    for line in sys.stdin:
        workload, items, path = parse(line.rstrip("\n"))
        reply = {"workload": workload, "threads": threads}
        try:
            if (workload, items) not in prepared:
                # Buffers of the last workload must not count as memory of this one.
                prepared = {key: run for key, run in prepared.items() if key[0] == "sgemm"}
                prepared[workload, items] = getattr(peer, workload.replace("-", "_"))(items)
            start = time.perf_counter()
            result = prepared[workload, items]()
            reply["seconds"] = [time.perf_counter() - start]
            if path and result is not None:
                np.save(path, np.ascontiguousarray(result))
        except Exception as error:  # Any failure of a peer is a line in the table.
            reply["error"] = f"{type(error).__name__}: {error}".splitlines()[0]
        print(json.dumps(reply), file=output)


def main():
    parser = argparse.ArgumentParser(description="Run one peer as a contestant.")
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("--data", required=True)
    parser.add_argument("--threads", type=int, required=True)
    options = parser.parse_args()

    output = protocol_output()
    module, name, title = PEERS[options.peer]
    try:
        peer_type = getattr(importlib.import_module(f"peers.{module}"), name)
    except ImportError as error:
        print(json.dumps({"error": f"not installed ({error})"}), file=output)
        return
    peer = peer_type(Arrays(options.data), options.threads)
    print(json.dumps({"ready": True, "name": f"{title} {peer.version}"}), file=output)
    serve(peer, options.threads, output)


if __name__ == "__main__":
    main()
