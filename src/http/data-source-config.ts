/** Contents of a DataSource, read when configuration is compiled. Source: envoy.config.core.v3.DataSource. */
import type { CompileContext } from '../config/context.ts';
import type { DataSource } from '../config/gen/envoy/config/core/v3/base_pb.js';
import { environmentVariable } from '../runtime/environment.ts';
import { fs } from '../runtime/node-module.ts';

/** @returns UTF-8 text; '' when it was refused, and reported */
export function compileDataSource(source: DataSource, at: CompileContext): string {
  const { case: kind, value } = source.specifier;
  return kind === 'inlineString' ? value : compileBinaryDataSource(source, at).toString('utf8');
}

/** @returns empty when it was refused, and reported */
export function compileBinaryDataSource(source: DataSource, at: CompileContext): Buffer {
  const specifier = source.specifier;
  switch (specifier.case) {
    case 'inlineString':
      return Buffer.from(specifier.value);
    case 'inlineBytes':
      return Buffer.from(specifier.value);
    case 'filename':
      try {
        return fs.readFileSync(specifier.value);
      } catch (error) {
        at.field('filename').error(`unable to read file '${specifier.value}': ${(error as Error).message}`);
        return EMPTY;
      }
    case 'environmentVariable': {
      const value = environmentVariable(specifier.value);
      if (value === undefined) at.field('environment_variable').error(`environment variable '${specifier.value}' is not set`);
      return value === undefined ? EMPTY : Buffer.from(value);
    }
    default:
      at.error('one of filename, inline_string, inline_bytes and environment_variable is needed');
      return EMPTY;
  }
}

const EMPTY = Buffer.alloc(0);
