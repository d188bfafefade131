// The TypeScript SDK of MCP: from a server that requires a token to the response of a tool. The client finds the
// authorization server by the metadata of the MCP server, and is identified by the URL of its document.
import { readFileSync } from "node:fs";
import { auth } from "@modelcontextprotocol/sdk/client/auth.js";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { Person, expect, refused, steps } from "../node/person.mjs";

const scenario = JSON.parse(readFileSync(process.argv[2], "utf8"));
const person = new Person(scenario.issuer, scenario.login, scenario.password);

class Provider {
  clientMetadataUrl = scenario.client_id;
  redirectUrl = scenario.callback;
  clientMetadata = {
    client_name: "TypeScript",
    redirect_uris: [scenario.callback],
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
    token_endpoint_auth_method: "none",
  };

  state() { return "the state"; }
  clientInformation() { return this.information; }
  saveClientInformation(information) { this.information = information; }
  tokens() { return this.kept; }
  saveTokens(tokens) { this.kept = tokens; }
  redirectToAuthorization(address) { this.address = address; }
  saveCodeVerifier(verifier) { this.verifier = verifier; }
  codeVerifier() { return this.verifier; }
}

const claims = (token) => JSON.parse(Buffer.from(token.split(".")[1], "base64url").toString());
const provider = new Provider();
const transport = () => new StreamableHTTPClientTransport(new URL(scenario.resource), { authProvider: provider });
const adds = async () => {
  const client = new Client({ name: "suite", version: "1.0.0" });
  await client.connect(transport());
  const { content } = await client.callTool({ name: "add", arguments: { a: 40, b: 2 } });
  expect(content[0].text === "42", JSON.stringify(content));
  await client.close();
};

await steps({
  async "is sent to the user by the server's metadata"() {
    await refused(adds(), "a call without a token", (error) => error.name === "UnauthorizedError" || provider.address);
    const sent = provider.address.searchParams;
    expect(sent.get("client_id") === scenario.client_id, String(provider.address));
    expect(sent.get("code_challenge_method") === "S256", String(provider.address));
    expect(sent.get("resource").startsWith(scenario.resource), String(provider.address));
  },
  async "calls a tool with a token for that server"() {
    const back = await person.authorize(String(provider.address));
    expect(back.searchParams.get("iss") === scenario.issuer, String(back));
    await transport().finishAuth(back.searchParams.get("code"));
    const { aud, client_id } = claims(provider.kept.access_token);
    expect(aud === scenario.audience && client_id === scenario.client_id, JSON.stringify({ aud, client_id }));
    await adds();
  },
  async "refreshes"() {
    const before = provider.kept.access_token;
    expect(provider.kept.refresh_token, JSON.stringify(provider.kept));
    const done = await auth(provider, { serverUrl: scenario.resource });
    expect(done === "AUTHORIZED" && provider.kept.access_token !== before, done);
    expect(claims(provider.kept.access_token).aud === scenario.audience, "another audience");
    await adds();
  },
});
