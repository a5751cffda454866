/** The coordinator alone (SPEC.md, "Coordinator"): the real replica under a scripted group machine. */
import { describe, expect, test } from "vitest";
import type { PartitionInfo } from "../../../src/cluster/types.ts";
import { OFFSETS_COMMIT_TIMEOUT_MS } from "../../../src/constants.ts";
import type { CoordinatorEffects } from "../../../src/group/coordinator.ts";
import type { GroupReply } from "../../../src/group/messages.ts";
import type { ReplyTo } from "../../../src/machine/machine.ts";
import { Codec, compress } from "../../../src/protocol/compression/mod.ts";
import { ErrorCode } from "../../../src/protocol/errors.ts";
import {
  batchRecordCount,
  encodeRecordBatch,
  type RecordBatchInput,
} from "../../../src/protocol/record-batch.ts";
import type { ReplicaConfig } from "../../../src/replication/config.ts";
import type { ReplicaInput, ReplicaMessage } from "../../../src/replication/messages.ts";
import { LoneCoordinator, type LoneCoordinatorOptions } from "../../support/lone-coordinator.ts";
import { loneRow } from "../../support/lone-replica.ts";
import { MemoryReplicaStore } from "../../support/memory-replica-store.ts";
import { answered, deliver, Node } from "../replication/harness.ts";
import { asks, Book, entries, failed, record } from "./book.ts";

const NOW = 1_700_000_000_000;
const { COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR } = ErrorCode;
const LAG = 5;

/** A coordinator and every machine that it made. */
class World extends LoneCoordinator {
  readonly books: Book[];

  constructor(store = new MemoryReplicaStore(), options: LoneCoordinatorOptions = {}) {
    const books: Book[] = [];
    super(
      store,
      () => {
        const book = new Book();
        books.push(book);
        return book;
      },
      options,
    );
    this.books = books;
  }

  get book(): Book {
    const book = this.books.at(-1);
    if (book === undefined) throw new Error("there is no machine yet");
    return book;
  }
}

function leading(options: LoneCoordinatorOptions = {}): World {
  const world = new World(new MemoryReplicaStore(), options);
  world.becomeLeader(NOW, 0);
  return world;
}

function groupReplies(out: CoordinatorEffects): [ReplyTo, GroupReply][] {
  return [...out.ready, ...out.replies].flatMap(({ to, reply }) =>
    reply.kind === "group" ? [[to, reply.reply] as [ReplyTo, GroupReply]] : [],
  );
}

/** Two replicas, the second a real one: what reaches it is what a test lets through. */
const PAIR: PartitionInfo = { ...loneRow(0), replicas: [1, 2], isr: [1, 2] };

class Pair {
  readonly leader: World;
  readonly follower: Node;

  constructor(config: Partial<ReplicaConfig> = {}) {
    const all = { lingerMs: 0, ...config };
    this.leader = new World(new MemoryReplicaStore(), { config: all });
    this.follower = new Node(2, all);
    this.follower.done({ kind: "catalogue", partition: PAIR });
    this.carry(this.leader.step(NOW, [{ kind: "catalogue", partition: PAIR }]));
  }

  /** The leader's write is durable. */
  durable(): CoordinatorEffects {
    return this.leader.step(NOW, [
      { kind: "durable", ...this.leader.coordinator.position() } as const,
    ]);
  }

  deliver(out: CoordinatorEffects): ReplicaInput[] {
    return [...out.early, ...out.messages]
      .filter((m): m is ReplicaMessage & { kind: "replicate" } => m.kind === "replicate")
      .map((message) => answered(message, deliver(message, this.follower)));
  }

  /** Carries messages until there are none; what the groups were answered on the way. */
  carry(out: CoordinatorEffects, leader: World = this.leader): [ReplyTo, GroupReply][] {
    const replies = groupReplies(out);
    for (let last = out; ; ) {
      const inputs = this.deliver(last);
      if (last.facts.length > 0) {
        inputs.unshift({ kind: "durable", ...leader.coordinator.position() });
      }
      if (inputs.length === 0) return replies;
      last = leader.step(NOW, inputs);
      replies.push(...groupReplies(last));
    }
  }
}

describe("loading", () => {
  test("GRP1: a leader has no machine before a request, and an alarm is one too", () => {
    const world = leading();
    expect(world.books).toEqual([]);
    expect(world.turn(NOW, [asks(1, "look")])).toEqual(new Map([[1, entries(0)]]));
    expect(world.books).toHaveLength(1);
    const alarmed = leading();
    alarmed.turn(NOW, [{ kind: "tick" }]);
    expect(alarmed.books).toHaveLength(1);
  });

  test("GRP2: the next life reads what the last one wrote, and a tombstone takes away", () => {
    const world = leading();
    world.turn(NOW, [asks(1, "put a 1"), asks(2, "put b 2"), asks(3, "delete a")]);
    const next = new World(world.store as MemoryReplicaStore);
    expect(next.turn(NOW + 1, [asks(1, "look")])).toEqual(new Map([[1, entries(1)]]));
    expect(next.book.diary).toEqual(["+a", "+b", "-a", `loaded at ${NOW + 1}`]);
    expect([...next.book.entries]).toEqual([["b", "2"]]);
  });

  test("GRP2: compressed batches are read, control batches and records without a key are not", () => {
    const world = leading();
    const put = (input: Partial<RecordBatchInput>): void => {
      const records = [{ timestamp: NOW, ...record("a", "1") }];
      const batch = encodeRecordBatch({ records, ...input });
      const append = {
        kind: "append",
        to: 0,
        batch,
        acks: 1,
        timeoutMs: 0,
        leaderEpoch: -1,
      } as const;
      world.turn(NOW, [{ ...append, logAppendTime: false }]);
    };
    put({ compression: Codec.GZIP, compress });
    put({ control: true });
    put({ records: [{ timestamp: NOW, key: null, value: null }] });
    put({ records: [{ timestamp: NOW, ...record("b", "2") }] });
    world.turn(NOW, [asks(1, "look")]);
    expect(world.book.diary).toEqual(["+a", "+b", `loaded at ${NOW}`]);
  });

  test("GRP3: a long log takes several turns, and the request waits for them", () => {
    const first = leading();
    for (let i = 0; i < 20; i++) first.turn(NOW, [asks(1, `put k${i} v`)]);
    const world = new World(first.store as MemoryReplicaStore, { loadBytes: 100 });
    const out = world.step(NOW, [asks(1, "look")]);
    expect(groupReplies(out)).toEqual([]);
    expect(world.coordinator.isLoaded).toBe(false);
    expect(world.book.diary.length).toBeLessThan(20);
    expect(world.coordinator.deadline()).toBe(0);
    let turns = 1;
    let replies: [ReplyTo, GroupReply][] = [];
    for (; replies.length === 0; turns++)
      replies = groupReplies(world.step(NOW, [{ kind: "tick" }]));
    expect(replies).toEqual([[1, entries(20)]]);
    expect(turns).toBeGreaterThan(5);
    expect(world.books).toHaveLength(1);
  });

  test("GRP3: what the turn itself appended is read once it is stored", () => {
    const { follower, leader } = new Pair();
    const put = leader.step(NOW, [asks(1, "put a 1")]);
    const [copy] = [...put.early, ...put.messages].filter((m) => m.kind === "replicate");
    if (copy?.kind !== "replicate") throw new Error("nothing was copied");
    const row = { ...PAIR, leader: 2, leaderEpoch: 1, partitionEpoch: 1 };
    const second = new World(follower.store, { brokerId: 2 });
    const turn = second.step(NOW, [
      { kind: "replicate", to: 9, request: copy.request },
      { kind: "catalogue", partition: row },
      asks(1, "look", 1),
    ]);
    expect(turn.facts.some(({ kind }) => kind === "batch")).toBe(true);
    expect(second.books).toEqual([]);
    second.step(NOW, [{ kind: "durable", ...second.coordinator.position() }]);
    expect(second.book.diary).toEqual(["+a", `loaded at ${NOW}`]);
  });

  test("GRP4: nobody is answered before, and what loading decides is in the log", () => {
    const world = leading();
    world.turn(NOW, [asks(1, "put a 1")]);
    const books: Book[] = [];
    const next = new LoneCoordinator(world.store, () => {
      const book = new Book();
      book.onLoaded = "started";
      books.push(book);
      return book;
    });
    const out = next.step(NOW, [asks(1, "look")]);
    expect(groupReplies(out)).toEqual([]);
    expect(next.coordinator.log.logEndOffset).toBe(2);
    const replies = next.turn(NOW, [{ kind: "durable", ...next.coordinator.position() }]);
    expect(replies).toEqual(new Map([[1, entries(2)]]));
  });
});

describe("a turn", () => {
  test("GRP5: requests come before what is due", () => {
    const world = leading();
    world.turn(NOW, [asks(1, "look")]);
    world.book.dueMs = NOW + LAG;
    world.book.onTick = "evicted";
    expect(world.coordinator.deadline()).toBe(NOW + LAG);
    world.turn(NOW + LAG, [asks(1, "put a 1")]);
    expect(world.book.diary.slice(1)).toEqual(["+a", `tick at ${NOW + LAG}`, "+evicted"]);
    expect(world.coordinator.log.logEndOffset).toBe(2);
  });

  test("GRP6: many commits of a turn share one batch", () => {
    const world = leading();
    const inputs = Array.from({ length: 100 }, (_, i) => asks(i, `put k${i} v`));
    const { facts } = world.step(NOW, inputs);
    const batches = facts.flatMap((fact) => (fact.kind === "batch" ? [fact.batch] : []));
    expect(batches.map((batch) => batchRecordCount(batch, 0))).toEqual([100]);
  });

  test("topics that the machine asks for come back to it", () => {
    const world = leading();
    world.turn(NOW, [asks(1, "topics t")]);
    expect(world.messages).toEqual([{ kind: "readTopics", names: ["t"] }]);
    const topics = [{ name: "t", topicId: "", partitions: 1 }];
    world.turn(NOW, [{ kind: "topics", topics }]);
    expect(world.book.diary.at(-1)).toBe("topics t");
  });
});

describe("replies", () => {
  test("GRP7: wait until the record is committed, and those after it too", () => {
    const pair = new Pair();
    const { leader } = pair;
    pair.carry(leader.step(NOW, [asks(1, "look")]));
    const out = leader.step(NOW, [asks(1, "put a 1"), asks(2, "look")]);
    expect(groupReplies(out)).toEqual([]);
    const second = pair.durable();
    expect(groupReplies(second)).toEqual([]);
    const third = leader.step(NOW, [asks(3, "look")]);
    expect(groupReplies(third)).toEqual([]);
    expect([...pair.carry(out), ...pair.carry(second)]).toEqual([
      [1, entries(1)],
      [2, entries(1)],
      [3, entries(1)],
    ]);
  });

  test("GRP7: what was asked before the first record of the turn does not wait for it", () => {
    const world = leading();
    world.turn(NOW, [asks(1, "look")]);
    const out = world.step(NOW, [asks(1, "look"), asks(2, "put a 1"), asks(3, "look")]);
    expect(out.ready).toEqual([{ to: 1, reply: { kind: "group", reply: entries(0) } }]);
    expect(out.replies).toEqual([]);
  });

  test("GRP7: a tail that an earlier leader left uncommitted holds the first answers back", () => {
    const pair = new Pair();
    pair.carry(pair.leader.step(NOW, [asks(1, "look")]));
    pair.leader.step(NOW, [asks(1, "put a 1")]);
    const next = new World(pair.leader.store as MemoryReplicaStore, { config: { lingerMs: 0 } });
    const out = next.step(NOW, [asks(1, "look")]);
    expect(next.book.diary).toEqual(["+a", `loaded at ${NOW}`]);
    expect(groupReplies(out)).toEqual([]);
    expect(pair.carry(out, next)).toEqual([[1, entries(1)]]);
  });

  test("GRP7: a member that was parked is answered by another's request, and waits like it", () => {
    const world = leading();
    expect(world.turn(NOW, [asks(1, "park")])).toEqual(new Map());
    const replies = world.turn(NOW, [asks(2, "put a 1"), asks(3, "free")]);
    expect(replies).toEqual(new Map([1, 2, 3].map((to) => [to, entries(1)])));
  });

  test("GRP8: after five seconds 15, and the record stays", () => {
    const pair = new Pair();
    const { leader } = pair;
    pair.carry(leader.step(NOW, [asks(1, "look")]));
    leader.step(NOW, [asks(1, "put a 1")]);
    pair.durable();
    const late = NOW + OFFSETS_COMMIT_TIMEOUT_MS;
    expect(leader.coordinator.deadline()).toBeLessThanOrEqual(late);
    expect(groupReplies(leader.step(late - 1, [{ kind: "tick" }]))).toEqual([]);
    const out = leader.step(late, [{ kind: "tick" }]);
    expect(groupReplies(out)).toEqual([[1, failed(COORDINATOR_NOT_AVAILABLE)]]);
    expect(leader.book.entries.size).toBe(1);
    expect(leader.coordinator.log.logEndOffset).toBe(1);
  });
});

describe("leadership", () => {
  const AWAY: PartitionInfo = { ...PAIR, leader: 2, leaderEpoch: 1, partitionEpoch: 1 };

  test("GRP9: lost, everybody who waits is answered 16: parked, uncommitted or just come", () => {
    const pair = new Pair();
    const { leader } = pair;
    pair.carry(leader.step(NOW, [asks(1, "park")]));
    leader.step(NOW, [asks(2, "put a 1")]);
    const out = leader.step(NOW, [asks(3, "look"), { kind: "catalogue", partition: AWAY }]);
    const refused = [1, 2, 3].map((to) => [to, failed(NOT_COORDINATOR)]);
    expect(groupReplies(out).toSorted(([a], [b]) => a - b)).toEqual(refused);
    expect(leader.coordinator.isLoaded).toBe(false);
  });

  test("GRP9: lost and won again, the machine is another, made of the log", () => {
    const pair = new Pair();
    const { leader } = pair;
    pair.carry(leader.step(NOW, [asks(1, "put a 1")]));
    pair.carry(leader.step(NOW, [asks(1, "park")]));
    const back = { ...PAIR, leaderEpoch: 2, partitionEpoch: 2 };
    const out = leader.step(NOW, [
      { kind: "catalogue", partition: AWAY },
      { kind: "catalogue", partition: back },
      asks(2, "look", 2),
    ]);
    expect(groupReplies(out)).toEqual([
      [1, failed(NOT_COORDINATOR)],
      [2, entries(1)],
    ]);
    expect(leader.books).toHaveLength(2);
    expect(leader.book.diary).toEqual(["+a", `loaded at ${NOW}`]);
  });

  test("GRP9: another leader has what was committed, and answers it", () => {
    const pair = new Pair();
    pair.carry(pair.leader.step(NOW, [asks(1, "put a 1")]));
    const next = new World(pair.follower.store, { brokerId: 2 });
    next.step(NOW, [{ kind: "catalogue", partition: AWAY }]);
    next.step(NOW, [asks(1, "look", 1)]);
    expect([...next.book.entries]).toEqual([["a", "1"]]);
  });

  test("GRP10: under another epoch 16; a later one makes the replica read its row", () => {
    const world = leading();
    world.becomeLeader(NOW, 5);
    world.turn(NOW, [asks(1, "look", 5)]);
    expect(world.turn(NOW, [asks(1, "look", 4)])).toEqual(new Map([[1, failed(NOT_COORDINATOR)]]));
    const out = world.step(NOW, [asks(1, "look", 6)]);
    expect(groupReplies(out)).toEqual([[1, failed(NOT_COORDINATOR)]]);
    expect(out.messages).toEqual([{ kind: "readCatalogue" }]);
  });

  test("GRP10: a follower answers 16", () => {
    const world = new World();
    world.learn(NOW, AWAY);
    expect(world.turn(NOW, [asks(1, "look", 1)])).toEqual(new Map([[1, failed(NOT_COORDINATOR)]]));
    expect(world.books).toEqual([]);
  });
});

describe("a log that takes nothing", () => {
  test("GRP11: too few in sync: 15 for all of the turn and the parked; the next reads the log", () => {
    const world = leading();
    world.turn(NOW, [asks(1, "put a 1")]);
    world.turn(NOW, [asks(2, "park")]);
    const row = { ...loneRow(0, 1), replicas: [1, 2], isr: [1] };
    world.turn(NOW, [{ kind: "catalogue", partition: row }]);
    const config = { minInsyncReplicas: 2 };
    const strict = new World(world.store as MemoryReplicaStore, { config });
    strict.turn(NOW, [asks(2, "park")]);
    const replies = strict.turn(NOW, [asks(3, "put b 2"), asks(4, "look")]);
    const refused = [2, 3, 4].map((to) => [to, failed(COORDINATOR_NOT_AVAILABLE)] as const);
    expect([...replies].toSorted(([a], [b]) => a - b)).toEqual(refused);
    expect(strict.coordinator.log.logEndOffset).toBe(1);
    expect(strict.coordinator.isLoaded).toBe(false);
    expect(strict.turn(NOW, [asks(5, "look")])).toEqual(new Map([[5, entries(1)]]));
    expect(strict.books).toHaveLength(2);
  });

  test("GRP11: a record that fits no batch is refused in the same way", () => {
    const world = leading();
    world.turn(NOW, [asks(1, "put a 1")]);
    const replies = world.turn(NOW, [asks(2, "big b")]);
    expect(replies).toEqual(new Map([[2, failed(COORDINATOR_NOT_AVAILABLE)]]));
    expect(world.turn(NOW, [asks(3, "look")])).toEqual(new Map([[3, entries(1)]]));
  });

  test("GRP11: what is refused while it loads does not load again and again", () => {
    const world = leading();
    world.turn(NOW, [asks(1, "put a 1")]);
    const row = { ...loneRow(0, 1), replicas: [1, 2], isr: [1] };
    world.turn(NOW, [{ kind: "catalogue", partition: row }]);
    let made = 0;
    const strict = new LoneCoordinator(
      world.store,
      () => {
        made++;
        const book = new Book();
        book.onLoaded = "started";
        return book;
      },
      { config: { minInsyncReplicas: 2 } },
    );
    const out = strict.step(NOW, [asks(1, "look"), asks(2, "look")]);
    expect(groupReplies(out).map(([to]) => to)).toEqual([1, 2]);
    expect(made).toBe(1);
    expect(strict.coordinator.deadline()).toBeGreaterThan(NOW);
  });
});

test("GRP12: nothing is due when the machine has nothing due and all is committed", () => {
  const world = leading();
  expect(world.coordinator.deadline()).toBe(Infinity);
  world.turn(NOW, [asks(1, "put a 1"), asks(2, "park")]);
  expect(world.coordinator.deadline()).toBe(Infinity);
  world.book.dueMs = NOW + LAG;
  expect(world.coordinator.deadline()).toBe(NOW + LAG);
});
