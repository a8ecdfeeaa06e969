/** Certificates and when they end. */
import type { CertificatePart } from '../snapshot.ts';
import { el } from './dom.ts';
import { dateAndTime, duration } from './format.ts';
import { certificateTone } from './problems.ts';
import type { Store } from './store.ts';
import { drawStatus, Table } from './table.ts';
import type { View } from './view.ts';

interface CertificateRow {
  readonly certificate: CertificatePart;
  readonly nowMs: number;
}

export class CertificatesView implements View {
  readonly title = 'Certificates';
  readonly element: HTMLElement;
  readonly #table: Table<CertificateRow>;

  constructor() {
    this.#table = new Table<CertificateRow>({
      label: 'Certificates',
      key: ({ certificate: c }) => `${c.kind} ${c.path} ${c.serialNumber}`,
      empty: 'No certificates are configured: neither listeners nor clusters use TLS.',
      sort: { column: 5, descending: false },
      tone: (row) => (certificateTone(row.certificate, row.nowMs) === 'error' ? 'error' : ''),
      columns: [
        { title: 'Certificate', className: 'name', text: (r) => r.certificate.path, sortBy: (r) => r.certificate.path },
        { title: 'State', draw: drawState },
        {
          title: 'For',
          text: (r) => (r.certificate.kind === 'chain' ? 'proving who we are' : 'trusting others'),
          sortBy: (r) => r.certificate.kind,
        },
        { title: 'Names', className: 'wide', text: (r) => r.certificate.subjectAltNames.join(', ') },
        {
          title: 'Valid from',
          numeric: true,
          text: (r) => dateAndTime(r.certificate.notBeforeWallMs),
          sortBy: (r) => r.certificate.notBeforeWallMs,
        },
        {
          title: 'Ends',
          numeric: true,
          text: (r) => dateAndTime(r.certificate.notAfterWallMs),
          sortBy: (r) => r.certificate.notAfterWallMs,
        },
        { title: 'Serial number', className: 'code', text: (r) => r.certificate.serialNumber },
      ],
    });
    this.element = el('div', { class: 'view fill' }, this.#table.element);
  }

  update(store: Store): void {
    this.#table.show(store.certificates.map((certificate) => ({ certificate, nowMs: store.wallMs })));
  }
}

function drawState(cell: HTMLElement, { certificate, nowMs }: CertificateRow): void {
  const leftS = (certificate.notAfterWallMs - nowMs) / 1000;
  const text =
    nowMs < certificate.notBeforeWallMs ? 'Not valid yet' : leftS < 0 ? `Ended ${duration(-leftS)} ago` : `${duration(leftS)} left`;
  drawStatus(cell, certificateTone(certificate, nowMs) ?? 'ok', text);
}
