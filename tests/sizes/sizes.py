"""Calls and answers of any size, by the official Python client and server.

    sizes.py serve PORT
    sizes.py call --url URL --token TOKEN --size BYTES --calls COUNT

The server answers at /json and /events, as JSON or as events, and at /json-gzip encoded; its tool `echo` sends back the
text that it was sent. The client makes its calls all at once, and ends with code 0 when each was answered with its own
text.
"""

import argparse
import asyncio
import contextlib
import sys

import httpx2
import uvicorn
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.server.mcpserver import MCPServer
from starlette.middleware.gzip import GZipMiddleware

DEADLINE = 300


def app(mode):
    server = MCPServer("sizes")

    @server.tool(structured_output=False)
    def echo(text: str) -> str:
        """The same text."""
        return text

    return server.streamable_http_app(
        streamable_http_path=f"/{mode}",
        json_response=mode.startswith("json"),
        stateless_http=True,
        max_request_body_size=1 << 30,
    )


def serve(port):
    apps = {mode: app(mode) for mode in ["json", "events", "json-gzip"]}
    called = {**apps, "json-gzip": GZipMiddleware(apps["json-gzip"], compresslevel=1)}

    @contextlib.asynccontextmanager
    async def lifespan():
        async with contextlib.AsyncExitStack() as stack:
            for each in apps.values():
                await stack.enter_async_context(each.router.lifespan_context(each))
            yield

    async def dispatch(scope, receive, send):
        if scope["type"] != "lifespan":
            return await called[scope["path"].split("/")[1]](scope, receive, send)
        await receive()
        async with lifespan():
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})

    uvicorn.run(dispatch, host="127.0.0.1", port=port, log_level="warning")


async def call(url, token, size, calls):
    # Quotes and a character of three bytes, so that the text is not its own JSON.
    text = ('"isError":true,\u20ac ' * (size // 19 + 1))[:size]
    headers = {"authorization": f"Bearer {token}"} if token else {}

    async def one(client, at):
        result = await client.call_tool("echo", {"text": f"{at} {text}"}, read_timeout_seconds=DEADLINE)
        assert result.content[0].text == f"{at} {text}", f"call {at} was answered with something else"

    async with httpx2.AsyncClient(headers=headers, timeout=DEADLINE) as http:
        async with Client(streamable_http_client(url, http_client=http)) as client:
            await asyncio.gather(*(one(client, at) for at in range(calls)))


if sys.argv[1] == "serve":
    serve(int(sys.argv[2]))
else:
    options = argparse.ArgumentParser()
    options.add_argument("--url")
    options.add_argument("--token")
    options.add_argument("--size", type=int)
    options.add_argument("--calls", type=int)
    asyncio.run(call(**vars(options.parse_args(sys.argv[2:]))))
