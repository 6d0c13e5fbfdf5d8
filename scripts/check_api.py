#!/usr/bin/env python3
"""The official openai client against `lockstep api`: every endpoint, every option.

    python3 -m pip install openai
    scripts/check_api.py http://127.0.0.1:8000/v1 [KEY]
    scripts/check_api.py http://127.0.0.1:8000/v1 --only tools,seed

Starts nothing: give the address of a server, of a chat model for most rows. Rows about vectors and scores
are asked of whatever model the server lists that can do it, and named as left out where none can. Prints a
table; exit status 1 where a row fails. Tried with openai 3.57.0.
"""

import argparse
import sys
import time

import openai

from api import chat_rows, other_rows  # noqa: F401, they note their rows
from api.client import ROWS, LeftOut, Server


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("base")
    parser.add_argument("key", nargs="?", default="none")
    parser.add_argument("--only", default="", help="words of the rows to run, with commas between")
    options = parser.parse_args()
    words = [word for word in options.only.split(",") if word]
    server = Server(options.base, options.key)
    failed = 0
    for name, function in ROWS:
        if words and not any(word in name for word in words):
            continue
        start = time.monotonic()
        try:
            note = function(server) or ""
            outcome = "ok"
        except LeftOut as reason:
            outcome, note = "left out", str(reason)
        except Exception as error:  # a row's failure is a line of the table
            outcome, note = "FAILED", f"{type(error).__name__}: {str(error)[:300]}"
            failed += 1
        print(f"{name:58} {outcome:9} {time.monotonic() - start:6.2f} s  {note}", flush=True)
    print(f"openai {openai.__version__}: {failed} failed" if failed else
          f"openai {openai.__version__}: all passed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
