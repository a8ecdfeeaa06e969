#!/usr/bin/env bash
# Installs what the gRPC interoperability tests speak with: grpcio into .cache/grpc-python, and grpc-go's own client and server into
# .cache/grpc-go (both git-ignored). A missing python3 or go only leaves its peer out.
set -euo pipefail
cd "$(dirname "$0")/.."

python_version="1.85.1"
go_version="v1.85.0"

python=".cache/grpc-python"
if "$python/bin/pip" list --disable-pip-version-check 2>/dev/null | grep -q "^grpcio *$python_version\$"; then
  echo "grpcio $python_version is already in $python"
elif command -v python3 >/dev/null; then
  rm -rf "$python"
  mkdir -p .cache
  python3 -m venv "$python"
  "$python/bin/pip" install --quiet --disable-pip-version-check "grpcio==$python_version"
  echo "grpcio $python_version"
else
  echo "python3 is missing: no tests with grpcio" >&2
fi

go="$(PATH="$PATH:/usr/local/go/bin" command -v go || true)"
target="$PWD/.cache/grpc-go"
if [[ -x "$target/server" && -x "$target/client" && "$(cat "$target/version" 2>/dev/null)" == "$go_version" ]]; then
  echo "grpc-go $go_version is already in .cache/grpc-go"
elif [[ -n "$go" ]]; then
  mkdir -p "$target"
  GOBIN="$target" "$go" install "google.golang.org/grpc/interop/client@$go_version" "google.golang.org/grpc/interop/server@$go_version"
  echo "$go_version" >"$target/version"
  echo "grpc-go $go_version"
else
  echo "go is missing: no tests with grpc-go" >&2
fi
