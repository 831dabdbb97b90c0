// The official client, connected: over Streamable HTTP or over the standard input and output of a command.

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import {
  ElicitRequestSchema,
  ListRootsRequestSchema,
  LoggingMessageNotificationSchema,
} from "@modelcontextprotocol/sdk/types.js";

import { fetchOverHttp2 } from "./http2.mjs";

export const INFO = { name: "official-client", version: "1.2.3" };
const CAPABILITIES = { elicitation: {}, roots: { listChanged: false } };

/** The client, not connected yet. `heard` collects what the server asked and said by itself. */
export function client() {
  const client = new Client(INFO, { capabilities: CAPABILITIES });
  const heard = { elicitations: [], roots: Promise.withResolvers?.() ?? deferred() };
  client.setRequestHandler(ElicitRequestSchema, (request) => {
    heard.elicitations.push(request.params);
    return { action: "decline" };
  });
  client.setRequestHandler(ListRootsRequestSchema, () => ({ roots: [{ uri: "file:///srv/audit", name: "audit" }] }));
  client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => {
    if (String(params.data).startsWith("Roots updated")) heard.roots.resolve(params);
  });
  return { client, heard };
}

export function transport(options) {
  return options.stdio ? overStdio(options.command) : overHttp(options);
}

/** What sends requests. */
export function fetching({ http2 }) {
  return http2 ? fetchOverHttp2 : fetch;
}

/** The headers that a request outside the client needs. */
export function authorization({ token }) {
  return token ? { authorization: `Bearer ${token}` } : {};
}

function overStdio([command, ...args]) {
  return new StdioClientTransport({ command, args, env: process.env, stderr: "inherit" });
}

// The client takes a call that ended in a JSON-RPC error for one that broke off, and would resume it at a moment of its
// own choosing. This script resumes by itself, once, when it is to.
const NO_RECONNECTING = {
  maxRetries: 0,
  initialReconnectionDelay: 1_000,
  maxReconnectionDelay: 1_000,
  reconnectionDelayGrowFactor: 1,
};

function overHttp(options) {
  const requestInit = { headers: authorization(options) };
  const init = { fetch: fetching(options), requestInit, reconnectionOptions: NO_RECONNECTING };
  return new StreamableHTTPClientTransport(new URL(options.url), init);
}

// Node 20 lacks Promise.withResolvers.
function deferred() {
  const parts = {};
  parts.promise = new Promise((resolve, reject) => Object.assign(parts, { resolve, reject }));
  return parts;
}
