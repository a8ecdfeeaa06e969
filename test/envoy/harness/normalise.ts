/** Takes out of a text what may differ between two runs without meaning anything: time, chance, and the numbers of ports. */

const UUID = /\b[0-9a-f]{8}-[0-9a-f]{4}-([0-9a-f])[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\b/g;

export interface Names {
  /** Port number → token name, of this run. */
  readonly ports: ReadonlyMap<number, string>;
  /** Directory of this run's files. */
  readonly directory: string;
  /** Directory of the certificates, if there are any. */
  readonly certificates: string | null;
  /** What the client sent; ids that came from there are not random. */
  readonly sent: string;
}

export function normalise(text: string, names: Names): string {
  return text
    .replaceAll(names.directory, '{dir}')
    .replaceAll(names.certificates ?? names.directory, '{certs}')
    .replace(/^(date): \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/gim, '$1: {date}')
    .replace(/(\bPROXY TCP4 127\.0\.0\.1 127\.0\.0\.1) \d+ /g, '$1 {client} ')
    .replace(UUID, (id, kind: string) => (names.sent.includes(id) ? id : `{uuid ${kind}}`))
    .replace(/^(x-ratelimit-reset): 35\d\d$/gim, '$1: {almost an hour}')
    .replace(/^(x-envoy-upstream-service-time): \d+$/gim, '$1: {ms}')
    .replace(/^(x-envoy-expected-rq-timeout-ms): (\d+)$/gim, (_all, name: string, ms: string) => `${name}: ${roundUp(Number(ms))}`)
    .replace(/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{3})?Z/g, '{time}')
    .replace(/\b(duration|ms)=\d+/g, '$1={ms}')
    .replace(/(" \d{3} \S+ \d+ \d+) \d+ (?:\d+|(-)) "/g, (_all, before: string, none?: string) => `${before} {ms} ${none ?? '{ms}'} "`)
    .replace(/(?<=["\s=])[A-Za-z0-9+/]{20,}={0,2}(?=["\s]|$)/g, addressInBase64)
    .replace(/((?:\d{1,3}\.){3}\d{1,3})([:_])(\d{5})\b/g, (_all, ip: string, separator: string, port: string) => {
      return `${ip}${separator}{${names.ports.get(Number(port)) ?? 'port'}}`;
    })
    .replace(/\b(?!127\.)((?:\d{1,3}\.){3}\d{1,3})\b(?=[\s,"]|$)/g, (ip) => (isOwnAddress(ip) ? '{own address}' : ip))
    .replace(/\b\d{5}\b/g, (number) => {
      const token = names.ports.get(Number(number));
      return token === undefined ? number : `{${token}}`;
    });
}

/** A session's host, alone or as a message with the time when it ends. */
function addressInBase64(text: string): string {
  const plain = Buffer.from(text, 'base64').toString('latin1');
  const message = /^(\n\x0f|)(127\.0\.0\.1:\d{5})(\x10[\x80-\xff]+[\0-\x7f]|)$/.exec(plain);
  if (message === null) return text;
  const [, head, address, expires] = message;
  return `{${head === '' ? 'bare' : 'message'} ${address}${expires === '' ? '' : ' with an end'}}`;
}

/** What is left of a time-out on a retry depends on how long the first attempt took. */
function roundUp(ms: number): number {
  const step = ms > 500 ? 500 : 100;
  return Math.ceil(ms / step) * step;
}

let own: ReadonlySet<string> | null = null;

/** Addresses of this machine's interfaces, which Envoy shows for a loopback peer. */
export function setOwnAddresses(addresses: ReadonlySet<string>): void {
  own = addresses;
}

function isOwnAddress(ip: string): boolean {
  return own?.has(ip) ?? false;
}
