#!/bin/sh
# Builds {{component}}. COMPONENTIZE_PY names the tool where it is installed already.
set -eu
cd "$(dirname "$0")"
if [ -z "${COMPONENTIZE_PY:-}" ]; then
    [ -x .venv/bin/componentize-py ] || { python3 -m venv .venv && .venv/bin/pip install --quiet componentize-py==0.25.1; }
    COMPONENTIZE_PY=.venv/bin/componentize-py
fi
"$COMPONENTIZE_PY" --wit-path wit --world audit-{{kind}} componentize --stub-wasi {{kind}} --output {{component}}
