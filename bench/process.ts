/** Starting processes on chosen cores, and what the kernel says they cost. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { findTool } from '../test/support/tool.ts';

/** The proxy has a core to itself; load generator and upstream share the other one. */
export const PROXY_CORE = 1;
export const LOAD_CORE = 0;

const TICKS_PER_SECOND = 100;
const PAGE_KIB = 4;

export interface Cpu {
  readonly userUs: number;
  readonly systemUs: number;
}

export class Process {
  readonly child: ChildProcess;
  #output = '';
  readonly #exited: Promise<void>;

  constructor(command: string, args: readonly string[], core: number | null, env: Record<string, string> = {}) {
    const [binary, all] = core === null ? [command, [...args]] : pin(command, args, core);
    this.child = spawn(binary, all, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
    const keep = (chunk: Buffer): void => {
      this.#output = (this.#output + chunk.toString()).slice(-8000);
    };
    this.child.stdout?.on('data', keep);
    this.child.stderr?.on('data', keep);
    this.#exited = new Promise((resolve) => {
      this.child.once('exit', () => resolve());
      this.child.once('error', (error) => {
        this.#output += String(error);
        resolve();
      });
    });
  }

  get output(): string {
    return this.#output;
  }

  get running(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null && this.child.pid !== undefined;
  }

  /** CPU time so far of the process, its threads and its children. */
  cpu(): Cpu {
    let user = 0;
    let system = 0;
    for (const pid of this.tree()) {
      const fields = statFields(pid);
      user += Number(fields[11] ?? 0);
      system += Number(fields[12] ?? 0);
    }
    const usPerTick = 1_000_000 / TICKS_PER_SECOND;
    return { userUs: user * usPerTick, systemUs: system * usPerTick };
  }

  /** Resident memory in KiB of the process and its children. */
  residentKib(): number {
    let pages = 0;
    for (const pid of this.tree()) pages += Number(readText(`/proc/${pid}/statm`).split(' ')[1] ?? 0);
    return pages * PAGE_KIB;
  }

  async stop(): Promise<void> {
    if (this.running) this.child.kill('SIGTERM');
    const timer = setTimeout(() => this.child.kill('SIGKILL'), 3000);
    await this.#exited;
    clearTimeout(timer);
  }

  /** A launcher may start the real process as its child, so the whole tree counts. */
  private tree(): number[] {
    const root = this.child.pid;
    if (root === undefined) return [];
    const children = new Map<number, number[]>();
    for (const name of readdirSync('/proc')) {
      const pid = Number(name);
      if (!Number.isInteger(pid)) continue;
      const parent = Number(statFields(pid)[1] ?? 0);
      const list = children.get(parent);
      if (list === undefined) children.set(parent, [pid]);
      else list.push(pid);
    }
    const found: number[] = [];
    const open = [root];
    for (let pid = open.pop(); pid !== undefined; pid = open.pop()) {
      found.push(pid);
      open.push(...(children.get(pid) ?? []));
    }
    return found;
  }
}

/** Runs a command to its end and returns what it printed. */
export function run(command: string, args: readonly string[], core: number): Promise<string> {
  const [binary, all] = pin(command, args, core);
  return new Promise((resolve, reject) => {
    const child = spawn(binary, all, { stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    let errors = '';
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      errors += chunk.toString();
    });
    child.once('error', reject);
    child.once('exit', (code) => (code === 0 ? resolve(out) : reject(new Error(`${command} ended with ${code}: ${errors}${out}`))));
  });
}

function pin(command: string, args: readonly string[], core: number): [string, string[]] {
  const taskset = findTool('taskset');
  if (taskset === null || availableParallelism() < 2) return [command, [...args]];
  return [taskset, ['-c', String(core), command, ...args]];
}

/** Fields of /proc/PID/stat after the command name, which may contain anything: [0] is the state, [1] the parent. */
function statFields(pid: number): string[] {
  const text = readText(`/proc/${pid}/stat`);
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
