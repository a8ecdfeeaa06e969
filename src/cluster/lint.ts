/** Clusters that are legal but cannot work as meant. Looks at settings alone; config.ts reports what it finds, with its place. */
import { DEFAULT_THRESHOLDS, type ThresholdSettings } from '../resilience/circuit-breaker.ts';
import type { ClusterSettings } from './settings.ts';

export interface ClusterFinding {
  /** Field names from the cluster down. */
  readonly fields: readonly string[];
  readonly message: string;
}

/** As many names as a resolver answers without being noticed. */
const MANY_NAMES = 500;

export function lintCluster(settings: ClusterSettings, speaksHttp1: boolean): ClusterFinding[] {
  const findings: ClusterFinding[] = [];
  for (const thresholds of settings.breakers) lintThresholds(thresholds, speaksHttp1, findings);
  const { dns } = settings;
  const names = settings.localities.reduce((n, locality) => n + locality.endpoints.length, 0);
  if (settings.type === 'STRICT_DNS' && !dns.respectTtl && dns.refreshMs <= 5000 && names > MANY_NAMES) {
    const perSecond = Math.round((names * 1000) / dns.refreshMs);
    findings.push({
      fields: ['dns_refresh_rate'],
      message: `${names} names make ${perSecond} queries a second; set respect_dns_ttl, or refresh less often`,
    });
  }
  return findings;
}

function lintThresholds(thresholds: ThresholdSettings, speaksHttp1: boolean, findings: ClusterFinding[]): void {
  const { maxPendingRequests, maxRequests, maxConnections, maxRetries, retryBudget } = thresholds;
  const report = (message: string) => findings.push({ fields: ['circuit_breakers'], message });
  if (speaksHttp1 && maxPendingRequests === 0) {
    report('max_pending_requests: 0 refuses every request that finds no idle connection, also the first; HTTP/1 needs at least 1');
  }
  if (speaksHttp1 && maxRequests < maxConnections && maxRequests !== DEFAULT_THRESHOLDS.maxRequests) {
    report(
      `max_requests (${maxRequests}) refuses requests before max_connections (${maxConnections}) makes them wait: over HTTP/1 each has its own connection`,
    );
  }
  if (retryBudget === null && maxRetries > DEFAULT_THRESHOLDS.maxRetries) {
    report(
      `max_retries: ${maxRetries} lets retries multiply the load of a cluster that fails; a retry_budget bounds them by a share of the requests`,
    );
  }
}
