// The policy {{name}}: what calls are named, who sees which entries, what is kept and for how long.
//
// Four pure functions: the same arguments give the same answer, and nothing is remembered between calls.

import { any, cut, failing, held, is, isAction, ofTenant, setting } from "./sdk.js";

const DAY = 86_400_000_000;
// Every policy declares these two; the host reads them.
const LOG_PAYLOADS = "log_payloads";
const RETENTION_DAYS = "retention_days";
const PAYLOAD_KIB = "payload_kib";

const GROUPS = [
  { name: "user", label: "User", implies: [] },
  { name: "seller", label: "Seller", implies: ["user"] },
  { name: "admin", label: "Administrator", implies: ["user"] },
  { name: "auditor", label: "Auditor", implies: [] },
  { name: "service", label: "Service", implies: [] },
];

// What each group may do; whatever is not listed is denied.
const RIGHTS = {
  user: ["read", "read-usage"],
  admin: ["read", "export", "read-usage", "configure", "manage", "verify"],
  auditor: ["read", "read-payloads", "export", "export-payloads", "read-usage", "verify"],
  service: ["record"],
};

// Which entries each group sees; with several groups, those of each of them.
const RULES = {
  user: (viewer) => is("user", viewer.user),
  seller: () => is("server", "shop"),
  admin: () => [],
  auditor: () => [],
};

function manifest() {
  return {
    name: "{{name}}",
    version: "0.1.0",
    summary: "What {{name}} records, who sees it, and how long it is kept",
    groups: GROUPS,
    settings: [
      {
        key: LOG_PAYLOADS,
        label: "Log request and response payloads",
        help: "Off: only metadata is recorded.",
        kind: "boolean",
        default: { tag: "boolean", val: false },
      },
      {
        key: RETENTION_DAYS,
        label: "Retention (days)",
        help: "The daily cleanup deletes older entries.",
        kind: "integer",
        default: { tag: "integer", val: 90 },
        minimum: 1,
        maximum: 36_500,
      },
      {
        key: PAYLOAD_KIB,
        label: "Longest payload (KiB)",
        help: "The rest of a longer payload is cut.",
        kind: "integer",
        default: { tag: "integer", val: 64 },
        minimum: 1,
        maximum: 64,
      },
    ],
    filters: [{ name: "orders", label: "Orders", domain: is("action", "order.placed") }],
    crons: [{ name: "Cleanup", schedule: "17 3 * * *", job: "retention" }],
    actions: [
      { name: "tool.called", label: "Tool called" },
      { name: "order.placed", label: "Order placed" },
    ],
    masks: [{ name: "ibans", keys: ["*iban"], patterns: ["\\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\\b"] }],
    // What `judge` reads, and nothing else: so verdicts are remembered.
    depends: [
      {
        channels: ["mcp", "stdio", "oauth", "api", "admin", "system"],
        fields: ["channel", "method", "target", "has-payload"],
        facts: [],
        arguments: [],
      },
    ],
  };
}

function judge(settings, events) {
  return events.map((event, at) => ({ event: at, ...rule(settings, event) }));
}

function rule(settings, event) {
  const verdict = { action: `${event.channel}.recorded`, facts: [], changes: [], payload: payload(settings, event) };
  if (event.method === "tools/call") {
    verdict.action = event.target === "place_order" ? "order.placed" : "tool.called";
    if (event.target != null) verdict.affected = { kind: "tool", name: cut(event.target) };
  } else if (["admin", "system"].includes(event.channel) && isAction(event.method)) {
    verdict.action = event.method;
  }
  return verdict;
}

function payload(settings, event) {
  if (!setting(settings, LOG_PAYLOADS) || !event.hasPayload || event.channel === "oauth") return { tag: "none" };
  const maxBytes = (setting(settings, PAYLOAD_KIB) ?? 1) * 1024;
  return { tag: "keep", val: { masks: ["ibans"], maxBytes } };
}

function access(_settings, viewer) {
  const groups = held(GROUPS, viewer.groups);
  const rights = [...new Set(groups.flatMap((group) => RIGHTS[group] ?? []))];
  const rules = groups.filter((group) => RULES[group]).map((group) => RULES[group](viewer));
  // An empty name would match entries without a user.
  const rule = viewer.user.trim() === "" ? any([]) : [...ofTenant(viewer), ...any(rules)];
  return { rights: rights.filter((right) => right !== "configure" || viewer.instance == null), rule, usageRule: rule };
}

function retention(settings, now) {
  const days = setting(settings, RETENTION_DAYS);
  return days > 0 ? { entriesBefore: now - days * DAY } : {};
}

export const policy = failing({ manifest, judge, access, retention });
