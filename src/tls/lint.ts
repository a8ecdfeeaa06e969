/** What is wrong with a certificate, or soon will be, though it can be loaded. */
import type { Certificate } from './certificate.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** @param nowMs wall clock @returns '' if there is nothing to say */
export function lintCertificate({ validFromMs, validToMs }: Certificate, nowMs: number): string {
  if (nowMs < validFromMs) return `the certificate is not valid before ${new Date(validFromMs).toISOString()}`;
  if (nowMs > validToMs) return `the certificate has expired on ${new Date(validToMs).toISOString()}`;
  const left = validToMs - nowMs;
  return left < DAY_MS ? `the certificate expires in ${Math.floor(left / HOUR_MS)} hours` : '';
}
