"""web3.py, which sends binary frames, subscribes at the testbed in the role of an Ethereum node.

Prints one line per check for `cargo xtask interop`. By hand: give a testbed's URL as the argument.
"""

import asyncio
import os
import sys

from web3 import AsyncWeb3, WebSocketProvider

CHECK_LIMIT_S = 10  # far below the limit of the whole script, so that one hanging check is named
CHECKS = []


def check(name):
    """Registers a check under the name that its line is printed with."""

    def register(body):
        CHECKS.append((name, body))
        return body

    return register


@check("the chain is read")
async def _(w3):
    assert await w3.eth.chain_id == 1337
    assert await w3.eth.block_number >= 0


@check("a thousand logs that follow the reply at once are all heard, and the unsubscribe is answered")
async def _(w3):
    subscription = await w3.eth.subscribe("logs", {})
    indexes = []
    async for message in w3.socket.process_subscriptions():
        assert message["subscription"] == subscription
        indexes.append(message["result"]["logIndex"])
        if len(indexes) == 1000:
            break
    assert indexes == list(range(1000))
    assert await w3.eth.unsubscribe(subscription) is True


@check("blocks are heard until the unsubscribe")
async def _(w3):
    subscription = await w3.eth.subscribe("newHeads")
    numbers = []
    async for message in w3.socket.process_subscriptions():
        numbers.append(message["result"]["number"])
        if len(numbers) == 3:
            break
    assert numbers == [numbers[0], numbers[0] + 1, numbers[0] + 2]
    assert await w3.eth.unsubscribe(subscription) is True


@check("nothing is left of it at the testbed")
async def _(w3):
    stats = (await w3.provider.make_request("stats", []))["result"]
    assert (stats["connections"], stats["serving"]) == (1, 1), stats


async def main(url):
    failed = 0
    for name, body in CHECKS:
        try:
            async with AsyncWeb3(WebSocketProvider(url)) as w3:
                await asyncio.wait_for(body(w3), CHECK_LIMIT_S)
            print(f"ok - {name}", flush=True)
        except Exception as error:  # whatever it is, it is the check that has failed
            failed += 1
            why = " ".join(f"{type(error).__name__}: {error}".split())
            print(f"not ok - {name}: {why[:600]}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else os.environ["URL"])))
