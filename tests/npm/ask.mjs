// Asks the log through the official client, over HTTP or over standard input and output, and prints what it found as one
// JSON document. The client checks every result against the schema that its tool declares.

import { parse } from "./arguments.mjs";
import { client as newClient, transport as newTransport } from "./session.mjs";

const DEADLINE_MS = 55_000;

try {
  setTimeout(() => fail(new Error(`not over after ${DEADLINE_MS} ms`)), DEADLINE_MS).unref();
  console.log(JSON.stringify(await ask(parse(process.argv.slice(2))), null, 1));
  process.exit(0);
} catch (error) {
  fail(error);
}

async function ask(options) {
  const { client } = newClient();
  await client.connect(newTransport(options));
  const { tools } = await client.listTools();
  const { prompts } = await client.listPrompts();
  const call = (name, args) => client.callTool({ name, arguments: args });
  const found = async (name, args) => {
    const result = await call(name, args);
    if (result.isError) throw new Error(`${name}: ${result.content[0].text}`);
    return result.structuredContent;
  };
  const third = await whyDidTheThirdCallFail(found);
  const prompt = await client.getPrompt({ name: "why_did_a_call_fail", arguments: { session: "s", number: "3" } });
  const results = {
    server: client.getServerVersion(),
    tools: tools.map((tool) => tool.name),
    prompts: prompts.map((prompt) => prompt.name),
    prompt: prompt.messages[0].content.text,
    third,
    explained: third && (await found("explain_entry", { id: third.id })),
    usage: await found("get_usage", { by: ["tool", "user"], step: "hour", compare: "previous" }),
    described: await found("describe_fields", {}),
    values: await found("describe_fields", { field: "user" }),
    refused: await call("search_entries", { q: "outcom:error" }),
    own: await found("search_entries", { where: { action: "log.asked" }, include_questions: true, limit: 100 }),
  };
  await client.close();
  return results;
}

/** Three calls: the session, its calls, and the entry of the third one. */
async function whyDidTheThirdCallFail(found) {
  const where = { method: "tools/call" };
  const { groups } = await found("group_entries", { by: ["session"], where, limit: 1 });
  if (groups.length === 0) return null;
  const { session } = groups[0].keys;
  const { entries } = await found("search_entries", { where: { ...where, session }, limit: 100 });
  return found("get_entry", { id: entries.at(-3).id });
}

function fail(error) {
  console.error(`ask.mjs failed: ${error.stack}`);
  process.exit(1);
}
