#!/usr/bin/env python3
"""Prints the functions that answered a request with 2xx, one a line. The argument is the folder of their logs."""

import json
import pathlib
import sys

for log in pathlib.Path(sys.argv[1]).glob("*.log"):
    for line in log.read_text(errors="replace").splitlines():
        start = line.find("{")
        try:
            entry = json.loads(line[start:]) if start >= 0 else {}
        except json.JSONDecodeError:
            continue
        if 200 <= entry.get("status", 0) < 300:
            print(log.stem)
            break
