"""The Python SDK of MCP: from a server that requires a token to the response of a tool. The client finds the
authorization server by the metadata of the MCP server, and is identified by the URL of its document.
"""

import asyncio
import base64
import json
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
from mcp import Client
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientMetadata

sys.path.insert(0, str(Path(__file__).parent.parent / "python"))
from person import Person  # noqa: E402

SCENARIO = json.loads(Path(sys.argv[1]).read_text())
ISSUER, RESOURCE = SCENARIO["issuer"], SCENARIO["resource"]
PERSON = Person(ISSUER, SCENARIO["login"], SCENARIO["password"])


def claims(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


class Storage:
    tokens = None
    client = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        self.client = client


async def adds(provider):
    async with httpx2.AsyncClient(auth=provider, timeout=120) as http:
        async with Client(streamable_http_client(RESOURCE, http_client=http)) as client:
            answer = await client.call_tool("add", {"a": 40, "b": 2})
            assert answer.content[0].text == "42", answer


async def main():
    seen = {}

    async def redirect(address):
        seen["address"] = address
        seen["back"] = await asyncio.to_thread(PERSON.authorize, address)

    async def callback():
        said = {name: values[0] for name, values in parse_qs(urlsplit(seen["back"]).query).items()}
        assert said["iss"] == ISSUER, said
        return AuthorizationCodeResult(code=said["code"], state=said["state"], iss=said["iss"])

    storage = Storage()
    provider = OAuthClientProvider(
        server_url=RESOURCE,
        client_metadata=OAuthClientMetadata(
            client_name="Python",
            redirect_uris=[SCENARIO["callback"]],
            grant_types=["authorization_code", "refresh_token"],
            token_endpoint_auth_method="none",
        ),
        storage=storage,
        redirect_handler=redirect,
        callback_handler=callback,
        client_metadata_url=SCENARIO["client_id"],
    )
    await adds(provider)
    assert storage.client.client_id == SCENARIO["client_id"], storage.client
    sent = parse_qs(urlsplit(seen["address"]).query)
    # It requests offline_access because the server's metadata list it, and then prompts for consent.
    assert "offline_access" in sent["scope"][0].split(), sent
    assert sent["prompt"] == ["consent"] and sent["code_challenge_method"] == ["S256"], sent
    first = claims(storage.tokens.access_token)
    assert (first["aud"], first["client_id"]) == (SCENARIO["audience"], SCENARIO["client_id"]), first
    assert storage.tokens.refresh_token, storage.tokens
    # The client considers the token as expired: it refreshes without a user.
    provider.context.token_expiry_time = 1
    pages = len(PERSON.seen)
    await adds(provider)
    assert len(PERSON.seen) == pages, PERSON.seen
    second = claims(storage.tokens.access_token)
    assert second["jti"] != first["jti"] and second["aud"] == first["aud"], (first, second)


asyncio.run(main())
