// Helpers for a policy. A domain is a list of tokens in Odoo's prefix notation; terms that follow each other are ANDed.

const leaf = (field, comparison, operands) => [{ tag: "leaf", val: { field, comparison, operands } }];

// `(field, "=", text)`.
export const is = (field, text) =>
  leaf(field, "equal", [{ tag: "value", val: text == null ? { tag: "unset" } : { tag: "text", val: text } }]);

// The entries of the viewer's tenant; a viewer without a tenant sees those of none.
export const ofTenant = (viewer) => is("instance", viewer.instance);

// The entries that match one of the domains, each a single term or empty; without domains, no entry.
export function any(domains) {
  if (domains.length === 0) return leaf("id", "in-list", []);
  if (domains.some((domain) => domain.length === 0)) return [];
  return [...domains.slice(1).map(() => ({ tag: "any-of" })), ...domains.flat()];
}

// The assigned groups that are declared, and all that they imply.
export function held(groups, assigned) {
  const found = new Set(groups.map((group) => group.name).filter((name) => assigned.includes(name)));
  for (const name of found) groups.find((group) => group.name === name).implies.forEach((implied) => found.add(implied));
  // In the order of the table.
  return groups.map((group) => group.name).filter((name) => found.has(name));
}

// A text of at most 1,024 bytes: the host treats too long an answer as a fault, and a caller chooses names.
export function cut(text) {
  if (text.length * 3 <= 1_024) return text;
  let [bytes, end] = [0, 0];
  for (const letter of text) {
    const code = letter.codePointAt(0);
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    if (bytes > 1_024) break;
    if (bytes <= 1_021) end += letter.length;
  }
  return bytes > 1_024 ? `${text.slice(0, end)}…` : text;
}

// Whether a text is `<resource>.<verb>`.
export const isAction = (text) => text != null && text.length <= 64 && /^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$/.test(text);

// The value of a setting.
export const setting = (settings, key) => settings.find((setting) => setting.key === key)?.value.val;

// The same functions; each leaves the message of an error in memory, where `mcp-audit-log policy test` finds it.
export function failing(functions) {
  const wrapped = ([name, run]) => [
    name,
    (...values) => {
      try {
        return run(...values);
      } catch (error) {
        const message = `${error?.message ?? error} ${error?.stack ?? ""}`.replace(/[^\x20-\x7e]+/g, " ");
        globalThis.panic = "mcp-audit-log-panic" + `:${message.length}:${message}`;
        throw error;
      }
    },
  ];
  return Object.fromEntries(Object.entries(functions).map(wrapped));
}
