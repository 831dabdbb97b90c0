// The official client signs in by OAuth, calls the tool `whoami` twice, the second time with a refreshed token, and prints
// what it was answered, and every secret of the flow, so that it can be looked for where it must not be.

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { auth } from "@modelcontextprotocol/sdk/client/auth.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const url = new URL(process.argv[2]);
const secrets = [];
let back;

/** Where the client keeps what it knows; it opens an address as somebody would who agrees to everything. */
const provider = {
  redirectUrl: "http://127.0.0.1:9/callback",
  clientMetadata: {
    client_name: "official-typescript-client",
    redirect_uris: ["http://127.0.0.1:9/callback"],
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
    scope: "tools",
  },
  clientInformation: () => provider.client,
  saveClientInformation: (client) => {
    provider.client = client;
    if (client.client_secret) secrets.push(client.client_secret);
  },
  tokens: () => provider.kept,
  saveTokens: (tokens) => {
    provider.kept = tokens;
    secrets.push(tokens.access_token, tokens.refresh_token);
  },
  codeVerifier: () => provider.verifier,
  saveCodeVerifier: (verifier) => {
    provider.verifier = verifier;
    secrets.push(verifier);
  },
  redirectToAuthorization: async (address) => {
    const response = await fetch(address, { redirect: "manual" });
    if (response.status !== 302) throw new Error(`${response.status}: ${await response.text()}`);
    back = new URL(response.headers.get("location")).searchParams;
    secrets.push(back.get("code"));
  },
};

async function call() {
  const client = new Client({ name: "official-typescript-client", version: "1.0.0" });
  const transport = new StreamableHTTPClientTransport(url, { authProvider: provider });
  await client.connect(transport);
  const result = await client.callTool({ name: "whoami", arguments: {} });
  await client.close();
  return result.content[0].text;
}

setTimeout(() => {
  console.error("not over after 55 s");
  process.exit(1);
}, 55_000).unref();

const refused = await call().then(
  () => undefined,
  (error) => error.constructor.name,
);
await new StreamableHTTPClientTransport(url, { authProvider: provider }).finishAuth(back.get("code"));
const answers = [await call()];
await auth(provider, { serverUrl: url });
answers.push(await call());
console.log(JSON.stringify({ refused, answers, secrets }));
