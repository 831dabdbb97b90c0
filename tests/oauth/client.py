"""The official Python client, which signs in by OAuth, calls the tool `whoami`, refreshes its token and calls it again.

    client.py URL

Prints what it was answered, and every secret of the flow, so that it can be looked for where it must not be.
"""

import asyncio
import json
import sys
import time
from urllib.parse import parse_qs, urlsplit

import httpx2
from mcp import Client
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientMetadata

URL = sys.argv[1]
SECRETS = []


class Storage:
    def __init__(self):
        self.tokens, self.client = None, None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens
        SECRETS.extend([tokens.access_token, tokens.refresh_token])

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client_info):
        self.client = client_info
        if client_info.client_secret:
            SECRETS.append(client_info.client_secret)


class Browser:
    """Somebody who opens the address and is sent back with a code."""

    async def open(self, address):
        query = parse_qs(urlsplit(address).query)
        SECRETS.extend([query["code_challenge"][0], query["state"][0]])
        async with httpx2.AsyncClient() as browser:
            response = await browser.get(address, follow_redirects=False)
        assert response.status_code == 302, response.text
        self.back = {name: values[0] for name, values in parse_qs(urlsplit(response.headers["location"]).query).items()}
        SECRETS.append(self.back["code"])

    async def returned(self):
        return AuthorizationCodeResult(**self.back)


async def main():
    browser = Browser()
    metadata = OAuthClientMetadata(
        client_name="official-python-client",
        redirect_uris=["http://127.0.0.1:9/callback"],
        grant_types=["authorization_code", "refresh_token"],
        response_types=["code"],
        scope="tools",
    )
    oauth = OAuthClientProvider(URL, metadata, Storage(), browser.open, browser.returned)
    async with httpx2.AsyncClient(auth=oauth, timeout=20) as http:
        async with Client(streamable_http_client(URL, http_client=http)) as client:
            first = await client.call_tool("whoami", {})
            oauth.context.token_expiry_time = time.time() - 1
            second = await client.call_tool("whoami", {})
    answers = [result.content[0].text for result in (first, second)]
    print(json.dumps({"answers": answers, "secrets": SECRETS}))


asyncio.run(main())
