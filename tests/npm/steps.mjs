// The fixed script: what is done, in this order. Each step's result is compared between a direct and a proxied run.

import { afterDelete, resumed } from "./resume.mjs";

const LONG = "trigger-long-running-operation";
/** No single answer takes longer than the longest call of this script by so much. */
const PATIENCE = { timeout: 15_000 };

/** The steps as pairs of a name and what gives its result. */
export function* steps({ options, client, transport, heard }) {
  const call = (params, more) => client.callTool(params, undefined, { ...PATIENCE, ...more });
  yield ["initialize", () => initialized(client, transport)];
  yield ["tools/list", () => client.listTools(undefined, PATIENCE)];
  yield ["echo", () => call({ name: "echo", arguments: { message: options.canary } })];
  yield ["unknown tool", () => call({ name: "no-such-tool", arguments: {} })];
  yield ["wrong arguments", () => call({ name: "get-sum", arguments: { a: "one" } })];
  yield ["long call", () => withProgress(call, 1, 3)];
  yield ["resources/list", () => client.listResources(undefined, PATIENCE)];
  yield ["resource", () => firstResource(client)];
  yield ["no such resource", () => client.readResource({ uri: "demo://no-such-resource" }, PATIENCE)];
  yield ["prompts/list", () => client.listPrompts(undefined, PATIENCE)];
  yield ["prompt", () => client.getPrompt({ name: "simple-prompt" }, PATIENCE)];
  yield ["ping", () => client.ping(PATIENCE)];
  yield ["cancelled call", () => cancelled(call)];
  yield ["elicitation", () => elicitation(call, heard)];
  yield ["roots", () => heard.roots.promise];
  if (!options.stdio) yield* overHttp(options, call, transport);
}

/** What only Streamable HTTP has: streams that can be resumed, and sessions that can be ended. */
function* overHttp(options, call, transport) {
  yield ["resumed stream", () => resumed(options, transport, call)];
  yield ["deleted session", async () => {
    const { sessionId } = transport;
    await transport.terminateSession();
    return { ended: transport.sessionId === undefined, then: await afterDelete(options, sessionId) };
  }];
}

async function initialized(client, transport) {
  await client.connect(transport, PATIENCE);
  return {
    server: client.getServerVersion(),
    capabilities: client.getServerCapabilities(),
    instructions: client.getInstructions(),
    protocol: transport.protocolVersion,
  };
}

/** The last step's progress is left out: the client drops it when it comes in one read with the answer. */
async function withProgress(call, duration, steps) {
  const progress = [];
  const onprogress = (step) => step.progress < steps && progress.push(step);
  const result = await call({ name: LONG, arguments: { duration, steps } }, { onprogress });
  return { progress, result };
}

async function cancelled(call) {
  const progress = [];
  const ending = new AbortController();
  const onprogress = (step) => {
    progress.push(step);
    ending.abort("half-way");
  };
  const params = { name: LONG, arguments: { duration: 1, steps: 2 } };
  const result = await call(params, { onprogress, signal: ending.signal }).catch((error) => String(error));
  return { progress, result };
}

async function firstResource(client) {
  const { resources } = await client.listResources(undefined, PATIENCE);
  return client.readResource({ uri: resources[0].uri }, PATIENCE);
}

async function elicitation(call, heard) {
  const result = await call({ name: "trigger-elicitation-request", arguments: {} });
  return { asked: heard.elicitations, result };
}
