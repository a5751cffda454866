/** The replicas' checker, which also reads what is committed as the history of a group. */
import type { LogStore } from "../../../src/log/log-store.ts";
import type { PartitionLog } from "../../../src/log/partition-log.ts";
import { batchesFrom } from "../../../src/log/read.ts";
import { decodeRecordBatch } from "../../../src/protocol/record-batch.ts";
import { Checker } from "../cluster/checker.ts";
import { GroupHistory } from "./history.ts";

export class GroupChecker extends Checker {
  readonly records: GroupHistory;
  #next = 0;

  constructor(topicIds: (name: string) => string) {
    super(false);
    this.records = new GroupHistory(topicIds, (text) => this.violation(text));
  }

  /** Records that some replica knows to be committed. */
  get committedEnd(): number {
    return this.#next;
  }

  override committedOn(brokerId: number, log: PartitionLog, store: LogStore, from: number): void {
    super.committedOn(brokerId, log, store, from);
    const { highWatermark } = log;
    if (highWatermark <= this.#next) return;
    for (const { bytes, position } of batchesFrom(store, this.#next, highWatermark)) {
      const records = [...decodeRecordBatch(bytes, position)].flatMap(({ offset, key, value }) =>
        key === null ? [] : [{ at: offset, record: { key, value } }],
      );
      this.records.read(records);
      const last = records.at(-1);
      if (last !== undefined) this.#next = last.at + 1;
    }
  }
}
