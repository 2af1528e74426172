"""web3.py, which sends binary frames, subscribes at the testbed in the role of an Ethereum node.

Prints one line per check for `cargo xtask interop`. By hand: give a testbed's URL as the argument.
"""

import sys
from pathlib import Path

from web3 import AsyncWeb3, WebSocketProvider

sys.path.append(str(Path(__file__).parent.parent / "python"))
from harness import check, run  # noqa: E402


@check("the chain is read")
async def _(w3, url):
    assert await w3.eth.chain_id == 1337
    assert await w3.eth.block_number >= 0


@check("a thousand logs that follow the reply at once are all heard, and the unsubscribe is answered")
async def _(w3, url):
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
async def _(w3, url):
    subscription = await w3.eth.subscribe("newHeads")
    numbers = []
    async for message in w3.socket.process_subscriptions():
        numbers.append(message["result"]["number"])
        if len(numbers) == 3:
            break
    assert numbers == [numbers[0], numbers[0] + 1, numbers[0] + 2]
    assert await w3.eth.unsubscribe(subscription) is True


@check("nothing is left of it at the testbed")
async def _(w3, url):
    stats = (await w3.provider.make_request("stats", []))["result"]
    assert (stats["connections"], stats["serving"]) == (1, 1), stats


run(lambda url: AsyncWeb3(WebSocketProvider(url)))
