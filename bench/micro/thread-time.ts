/** Processor time of the calling thread. `process.threadCpuUsage` goes by the kernel's ticks of 4 ms, this by its nanoseconds. */
import koffi from 'koffi';

const CLOCK_THREAD_CPUTIME_ID = 3;
const clockGetTime = koffi.load('libc.so.6').func('int clock_gettime(int, _Out_ int64_t *)');
const time = new BigInt64Array(2);

/** Milliseconds. */
export function threadTimeMs(): number {
  clockGetTime(CLOCK_THREAD_CPUTIME_ID, time);
  return Number(time[0]!) * 1000 + Number(time[1]!) / 1e6;
}
