#!/usr/bin/env bash
# Installs what the protocol tests speak with, all of it under .cache (git-ignored): grpcio in grpc-python, grpc-go's own client and server
# in grpc-go, h2spec in h2spec, an OpenTelemetry Collector in otel-collector. A missing python3 or go only leaves its peers out.
set -euo pipefail
cd "$(dirname "$0")/.."

python_version="1.85.1"
go_version="v1.85.0"
# The last of its versions that needs no go.mod of its own, with what that leaves open.
h2spec_version="v2.2.1+incompatible"
h2spec_needs=(golang.org/x/net@v0.62.0 github.com/spf13/cobra@v1.10.2 github.com/fatih/color@v1.19.0)

collector_version="v0.162.0"
collector_needs=(
  go.opentelemetry.io/collector/otelcol
  go.opentelemetry.io/collector/receiver/otlpreceiver
  github.com/open-telemetry/opentelemetry-collector-contrib/receiver/zipkinreceiver
  github.com/open-telemetry/opentelemetry-collector-contrib/exporter/fileexporter
)

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

target="$PWD/.cache/h2spec"
if [[ -x "$target/h2spec" && "$(cat "$target/version" 2>/dev/null)" == "$h2spec_version" ]]; then
  echo "h2spec $h2spec_version is already in .cache/h2spec"
elif [[ -n "$go" ]]; then
  rm -rf "$target"
  mkdir -p "$target/build"
  cd "$target/build"
  "$go" mod init build 2>/dev/null
  "$go" get "github.com/summerwind/h2spec@$h2spec_version" "${h2spec_needs[@]}" 2>/dev/null
  "$go" build -mod=mod -o "$target/h2spec" github.com/summerwind/h2spec/cmd/h2spec
  cd - >/dev/null
  rm -rf "$target/build"
  echo "$h2spec_version" >"$target/version"
  echo "h2spec $h2spec_version"
else
  echo "go is missing: no h2spec" >&2
fi

target="$PWD/.cache/otel-collector"
if [[ -x "$target/collector" && "$(cat "$target/version" 2>/dev/null)" == "$collector_version" ]]; then
  echo "OpenTelemetry Collector $collector_version is already in .cache/otel-collector"
elif [[ -n "$go" ]]; then
  rm -rf "$target"
  mkdir -p "$target/build"
  cp scripts/otel-collector/main.go "$target/build"
  # As all peers it is only left out where it cannot be had; its tests say so.
  if (
    cd "$target/build"
    "$go" mod init build 2>/dev/null &&
      "$go" get "${collector_needs[@]/%/@$collector_version}" 2>/dev/null &&
      "$go" build -mod=mod -ldflags="-s -w" -o "$target/collector" . 2>/dev/null
  ); then
    echo "$collector_version" >"$target/version"
    echo "OpenTelemetry Collector $collector_version"
  else
    echo "the OpenTelemetry Collector could not be built: no tests with it" >&2
  fi
  rm -rf "$target/build"
else
  echo "go is missing: no OpenTelemetry Collector" >&2
fi
