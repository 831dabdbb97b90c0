// Runs the official MCP client through one fixed script and prints its normalised results as one JSON document, so that
// a run against a server and a run through the proxy in front of it can be compared. Ends with code 0 only when every
// step could be taken; an error that a server answers with is a result like any other.

import { ErrorCode, McpError } from "@modelcontextprotocol/sdk/types.js";

import { parse } from "./arguments.mjs";
import { closeAll } from "./http2.mjs";
import { normal } from "./normal.mjs";
import { client as newClient, transport as newTransport } from "./session.mjs";
import { steps } from "./steps.mjs";

/** The whole script takes about five seconds. */
const DEADLINE_MS = 55_000;

let current = "start";

try {
  setTimeout(() => fail(new Error(`not over after ${DEADLINE_MS} ms`)), DEADLINE_MS).unref();
  const results = await run(parse(process.argv.slice(2)));
  console.log(JSON.stringify(results, null, 1));
  process.exitCode = 0;
} catch (error) {
  fail(error);
}

async function run(options) {
  const { client, heard } = newClient();
  const transport = newTransport(options);
  const results = {};
  for (const [name, take] of steps({ options, client, transport, heard })) {
    current = name;
    results[name] = normal(await take().catch((error) => answered(error, client)));
  }
  current = "close";
  await client.close();
  closeAll();
  return results;
}

/** An error that came over the wire. Whatever else went wrong ends the script: a timeout, a connection that is gone. */
function answered(error, { transport }) {
  const came = error instanceof McpError && error.code !== ErrorCode.RequestTimeout && transport !== undefined;
  if (came) return { error: { code: error.code, message: error.message } };
  throw error;
}

function fail(error) {
  console.error(`script.mjs failed at "${current}": ${error.message}`);
  if (error.cause) console.error(`because: ${error.cause.message ?? error.cause}`);
  process.exit(1);
}
