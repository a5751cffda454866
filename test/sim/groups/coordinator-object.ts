/** The object of a partition of `__consumer_offsets`: the coordinator in the shell of a replica. */
import type { GroupConfig } from "../../../src/group/config.ts";
import { ConsumerGroupManager } from "../../../src/group/consumer/consumer-group-manager.ts";
import {
  COORDINATOR_RULES,
  Coordinator,
  type CoordinatorInput,
  type CoordinatorReply,
} from "../../../src/group/coordinator.ts";
import { GroupMachine } from "../../../src/group/group-machine.ts";
import type { GroupMessage, GroupRecord, TopicImage } from "../../../src/group/messages.ts";
import { Replay } from "../../../src/group/replay.ts";
import type { ReplicaInput, ReplicaMessage } from "../../../src/replication/messages.ts";
import type { Replica } from "../../../src/replication/replica.ts";
import type { MemoryReplicaStore } from "../../support/memory-replica-store.ts";
import { CATALOGUE } from "../cluster/network.ts";
import { SimReplica } from "../cluster/replica-object.ts";
import type { ClusterSurroundings } from "../cluster/surroundings.ts";
import type { GroupBug } from "./planted-bugs.ts";

export interface GroupSurroundings extends ClusterSurroundings {
  readonly groupConfig: GroupConfig;
  /** The catalogue's. */
  readonly topics: ReadonlyMap<string, TopicImage>;
  readonly groupBug: GroupBug | null;
}

/** Of a log of some kilobytes: so that a coordinator reads it over several turns. */
const LOAD_BYTES = 8_000;
/** As the real shell, which answers when the catalogue does not (GROUP_TOPICS_READ_TIMEOUT_MS is the machine's). */
const TOPICS_TIMEOUT_MS = 500;

export class SimCoordinator extends SimReplica<CoordinatorInput, GroupMessage, CoordinatorReply> {
  readonly #at: GroupSurroundings;
  #coordinator: Coordinator | null = null;
  #machine: GroupMachine | null = null;
  /** The states in which groups were when it crashed as their coordinator. */
  readonly crashedIn = new Set<string>();

  constructor(brokerId: number, at: GroupSurroundings) {
    super(brokerId, at);
    this.#at = at;
  }

  /** The machine of the present leader; null while there is none, or it reads its log. */
  get machine(): GroupMachine | null {
    const { isLeader } = this.replica;
    return isLeader && this.#coordinator?.isLoaded === true ? this.#machine : null;
  }

  override crash(why: string): void {
    if (this.#coordinator?.isLoaded === true) {
      for (const group of this.#machine?.groups.all() ?? []) this.crashedIn.add(group.stateName);
    }
    this.#coordinator = null;
    super.crash(why);
  }

  get deadlineMs(): number {
    return this.deadlineOf(this.live);
  }

  protected override machineOn(replica: Replica, store: MemoryReplicaStore): Coordinator {
    const { groupBug } = this.#at;
    this.#machine = null;
    this.#coordinator = new Coordinator({
      replica,
      store,
      newMachine: () => {
        this.#machine = this.#newMachine();
        return this.#machine;
      },
      loadBytes: LOAD_BYTES,
      rules: { ...COORDINATOR_RULES, ...groupBug?.coordinator },
    });
    return this.#coordinator;
  }

  #newMachine(): GroupMachine {
    const { groupConfig, groupBug } = this.#at;
    const rules = { ...groupBug?.classic };
    return new GroupMachine(
      groupConfig,
      (table) => new ConsumerGroupManager(table, groupConfig, groupBug?.consumer),
      rules,
    );
  }

  /** What a coordinator that reads this log has, of all records or of those that compaction leaves. */
  replayed(compacted: boolean): GroupMachine {
    const { log } = this.replica;
    const records: GroupRecord[] = [];
    const replay = new Replay(this.store, log.logStartOffset, log.logEndOffset);
    replay.advance(Infinity, (record) => records.push(record));
    const machine = this.#newMachine();
    for (const record of compacted ? compact(records) : records) machine.apply(record);
    return machine;
  }

  protected override sendOne(
    message: GroupMessage | ReplicaMessage,
    back: (input: CoordinatorInput | ReplicaInput) => void,
  ): void {
    if (message.kind !== "readTopics") {
      super.sendOne(message, back);
      return;
    }
    const { world, network, topics } = this.#at;
    let settled = false;
    const settle = (found: readonly TopicImage[] | null): void => {
      if (settled) return;
      settled = true;
      back({ kind: "topics", topics: found });
    };
    const { names } = message;
    const found = (): TopicImage[] =>
      [...topics.values()].filter(({ name }) => names === null || names.includes(name));
    network.call<readonly TopicImage[]>(
      this.brokerId,
      CATALOGUE,
      (answer) => answer(found()),
      settle,
    );
    world.after(TOPICS_TIMEOUT_MS, () => settle(null));
  }
}

/** The last record of each key, where it stands (LogCleaner). */
function compact(records: readonly GroupRecord[]): GroupRecord[] {
  const last = new Map<string, GroupRecord>();
  for (const record of records) {
    const key = record.key.join();
    last.delete(key);
    last.set(key, record);
  }
  return [...last.values()];
}
