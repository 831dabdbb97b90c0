// Runs scenarios of the official conformance suite against a server that needs a token: the suite sends none, so a
// forwarder on this machine adds it. Prints the scenarios that failed, with what the suite said.

import { spawn } from "node:child_process";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";

const [url, token, ...scenarios] = process.argv.slice(2);
const SUITE = fileURLToPath(new URL("node_modules/.bin/conformance", import.meta.url));

const forwarder = createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const { host, connection, "content-length": length, "transfer-encoding": coding, ...headers } = request.headers;
  const body = chunks.length > 0 ? Buffer.concat(chunks) : undefined;
  const init = { method: request.method, headers: { ...headers, authorization: `Bearer ${token}` }, body };
  const answer = await fetch(url, init);
  response.writeHead(answer.status, { "content-type": answer.headers.get("content-type") ?? "text/plain" });
  response.end(Buffer.from(await answer.arrayBuffer()));
});

forwarder.listen(0, "127.0.0.1", async () => {
  const address = `http://127.0.0.1:${forwarder.address().port}/`;
  const failed = {};
  for (const scenario of scenarios) {
    const { code, output } = await run(["server", "--url", address, "--scenario", scenario]);
    if (code !== 0) failed[scenario] = output;
  }
  console.log(JSON.stringify(failed, null, 1));
  process.exit(0);
});

function run(words) {
  return new Promise((resolve) => {
    let output = "";
    const child = spawn(process.execPath, [SUITE, ...words]);
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += chunk));
    child.on("close", (code) => resolve({ code, output }));
  });
}
