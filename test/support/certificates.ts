/** Certificates for tests, made by openssl: an authority, and what it signs. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { requireTool } from './tool.ts';

export const OPENSSL = requireTool('openssl');

export interface IssueOptions {
  /** subjectAltName of openssl's configuration, e.g. "DNS:a.test,URI:spiffe://x/y". */
  readonly sans?: string;
  readonly subject?: string;
  readonly key?: 'EC' | 'RSA';
  /** Over for a day. */
  readonly expired?: boolean;
  /** Further extensions, as lines of openssl's configuration. */
  readonly extensions?: string;
  /** Has the key of that one. */
  readonly keyOf?: IssuedCertificate;
  /** Path without `.pem` and `.key`; a number in the authority's directory by default. */
  readonly as?: string;
}

export interface IssuedCertificate {
  readonly chain: string;
  readonly key: string;
  readonly pem: string;
}

export class CertificateAuthority {
  readonly directory: string;
  readonly path: string;
  readonly #key: string;
  #next = 0;

  /** @param parent signs it; by itself by default */
  constructor(name = 'test authority', parent: CertificateAuthority | null = null) {
    this.directory = mkdtempSync(join(tmpdir(), 'outrider-certificates-'));
    this.path = join(this.directory, 'ca.pem');
    this.#key = join(this.directory, 'ca.key');
    const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
    if (parent === null) openssl(['req', '-x509', ...ec, '-keyout', this.#key, '-out', this.path, '-days', '30', '-subj', `/CN=${name}`]);
    else {
      const extensions = 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign';
      parent.issue({ subject: `/CN=${name}`, sans: 'DNS:authority', extensions, as: join(this.directory, 'ca') });
    }
    writeFileSync(join(this.directory, 'index.txt'), '');
    writeFileSync(join(this.directory, 'number'), '1000\n');
    writeFileSync(join(this.directory, 'ca.conf'), this.#configuration());
  }

  issue({
    sans = 'DNS:server.test',
    subject = '/CN=server',
    key = 'EC',
    expired = false,
    extensions = '',
    keyOf,
    as,
  }: IssueOptions = {}): IssuedCertificate {
    const base = as ?? join(this.directory, `certificate-${this.#next++}`);
    const kind = key === 'EC' ? ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'] : ['-newkey', 'rsa:2048'];
    if (keyOf === undefined) openssl(['req', ...kind, '-nodes', '-keyout', `${base}.key`, '-out', `${base}.csr`, '-subj', subject]);
    else {
      copyFileSync(keyOf.key, `${base}.key`);
      openssl(['req', '-new', '-key', keyOf.key, '-out', `${base}.csr`, '-subj', subject]);
    }
    writeFileSync(`${base}.ext`, `subjectAltName=${sans}\n${extensions}\n`);
    const time = expired ? ['-startdate', '20200101000000Z', '-enddate', '20200102000000Z'] : ['-days', '20'];
    const files = ['-in', `${base}.csr`, '-out', `${base}.pem`, '-extfile', `${base}.ext`];
    openssl(['ca', '-batch', '-notext', '-preserveDN', '-config', join(this.directory, 'ca.conf'), ...time, ...files]);
    return { chain: `${base}.pem`, key: `${base}.key`, pem: readFileSync(`${base}.pem`, 'latin1') };
  }

  /** A revocation list with that certificate in it. */
  revoke(certificate: IssuedCertificate, path = join(this.directory, `crl-${this.#next++}.pem`)): string {
    const config = join(this.directory, 'ca.conf');
    openssl(['ca', '-config', config, '-revoke', certificate.chain]);
    openssl(['ca', '-config', config, '-gencrl', '-out', path]);
    return path;
  }

  /** An OCSP response about that certificate. @param days until its next update; -1 = that was long ago, and nobody may look at its signature @returns path of its DER */
  status(certificate: IssuedCertificate, days = 5, path = `${certificate.chain}.ocsp`): string {
    const responder = ['-index', join(this.directory, 'index.txt'), '-rsigner', this.path, '-rkey', this.#key, '-CA', this.path];
    const request = `${path}.request`;
    openssl(['ocsp', '-issuer', this.path, '-cert', certificate.chain, '-no_nonce', '-reqout', request]);
    openssl(['ocsp', ...responder, '-reqin', request, '-respout', path, '-ndays', String(Math.abs(days))]);
    if (days < 0) {
      const der = readFileSync(path);
      // nextUpdate [0] EXPLICIT GeneralizedTime: its year.
      der.write('2020', der.indexOf(Buffer.from('a011180f', 'hex')) + 4, 'latin1');
      writeFileSync(path, der);
    }
    return path;
  }

  copyTo(path: string): void {
    copyFileSync(this.path, path);
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }

  #configuration(): string {
    return `[ca]
default_ca = own
[own]
dir = ${this.directory}
database = $dir/index.txt
serial = $dir/number
new_certs_dir = $dir
certificate = $dir/ca.pem
private_key = $dir/ca.key
default_md = sha256
default_crl_days = 10
policy = any
unique_subject = no
[any]
commonName = optional
organizationName = optional
countryName = optional
`;
  }
}

function openssl(args: readonly string[]): void {
  execFileSync(OPENSSL!, args, { stdio: ['ignore', 'ignore', 'pipe'] });
}
