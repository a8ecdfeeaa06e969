/** Where pressure is read from. A monitor gives a pressure (1 = the limit), or throws when it cannot tell. */
import type { RuntimeSnapshot } from '../../runtime/runtime.ts';
import type { MonitorSettings } from './settings.ts';

/** What monitors look at. */
export interface MonitorSources {
  nowMs(): number;
  /** Text of a file. @throws if there is none */
  readFile(path: string): string;
  /** Bytes of memory that the process has in use. */
  residentBytes(): number;
  /** Connections that count against the limit on all of them. */
  connections(): number;
  readonly runtime: RuntimeSnapshot;
}

export interface Monitor {
  readonly name: string;
  /** @throws an Error that says why there is no answer; the last one then stands */
  read(): number;
}

export function newMonitor(settings: MonitorSettings, sources: MonitorSources): Monitor {
  const { name } = settings;
  switch (settings.kind) {
    case 'fixed-heap':
      // V8 keeps its heap, threads' stacks and buffers apart: what counts against the limit is what the process occupies.
      return { name, read: () => sources.residentBytes() / sources.runtime.integer(settings.runtimeKey, settings.maxBytes) };
    case 'cgroup-memory':
      return { name, read: () => cgroupMemory(sources, settings.maxBytes) };
    case 'cpu':
      return new CpuMonitor(name, sources, settings.container ? containerCpu : hostCpu);
    case 'file':
      return { name, read: () => injected(sources.readFile(settings.path)) };
    case 'connections':
      return { name, read: () => sources.connections() / settings.max };
  }
}

function injected(text: string): number {
  const pressure = text.trim() === '' ? Number.NaN : Number(text);
  if (!(pressure >= 0 && pressure <= 1)) throw new Error(`injected pressure '${text.trim()}' is not a number between 0 and 1`);
  return pressure;
}

const UNLIMITED = Number.POSITIVE_INFINITY;
/** cgroup v1 says "no limit" with the largest number of pages. */
const V1_UNLIMITED = 2 ** 62;

function cgroupMemory(sources: MonitorSources, maxBytes: number): number {
  let used: number;
  let limit: number;
  try {
    used = Number(sources.readFile('/sys/fs/cgroup/memory.current'));
    limit = number(sources.readFile('/sys/fs/cgroup/memory.max'));
  } catch {
    used = Number(sources.readFile('/sys/fs/cgroup/memory/memory.usage_in_bytes'));
    limit = number(sources.readFile('/sys/fs/cgroup/memory/memory.limit_in_bytes'));
    if (limit > V1_UNLIMITED) limit = UNLIMITED;
  }
  if (maxBytes > 0) limit = Math.min(limit, maxBytes);
  return limit === UNLIMITED ? 0 : used / limit;
}

function number(text: string): number {
  return text.trim() === 'max' ? UNLIMITED : Number(text);
}

/** Work done and work possible since some beginning, in one unit. */
interface CpuTimes {
  readonly work: number;
  readonly total: number;
}

/** Share of a new reading in the smoothed one. Source: CpuUtilizationMonitor, DAMPENING_ALPHA. */
const DAMPENING = 0.05;

class CpuMonitor implements Monitor {
  readonly name: string;
  readonly #sources: MonitorSources;
  readonly #times: (sources: MonitorSources) => CpuTimes;
  #last: CpuTimes | null = null;
  #smoothed = 0;

  constructor(name: string, sources: MonitorSources, times: (sources: MonitorSources) => CpuTimes) {
    this.name = name;
    this.#sources = sources;
    this.#times = times;
  }

  read(): number {
    const now = this.#times(this.#sources);
    const last = this.#last;
    this.#last = now;
    if (last === null) return 0;
    const work = now.work - last.work;
    const total = now.total - last.total;
    if (work < 0 || total <= 0) throw new Error(`CPU times went back: work ${work}, total ${total}`);
    this.#smoothed = Math.min(1, work / total) * DAMPENING + this.#smoothed * (1 - DAMPENING);
    return this.#smoothed;
  }
}

/** The first line of /proc/stat: user, nice, system, idle, in ticks. */
function hostCpu(sources: MonitorSources): CpuTimes {
  const [label, user, nice, system, idle] = sources.readFile('/proc/stat').split('\n', 1)[0]!.split(/\s+/);
  const work = Number(user) + Number(nice) + Number(system);
  const total = work + Number(idle);
  if (label !== 'cpu' || Number.isNaN(total)) throw new Error('/proc/stat does not begin with the times of all processors');
  return { work, total };
}

/** CPU time of the container against the processors that it may use, in microseconds. */
function containerCpu(sources: MonitorSources): CpuTimes {
  const elapsedUs = sources.nowMs() * 1000;
  let stat: string;
  try {
    stat = sources.readFile('/sys/fs/cgroup/cpu.stat');
  } catch {
    const shares = Number(sources.readFile('/sys/fs/cgroup/cpu/cpu.shares'));
    const usageNs = Number(sources.readFile('/sys/fs/cgroup/cpuacct/cpuacct.usage'));
    return { work: usageNs / 1000, total: elapsedUs * (shares / 1024) };
  }
  const usage = /^usage_usec (\d+)$/m.exec(stat);
  if (usage === null) throw new Error('cpu.stat has no usage_usec');
  const [quota = '', period = ''] = sources.readFile('/sys/fs/cgroup/cpu.max').trim().split(' ');
  const cores = countCores(sources.readFile('/sys/fs/cgroup/cpuset.cpus.effective'));
  const allowed = quota === 'max' ? cores : Math.min(cores, Number(quota) / Number(period));
  return { work: Number(usage[1]), total: elapsedUs * allowed };
}

/** "0-3,6" → 5 */
function countCores(list: string): number {
  let count = 0;
  for (const range of list.trim().split(',')) {
    const [first, last] = range.split('-');
    count += Number(last ?? first) - Number(first) + 1;
  }
  if (!(count > 0)) throw new Error(`'${list.trim()}' names no processors`);
  return count;
}
