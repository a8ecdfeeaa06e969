/** The admin interface has no passwords: examples bind it to this machine. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';

const ROOT = join(import.meta.dirname, '../..');

test.each(globSync('config/**/*.yaml', { cwd: ROOT }).sort())('%s', (file) => {
  const { admin } = parse(readFileSync(join(ROOT, file), 'utf8')) as {
    admin?: { address?: { socket_address?: { address: string }; pipe?: object } };
  };
  if (admin?.address === undefined || admin.address.pipe !== undefined) return;
  expect(['127.0.0.1', '::1']).toContain(admin.address.socket_address?.address);
});
