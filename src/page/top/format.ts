/** Figures in few characters. */

/** "0", "0.4", "12", "1,234". */
export function perSecond(rate: number): string {
  if (rate === 0) return '0';
  if (rate < 10) return rate < 0.05 ? '<0.1' : rate.toFixed(1);
  return String(Math.round(rate)).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** "-" for none, "0.3%" else. */
export function share(part: number): string {
  if (part === 0) return '-';
  const percent = part * 100;
  return percent < 0.1 ? '<0.1%' : percent < 10 ? `${percent.toFixed(1)}%` : `${Math.round(percent)}%`;
}

/** "-", "0.8ms", "12ms", "1.5s". */
export function millis(ms: number | null): string {
  if (ms === null) return '-';
  if (ms < 10) return `${ms.toFixed(1)}ms`;
  return ms < 1000 ? `${Math.round(ms)}ms` : `${(ms / 1000).toFixed(1)}s`;
}

/** "0", "12K", "1.5M"; bytes. */
export function bytes(n: number): string {
  if (n < 1000) return String(Math.round(n));
  for (const unit of ['K', 'M', 'G']) {
    n /= 1024;
    if (n < 999.5) return n < 10 ? `${n.toFixed(1)}${unit}` : `${Math.round(n)}${unit}`;
  }
  return `${Math.round(n / 1024)}T`;
}

/** "12s", "3m", "2h 5m", "4d 3h". */
export function span(seconds: number): string {
  if (seconds < 60) return `${Math.max(0, Math.round(seconds))}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours}h ${minutes % 60}m` : `${Math.floor(hours / 24)}d ${hours % 24}h`;
}

/** "12:03:04", in the time zone of the terminal. */
export function clockTime(wallMs: number): string {
  return new Date(wallMs).toTimeString().slice(0, 8);
}

/** "12/1024", "3" without a limit. */
export function ofLimit(value: number, limit: number | null): string {
  return limit === null ? String(value) : `${value}/${limit}`;
}
