// The official client lists the tools of a server and prints their names.
//
//     node list.mjs --url URL [--token TOKEN]

import { parse } from "./arguments.mjs";
import { client, transport } from "./session.mjs";
import "./webcrypto.mjs";

const options = parse(process.argv.slice(2));
const session = client().client;
await session.connect(transport(options));
const { tools } = await session.listTools();
console.log(JSON.stringify(tools.map((tool) => tool.name)));
await session.close();
