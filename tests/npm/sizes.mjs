// Calls and answers of any size, by the official client and the official server.
//
//   node sizes.mjs serve PORT
//   node sizes.mjs call --url URL --token TOKEN --size BYTES --calls COUNT [--at-once COUNT]
//
// The server answers at /json and /events, as JSON or as events, and at /json-gzip and /events-gzip encoded; its tool
// `echo` sends back the text that it was sent. The client makes its calls all at once, or so many at a time, and ends with code 0 when each was
// answered with its own text.

import { createServer } from "node:http";
import { constants, createGzip } from "node:zlib";

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import { CallToolRequestSchema } from "@modelcontextprotocol/sdk/types.js";

const DEADLINE_MS = 300_000;

const [role, ...words] = process.argv.slice(2);
if (role === "serve") serve(Number(words[0]));
else await call(Object.fromEntries(pairs(words)));

function* pairs(words) {
  for (let at = 0; at < words.length; at += 2) yield [words[at].slice(2), words[at + 1]];
}

function serve(port) {
  const server = createServer((request, response) => {
    answer(request, response).catch((error) => {
      console.error(error);
      response.destroy();
    });
  });
  server.listen(port, "127.0.0.1");
}

async function answer(request, response) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = request.method === "POST" ? JSON.parse(Buffer.concat(chunks).toString("utf8")) : undefined;
  const server = new Server({ name: "sizes", version: "1" }, { capabilities: { tools: {} } });
  server.setRequestHandler(CallToolRequestSchema, ({ params }) => ({
    content: [{ type: "text", text: params.arguments.text }],
  }));
  const enableJsonResponse = request.url.startsWith("/json");
  const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined, enableJsonResponse });
  await server.connect(transport);
  response.on("close", () => void server.close());
  await transport.handleRequest(request, request.url.endsWith("-gzip") ? gzipped(response) : response, body);
}

/** The same response, whose body is encoded on the way. */
function gzipped(response) {
  const gzip = createGzip({ flush: constants.Z_SYNC_FLUSH, level: 1 });
  const { write, end, writeHead } = response;
  gzip.on("data", (chunk) => write.call(response, chunk));
  gzip.on("end", () => end.call(response));
  response.writeHead = (status, ...rest) => {
    response.removeHeader("content-length");
    const given = rest.find((part) => typeof part === "object") ?? {};
    const headers = Array.isArray(given) ? Object.fromEntries(chunked(given)) : { ...given };
    for (const name of Object.keys(headers)) if (name.toLowerCase() === "content-length") delete headers[name];
    return writeHead.call(response, status, { ...headers, "content-encoding": "gzip" });
  };
  response.write = (chunk, ...rest) => gzip.write(chunk, ...rest.filter((part) => part !== undefined));
  response.end = (chunk, ...rest) => {
    if (!response.headersSent) response.writeHead(response.statusCode);
    gzip.end(chunk, ...rest.filter((part) => part !== undefined));
    return response;
  };
  return response;
}

function* chunked(flat) {
  for (let at = 0; at < flat.length; at += 2) yield [flat[at], flat[at + 1]];
}

async function call({ url, token, size, calls, "at-once": atOnce = calls }) {
  setTimeout(() => fail(new Error(`not over after ${DEADLINE_MS} ms`)), DEADLINE_MS).unref();
  const requestInit = { headers: token ? { authorization: `Bearer ${token}` } : {} };
  const client = new Client({ name: "official-client", version: "1.2.3" });
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit }));
  // Quotes and a character of three bytes, so that the text is not its own JSON.
  const text = '"isError":true,\u20ac '.repeat(Math.ceil(Number(size) / 19)).slice(0, Number(size));
  const one = async (at) => {
    const mine = `${at} ${text}`;
    const result = await client.callTool({ name: "echo", arguments: { text: mine } }, undefined, { timeout: DEADLINE_MS });
    if (result.content[0].text !== mine) throw new Error(`call ${at} was answered with something else`);
  };
  let next = 0;
  const worker = async () => {
    while (next < Number(calls)) await one(next++);
  };
  await Promise.all(Array.from({ length: Number(atOnce) }, worker));
  await client.close();
  process.exit(0);
}

function fail(error) {
  console.error(`sizes.mjs failed: ${error.message}`);
  process.exit(1);
}
