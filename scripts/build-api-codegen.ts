/** TypeScript types of the descriptor set by protoc-gen-es, and its enums as small JavaScript modules. */
import { spawnSync } from 'node:child_process';
import { create, createFileRegistry, type DescEnum, type DescFile, type DescMessage, fromBinary, toBinary } from '@bufbuild/protobuf';
import { CodeGeneratorRequestSchema, CodeGeneratorResponseSchema, type FileDescriptorSet } from '@bufbuild/protobuf/wkt';

/** Files that carry only options for code generators and documentation. */
const NO_CODE = /^(google\/(protobuf|api\/[a-z_]+\.proto)|validate|udpa\/annotations|xds\/annotations|envoy\/annotations)/;

/** @returns file name below the output directory → text */
export function generateCode(set: FileDescriptorSet, plugin: string): Map<string, string> {
  const out = new Map<string, string>();
  const fileToGenerate = set.file.map((f) => f.name).filter((n) => !NO_CODE.test(n));
  const request = create(CodeGeneratorRequestSchema, { fileToGenerate, protoFile: set.file, parameter: 'target=dts,import_extension=js' });
  const done = spawnSync(process.execPath, [plugin], { input: toBinary(CodeGeneratorRequestSchema, request), maxBuffer: 1 << 28 });
  if (done.status !== 0) throw new Error(`protoc-gen-es failed: ${done.stderr}`, { cause: done.error });
  const response = fromBinary(CodeGeneratorResponseSchema, done.stdout);
  if (response.error !== '') throw new Error(`protoc-gen-es: ${response.error}`);
  for (const file of response.file) out.set(file.name, onlyTypes(file.content));
  const registry = createFileRegistry(set);
  for (const file of registry.files) {
    const module = NO_CODE.test(`${file.name}.proto`) ? '' : enumModule(file);
    // A file without enums has nothing that exists at run time.
    if (module !== '') out.set(`${file.name}_pb.js`, module);
  }
  return out;
}

/** Schema constants are dropped: at run time the descriptor set is the only schema, so importing one must not type-check. */
function onlyTypes(text: string): string {
  return text.replace(/\/\*\*(?:(?!\*\/)[\s\S])*\*\/\nexport declare const \w+: Gen\w+(?:<[\s\S]*?>)?;\n+/g, '');
}

function enumModule(file: DescFile): string {
  const enums: DescEnum[] = [...file.enums];
  const visit = (message: DescMessage): void => {
    enums.push(...message.nestedEnums);
    for (const nested of message.nestedMessages) visit(nested);
  };
  for (const message of file.messages) visit(message);
  const parts: string[] = [];
  for (const e of enums) {
    const names = e.values.map((v) => `  ${v.localName}: ${v.number},\n`);
    const numbers = new Map(e.values.map((v) => [v.number, v.localName]));
    const back = [...numbers].map(([n, name]) => `  ${n < 0 ? `[${n}]` : n}: '${name}',\n`);
    parts.push(`export const ${localTypeName(e)} = Object.freeze({\n${names.join('')}${back.join('')}});\n`);
  }
  return parts.join('');
}

/** Type name without its package, nested names joined by "_", as protoc-gen-es does. */
function localTypeName(e: DescEnum): string {
  const pkg = e.file.proto.package;
  return e.typeName.slice(pkg === '' ? 0 : pkg.length + 1).replaceAll('.', '_');
}
