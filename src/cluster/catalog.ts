/**
 * The settings of all clusters as one block of bytes with an index. Workers share the block, and parse a cluster's settings when it is
 * first used: thousands of clusters that carry no traffic cost no objects.
 */
import { DEFAULT_OUTLIER, type OutlierSettings } from '../resilience/outlier/settings.ts';
import {
  type ClusterSettings,
  DEFAULT_BALANCER,
  DEFAULT_CLUSTER,
  DEFAULT_ENDPOINT,
  DEFAULT_LOCALITY,
  type EndpointSettings,
  type LocalitySettings,
} from './settings.ts';

/** One cluster as text: what travels in an update. */
export interface PackedCluster {
  readonly name: string;
  /** Entry of the shared slab's directory. New for every change of the settings: the limits start afresh, as in Envoy. */
  readonly id: number;
  readonly json: string;
}

/** id, name bytes, JSON bytes: unsigned 32-bit, little endian. */
const HEADER = 12;

/** "10.0.0.1:80" stands for an endpoint of which nothing else was said. */
type PackedEndpoint = string | Partial<EndpointSettings>;

/** What differs from the defaults, as JSON. */
export function packSettings(settings: ClusterSettings): string {
  const packed = omitDefaults(settings, DEFAULT_CLUSTER) as Record<string, unknown>;
  if ('balancer' in packed) packed['balancer'] = omitDefaults(settings.balancer, DEFAULT_BALANCER);
  if (settings.localities.length > 0) packed['localities'] = settings.localities.map(packLocality);
  if (settings.outlier !== null) packed['outlier'] = omitDefaults(settings.outlier, DEFAULT_OUTLIER);
  return JSON.stringify(packed);
}

export function unpackSettings(json: string): ClusterSettings {
  const packed = JSON.parse(json) as Partial<ClusterSettings>;
  const localities = (packed.localities ?? []).map(unpackLocality);
  const balancer = packed.balancer === undefined ? DEFAULT_BALANCER : { ...DEFAULT_BALANCER, ...packed.balancer };
  const outlier: OutlierSettings | null = packed.outlier ? { ...DEFAULT_OUTLIER, ...packed.outlier } : null;
  return { ...DEFAULT_CLUSTER, ...packed, balancer, localities, outlier };
}

function omitDefaults(value: object, defaults: object): object {
  const kept: Record<string, unknown> = {};
  for (const [key, field] of Object.entries(value)) {
    const standard = (defaults as Record<string, unknown>)[key];
    if (field === standard) continue;
    if (typeof field === 'object' && JSON.stringify(field) === JSON.stringify(standard)) continue;
    kept[key] = field;
  }
  return kept;
}

function packLocality(locality: LocalitySettings): object {
  const packed = omitDefaults(locality, DEFAULT_LOCALITY) as Record<string, unknown>;
  packed['endpoints'] = locality.endpoints.map(packEndpoint);
  return packed;
}

function unpackLocality(packed: Partial<LocalitySettings>): LocalitySettings {
  return { ...DEFAULT_LOCALITY, ...packed, endpoints: (packed.endpoints as readonly PackedEndpoint[]).map(unpackEndpoint) };
}

function packEndpoint(endpoint: EndpointSettings): PackedEndpoint {
  const packed = omitDefaults(endpoint, DEFAULT_ENDPOINT);
  const keys = Object.keys(packed);
  return endpoint.path === '' && keys.every((key) => key === 'host' || key === 'port') ? endpoint.host + ' ' + endpoint.port : packed;
}

function unpackEndpoint(packed: PackedEndpoint): EndpointSettings {
  if (typeof packed !== 'string') return { ...DEFAULT_ENDPOINT, ...packed };
  const space = packed.lastIndexOf(' ');
  return { ...DEFAULT_ENDPOINT, host: packed.slice(0, space), port: Number(packed.slice(space + 1)) };
}

/** Puts clusters together one by one, so that only one is an object at a time. */
export class CatalogBuilder {
  #bytes = Buffer.alloc(1 << 16);
  #length = 0;
  #nextId: number;

  constructor(firstId = 0) {
    this.#nextId = firstId;
  }

  add(settings: ClusterSettings): void {
    const name = Buffer.from(settings.name);
    const json = Buffer.from(packSettings(settings));
    const size = HEADER + name.length + json.length;
    this.#reserve(size);
    this.#bytes.writeUInt32LE(this.#nextId++, this.#length);
    this.#bytes.writeUInt32LE(name.length, this.#length + 4);
    this.#bytes.writeUInt32LE(json.length, this.#length + 8);
    name.copy(this.#bytes, this.#length + HEADER);
    json.copy(this.#bytes, this.#length + HEADER + name.length);
    this.#length += size;
  }

  /** Ids below this are in use. */
  get nextId(): number {
    return this.#nextId;
  }

  /** The block, in memory that every thread reads without a copy. */
  finish(): SharedArrayBuffer {
    const shared = new SharedArrayBuffer(this.#length);
    new Uint8Array(shared).set(this.#bytes.subarray(0, this.#length));
    return shared;
  }

  #reserve(size: number): void {
    if (this.#length + size <= this.#bytes.length) return;
    const bigger = Buffer.alloc(Math.max(this.#bytes.length * 2, this.#length + size));
    this.#bytes.copy(bigger, 0, 0, this.#length);
    this.#bytes = bigger;
  }
}

export class ClusterCatalog {
  readonly #bytes: Buffer;
  /** Name → offset of its record in the block, or the record itself when it came later. */
  readonly #index: Map<string, number | PackedCluster>;

  constructor(block: SharedArrayBuffer | null) {
    this.#bytes = Buffer.from(block ?? new SharedArrayBuffer(0));
    this.#index = new Map();
    for (let at = 0; at < this.#bytes.length; ) {
      const nameLength = this.#bytes.readUInt32LE(at + 4);
      this.#index.set(this.#bytes.toString('utf8', at + HEADER, at + HEADER + nameLength), at);
      at += HEADER + nameLength + this.#bytes.readUInt32LE(at + 8);
    }
  }

  get size(): number {
    return this.#index.size;
  }

  has(name: string): boolean {
    return this.#index.has(name);
  }

  names(): IterableIterator<string> {
    return this.#index.keys();
  }

  get(name: string): PackedCluster | null {
    const entry = this.#index.get(name);
    if (entry === undefined) return null;
    if (typeof entry !== 'number') return entry;
    const json = entry + HEADER + this.#bytes.readUInt32LE(entry + 4);
    return {
      name,
      id: this.#bytes.readUInt32LE(entry),
      json: this.#bytes.toString('utf8', json, json + this.#bytes.readUInt32LE(entry + 8)),
    };
  }

  /** The id alone; -1 if there is no such cluster. */
  id(name: string): number {
    const entry = this.#index.get(name);
    if (entry === undefined) return -1;
    return typeof entry === 'number' ? this.#bytes.readUInt32LE(entry) : entry.id;
  }

  /** Parsed anew at each call. */
  settings(name: string): ClusterSettings | null {
    const packed = this.get(name);
    return packed === null ? null : unpackSettings(packed.json);
  }

  set(cluster: PackedCluster): void {
    this.#index.set(cluster.name, cluster);
  }

  delete(name: string): boolean {
    return this.#index.delete(name);
  }
}

/** The settings in a block, one at a time. */
export function* catalogSettings(block: SharedArrayBuffer): Generator<ClusterSettings> {
  const catalog = new ClusterCatalog(block);
  for (const name of [...catalog.names()]) yield catalog.settings(name)!;
}
