/** `outrider top` as a user runs it: into a file, and on a terminal (a pseudo-terminal that python3 opens). */
import { execFile } from 'node:child_process';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { call } from '../support/http-call.ts';
import { findOutrider } from '../support/outrider.ts';
import { ADMIN, httpListener, ProxyProcess, routeTo, staticCluster } from '../support/proxy.ts';
import { requireTool } from '../support/tool.ts';

const PYTHON = requireTool('python3');

/** Runs a program on a terminal of 100 x 30. After each text that it shows it is sent the keys beside; prints what it wrote, and its exit code. */
const ON_A_TERMINAL = `
import fcntl, json, os, pty, select, struct, sys, termios, time
steps = json.loads(sys.argv[1])
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[2], sys.argv[2:])
fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack('HHHH', 30, 100, 0, 0))
screens = []
for wanted, keys in steps:
    seen = b''
    end = time.time() + 90
    while wanted.encode() not in seen and time.time() < end:
        if select.select([fd], [], [], 0.1)[0]:
            try: piece = os.read(fd, 65536)
            except OSError: break
            seen += piece
    screens.append(seen.decode(errors='replace'))
    if keys: os.write(fd, keys.encode())
rest = b''
try:
    while True:
        piece = os.read(fd, 65536)
        if not piece: break
        rest += piece
except OSError: pass
print(json.dumps({'screens': screens, 'rest': rest.decode(errors='replace'), 'code': os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}))
`;

interface Session {
  readonly screens: readonly string[];
  readonly rest: string;
  readonly code: number;
}

function onTerminal(steps: readonly (readonly [wanted: string, keys: string])[], args: readonly string[]): Promise<Session> {
  return new Promise((resolve, reject) => {
    execFile(PYTHON!, ['-c', ON_A_TERMINAL, JSON.stringify(steps), findOutrider(), ...args], (error, stdout) =>
      error === null ? resolve(JSON.parse(stdout) as Session) : reject(error),
    );
  });
}

let upstream: http.Server;
let proxy: ProxyProcess;

beforeAll(async () => {
  upstream = http.createServer((request, response) => response.writeHead(request.url === '/bad' ? 500 : 200).end());
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  const clusters = [staticCluster('shop', (upstream.address() as AddressInfo).port), staticCluster('spare', 1)];
  proxy = await ProxyProcess.start(
    `${ADMIN}static_resources:\n  listeners: [${httpListener('front', routeTo('shop'))}]\n  clusters: [${clusters.join(', ')}]\n`,
  );
  const port = await proxy.port('front');
  for (const path of ['/', '/bad', '/']) await call(port, path);
});

afterAll(async () => {
  await proxy.stop();
  upstream.close();
  upstream.closeAllConnections();
});

describe('into a file', () => {
  test('one look without a terminal’s controls', async () => {
    const { code, stdout } = await ProxyProcess.run(['top', '--admin', proxy.adminAddress]);
    expect(code).toBe(0);
    expect(stdout).not.toContain('\x1b');
    expect(stdout).toMatch(/^outrider \S+ at 127\.0\.0\.1:\d+ {2}LIVE/);
    expect(stdout).toMatch(/^front +127\.0\.0\.1:\d+/m);
    expect(stdout).toMatch(/^shop +.* 1\/1$/m);
    expect(stdout).toContain('GET 127.0.0.1');
    expect(stdout).toContain('The answer 500 came from host');
  });

  test('nothing is there', async () => {
    const { code, stdout, stderr } = await ProxyProcess.run(['top', '--once', '--admin', '127.0.0.1:1']);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^outrider: 127\.0\.0\.1:1: .*ECONNREFUSED/);
  });
});

describe.skipIf(PYTHON === null)('on a terminal', () => {
  test('shows what there is, looks at a cluster, and leaves the terminal as it was', async () => {
    const { screens, rest, code } = await onTerminal(
      [
        ['LAST FAILED', 's'],
        ['s sort (errors)', '/spa\r'],
        ['/ filter (spa)', '\r'],
        ['breakers default: connections 0/1024', ''],
        ['127.0.0.1:1 ', '\x7f'],
        ['/ filter (spa)', 'q'],
      ],
      ['top', '--admin', proxy.adminAddress],
    );
    expect(code).toBe(0);
    expect(screens[0]).toContain('\x1b[?1049h');
    expect(screens[0]).toContain('shop');
    expect(screens[2]!.split('\x1b[H').at(-1)).not.toContain('shop ');
    expect(rest.endsWith('\x1b[?25h\x1b[?1049l')).toBe(true);
  });
});
