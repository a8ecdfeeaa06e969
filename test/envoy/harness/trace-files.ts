/** What taps have written: files with names of chance, shown by what is in them and removed. */
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pause, reached } from './patience.ts';

/** All files of `directory`, once they are that many and have come to rest. */
export async function takeTraces(directory: string, count: number): Promise<string> {
  let names: string[] = [];
  let last = '';
  const found = await reached(async () => {
    await pause(20);
    names = (await readdir(directory)).filter((name) => !name.startsWith('.'));
    const texts = await Promise.all(names.map((name) => shown(directory, name)));
    const before = last;
    last = texts.sort().join('\n');
    return names.length >= count && last === before;
  });
  if (!found) return `[no ${count} files]\n${last}`;
  await Promise.all(names.map((name) => rm(join(directory, name))));
  return last;
}

async function shown(directory: string, name: string): Promise<string> {
  const bytes = await readFile(join(directory, name));
  const id = /\d{8,}/.exec(name)?.[0] ?? '';
  const text = name.endsWith('.json')
    ? bytes.toString('utf8')
    : bytes.toString('latin1').replace(/[^\x20-\x7e]/g, (c) => `\\x${c.charCodeAt(0).toString(16)}`);
  const plain = text.replaceAll(id, '{id}').replace(/\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT/g, '{date}');
  return `file ${name.replace(id, '{id}')}\n${plain}`;
}
