// The official client at the server of host/examples/rmcp_server.rs: prints what each call returned.
//
//     node orders.mjs --url URL [--token USER]

import { parse } from "./arguments.mjs";
import { client as newClient, transport } from "./session.mjs";

const { client } = newClient();
await client.connect(transport(parse(process.argv.slice(2))));

const call = async (name, number) => {
  try {
    const { content, isError } = await client.callTool({ name, arguments: { number } });
    return { text: content[0].text, isError: isError ?? false };
  } catch (error) {
    return { code: error.code };
  }
};

const { tools } = await client.listTools();
const results = {
  tools: tools.map(({ name }) => name).sort(),
  shown: await call("show_order", 7),
  missing: await call("show_order", 8),
  cancelled: await call("cancel_order", 7),
  unknown: await call("no_such_tool", 1),
};
await client.close();
console.log(JSON.stringify(results));
