"""`python -m benchmarks.serving_job PORT PATH SECONDS`: one client that asks without a pause.

Bodies are lines of standard input, the first of which is the token. Prints how long each answer took, in ms.
"""

from __future__ import annotations

import json
import sys
import time
from http.client import HTTPConnection
from itertools import cycle

OK = 200


def main(port: str, path: str, seconds: str) -> None:
    """Ask, with one body after the other, for so many seconds; an answer that is no score is an error."""
    token, *bodies = sys.stdin.buffer.read().splitlines()
    headers = {"Authorization": f"Bearer {token.decode()}", "Content-Type": "application/json"}
    connection = HTTPConnection("127.0.0.1", int(port))
    taken = []
    until = time.perf_counter() + float(seconds)
    for body in cycle(bodies):
        began = time.perf_counter()
        if began > until:
            break
        connection.request("POST" if body else "GET", path, body or None, headers)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != OK:
            raise RuntimeError(text.decode())
        taken.append((time.perf_counter() - began) * 1000)
    print(json.dumps(taken))


if __name__ == "__main__":
    main(*sys.argv[1:4])
