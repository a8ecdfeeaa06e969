/** Routes that are legal but cannot work as meant. Looks at settings alone; config.ts reports what it finds, with its place. */
import { RetryOn } from '../resilience/retry-policy.ts';
import { RouteIndex } from './match/route-index.ts';
import type { ForwardSettings, RouteSettings, VirtualHostSettings } from './settings.ts';

export interface Finding {
  /** Index in the virtual host. */
  readonly route: number;
  /** Field names from the route down. */
  readonly fields: readonly string[];
  readonly message: string;
}

export function lintVirtualHost(host: VirtualHostSettings): Finding[] {
  const findings: Finding[] = findShadowed(host.routes);
  host.routes.forEach((route, i) => {
    if (neverMatches(route))
      findings.push({ route: i, fields: ['match', 'runtime_fraction'], message: 'a share of 0: this route never matches' });
    if (route.action.kind === 'forward')
      lintForward(route, route.action, (fields, message) => findings.push({ route: i, fields, message }));
  });
  return findings.sort((a, b) => a.route - b.route);
}

type Report = (fields: readonly string[], message: string) => void;

function lintForward(route: RouteSettings, action: ForwardSettings, report: Report): void {
  const upgradable = action.upgrades !== null && Object.values(action.upgrades).includes(true);
  if (action.timeoutIsDefault && (upgradable || route.match.grpc)) {
    const what = upgradable ? 'upgrades' : 'gRPC streams';
    report(['route'], `the default timeout of 15s holds for ${what} on this route too; set timeout (0s for none)`);
  }
  lintRetries(route, action, report);
  if (action.cluster.kind === 'weighted' && action.cluster.runtimeKeyPrefix === '') {
    for (const entry of action.cluster.entries) {
      if (entry.weight === 0) report(['route', 'weighted_clusters'], `'${entry.name || entry.header}' has weight 0 and gets no request`);
    }
  }
}

/** Conditions under which the request may have been executed already. */
const MAY_HAVE_RUN = RetryOn.FiveXX | RetryOn.GatewayError | RetryOn.Reset;

function lintRetries(route: RouteSettings, action: ForwardSettings, report: Report): void {
  const policy = action.retryPolicy;
  if (policy === null || policy.numRetries === 0) return;
  const { timeoutMs } = action;
  const perTryMs = policy.perTryTimeoutMs;
  const fields = ['route', 'retry_policy'];
  if (timeoutMs > 0 && perTryMs >= timeoutMs) {
    report(
      fields,
      `per_try_timeout (${seconds(perTryMs)}) is not shorter than the route's timeout (${seconds(timeoutMs)}): a try that times out is never repeated`,
    );
  } else if (timeoutMs > 0 && perTryMs * policy.numRetries > timeoutMs) {
    report(fields, `${policy.numRetries} retries of ${seconds(perTryMs)} do not fit into the route's timeout (${seconds(timeoutMs)})`);
  }
  const on503 = (policy.retryOn & RetryOn.RetriableStatusCodes) !== 0 && policy.retriableStatusCodes.includes(503);
  const methodGiven = [...route.match.headers, ...policy.retriableRequestHeaders].some((header) => header.name === ':method');
  if (((policy.retryOn & MAY_HAVE_RUN) !== 0 || on503) && !methodGiven) {
    report(
      fields,
      'requests that may have been executed are retried whatever their method; restrict it with retriable_request_headers on ":method"',
    );
  }
}

function seconds(ms: number): string {
  return `${ms / 1000}s`;
}

function neverMatches(route: RouteSettings): boolean {
  const fraction = route.match.runtimeFraction;
  return fraction !== null && fraction.numerator === 0 && fraction.runtimeKey === '';
}

/** A route is shadowed when an earlier one takes every request that it could match. */
function findShadowed(routes: readonly RouteSettings[]): Finding[] {
  const index = new RouteIndex(routes.map((route) => ({ path: route.match.path, literalPrefix: '', isPathOnly: isPathOnly(route) })));
  const findings: Finding[] = [];
  routes.forEach((route, i) => {
    const { kind, value, caseSensitive } = route.match.path;
    if (!caseSensitive || (kind !== 'path' && kind !== 'prefix' && kind !== 'path_separated_prefix')) return;
    // A prefix is asked for with a character that no configured path has behind it: an earlier exact path must not hide it.
    const candidates = index.candidates(kind === 'path' ? value : value + '\0');
    if (candidates.length === 0 || candidates.includes(i)) return;
    const by = candidates.at(-1)!;
    if (by >= i) return;
    const name = routes[by]!.name === '' ? '' : ` ('${routes[by]!.name}')`;
    const path = routes[by]!.match.path;
    findings.push({
      route: i,
      fields: ['match'],
      message: `never reached: routes[${by}]${name}, ${path.kind} "${path.value}", takes all of its requests`,
    });
  });
  return findings;
}

function isPathOnly(route: RouteSettings): boolean {
  const { match } = route;
  const lists = [match.headers, match.queryParameters, match.dynamicMetadata, match.filterState, match.cookies];
  return (
    lists.every((list) => list.length === 0) &&
    match.runtimeFraction === null &&
    !match.grpc &&
    match.tls === null &&
    match.path.kind !== 'connect'
  );
}
