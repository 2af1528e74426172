"""The smallest check harness that `cargo xtask interop` can read: one line per check on standard output."""

import asyncio
import os
import sys

CHECK_LIMIT_S = 10  # far below the limit of the whole script, so that one hanging check is named
CHECKS = []


def check(name):
    """Registers a check under the name that its line is printed with."""

    def register(body):
        CHECKS.append((name, body))
        return body

    return register


def run(connect):
    """Runs each check with a connection of its own and the testbed's URL, and ends the script.

    `connect(url)` is an asynchronous context manager. The URL is the script's argument, as given by hand, or `URL` as
    xtask sets it.
    """
    if len(sys.argv) < 2 and "URL" not in os.environ:
        sys.exit("no testbed to check: give its URL as the argument, ws://127.0.0.1:PORT/")
    url = sys.argv[1] if len(sys.argv) > 1 else os.environ["URL"]
    sys.exit(asyncio.run(run_all(connect, url)))


async def run_all(connect, url):
    passed = [await passes(name, body, connect, url) for name, body in CHECKS]
    return 0 if all(passed) else 1


async def passes(name, body, connect, url):
    """Runs one check, prints its line, and says whether it passed."""
    try:
        async with connect(url) as peer:
            await asyncio.wait_for(body(peer, url), CHECK_LIMIT_S)
    except Exception as error:  # whatever it is, it is the check that has failed
        why = " ".join(f"{type(error).__name__} {error}".split())
        line = last_line(error.__traceback__, body.__code__.co_filename)
        print(f"not ok - {name}: line {line}: {why[:600]}", flush=True)
        return False
    print(f"ok - {name}", flush=True)
    return True


def last_line(traceback, file):
    """Where in the script's file the error arose: a bare `assert` says nothing else."""
    line = None
    while traceback:
        if traceback.tb_frame.f_code.co_filename == file:
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    return line
