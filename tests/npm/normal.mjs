// Takes out of a result whatever differs between two runs that went the same way: ids, times and addresses.

const CHANGING = [
  [/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/gi, "<uuid>"],
  [/\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)/g, "<time>"],
  [/(127\.0\.0\.1|localhost|\[::1\]):\d+/g, "<address>"],
];

export function normal(value) {
  if (typeof value === "string") return CHANGING.reduce((text, [from, to]) => text.replace(from, to), value);
  if (Array.isArray(value)) return value.map(normal);
  if (value === null || typeof value !== "object") return value;
  // Sorted, because the order of keys carries no meaning and a proxy may one day have reason to change it.
  return Object.fromEntries(Object.keys(value).sort().map((key) => [key, normal(value[key])]));
}
