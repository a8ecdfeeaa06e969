/** What the files that a bootstrap names (`path_config_source`) add to it, read once. */
import { CatalogBuilder, ClusterCatalog, type PackedCluster } from '../../cluster/catalog.ts';
import { type HostUpdate, staticHosts } from '../../cluster/host-update.ts';
import type { ClusterSettings } from '../../cluster/settings.ts';
import { type ConfigProblem, hasErrors } from '../../config/problem.ts';
import type { ListenerSettings } from '../../listener/settings.ts';
import type { RouteTableSettings } from '../../route/settings.ts';
import type { CompiledConfig, DynamicSettings, EndpointsSettings, FileSourceSettings } from '../compiled.ts';
import type { ConfigRequest } from '../load-config.ts';
import { loadResources, type ResourceKind, type ResourceResult } from '../load-resources.ts';

export interface WholeConfig {
  readonly listeners: readonly ListenerSettings[];
  readonly clusters: SharedArrayBuffer;
  readonly routeTables: Readonly<Record<string, RouteTableSettings>>;
  /** Hosts of clusters that are not static. Names are not resolved: a DNS host goes by its name. */
  readonly hosts: readonly HostUpdate[];
  /** What is wrong with the files; a bad resource is left out, as the running proxy leaves it out. */
  readonly problems: readonly ConfigProblem[];
}

export async function withFiles(compiled: CompiledConfig, request: ConfigRequest): Promise<WholeConfig> {
  const problems: ConfigProblem[] = [];
  const load = async (kind: ResourceKind, source: FileSourceSettings): Promise<ResourceResult> => {
    const result = await loadResources({ kind, path: source.path, request });
    problems.push(...result.problems, ...result.resources.flatMap((resource) => resource.problems));
    return hasErrors(result.problems) ? { ...result, resources: [] } : result;
  };
  const { lds, cds } = compiled.dynamic;
  const rds: Record<string, DynamicSettings['rds'][string]> = { ...compiled.dynamic.rds };
  const eds: Record<string, FileSourceSettings> = { ...compiled.dynamic.eds };

  const listeners = [...compiled.listeners];
  if (lds !== null) {
    const result = await load('listeners', lds);
    Object.assign(rds, result.found.rds);
    listeners.push(...settingsOf<ListenerSettings>(result));
  }
  let added: readonly ClusterSettings[] = [];
  if (cds !== null) {
    const result = await load('clusters', cds);
    Object.assign(eds, result.found.eds);
    added = settingsOf<ClusterSettings>(result);
  }
  const routeTables: Record<string, RouteTableSettings> = {};
  for (const [name, source] of Object.entries(rds)) {
    const table = (await load('routes', source)).resources.find((resource) => resource.name === name)?.settings;
    if (table !== undefined && table !== null) routeTables[name] = table as RouteTableSettings;
  }
  const endpoints = new Map<string, EndpointsSettings>();
  for (const [service, source] of Object.entries(eds)) {
    const found = (await load('endpoints', source)).resources.find((resource) => resource.name === service)?.settings;
    if (found !== undefined && found !== null) endpoints.set(service, found as EndpointsSettings);
  }
  const clusters = added.length === 0 ? compiled.clusters.block : joined(compiled.clusters.block, added);
  return { listeners, clusters, routeTables, hosts: [...hostsOf(clusters, endpoints)], problems };
}

function settingsOf<T>(result: ResourceResult): T[] {
  return result.resources.flatMap(({ settings }) => (settings === null ? [] : [settings as T]));
}

/** A static cluster is not overridden by a discovered one of its name. */
function joined(block: SharedArrayBuffer, added: readonly ClusterSettings[]): SharedArrayBuffer {
  const statics = new ClusterCatalog(block);
  const builder = new CatalogBuilder();
  for (const name of statics.names()) builder.add(statics.settings(name)!);
  for (const settings of added) if (!statics.has(settings.name)) builder.add(settings);
  return builder.finish();
}

function* hostsOf(block: SharedArrayBuffer, endpoints: ReadonlyMap<string, EndpointsSettings>): Generator<HostUpdate> {
  const catalog = new ClusterCatalog(block);
  for (const name of catalog.names()) {
    const packed: PackedCluster = catalog.get(name)!;
    // STATIC is the default and is not written; thousands of static clusters are not parsed here.
    if (!packed.json.includes('"type":')) continue;
    const settings = catalog.settings(name)!;
    if (settings.type === 'STRICT_DNS' || settings.type === 'LOGICAL_DNS') yield staticHosts(settings, packed.id, -1, 0);
    const found = endpoints.get(settings.edsServiceName === '' ? name : settings.edsServiceName);
    if (settings.type === 'EDS' && found !== undefined) yield staticHosts({ ...settings, ...found }, packed.id, -1, 0);
  }
}
