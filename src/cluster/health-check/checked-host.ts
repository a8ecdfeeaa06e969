/** One host as active health checking sees it on the control thread: where to ask, and its flags in the shared slab. */
import { HealthFlag, readHostHealth, setHostHealth } from '../../lb/host.ts';
import { type Address, ipAddress, pipeAddress } from '../../net/address.ts';
import { type HostRecord, recordAddress } from '../host-update.ts';

export class CheckedHost {
  readonly cells: Int32Array;
  readonly slot: number;
  /** As last told; its address may change (LOGICAL_DNS). */
  record: HostRecord;

  constructor(cells: Int32Array, slot: number, record: HostRecord) {
    this.cells = cells;
    this.slot = slot;
    this.record = record;
  }

  /** The host's own address: events name it. */
  get address(): Address {
    return recordAddress(this.record);
  }

  /** Where checks go. */
  get checkAddress(): Address {
    const check = this.record.check;
    if (check === null) return this.address;
    if (check.path !== '') return pipeAddress(check.path);
    if (check.ip === '' && this.record.path !== '') return this.address;
    return ipAddress(check.ip === '' ? this.record.ip : check.ip, check.port === 0 ? this.record.port : check.port);
  }

  /** '' = none of its own. */
  get hostname(): string {
    return this.record.check?.hostname ?? '';
  }

  get flags(): number {
    return readHostHealth(this.cells, this.slot);
  }

  has(bit: number): boolean {
    return (this.flags & bit) !== 0;
  }

  /** @returns whether the word changed */
  change(set: number, clear: number): boolean {
    const changed = set !== 0 && setHostHealth(this.cells, this.slot, set, true);
    return (clear !== 0 && setHostHealth(this.cells, this.slot, clear, false)) || changed;
  }

  get failing(): boolean {
    return this.has(HealthFlag.FailedActiveHc);
  }
}
