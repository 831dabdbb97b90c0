// The extension {{name}}, over any policy: an action, a filter, a group and a mask.
//
// The functions are pure: the same arguments give the same answer, and nothing is remembered between calls.

import { failing, is } from "./sdk.js";

// The events that `amend` is asked about, and the entries that the group sees.
const ORDERS = is("server", "shop");

function declares() {
  return {
    name: "{{name}}",
    version: "0.1.0",
    summary: "What {{name}} adds to the policy below",
    modules: [],
    groups: [{ name: "seller", label: "Seller", implies: [] }],
    access: [{ effect: "permission", group: "seller", rights: ["read"], domain: ORDERS }],
    settings: [],
    // A new name begins with the extension's name and a dot.
    filters: [{ name: "{{name}}.orders", label: "Orders", domain: is("action", "{{name}}.placed") }],
    crons: [],
    actions: [{ name: "{{name}}.placed", label: "Order placed" }],
    masks: [{ name: "{{name}}.ibans", keys: ["*iban"], patterns: ["\\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\\b"] }],
    keeping: {},
    // What `amend` reads of an event, beside the verdict: so verdicts are remembered.
    depends: [
      {
        channels: ["mcp", "stdio", "oauth", "api", "admin", "system"],
        fields: ["method", "target"],
        facts: [],
        arguments: [],
      },
    ],
    interest: ORDERS,
    widens: [],
  };
}

function amend(_settings, events, verdicts) {
  return events.map((event, at) => {
    const amendment = { event: at, facts: [], changes: [] };
    if (event.method === "tools/call" && event.target === "place_order") amendment.action = "{{name}}.placed";
    // The smaller size counts, and the masks of all layers apply.
    const keep = { tag: "keep", val: { masks: ["{{name}}.ibans"], maxBytes: 4_294_967_295 } };
    if (verdicts[at].payload.tag === "keep") amendment.payload = keep;
    return amendment;
  });
}

export const extension = failing({ declares, amend });
