/** The service and the client of gRPC's interoperability tests, of grpcio (Python) and of grpc-go, each as a process of its own. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { until } from '../poll.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const PYTHON = join(ROOT, '.cache/grpc-python/bin/python');
const GO_CLIENT = join(ROOT, '.cache/grpc-go/client');
const GO_SERVER = join(ROOT, '.cache/grpc-go/server');
const SCRIPT = fileURLToPath(new URL('peer.py', import.meta.url));

/** The cases of gRPC's doc/interop-test-descriptions.md that need no authentication, as both peers have them. */
export const CASES = [
  ...['empty_unary', 'large_unary', 'client_streaming', 'server_streaming', 'ping_pong', 'empty_stream', 'custom_metadata'],
  ...['cancel_after_begin', 'cancel_after_first_response', 'timeout_on_sleeping_server', 'status_code_and_message'],
  ...['special_status_message', 'unimplemented_method', 'unimplemented_service'],
] as const;

/** Those with compressed messages, which grpcio alone knows of. */
export const COMPRESSED_CASES = [
  ...['client_compressed_unary', 'server_compressed_unary', 'client_compressed_streaming', 'server_compressed_streaming'],
] as const;

export interface ServerProcess {
  readonly port: number;
  /** Calls that it has been told to give up; -1 = it does not say. */
  givenUp(): number;
  stop(): void;
}

export interface Identity {
  readonly chain: string;
  readonly key: string;
}

export interface InteropPeer {
  readonly name: string;
  /** Why its tests are skipped; null = they are not. */
  readonly missing: string | null;
  readonly cases: readonly string[];
  /** Those that it can answer. */
  readonly answers: readonly string[];
  startServer(secure: Identity | null): Promise<ServerProcess>;
  /** @param authority certificate that the server's (a.test) is signed with; null = plain text. @returns "ok", or what went wrong, for each case */
  ask(port: number, authority: string | null, cases: readonly string[]): Promise<string[]>;
}

function start(program: string, args: readonly string[], port: (output: string) => number, env: NodeJS.ProcessEnv): Promise<ServerProcess> {
  const child: ChildProcess = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...env } });
  let output = '';
  let exited = false;
  const gather = (text: string) => void (output += text);
  child.stdout!.setEncoding('utf8').on('data', gather);
  child.stderr!.setEncoding('utf8').on('data', gather);
  child.once('exit', () => {
    exited = true;
  });
  return until(`${program} listens`, async () => {
    if (exited) throw new Error(output);
    const found = port(output);
    if (Number.isNaN(found)) return false;
    return { port: found, givenUp: () => output.split('given up').length - 1, stop: () => void child.kill('SIGKILL') };
  });
}

function run(program: string, args: readonly string[]): Promise<{ code: number | string | null; output: string }> {
  return new Promise((resolve) => {
    execFile(program, [...args], { timeout: 120_000 }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : (error.code ?? null), output: stdout + stderr }),
    );
  });
}

const python: InteropPeer = {
  name: 'grpcio',
  missing: existsSync(PYTHON) ? null : 'grpcio is not installed (run scripts/install-peers.sh)',
  cases: [...CASES, ...COMPRESSED_CASES],
  answers: [...CASES, ...COMPRESSED_CASES],
  startServer: (secure) =>
    start(PYTHON, [SCRIPT, 'server', ...(secure === null ? [] : [secure.chain, secure.key])], (output) => Number.parseInt(output, 10), {}),
  ask: async (port, authority, cases) => {
    const { output } = await run(PYTHON, [SCRIPT, 'client', String(port), authority ?? '-', ...cases]);
    return output
      .trim()
      .split('\n')
      .map((line) => (line.startsWith('ok ') ? 'ok' : line));
  },
};

const go: InteropPeer = {
  name: 'grpc-go',
  missing: existsSync(GO_CLIENT) && existsSync(GO_SERVER) ? null : 'grpc-go is not installed (run scripts/install-peers.sh)',
  cases: CASES,
  answers: CASES,
  startServer: async (secure) => {
    const args = secure === null ? [] : ['-use_tls', '-tls_cert_file', secure.chain, '-tls_key_file', secure.key];
    const found = (output: string) => Number(/listening on .*:(\d+)/.exec(output)?.[1] ?? Number.NaN);
    const server = await start(GO_SERVER, ['-port', '0', ...args], found, { GRPC_GO_LOG_SEVERITY_LEVEL: 'info' });
    return { port: server.port, givenUp: () => -1, stop: server.stop };
  },
  ask: async (port, authority, cases) => {
    const secure = authority === null ? [] : ['-use_tls', '-use_test_ca', '-ca_file', authority, '-server_host_override', 'a.test'];
    const answers: string[] = [];
    for (const name of cases) {
      const { code, output } = await run(GO_CLIENT, [
        '-server_host',
        '127.0.0.1',
        '-server_port',
        String(port),
        '-test_case',
        name,
        ...secure,
      ]);
      answers.push(code === 0 ? 'ok' : `${name}: ${code} ${output}`);
    }
    return answers;
  },
};

export const PEERS: readonly InteropPeer[] = [python, go];

for (const peer of PEERS) if (peer.missing !== null) process.stderr.write(`skipped: ${peer.missing}\n`);
