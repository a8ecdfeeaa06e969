/**
 * Builds src/config/gen/ from the Envoy .proto files of an installed package: a descriptor set for run time, TypeScript types, and
 * the enums as plain objects. Run by npm's "prepare"; does nothing when the output is current.
 *
 *   node scripts/build-api.ts                 build if needed
 *   node scripts/build-api.ts --copy DIR      build if needed, then copy what runs (no types) into DIR
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, globSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fromBinary, type Message, toBinary } from '@bufbuild/protobuf';
import {
  type DescriptorProto,
  type EnumDescriptorProto,
  FileDescriptorProtoSchema,
  type FileDescriptorSet,
  FileDescriptorSetSchema,
} from '@bufbuild/protobuf/wkt';
import { generateCode } from './build-api-codegen.ts';
import { applyOverlay } from './build-api-overlay.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const modules = join(root, 'node_modules');
const deps = join(modules, '@grpc/grpc-js-xds/deps');
const buildDir = join(root, 'build/api');
const outDir = join(root, 'src/config/gen');
const overlayDir = join(root, 'scripts/build-api-overlay');

/** Where the .proto files of each import root lie. */
const ROOTS = ['envoy-api', 'xds', 'protoc-gen-validate', 'googleapis'];
/** Current API (v3), and the few older files that v3 configurations still name in an `@type`. */
const WANTED = [/^(envoy|xds|udpa)\/.*\/v3\//, /^udpa\/type\/v1\//, /^envoy\/config\/(retry\/previous_priorities|cluster\/redis)\//];
/** Files whose imports the package does not ship, and which no configuration of Envoy 1.40 can use. */
const LEFT_OUT = new Set([
  'envoy/config/trace/v3/opencensus.proto',
  'envoy/service/trace/v3/trace_service.proto',
  'envoy/service/metrics/v3/metrics_service.proto',
]);
/** Imported by the API, absent from the package: filled in by the overlay. */
const STUBS: Readonly<Record<string, string>> = {
  'opentelemetry/proto/common/v1/common.proto':
    'syntax = "proto3";\npackage opentelemetry.proto.common.v1;\nmessage AnyValue {}\nmessage ArrayValue {}\nmessage KeyValueList {}\nmessage KeyValue {}\n',
};
/** Corrections of the packaged text. */
const PATCHES: Readonly<Record<string, readonly [string, string]>> = {
  'validate/validate.proto': [
    'optional bool strict = 25 [default = true];',
    'optional bool strict = 25 [default = true];\n  optional bool ignore_empty = 26;',
  ],
  'envoy/config/trace/v3/trace.proto': ['import public "envoy/config/trace/v3/opencensus.proto";', ''],
  // Not needed any more, since fixed_value may stand in its place.
  'envoy/extensions/filters/http/adaptive_concurrency/v3/adaptive_concurrency.proto': [
    'required: true\n      gte {nanos: 1000000}',
    'gte {nanos: 1000000}',
  ],
  // Not needed any more, since max_heap_size_bytes_runtime may stand in its place.
  'envoy/extensions/resource_monitors/fixed_heap/v3/fixed_heap.proto': [' [(validate.rules).uint64 = {gt: 0}]', ''],
  // Not needed any more, since trust_bundles may stand in its place.
  'envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config.proto': [
    'repeated TrustDomain trust_domains = 1 [(validate.rules).repeated = {min_items: 1}];',
    'repeated TrustDomain trust_domains = 1;',
  ],
  // Since 1.34 it has the type that routes use.
  'envoy/extensions/filters/http/ratelimit/v3/rate_limit.proto': [
    'repeated RateLimitConfig rate_limits = 3;',
    'repeated config.route.v3.RateLimit rate_limits = 3;',
  ],
};

function collectProtos(): Map<string, string> {
  const where = new Map<string, string>();
  for (const r of ROOTS) for (const f of globSync('**/*.proto', { cwd: join(deps, r) })) where.set(f, join(deps, r, f));
  const texts = new Map<string, string>();
  const visit = (name: string): void => {
    const path = where.get(name);
    if (texts.has(name) || LEFT_OUT.has(name) || (path === undefined && STUBS[name] === undefined)) return;
    let text = path === undefined ? (STUBS[name] ?? '') : readFileSync(path, 'utf8').replaceAll('\r\n', '\n');
    const patch = PATCHES[name];
    if (patch !== undefined) text = text.replace(patch[0], patch[1]);
    texts.set(name, text);
    for (const m of text.matchAll(/^import (?:public )?"([^"]+)"/gm)) visit(m[1] ?? '');
  };
  for (const name of where.keys()) if (WANTED.some((w) => w.test(name))) visit(name);
  return texts;
}

function compileProtos(): FileDescriptorSet {
  rmSync(buildDir, { recursive: true, force: true });
  for (const [name, text] of collectProtos()) {
    mkdirSync(dirname(join(buildDir, name)), { recursive: true });
    writeFileSync(join(buildDir, name), text);
  }
  writeFileSync(join(buildDir, 'buf.yaml'), 'version: v2\n');
  // buf's npm entry is a Node script that starts the binary of this platform.
  run(join(modules, '@bufbuild/buf/bin/buf'), ['build', buildDir, '--as-file-descriptor-set', '-o', join(buildDir, 'api.binpb')]);
  return fromBinary(FileDescriptorSetSchema, readFileSync(join(buildDir, 'api.binpb')));
}

function run(script: string, args: string[]): void {
  const done = spawnSync(process.execPath, [script, ...args], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  if (done.status !== 0) throw new Error(`${script} failed`, { cause: done.error });
}

function stamp(): string {
  const hash = createHash('sha256');
  for (const p of ['@grpc/grpc-js-xds', '@bufbuild/buf', '@bufbuild/protoc-gen-es', '@bufbuild/protobuf']) {
    hash.update(readFileSync(join(modules, p, 'package.json')));
  }
  for (const f of globSync('build-api*.ts', { cwd: join(root, 'scripts') }).sort()) hash.update(readFileSync(join(root, 'scripts', f)));
  for (const f of readdirSync(overlayDir).sort()) hash.update(readFileSync(join(overlayDir, f)));
  return hash.digest('hex');
}

/** Fields and oneofs whose rules Envoy 1.40 does not have any more, by their full names. */
const RULES_DROPPED = new Set([
  'envoy.config.core.v3.KeyValueAppend.entry',
  'envoy.config.core.v3.RuntimeUInt32.runtime_key',
  'envoy.config.core.v3.RuntimePercent.runtime_key',
  'envoy.config.core.v3.RuntimeDouble.runtime_key',
  'envoy.config.core.v3.RuntimeFeatureFlag.runtime_key',
  'envoy.config.trace.v3.ZipkinConfig.collector_cluster',
  'envoy.config.trace.v3.ZipkinConfig.collector_endpoint',
  'envoy.extensions.access_loggers.open_telemetry.v3.OpenTelemetryAccessLogConfig.common_config',
  'envoy.extensions.common.dynamic_forward_proxy.v3.DnsCacheConfig.dns_query_timeout',
  'envoy.extensions.common.ratelimit.v3.RateLimitDescriptor.Entry.value',
  'envoy.extensions.load_balancing_policies.common.v3.LocalityLbConfig.locality_config_specifier',
  'envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig.update_frequency',
  'envoy.type.v3.TokenBucket.max_tokens',
]);

/** Numbers of the options that are read at run time: validation rules, and fields to redact. */
const KEPT_OPTIONS = new Set([1071, 1072, 76569463]);

/** Leaves out what only documentation and other languages need: half of the set. */
function slim(set: FileDescriptorSet): void {
  const missing = new Set(RULES_DROPPED);
  const keep = (options: Message | undefined, name: string): void => {
    if (options?.$unknown === undefined) return;
    const dropped = missing.delete(name);
    options.$unknown = dropped ? [] : options.$unknown.filter((u) => KEPT_OPTIONS.has(u.no));
  };
  const slimEnum = (e: EnumDescriptorProto): void => {
    delete e.options;
    for (const value of e.value) delete value.options;
  };
  const slimMessage = (message: DescriptorProto, scope: string): void => {
    const name = `${scope}.${message.name}`;
    keep(message.options, name);
    for (const field of message.field) keep(field.options, `${name}.${field.name}`);
    for (const oneof of message.oneofDecl) keep(oneof.options, `${name}.${oneof.name}`);
    message.enumType.forEach(slimEnum);
    for (const nested of message.nestedType) slimMessage(nested, name);
  };
  for (const file of set.file) {
    delete file.sourceCodeInfo;
    delete file.options;
    for (const service of file.service) for (const method of service.method) delete method.options;
    file.enumType.forEach(slimEnum);
    for (const message of file.messageType) slimMessage(message, file.package);
  }
  if (missing.size > 0) throw new Error(`no rules to drop: ${[...missing].join(' ')}`);
}

/** The files one after the other, and an index of where each lies and what it declares, so that they can be read one by one. */
function writeSet(set: FileDescriptorSet): void {
  const parts: Uint8Array[] = [];
  let offset = 0;
  const index = set.file.map((file) => {
    const bytes = toBinary(FileDescriptorProtoSchema, file);
    parts.push(bytes);
    const types: string[] = [];
    const visit = (message: DescriptorProto, scope: string): void => {
      if (message.options?.mapEntry) return;
      types.push(`${scope}.${message.name}`);
      for (const nested of message.nestedType) visit(nested, `${scope}.${message.name}`);
      for (const e of message.extension) types.push(`${scope}.${message.name}.${e.name}`);
    };
    for (const message of file.messageType) visit(message, file.package);
    for (const declared of [...file.extension, ...file.service]) types.push(`${file.package}.${declared.name}`);
    const entry = { name: file.name, offset, length: bytes.length, types };
    offset += bytes.length;
    return entry;
  });
  writeFileSync(join(outDir, 'envoy-api.binpb'), Buffer.concat(parts));
  writeFileSync(join(outDir, 'envoy-api.index.json'), JSON.stringify(index));
}

function build(): void {
  const wanted = stamp();
  const stampFile = join(outDir, '.stamp');
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === wanted) return;
  rmSync(outDir, { recursive: true, force: true });
  const set = compileProtos();
  applyOverlay(
    set,
    readdirSync(overlayDir)
      .sort()
      .map((f) => readFileSync(join(overlayDir, f), 'utf8')),
  );
  for (const [name, text] of generateCode(set, join(modules, '@bufbuild/protoc-gen-es/bin/protoc-gen-es'))) {
    mkdirSync(dirname(join(outDir, name)), { recursive: true });
    writeFileSync(join(outDir, name), text);
  }
  slim(set);
  writeSet(set);
  writeFileSync(stampFile, wanted);
}

build();
const copyAt = process.argv.indexOf('--copy');
const copyTo = copyAt < 0 ? undefined : process.argv[copyAt + 1];
if (copyTo !== undefined) {
  for (const name of globSync('**/*.{js,binpb,json}', { cwd: outDir })) {
    mkdirSync(dirname(join(copyTo, name)), { recursive: true });
    copyFileSync(join(outDir, name), join(copyTo, name));
  }
}
