// A stream that breaks off half-way and is resumed by its last event id, with bare requests: the official client would
// hide what was replayed.

import { authorization, fetching } from "./session.mjs";

const TOOL = "trigger-long-running-operation";

/** Begins a call, hangs up after its first progress, and returns what the resumed stream replays of it. */
export async function resumed(options, transport, barrier) {
  const session = { options, transport };
  const call = { name: TOOL, arguments: { duration: 0.3, steps: 3 }, _meta: { progressToken: "raw" } };
  const first = await open(session, { method: "POST", body: message("tools/call", call) });
  const seen = await until(first, (event) => event.data?.method === "notifications/progress");
  // The server goes on with the call after the hang-up. A later call that takes longer is over when the first one is.
  await barrier({ name: TOOL, arguments: { duration: 0.6, steps: 1 } });
  const again = await open(session, { headers: { "last-event-id": seen.at(-1).id } });
  const replayed = await until(again, isAnswer);
  return { broken: seen.map(summary), replayed: replayed.filter(ours).map(summary), type: again.type };
}

/** What the server says of a session that has been deleted. */
export async function afterDelete(options, sessionId) {
  const transport = { sessionId, protocolVersion: "2025-11-25" };
  const response = await request({ options, transport }, { method: "POST", body: message("tools/list") });
  return { status: response.status, body: await response.json() };
}

function message(method, params) {
  return JSON.stringify({ jsonrpc: "2.0", id: "raw", method, params });
}

function request({ options, transport }, { headers, ...init }) {
  const common = {
    accept: init.body ? "application/json, text/event-stream" : "text/event-stream",
    "mcp-session-id": transport.sessionId,
    "mcp-protocol-version": transport.protocolVersion,
    ...(init.body ? { "content-type": "application/json" } : {}),
  };
  return fetching(options)(options.url, { ...init, headers: { ...common, ...authorization(options), ...headers } });
}

async function open(session, init) {
  const response = await request(session, init);
  if (!response.ok) throw new Error(`the stream was not opened: ${response.status} ${await response.text()}`);
  return { body: response.body, type: response.headers.get("content-type") };
}

/** The events up to the first that is `wanted`. Leaving the loop cancels the body, which closes the connection. */
async function until({ body }, wanted) {
  const seen = [];
  for await (const event of events(body)) {
    seen.push(event);
    if (wanted(event)) return seen;
  }
  throw new Error(`the stream ended early, after ${JSON.stringify(seen)}`);
}

async function* events(body) {
  let text = "";
  for await (const chunk of body.pipeThrough(new TextDecoderStream())) {
    const parts = (text + chunk).split(/\r?\n\r?\n/);
    text = parts.pop();
    yield* parts.map(parsed);
  }
}

function parsed(part) {
  const fields = part.split(/\r?\n/).map((line) => /^([a-z]+): ?(.*)$/.exec(line)?.slice(1) ?? []);
  const { id, event, data } = Object.fromEntries(fields);
  return { id, event, data: data ? JSON.parse(data) : undefined };
}

const isAnswer = ({ data }) => data?.id === "raw" && data.result !== undefined;
const ours = (event) => isAnswer(event) || event.data?.params?.progressToken === "raw";
const summary = ({ event, data }) => ({ event, data });
