// Debian 12 has Node.js 18, which does not offer Web Crypto as a global yet; the reference server expects it.

import { webcrypto } from "node:crypto";

globalThis.crypto ??= webcrypto;
