#!/bin/sh
# Builds {{component}}. CC names a C compiler for WebAssembly, MCP_AUDIT_LOG the command.
set -eu
cd "$(dirname "$0")"
if [ -z "${CC:-}" ]; then
    [ -d .venv/bin ] || { python3 -m venv .venv && .venv/bin/pip install --quiet ziglang==0.17.1; }
    CC=".venv/bin/python -m ziglang cc --target=wasm32-freestanding"
fi
$CC -O2 -Wall -ffreestanding -nostdlib -mbulk-memory -Ilibc -Wl,--no-entry,--strip-all \
    -o {{kind}}.core.wasm {{kind}}.c sdk.c audit.c audit_component_type.o
"${MCP_AUDIT_LOG:-mcp-audit-log}" policy component {{kind}}.core.wasm --output {{component}}
