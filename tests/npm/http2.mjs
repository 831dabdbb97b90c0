// `fetch` over HTTP/2, which that of Node does not speak.

import http2 from "node:http2";
import { Readable } from "node:stream";

const WITHOUT_BODY = [204, 205, 304];
const sessions = new Map();

export function fetchOverHttp2(address, { method = "GET", headers, body, signal } = {}) {
  const { origin, pathname, search } = new URL(address);
  const wanted = { ":method": method, ":path": pathname + search, ...Object.fromEntries(new Headers(headers)) };
  const stream = session(origin).request(wanted, { endStream: body == null });
  signal?.addEventListener("abort", () => stream.destroy(signal.reason));
  const answer = new Promise((resolve, reject) => {
    stream.on("error", reject);
    stream.on("response", (head) => resolve(response(head, stream)));
  });
  if (body != null) stream.end(body);
  return answer;
}

function response(head, stream) {
  const status = head[":status"];
  const headers = Object.entries(head).filter(([name]) => !name.startsWith(":"));
  const body = WITHOUT_BODY.includes(status) ? (stream.resume(), null) : Readable.toWeb(stream);
  return new Response(body, { status, headers: headers.map(([name, value]) => [name, String(value)]) });
}

function session(origin) {
  const open = sessions.get(origin);
  if (open && !open.closed && !open.destroyed) return open;
  // Another address than that of the web servers, which the log must not take for the client's.
  const fresh = http2.connect(origin, { localAddress: "127.0.0.2" });
  fresh.on("error", () => {});
  sessions.set(origin, fresh);
  return fresh;
}

/** Ends all connections, so that the process can end. */
export function closeAll() {
  for (const session of sessions.values()) session.destroy();
}
