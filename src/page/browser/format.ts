/** Numbers for people: three digits that matter, with their unit. `–` stands for what is not known. */

export const UNKNOWN = '–';

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const tenth = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });

/** "0", "0.4", "12.5", "980", "12,400", "1.2 M" */
export function count(value: number | null): string {
  if (value === null) return UNKNOWN;
  if (value >= 1e6) return `${tenth.format(value / 1e6)} M`;
  return value < 100 ? tenth.format(value) : whole.format(value);
}

export function perSecond(value: number | null): string {
  return value === null ? UNKNOWN : `${count(value)}/s`;
}

/** @param share 0 to 1. What is not quite none is not shown as none, and what is not quite all not as all. */
export function percent(share: number | null): string {
  if (share === null) return UNKNOWN;
  if (share > 0 && share < 0.001) return '<0.1 %';
  if (share > 0.999 && share < 1) return '>99.9 %';
  return `${tenth.format(share * 100)} %`;
}

export function milliseconds(value: number | null): string {
  if (value === null) return UNKNOWN;
  if (value > 0 && value < 0.05) return '<0.1 ms';
  if (value >= 60_000) return duration(value / 1000);
  if (value >= 1000) return `${(value / 1000).toFixed(value < 10_000 ? 2 : 1)} s`;
  return `${value < 10 ? tenth.format(value) : whole.format(value)} ms`;
}

export function bytes(value: number | null): string {
  if (value === null) return UNKNOWN;
  let rest = value;
  for (const unit of ['B', 'KiB', 'MiB', 'GiB'] as const) {
    if (rest < 1024 || unit === 'GiB') return `${rest < 10 && unit !== 'B' ? tenth.format(rest) : whole.format(rest)} ${unit}`;
    rest /= 1024;
  }
  return UNKNOWN;
}

/** The two largest units: "3 d 4 h", "12 min", "40 s" */
export function duration(seconds: number): string {
  const s = Math.max(0, Math.floor(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return s % 60 === 0 || s >= 600 ? `${Math.floor(s / 60)} min` : `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86_400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  if (s >= 30 * 86_400) return `${whole.format(Math.floor(s / 86_400))} d`;
  return `${Math.floor(s / 86_400)} d ${Math.floor((s % 86_400) / 3600)} h`;
}

const clockTime = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const dayTime = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit' });

/** "14:03:09" in the viewer's time zone. */
export function timeOfDay(wallMs: number): string {
  return clockTime.format(wallMs);
}

/** "22 Nov 2026, 14:03" in the viewer's time zone. */
export function dateAndTime(wallMs: number): string {
  return dayTime.format(wallMs);
}

/** "1 host", "3 hosts" */
export function plural(n: number, one: string, many = `${one}s`): string {
  return `${whole.format(n)} ${n === 1 ? one : many}`;
}
