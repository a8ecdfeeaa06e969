/** The admin interface's HTTP server. Long answers leave in slices, so that the control thread never stands still for one. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { hostname } from 'node:os';
import type { HostAddress } from '../lb/host.ts';
import { compileAddressPatterns } from '../runtime/address-patterns.ts';
import { nodeModule } from '../runtime/node-module.ts';
import { nextTurn } from '../runtime/turn.ts';
import { AdminStats } from './admin-stats.ts';
import { AnswerOutput } from './answer-output.ts';
import type { AdminDeps, AdminReply, AdminRequest, Endpoint } from './api.ts';
import { browserRefusal } from './browser-guard.ts';
import { clustersEndpoint } from './clusters.ts';
import { configDumpEndpoint } from './config-dump.ts';
import { asksForPage, helpEndpoints, helpText } from './index-page.ts';
import { listenersEndpoint } from './listeners.ts';
import { loggingEndpoint } from './logging.ts';
import { profilerEndpoints } from './profiler.ts';
import { text } from './reply.ts';
import { serverEndpoints } from './server-endpoints.ts';
import { recentLookups, statsEndpoints } from './stats-endpoints.ts';

/** One turn of the event loop spends at most this long on an answer. */
const SLICE_MS = 2;
const WRITE_CHARS = 16_384;
/** Forms are short; more than this is no admin request. */
const MAX_BODY = 1 << 20;

interface OpenConnection {
  readonly id: number;
  /** In hand. */
  requests: number;
  /** Sends events, so it never becomes idle. */
  endless: boolean;
}

const PAGE_FILES = '/page/';

/** Loads what the interface needs; by itself it does so when it starts. */
export function prepareAdmin(): void {
  http();
  compileAddressPatterns();
}

/** Loaded by the processes that have an admin interface, and without the undici that an `import` of it brings along. */
function http(): typeof import('node:http') {
  return nodeModule('node:http');
}

export class AdminServer {
  readonly #deps: AdminDeps;
  readonly #stats: AdminStats;
  readonly #endpoints: readonly Endpoint[];
  readonly #byPath: ReadonlyMap<string, Endpoint>;
  #server: Server | null = null;
  readonly #connections = new Map<Socket, OpenConnection>();
  #connectionId = 0;
  #stopping = false;
  /** What it is called besides addresses; null = a UNIX socket. */
  #ownNames: readonly string[] | null = [];

  constructor(deps: AdminDeps) {
    this.#deps = deps;
    this.#stats = new AdminStats(deps.stats.local.root);
    const endpoints: Endpoint[] = [
      ...helpEndpoints(() => this.#endpoints),
      clustersEndpoint,
      configDumpEndpoint,
      listenersEndpoint,
      loggingEndpoint,
      ...profilerEndpoints,
      ...recentLookups(),
      ...serverEndpoints,
      ...statsEndpoints,
      ...deps.extraEndpoints,
    ];
    endpoints.sort((a, b) => (a.path < b.path ? -1 : 1));
    this.#endpoints = endpoints;
    this.#byPath = new Map(endpoints.map((e) => [e.path, e]));
  }

  /** @returns the bound address; rejects when it cannot be bound */
  start(address: HostAddress): Promise<HostAddress> {
    const server = http().createServer((request, response) => void this.#serve(request, response));
    server.keepAliveTimeout = 0;
    server.on('connection', (socket) => this.#connection(socket));
    this.#server = server;
    this.#ownNames = address.kind === 'pipe' ? null : [hostname().toLowerCase(), ...this.#deps.hostNames];
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      const listening = () => {
        server.off('error', reject);
        server.on('error', (error) => this.#deps.logger.error(`admin: ${error.message}`));
        const bound = server.address();
        resolve(bound === null || typeof bound === 'string' ? address : boundAddress(bound));
      };
      if (address.kind === 'pipe') server.listen(address.path.replace(/^@/, '\0'), listening);
      else server.listen(address.port, address.ip, listening);
    });
  }

  /** Ends idle connections now and busy ones with their answers. */
  stop(): Promise<void> {
    const server = this.#server;
    if (server === null) return Promise.resolve();
    this.#server = null;
    this.#stopping = true;
    return new Promise((resolve) => {
      server.close(() => resolve());
      for (const [socket, { requests, endless }] of this.#connections) if (requests === 0 || endless) socket.destroy();
    });
  }

  #connection(socket: Socket): void {
    const opened = this.#deps.clock.nowMs();
    this.#stats.connectionOpened();
    this.#connections.set(socket, { id: this.#connectionId++, requests: 0, endless: false });
    let byPeer = false;
    socket.on('end', () => {
      byPeer = !socket.writableEnded;
    });
    socket.on('close', () => {
      this.#connections.delete(socket);
      this.#stats.connectionClosed(byPeer, this.#deps.clock.nowMs() - opened, socket.bytesRead, socket.bytesWritten);
    });
  }

  #requestInHand(socket: Socket, change: 1 | -1): void {
    const connection = this.#connections.get(socket);
    if (connection === undefined) return;
    connection.requests += change;
    if (this.#stopping && connection.requests === 0) socket.end();
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const { clock } = this.#deps;
    if (incoming.httpVersion === '1.0') {
      refuseHttp10(response);
      return;
    }
    const startMs = clock.nowMs();
    const startWallMs = clock.wallMs();
    this.#stats.requestStarted();
    const { socket } = incoming;
    this.#requestInHand(socket, 1);
    response.once('close', () => this.#requestInHand(socket, -1));
    let received = 0;
    let sent = 0;
    let reply: AdminReply;
    try {
      const body = await readBody(incoming);
      received = Buffer.byteLength(body);
      reply = await this.#answer(incoming, body);
    } catch (error) {
      this.#deps.logger.error(`admin: ${incoming.url}: ${(error as Error).stack}`);
      reply = text(`${(error as Error).message}\n`, 500);
    }
    this.#stats.answered(reply.status);
    if (reply.endless === true) this.#connections.get(socket)!.endless = true;
    this.#writeHead(response, reply);
    try {
      if (incoming.method !== 'HEAD') sent = await this.#send(response, reply);
    } catch (error) {
      // The head is gone already: cutting the chunked body short is the only way left to say that it is not whole.
      this.#deps.logger.error(`admin: ${incoming.url}: ${(error as Error).stack}`);
      response.destroy();
    }
    response.end(() => reply.afterSent?.());
    this.#stats.requestEnded(clock.nowMs() - startMs);
    const { logger } = this.#deps;
    if (logger.debugEnabled) logger.debug('request ended', { method: incoming.method, path: incoming.url, code: reply.status });
    for (const log of this.#deps.accessLogs)
      log.log({
        startWallMs,
        durationMs: Math.round(clock.nowMs() - startMs),
        method: incoming.method ?? '',
        path: incoming.url ?? '',
        protocol: `HTTP/${incoming.httpVersion}`,
        authority: incoming.headers.host ?? '',
        headers: incoming.rawHeaders,
        contentType: reply.contentType,
        connectionId: this.#connections.get(socket)?.id ?? 0,
        localAddress: addressText(socket.localAddress, socket.localPort),
        remoteAddress: addressText(socket.remoteAddress, socket.remotePort),
        responseCode: reply.status,
        bytesReceived: received,
        bytesSent: sent,
      });
  }

  async #answer(incoming: IncomingMessage, body: string): Promise<AdminReply> {
    const url = incoming.url ?? '/';
    if (!this.#deps.allows(url)) return text(`request to path ${url} not allowed`, 403);
    const mark = url.indexOf('?');
    const path = mark < 0 ? url : url.slice(0, mark);
    const endpoint = this.#byPath.get(path);
    const isFile = endpoint === undefined && path.startsWith(PAGE_FILES);
    const page = isFile || endpoint?.page === true || (path === '/' && asksForPage(incoming));
    const refusal = browserRefusal({ headers: incoming.headers, mutates: endpoint?.mutates === true, page }, this.#ownNames);
    if (refusal !== null) return text(`${refusal}\n`, 403);
    if (endpoint === undefined) {
      const file = isFile ? (await import('./page-files.ts')).pageFile(path.slice(PAGE_FILES.length)) : null;
      return file ?? text(`invalid path. ${helpText(this.#endpoints)}`, 404);
    }
    const method = incoming.method ?? 'GET';
    if (endpoint.mutates && method !== 'POST') return text(`Method ${method} not allowed, POST required.`, 405);
    const params = parseParams(mark < 0 ? '' : url.slice(mark + 1), false);
    if ((incoming.headers['content-type'] ?? '').startsWith('application/x-www-form-urlencoded'))
      for (const [key, value] of parseParams(body, true)) params.append(key, value);
    const request: AdminRequest = { method, path, headers: incoming.headers, params, body };
    const asked = endpoint.asksWorkers === true ? this.#deps.refresh() : null;
    if (asked !== null) await asked;
    return endpoint.handle(request, this.#deps);
  }

  /** Exactly Envoy's head: its fields, its order, lower case. */
  #writeHead(response: ServerResponse, reply: AdminReply): void {
    response.sendDate = false;
    response.removeHeader('connection');
    response.writeHead(reply.status, {
      'content-type': reply.contentType,
      'cache-control': 'no-cache, max-age=0',
      'x-content-type-options': 'nosniff',
      date: new Date(this.#deps.clock.wallMs()).toUTCString(),
      server: 'envoy',
      'transfer-encoding': 'chunked',
      ...reply.headers,
    });
  }

  /** @returns bytes of the body */
  async #send(response: ServerResponse, reply: AdminReply): Promise<number> {
    if (typeof reply.body === 'string') {
      response.write(reply.body);
      return Buffer.byteLength(reply.body);
    }
    const { clock } = this.#deps;
    const output = new AnswerOutput(response);
    let pending = '';
    let sliceStart = clock.nowMs();
    let pieces = 0;
    const waits = !(Symbol.iterator in reply.body);
    const generator = Symbol.iterator in reply.body ? reply.body[Symbol.iterator]() : reply.body[Symbol.asyncIterator]();
    if (reply.endless === true) response.flushHeaders();
    for (;;) {
      if (waits && pending !== '') {
        await output.text(pending);
        pending = '';
      }
      const next = generator.next();
      // A plain generator is not awaited: that would cost a turn of the microtask queue for every line.
      const { value, done } = next instanceof Promise ? await next : (next as IteratorResult<string | Uint8Array>);
      if (done) break;
      if (typeof value === 'string') pending += value;
      if (pending !== '' && (typeof value !== 'string' || pending.length >= WRITE_CHARS)) {
        await output.text(pending);
        pending = '';
      }
      if (typeof value !== 'string') await output.bytes(value);
      if (output.gone) {
        await generator.return?.();
        return output.sent;
      }
      // A fast reader drains within this turn, so having waited says nothing about others having run.
      if ((typeof value === 'string' && value !== '' && ++pieces % 8 !== 0) || clock.nowMs() - sliceStart < SLICE_MS) continue;
      await nextTurn();
      sliceStart = clock.nowMs();
    }
    if (pending !== '') await output.text(pending);
    return output.sent;
  }
}

/** Answers are chunked, which HTTP/1.0 does not know; Envoy's admin interface refuses it in the same words. */
function refuseHttp10(response: ServerResponse): void {
  response.sendDate = false;
  response.writeHead(426, { 'content-length': '16', 'content-type': 'text/plain', connection: 'close' });
  response.end('Upgrade Required');
}

async function readBody(incoming: IncomingMessage): Promise<string> {
  let body = '';
  for await (const chunk of incoming) {
    body += (chunk as Buffer).toString('utf8');
    if (body.length > MAX_BODY) throw new Error('request body too large');
  }
  return body;
}

/** In a path's query "+" stands for itself, so that filter=a+b is a regular expression; in a form it is a space. */
function parseParams(query: string, form: boolean): URLSearchParams {
  const params = new URLSearchParams();
  for (const part of query.split('&')) {
    if (part === '') continue;
    const equals = part.indexOf('=');
    const decode = (t: string) => percentDecode(form ? t.replaceAll('+', ' ') : t);
    if (equals < 0) params.append(decode(part), '');
    else params.append(decode(part.slice(0, equals)), decode(part.slice(equals + 1)));
  }
  return params;
}

function percentDecode(text: string): string {
  if (text.indexOf('%') < 0) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    // A stray "%" is taken as it is, as Envoy does.
    return text.replace(/%[0-9a-fA-F]{2}/g, (m) => String.fromCharCode(Number.parseInt(m.slice(1), 16)));
  }
}

function boundAddress(bound: AddressInfo): HostAddress {
  const version = bound.family === 'IPv6' ? 6 : 4;
  return { kind: 'ip', ip: bound.address, port: bound.port, version, path: '', text: addressText(bound.address, bound.port) };
}

/** '' for a UNIX socket. */
function addressText(ip = '', port = 0): string {
  if (ip === '') return '';
  return ip.indexOf(':') < 0 ? `${ip}:${port}` : `[${ip}]:${port}`;
}
