/** How long this thread could not be spoken to: late timers and garbage collections. */
import { nodeModule } from './node-module.ts';

/** Twenty looks a second cost a few microseconds each. */
const LOOK_MS = 50;

export interface PauseListener {
  /** @param ms that a timer came late */
  onDelay(ms: number): void;
  /** @param ms of one garbage collection */
  onCollection(ms: number): void;
}

/** For the rest of the thread's life; keeps nothing alive. */
export function watchPauses(listener: PauseListener): void {
  let due = performance.now() + LOOK_MS;
  const look = () => {
    const now = performance.now();
    listener.onDelay(Math.max(0, now - due));
    due = now + LOOK_MS;
    setTimeout(look, LOOK_MS).unref();
  };
  setTimeout(look, LOOK_MS).unref();
  const { PerformanceObserver } = nodeModule<typeof import('node:perf_hooks')>('node:perf_hooks');
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) listener.onCollection(entry.duration);
  });
  observer.observe({ entryTypes: ['gc'] });
}

/** Of this thread, since it started. */
export function threadUsage(): { cpuSeconds: number; activeSeconds: number; idleSeconds: number; heapBytes: number } {
  const { active, idle } = performance.eventLoopUtilization();
  const cpu = process.threadCpuUsage();
  return {
    cpuSeconds: (cpu.user + cpu.system) / 1e6,
    activeSeconds: active / 1000,
    idleSeconds: idle / 1000,
    heapBytes: process.memoryUsage().heapUsed,
  };
}
