/** An explanation for people: what happens first, then why, from the connection to the upstream. */
import type { ChainPart, ClusterPart, ExplainAnswer, Explanation, HttpPart, Outcome, RoutePart } from './explanation.ts';

/** Lists longer than this are cut: the whole is in the JSON. */
const MANY = 20;

export function renderExplanation(answer: ExplainAnswer): string {
  if ('error' in answer) return `error: ${answer.error}\n`;
  const { request, listener, filter_chain, http, route, cluster } = answer;
  const lines = [`${request.method} ${request.authority}${request.path}`, `→ ${outcomeText(answer.outcome)}`, ''];
  lines.push(`connection     from ${request.source} to ${request.destination}${request.sni === '' ? '' : `, SNI ${request.sni}`}`);
  if (listener !== null) lines.push(`listener       ${listener.name} (${listener.addresses.join(', ')}): ${listener.why}`);
  if (filter_chain !== null) lines.push(...chainLines(filter_chain));
  if (http !== null) lines.push(...httpLines(http));
  if (route !== null) lines.push(...routeLines(route, http?.authority.routed ?? request.authority));
  if (cluster !== null) lines.push(...clusterLines(cluster));
  lines.push(...limitLines(answer));
  return lines.join('\n') + '\n';
}

function outcomeText(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'forward':
      return `forwarded to cluster '${outcome.cluster}'${outcome.host === '' ? '' : `, host ${outcome.host}`}`;
    case 'reply': {
      const flags = outcome.response_flags === '' ? '' : ` ${outcome.response_flags}`;
      const location = outcome.location === '' ? '' : `, location ${outcome.location}`;
      return `answered by the proxy: ${outcome.status}${flags} (${outcome.response_code_details})${location}`;
    }
    case 'tcp':
      return `bytes are handled by ${outcome.filter}${outcome.clusters.length === 0 ? '' : `, cluster ${outcome.clusters.join(' or ')}`}`;
    case 'close':
      return `the connection is closed: ${outcome.why}`;
  }
}

function chainLines(chain: ChainPart): string[] {
  const name = chain.name === '' ? '' : ` '${chain.name}'`;
  const which = chain.network_filters.length === 0 ? 'none' : chain.index < 0 ? `default_filter_chain${name}` : `#${chain.index}${name}`;
  const criteria = chain.criteria.length === 0 ? '' : ` matches ${chain.criteria.join(', ')}`;
  const lines = [`filter chain   ${which}${criteria}`];
  for (const { name: other, index, unmet, why } of chain.others.slice(0, MANY))
    lines.push(`               not #${index}${other === '' ? '' : ` '${other}'`}: ${unmet.length > 0 ? unmet.join(', ') : why}`);
  if (chain.others.length > MANY) lines.push(`               and not ${chain.others.length - MANY} others`);
  if (chain.network_filters.length > 0) lines.push(`               filters: ${chain.network_filters.map((f) => f.name).join(' → ')}`);
  return lines;
}

function httpLines(http: HttpPart): string[] {
  const lines: string[] = [];
  const say = (label: string, text: string) => lines.push(label.padEnd(15) + text);
  if (!http.admitted) say('connection mgr', 'refuses the request before it is routed');
  if (http.path.received !== http.path.routed) say('path', `${http.path.received} becomes ${http.path.routed}`);
  if (http.authority.received !== http.authority.routed) say('authority', `${http.authority.received} becomes ${http.authority.routed}`);
  if (http.trust !== '') say('client', `${http.client_address}, ${http.trust}`);
  if (http.headers_removed.length > 0) say('removed', http.headers_removed.join(', '));
  for (const header of http.headers_changed) say('changed', header);
  for (const header of http.headers_added) say('added', header);
  for (const filter of http.http_filters) {
    const off = filter.enabled ? '' : ' off';
    const by = filter.decided_by === 'default' ? '' : ` (by ${filter.decided_by})`;
    say('http filter', `${filter.name}${off}${by}${filter.per_route_config ? ', with settings of the route' : ''}`);
  }
  return lines;
}

function routeLines(route: RoutePart, authority: string): string[] {
  if (route.virtual_host === '') {
    const port = /:\d+$/.test(authority) ? ' (the port counts: see strip_any_host_port)' : '';
    return [`virtual host   none of route configuration '${route.route_configuration}' is for ${authority}${port}`];
  }
  const lines = [`virtual host   '${route.virtual_host}' by domain ${route.domain}, of route configuration '${route.route_configuration}'`];
  if (route.redirected_to_tls) lines.push('route          require_tls: answered before any route is looked at');
  const missed = route.considered.filter((one) => one.missed.length > 0);
  for (const one of missed.slice(-MANY)) {
    lines.push(`               not #${one.index}${one.name === '' ? '' : ` '${one.name}'`}: needs ${one.missed.join(', ')}`);
  }
  if (missed.length > MANY) lines.splice(1, 0, `               not #0 to #${missed.at(-MANY)!.index - 1}`);
  const matched = route.considered.find((one) => one.index === route.index);
  if (matched !== undefined)
    lines.push(`route          #${route.index}${route.name === '' ? '' : ` '${route.name}'`} ${route.action}: ${matched.criteria}`);
  else if (!route.redirected_to_tls) lines.push('route          none matches');
  const weighted = route.weighted_clusters;
  if (weighted !== null) {
    const shares = weighted.clusters.map(({ name, percent }) => `${name} ${percent} %`).join(', ');
    lines.push(`weighted       ${shares}; '${weighted.chosen}' by ${weighted.chosen_by}`);
  }
  return lines;
}

function clusterLines(cluster: ClusterPart): string[] {
  if (!cluster.known) return [`cluster        '${cluster.name}' does not exist`];
  const lines = [
    `cluster        '${cluster.name}' ${cluster.type} ${cluster.lb_policy}, ${cluster.hosts.length === 1 ? '1 host' : `${cluster.hosts.length} hosts`}, ${cluster.priority} priority`,
  ];
  cluster.host_priorities.forEach(({ healthy_percent, degraded_percent, panic }, p) => {
    const degraded = degraded_percent === 0 ? '' : `, ${degraded_percent} % to degraded ones`;
    if (cluster.host_priorities.length > 1 || panic)
      lines.push(
        `               priority ${p}: ${healthy_percent} % of requests${degraded}${panic ? ', in panic: health is ignored' : ''}`,
      );
  });
  for (const host of cluster.hosts.slice(0, MANY)) {
    const name = host.hostname === '' ? '' : ` ${host.hostname}`;
    lines.push(`               ${host.address}${name} weight ${host.weight} ${host.health}, ${host.rq_active} in flight`);
  }
  if (cluster.hosts.length > MANY) lines.push(`               and ${cluster.hosts.length - MANY} more`);
  const breakers = cluster.circuit_breakers.map(({ name, in_use, limit }) => `${name} ${in_use}/${limit}`);
  lines.push(`               ${breakers.join(', ')}`);
  if (cluster.hash !== '') lines.push(`               hash ${cluster.hash}`);
  if (cluster.mirrors.length > 0) lines.push(`               mirrored to ${cluster.mirrors.join(', ')}`);
  const upstream = cluster.upstream_request;
  if (upstream !== null) lines.push(`upstream sees  ${upstream.method} ${upstream.authority}${upstream.path}`);
  return lines;
}

function limitLines({ timeouts, retries }: Explanation): string[] {
  const lines = timeouts.map(
    ({ name, ms, from }, i) => `${(i === 0 ? 'timeouts' : '').padEnd(15)}${name} ${ms === 0 ? 'off' : `${ms} ms`} (${from})`,
  );
  if (retries === null) return lines;
  lines.push(`retries        ${retries.enabled ? `${retries.num_retries} on ${retries.retry_on.join(', ')}` : 'none'} (${retries.from})`);
  return lines;
}
