/** Runs all cases of one configuration on one proxy process, and writes down what was seen as comparable text. */
import { mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { networkInterfaces, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { stringify } from 'yaml';
import { freePort } from '../../support/ports.ts';
import { CheckServer } from './check-server.ts';
import { buildBootstrap, fillTokens } from './frame.ts';
import { toWire, type Wire } from './http-text.ts';
import { playFrames, playHttp2 } from './http2-client.ts';
import { Http2Upstream } from './http2-upstream.ts';
import { LogServer } from './log-server.ts';
import { type Names, normalise, setOwnAddresses } from './normalise.ts';
import { type Agree, pause, reached, slowedYaml } from './patience.ts';
import { ProxyUnderTest } from './proxy-under-test.ts';
import { announcesClose, RawClient } from './raw-client.ts';
import { RecordingUpstream } from './recording-upstream.ts';
import { playSClient } from './s-client.ts';
import type { Case, Configuration, Parallel, Send } from './scenario.ts';
import { nameIds, SpanServer } from './span-server.ts';
import { playTls } from './tls-client.ts';
import { pinTokens, tlsFixture } from './tls-fixture.ts';
import { TlsUpstream } from './tls-upstream.ts';
import { takeTraces } from './trace-files.ts';

export interface Observation {
  /** One text for each case, in the order of the configuration. */
  readonly cases: readonly string[];
  readonly log: string;
  readonly stats: string;
}

/** Statistics that depend on time or on chunk sizes. */
const VARYING =
  /_bytes_|_ms$|_buffered$|\.worker_|watchdog|downstream_pre_cx|\.update_duration|_time$|assignment_|\.version$|http2\.nghttp2_/;
const COMPARED = /^(http\.(?!admin|async)|cluster\.|tcp\.|listener\.(?!admin)|echo|direct_response|http2|tracing\.|access_logs\.)/;

setOwnAddresses(
  new Set(
    Object.values(networkInterfaces())
      .flatMap((list) => list ?? [])
      .map((entry) => entry.address)
      .filter((address) => !address.startsWith('127.')),
  ),
);

export class ConfigurationRun {
  readonly #configuration: Configuration;
  readonly #upstreams: ReadonlyMap<string, RecordingUpstream>;
  readonly #http2Upstreams: ReadonlyMap<string, Http2Upstream>;
  readonly #tlsUpstreams = new Map<string, TlsUpstream>();
  readonly #tokens: Map<string, string>;
  readonly #directory: string;
  /** Asked by health checks: `{{hc}}`. */
  readonly #checks: CheckServer;
  /** Told of spans: `{{spans}}`, over gRPC `{{grpc-spans}}`. */
  readonly #spans: SpanServer;
  /** Takes log entries: `{{logs}}`. */
  readonly #logs: LogServer;
  #proxy: ProxyUnderTest | null = null;

  private constructor(
    configuration: Configuration,
    upstreams: ReadonlyMap<string, RecordingUpstream>,
    http2Upstreams: ReadonlyMap<string, Http2Upstream>,
    tokens: Map<string, string>,
    directory: string,
    checks: CheckServer,
    spans: SpanServer,
    logs: LogServer,
  ) {
    this.#configuration = configuration;
    this.#upstreams = upstreams;
    this.#http2Upstreams = http2Upstreams;
    this.#tokens = tokens;
    this.#directory = directory;
    this.#checks = checks;
    this.#spans = spans;
    this.#logs = logs;
  }

  static async open(configuration: Configuration, binary: string): Promise<ConfigurationRun> {
    const directory = await mkdtemp(join(tmpdir(), 'outrider-compare-'));
    const tokens = new Map<string, string>();
    const upstreams = new Map<string, RecordingUpstream>();
    const http2Upstreams = new Map<string, Http2Upstream>();
    for (const [name, speak] of Object.entries(configuration.upstreams ?? { a: 'http' as const, b: 'http' as const })) {
      if (speak === 'http2') {
        const upstream = new Http2Upstream(name);
        http2Upstreams.set(name, upstream);
        tokens.set(name, String(await upstream.listen()));
        continue;
      }
      const upstream = new RecordingUpstream(name, { speak });
      upstreams.set(name, upstream);
      const port = await upstream.listen();
      tokens.set(name, String(port));
      // How a session names the upstream.
      tokens.set(`${name}-base64`, Buffer.from(`127.0.0.1:${port}`).toString('base64'));
    }
    const checks = new CheckServer();
    tokens.set('hc', String(await checks.listen()));
    const spans = new SpanServer();
    const [spansPort, grpcSpansPort] = await spans.listen();
    tokens.set('spans', String(spansPort));
    tokens.set('grpc-spans', String(grpcSpansPort));
    const logs = new LogServer();
    tokens.set('logs', String(await logs.listen()));
    for (const name of ['listener', 'listener2', 'admin', 'dead']) tokens.set(name, String(await freePort()));
    tokens.set('log', join(directory, 'access.log'));
    tokens.set('dir', directory);
    if (configuration.certificates === true) {
      tokens.set('certs', tlsFixture().directory);
      for (const [name, pin] of pinTokens()) tokens.set(name, pin);
    }
    const run = new ConfigurationRun(configuration, upstreams, http2Upstreams, tokens, directory, checks, spans, logs);
    for (const [name, kind] of Object.entries(configuration.tlsUpstreams ?? {})) {
      const upstream = new TlsUpstream(name, kind, Number(tokens.get(kind.to)));
      run.#tlsUpstreams.set(name, upstream);
      tokens.set(name, String(await upstream.listen()));
    }
    for (const [name, text] of Object.entries(configuration.files ?? {})) {
      await mkdir(dirname(join(directory, name)), { recursive: true });
      await writeFile(join(directory, name), slowedYaml(fillTokens(text, tokens)));
    }
    for (const [name, target] of Object.entries(configuration.links ?? {})) await symlink(join(directory, target), join(directory, name));
    const file = join(directory, 'bootstrap.yaml');
    await writeFile(
      file,
      stringify(buildBootstrap(configuration, { upstreams: [...upstreams.keys(), ...http2Upstreams.keys()], tokens }), {
        aliasDuplicateObjects: false,
        defaultStringType: 'QUOTE_DOUBLE',
        defaultKeyType: 'PLAIN',
      }),
    );
    try {
      run.#proxy = await ProxyUnderTest.start(binary, file, Number(tokens.get('admin')), configuration.args);
    } catch (error) {
      await run.close();
      throw error;
    }
    return run;
  }

  /** Sends one case. @returns what client and upstreams have seen by the time at which that is asked for */
  async play(one: Case, agree: Agree): Promise<() => string> {
    this.#spans.forget();
    this.#logs.forget();
    if (one.checks !== undefined) this.#checks.state = one.checks;
    for (const [name, upstream] of this.#upstreams) await upstream.prepare(one.upstream?.[name] ?? []);
    for (const [name, upstream] of this.#http2Upstreams) upstream.prepare(one.http2Upstream?.[name] ?? []);
    for (const upstream of this.#tlsUpstreams.values()) upstream.prepare();
    for (const [name, text] of Object.entries(one.writes ?? {})) {
      const file = join(this.#directory, name);
      await writeFile(`${file}.new`, slowedYaml(fillTokens(text, this.#tokens)));
      await rename(`${file}.new`, file);
    }
    for (const [name, target] of Object.entries(one.links ?? {})) {
      const link = join(this.#directory, name);
      await symlink(join(this.#directory, target), `${link}.new`);
      await rename(`${link}.new`, link);
    }
    if (one.until !== undefined) await this.#reached(one.until);
    const seen: string[] = [];
    const sent: string[] = [];
    if (one.parallel !== undefined) seen.push(await this.#parallel(one, one.parallel, sent, agree));
    else if (one.http2 !== undefined) {
      const port = Number(this.#token(one.to ?? 'listener'));
      seen.push(await ('frames' in one.http2 ? playFrames(port, one.http2, agree) : playHttp2(port, one.http2, agree)));
    } else if (one.tls !== undefined) {
      const port = Number(this.#token(one.to ?? 'listener'));
      for (const send of [one.tls].flat()) seen.push(await playTls(port, send));
    } else if (one.sClient !== undefined) {
      const port = Number(this.#token(one.to ?? 'listener'));
      for (const args of one.sClient) {
        const filled = args.map((arg) => fillTokens(arg, this.#tokens));
        seen.push(await playSClient(port, filled));
      }
    } else if (one.send !== undefined) {
      const list = Array.isArray(one.send) ? (one.send as readonly Send[]) : [one.send as Send];
      seen.push(await this.#sequence(one, list, sent, agree));
    }
    for (const upstream of this.#upstreams.values()) {
      upstream.openGates();
      await upstream.tunnelsEnded();
    }
    for (const upstream of this.#http2Upstreams.values()) await upstream.settled();
    const upstreams = [...this.#upstreams.values(), ...this.#http2Upstreams.values(), ...this.#tlsUpstreams.values()];
    const later: string[] = [];
    if (one.admin !== undefined) later.push(await this.#adminUntil(one));
    if (one.shows !== undefined) later.push(this.#checks.seen(one.shows));
    if (one.file !== undefined) later.push(await this.#fileWith(one.file));
    if (one.traces !== undefined) later.push(await takeTraces(join(this.#directory, 'taps'), one.traces));
    if (one.entries !== undefined) later.push(await this.#logs.report(one.entries));
    if (one.spans !== undefined) later.push(await this.#spans.report(one.spans));
    return () => {
      const reports = upstreams.map((upstream) => upstream.report()).filter((report) => report !== '');
      const text = normalise([...seen, ...reports, ...later].join('\n'), this.#names(sent.join('\n')));
      return one.spans === undefined ? text : nameIds(text, sent.join('\n'));
    };
  }

  /** Statistics once they have come to rest. */
  async restingStats(): Promise<string> {
    let last = '';
    for (let i = 0; i < 12; i++) {
      const now = await this.stats();
      if (now === last && i > 2) return now;
      last = now;
      await pause(30);
    }
    return last;
  }

  /** Statistics as they are now. */
  async stats(): Promise<string> {
    const stats = await this.#mustRun().stats();
    const lines: string[] = [];
    for (const [name, value] of stats) {
      if (!COMPARED.test(name) || VARYING.test(name) || this.#configuration.ignoreStats?.test(name) === true) continue;
      lines.push(`${name}: ${value}`);
    }
    return normalise(lines.sort().join('\n'), this.#names(''));
  }

  /** Ends the proxy, then reads the log: nothing may be lost at shutdown. */
  async finish(): Promise<string> {
    await this.#proxy?.stop();
    this.#proxy = null;
    const log = await readFile(this.#token('log'), 'latin1').catch(() => '');
    return normalise(log.trimEnd(), this.#names(''));
  }

  async close(): Promise<void> {
    await this.#proxy?.stop();
    for (const upstream of this.#upstreams.values()) await upstream.close();
    for (const upstream of this.#http2Upstreams.values()) await upstream.close();
    for (const upstream of this.#tlsUpstreams.values()) await upstream.close();
    await this.#checks.close();
    await this.#spans.close();
    await this.#logs.close();
    await rm(this.#directory, { recursive: true, force: true });
  }

  get output(): string {
    return this.#proxy?.output ?? '';
  }

  async #sequence(one: Case, sends: readonly Send[], sent: string[], agree: Agree): Promise<string> {
    const client = await this.#connect(one);
    const seen: string[] = [];
    for (const send of sends) {
      const wire = toWire(send);
      await this.#write(client, wire, sent);
      seen.push(await this.#read(client, wire));
    }
    const last = seen.at(-1) ?? '';
    if (one.anyOrder === true) {
      const names = this.#names(sent.join('\n'));
      seen.splice(0, seen.length, ...seen.map((text) => normalise(text, names)).sort());
    }
    seen.push(await client.fate(one.closes === true || announcesClose(last), agree));
    await client.destroy();
    return seen.join('\n');
  }

  async #parallel(one: Case, list: readonly Parallel[], sent: string[], agree: Agree): Promise<string> {
    const running: { client: RawClient; wire: Wire; text: string | null; abort: boolean }[] = [];
    for (const item of list) {
      const client = await this.#connect(one);
      const wire = toWire(item.send);
      const before = this.#arrivals();
      await this.#write(client, wire, sent);
      const entry = { client, wire, text: null as string | null, abort: item.abort === true };
      running.push(entry);
      if (item.until === 'answered') entry.text = await this.#read(client, wire);
      else if (item.until === 'upstream') await this.#arrivedSince(before);
      else await pause(60);
      if (entry.abort) {
        entry.text = '[hung up]';
        await client.destroy();
      }
    }
    for (const upstream of this.#upstreams.values()) upstream.openGates();
    const seen: string[] = [];
    for (const [index, entry] of running.entries()) {
      const text = entry.text ?? (await this.#read(entry.client, entry.wire));
      const fate = entry.abort ? '' : `\n${await entry.client.fate(announcesClose(text), agree)}`;
      seen.push(`(${index + 1})\n${text}${fate}`);
    }
    for (const entry of running) await entry.client.destroy();
    if (one.anyOrder === true) {
      const names = this.#names(sent.join('\n'));
      return seen
        .map((text) => normalise(text.slice(text.indexOf('\n') + 1), names))
        .sort()
        .join('\n');
    }
    return seen.join('\n');
  }

  #connect(one: Case): Promise<RawClient> {
    return RawClient.connect(Number(this.#token(one.to ?? 'listener'))).then((client) => {
      if (one.tcp === true) client.treatAsTcp();
      return client;
    });
  }

  async #write(client: RawClient, wire: Wire, sent: string[]): Promise<void> {
    for (let i = 0; i < Math.max(1, wire.responses); i++) client.expect(wire.method);
    for (const [index, piece] of wire.pieces.entries()) {
      if (index > 0) await pause(wire.pauseMs);
      const text = fillTokens(piece, this.#tokens);
      sent.push(text);
      client.write(text);
    }
    if (wire.afterwards === 'half-close') client.halfClose();
    else if (wire.afterwards === 'reset') client.reset();
  }

  async #read(client: RawClient, wire: Wire): Promise<string> {
    const seen: string[] = [];
    if (wire.responses > 0) seen.push(await client.responses(wire.responses));
    if (wire.payload > 0) seen.push(await client.payload(wire.payload));
    return seen.join('\n');
  }

  async #admin(request: string, lines: RegExp | null): Promise<string> {
    const [method = 'GET', path = '/'] = request.split(' ');
    await this.#quiet();
    const answer = await this.#mustRun().admin(path, method);
    const type = answer.headers['content-type'] ?? '';
    const json = type === 'application/json' && answer.status === 200;
    const whole = json ? sortedJson(answer.body) : path.startsWith('/clusters') ? byCluster(answer.body) : answer.body;
    const shown = whole.split('\n').filter((line) => lines === null || lines.test(line));
    return `-> admin ${request}\n${answer.status} ${type}\n${shown.join('\n')}`;
  }

  async #adminUntil(one: Case): Promise<string> {
    const until = one.adminUntil ?? /^/;
    let answer = '';
    await reached(async () => {
      answer = await this.#admin(one.admin!, one.adminLines ?? null);
      return answer.split('\n').some((line) => until.test(line));
    });
    return answer;
  }

  /** Waits until the file has that many lines, or shows what there is. */
  async #fileWith({ name, lines, part }: NonNullable<Case['file']>): Promise<string> {
    let all: string[] = [];
    await reached(async () => {
      const text = await readFile(join(this.#directory, name), 'utf8').catch(() => '');
      all = text.split('\n').filter((line) => line !== '');
      return all.length >= lines;
    });
    const shown = part === undefined ? all.slice(0, lines) : all.map((line) => part.exec(line)?.[0] ?? line).sort();
    return [`file ${name}`, ...shown].join('\n');
  }

  /** Waits until the proxy has noticed that the clients of earlier cases are gone. */
  async #quiet(): Promise<void> {
    await reached(async () => !(await this.#mustRun().stats()).has('http.ingress.downstream_cx_active'), 500);
  }

  async #reached(values: Readonly<Record<string, number>>): Promise<void> {
    let last: Record<string, number> = {};
    const seen = async () => {
      const stats = await this.#mustRun().stats();
      last = Object.fromEntries(Object.keys(values).map((name) => [name, stats.get(name) ?? 0]));
      return Object.entries(values).every(([name, value]) => last[name] === value);
    };
    if (!(await reached(seen, 30_000))) throw new Error(`statistics did not become ${JSON.stringify(values)}, but ${JSON.stringify(last)}`);
  }

  #arrivals(): number {
    let sum = 0;
    for (const upstream of this.#upstreams.values()) sum += upstream.arrivals;
    return sum;
  }

  async #arrivedSince(before: number): Promise<void> {
    await reached(() => this.#arrivals() > before, 3000);
  }

  #names(sent: string): Names {
    const ports = new Map<number, string>();
    for (const [name, value] of this.#tokens) if (/^\d+$/.test(value)) ports.set(Number(value), name);
    return { ports, directory: this.#directory, certificates: this.#tokens.get('certs') ?? null, sent };
  }

  #token(name: string): string {
    return this.#tokens.get(name) ?? '';
  }

  #mustRun(): ProxyUnderTest {
    if (this.#proxy === null) throw new Error('the proxy is not running');
    return this.#proxy;
  }
}

/** Envoy lists clusters in the order of a hash table; the lines of one keep theirs. */
function byCluster(text: string): string {
  const name = (line: string): string => line.slice(0, line.indexOf('::'));
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.sort((a, b) => (name(a) < name(b) ? -1 : name(a) > name(b) ? 1 : 0)).join('\n');
}

/** Envoy prints the members of an object, and clusters, in no particular order. */
function sortedJson(text: string): string {
  const sort = (key: string, value: unknown): unknown => {
    if (key === 'cluster_statuses') return (value as { name: string }[]).sort((a, b) => (a.name < b.name ? -1 : 1));
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
    return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
  };
  try {
    return JSON.stringify(JSON.parse(text), sort, 1);
  } catch {
    return `[no JSON] ${text}`;
  }
}
