"""The testbed's methods, called by jsonrpc-websocket; and the testbed calling back.

Prints one line per check for `cargo xtask interop`. By hand: give a testbed's URL as the argument.
"""

import asyncio
import logging
from contextlib import asynccontextmanager

from harness import CHECK_LIMIT_S, check, run
from jsonrpc_base import ProtocolError, Request
from jsonrpc_websocket import Server


class Peer(Server):
    """The library's peer, which also notes the ids that the testbed's calls carry."""

    def __init__(self, url, **options):
        super().__init__(url, timeout=CHECK_LIMIT_S, **options)
        self._called_with = []

    async def async_receive_request(self, request):
        self._called_with.append(request.msg_id)
        return await super().async_receive_request(request)


@check("add by position and by name")
async def _(peer, url):
    assert await peer.add(2, 3) == 5
    assert await peer.add(a=-5, b=3) == -2


@check("echo of every kind of JSON value")
async def _(peer, url):
    text = "é ñ 汉字 🦀 \u0000 \" \\ /"
    numbers = [0, -1, 1.5, 1e300, 2**53 + 1, 2**64, 10**40]
    for value in [None, True, False, "", text, [], {}, numbers, {"": [{"é": None}]}, ["x" * 100_000]]:
        assert await peer.echo(value) == value
        assert await peer.echo(value=value) == value


@check("an error arrives with its code, message and data")
async def _(peer, url):
    assert await failure(peer.fail(42, "no luck", {"é": [1]})) == (42, "no luck", {"é": [1]})
    assert await failure(peer.fail(code=7, message="bare")) == (7, "bare", None)


@check("errors of the framework: unknown method, wrong params, a panic")
async def _(peer, url):
    assert (await failure(peer.no_such_method()))[0] == -32601
    assert (await failure(peer.add("one", 2)))[0] == -32602
    assert (await failure(peer.add(1)))[0] == -32602
    assert (await failure(peer.panic()))[0] == -32603
    assert await peer.add(1, 1) == 2, "the connection did not outlive the panic"


@check("a hundred notifications are handled in order")
async def _(peer, url):
    lines = ["line %d é" % i for i in range(100)]
    for line in lines:
        await peer.log(line, _notification=True)
    assert await peer.logged() == lines


@check("a thousand concurrent calls each get their own answer")
async def _(peer, url):
    sums = await asyncio.gather(*(peer.add(i, i) for i in range(1_000)))
    assert sums == [2 * i for i in range(1_000)]


@check("calls are answered as they end")
async def _(peer, url):
    ended = []

    async def sleep(ms):
        ended.append(await peer.sleep(ms))

    await asyncio.gather(sleep(400), sleep(0), sleep(200))
    assert ended == [0, 200, 400], ended


@check("relay calls a registered handler and returns its result, or its error unchanged")
async def _(peer, url):
    async def greet(name):
        return "hello " + name

    def refuse():
        raise ValueError("ours")

    peer.double = lambda n: 2 * n
    peer.greet = greet
    peer.refuse = refuse
    assert await peer.relay("double", [21]) == 42
    assert await peer.relay("greet", {"name": "é"}) == "hello é"
    assert await peer.relay(method="double", params={"n": 4}) == 8
    # What the library answers when a handler raises, and when it has none.
    assert await failure(peer.relay("refuse", [])) == (-32000, "Server Error: ours", None)
    assert (await failure(peer.relay("not_served_here", [])))[0] == -32601


@check("relay nested three deep in both directions, one and five hundred at once")
async def _(peer, url):
    async def relay(method, params):
        return await getattr(peer, method)(*params)

    peer.relay = relay
    call = ("add", [1, 2])
    for _ in range(6):
        call = ("relay", list(call))
    method, params = call
    assert await getattr(peer, method)(*params) == 3
    assert await asyncio.gather(*(getattr(peer, method)(*params) for _ in range(500))) == [3] * 500


@check("while the testbed's call is open, ours with the same id is served")
async def _(peer, url):
    async def mirror(a, b):
        id = peer._called_with[-1]
        # The library takes an id of 0 for none, so such a call cannot be mirrored.
        return await peer.send_message(Request("add", [a, b], id)) if id else "unmirrored"

    peer.mirror = mirror
    answers = [await peer.relay("mirror", [i, 1]) for i in range(5)]
    mirrored = [(i, answer) for i, answer in enumerate(answers) if answer != "unmirrored"]
    assert mirrored and all(answer == i + 1 for i, answer in mirrored), answers


@check("calls of both sides with the same numbers for ids, at once")
async def _(peer, url):
    peer.double = lambda n: 2 * n
    ours = range(1, 201)
    calls = [peer.send_message(Request("relay", ["double", [i]], i)) for i in ours]
    assert await asyncio.gather(*calls) == [2 * i for i in ours]
    met = set(ours) & set(peer._called_with)
    assert met, "the testbed's ids (%s, …) are none of 1 to 200: nothing was shown" % peer._called_with[:3]


@check("broadcast reaches handlers on two connections")
async def _(peer, url):
    async with connect(url) as other:
        heard = asyncio.Queue()
        peer.said = lambda line: heard.put_nowait(("one", line))
        other.said = lambda line: heard.put_nowait(("other", line))
        assert await peer.broadcast("said", ["é"]) >= 2
        both = {await asyncio.wait_for(heard.get(), 5) for _ in range(2)}
        assert both == {("one", "é"), ("other", "é")}, both


@check("the subprotocol is the one that was offered, or none")
async def _(peer, url):
    assert (await peer.whoami())["protocol"] == "jsonrpc"
    async with connect(url, protocols=()) as plain:
        assert (await plain.whoami())["protocol"] != "birpc.v1"


@asynccontextmanager
async def connect(url, protocols=("jsonrpc",)):
    peer = Peer(url, protocols=protocols)
    await asyncio.wait_for(peer.ws_connect(), 10)
    try:
        yield peer
    finally:
        await peer.close()


async def failure(call):
    """The code, message and data of the error that `call` ends with."""
    try:
        result = await call
    except ProtocolError as error:
        code, message, answer = error.args
        return code, message, answer["error"].get("data")
    raise AssertionError("an error was due, but the answer is %r" % (result,))


logging.disable()  # the library logs every error that a handler raises, and here they are raised on purpose
run(connect)
