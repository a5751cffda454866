/** LOG10 to LOG17, through the machine: what an idempotent producer is answered. */
import { describe, expect, test } from "vitest";
import {
  PRODUCER_BATCHES_RETAINED,
  PRODUCER_ID_EXPIRATION_MS,
  PRODUCER_IDS_PER_PARTITION_MAX,
} from "../../../src/constants.ts";
import { ProducerStates } from "../../../src/log/producer-state.ts";
import { type AppendReply, batchOf, LogHarness, NOW, sequenced, stateOf } from "./harness.ts";

const MAX_SEQUENCE = 2_147_483_647;

/** Sends single-record batches one after the other; each must be taken. */
function send(log: LogHarness, producerId: number, epoch: number, sequences: number[]): void {
  for (const sequence of sequences) {
    expect(log.append(sequenced(producerId, epoch, sequence)).errorCode).toBe(0);
  }
}

function expectUnchanged(log: LogHarness, act: () => AppendReply): AppendReply {
  const before = stateOf(log.log);
  const reply = act();
  expect(log.facts).toEqual([]);
  expect(stateOf(log.log)).toEqual(before);
  return reply;
}

describe("retries", () => {
  test("LOG10: each of the last five batches is answered with its first offset, and not stored", () => {
    const log = new LogHarness();
    log.append(batchOf({ records: 10 }));
    // Sequences 0, 2, 4 … in batches of two, at offsets 10, 12, 14 …
    for (let i = 0; i < 8; i++) log.append(sequenced(7, 0, 2 * i, 2));
    for (let i = 3; i < 8; i++) {
      const reply = expectUnchanged(log, () => log.append(sequenced(7, 0, 2 * i, 2)));
      expect(reply).toMatchObject({ errorCode: 0, baseOffset: 10 + 2 * i });
    }
    const older = expectUnchanged(log, () => log.append(sequenced(7, 0, 4, 2)));
    expect(older).toMatchObject({ errorCode: 45, baseOffset: -1 });
    expect(PRODUCER_BATCHES_RETAINED).toBe(5);
  });

  test("LOG10: a retry in the same turn as the batch itself is stored once", () => {
    const log = new LogHarness();
    const replies = log.turn(NOW, [
      { append: sequenced(7, 0, 0, 3) },
      { append: sequenced(7, 0, 0, 3) },
    ]);
    expect(replies).toMatchObject([
      { errorCode: 0, baseOffset: 0 },
      { errorCode: 0, baseOffset: 0 },
    ]);
    expect(log.log.logEndOffset).toBe(3);
  });

  test.each([
    ["another last sequence", 0, 2, 1, 45],
    ["another first sequence", 0, 3, 1, 45],
    ["another epoch below", -1, 2, 2, 47],
    ["another epoch above", 1, 2, 2, 45],
  ])("LOG10: only an equal batch is a retry: %s", (_, epochBy, sequence, records, errorCode) => {
    const log = new LogHarness();
    send(log, 7, 3, [0, 1]);
    log.append(sequenced(7, 3, 2, 2));
    const reply = log.append(sequenced(7, 3 + epochBy, sequence, records));
    expect(reply).toMatchObject({ errorCode, baseOffset: -1 });
  });

  test("LOG10: batches of different producers are never mixed up", () => {
    const log = new LogHarness();
    send(log, 7, 0, [0]);
    send(log, 8, 0, [0]);
    expect(log.append(sequenced(7, 0, 0)).baseOffset).toBe(0);
    expect(log.append(sequenced(8, 0, 0)).baseOffset).toBe(1);
  });
});

describe("sequences and epochs", () => {
  test("LOG11: the sequence that follows is taken, a gap and a step back are 45", () => {
    const log = new LogHarness();
    log.append(sequenced(7, 0, 0, 5));
    for (const sequence of [6, 4, 1, MAX_SEQUENCE]) {
      const reply = expectUnchanged(log, () => log.append(sequenced(7, 0, sequence)));
      expect(reply.errorCode, `sequence ${sequence}`).toBe(45);
      expect(reply.errorMessage).toContain(`sent sequence ${sequence} where 5 comes next`);
    }
    expect(log.append(sequenced(7, 0, 5))).toMatchObject({ errorCode: 0, baseOffset: 5 });
  });

  test("LOG11: 0 follows 2147483647", () => {
    const log = new LogHarness();
    log.append(sequenced(7, 0, MAX_SEQUENCE - 1, 2));
    expect(log.append(sequenced(7, 0, 1)).errorCode).toBe(45);
    expect(log.append(sequenced(7, 0, 0))).toMatchObject({ errorCode: 0, baseOffset: 2 });
    expect(log.append(sequenced(7, 0, MAX_SEQUENCE - 1, 2)).baseOffset).toBe(0);
    expect(log.append(sequenced(7, 0, 1))).toMatchObject({ errorCode: 0, baseOffset: 3 });
  });

  test("LOG11: a batch may wrap within itself, and its retry is known", () => {
    const log = new LogHarness();
    // Sequences 2147483646, 2147483647, 0, 1.
    log.append(sequenced(7, 0, MAX_SEQUENCE - 1, 4));
    expect(log.append(sequenced(7, 0, MAX_SEQUENCE - 1, 4))).toMatchObject({ baseOffset: 0 });
    expect(log.log.logEndOffset).toBe(4);
    expect(log.append(sequenced(7, 0, 0)).errorCode).toBe(45);
    expect(log.append(sequenced(7, 0, 2))).toMatchObject({ errorCode: 0, baseOffset: 4 });
  });

  test("LOG12: a lower epoch is 47, whatever its sequence", () => {
    const log = new LogHarness();
    send(log, 7, 3, [0, 1]);
    for (const sequence of [0, 1, 2]) {
      const reply = expectUnchanged(log, () => log.append(sequenced(7, 2, sequence)));
      expect(reply.errorCode).toBe(47);
      expect(reply.errorMessage).toContain("sent epoch 2, the log has seen epoch 3");
    }
  });

  test("LOG12: a higher epoch must begin at 0, else 45, and forgets the history before", () => {
    const log = new LogHarness();
    send(log, 7, 3, [0, 1]);
    const reply = expectUnchanged(log, () => log.append(sequenced(7, 4, 2)));
    expect(reply.errorCode).toBe(45);
    expect(log.append(sequenced(7, 4, 0))).toMatchObject({ errorCode: 0, baseOffset: 2 });
    // The same sequences under the old epoch are not retries any more.
    expect(log.append(sequenced(7, 3, 1)).errorCode).toBe(47);
    expect([...log.log.producers.entries()]).toMatchObject([{ epoch: 4, batches: [{}] }]);
    expect(log.append(sequenced(7, 4, 1)).baseOffset).toBe(3);
  });

  test("LOG13: an unknown producer begins where it likes", () => {
    const log = new LogHarness();
    expect(log.append(sequenced(7, 5, 100))).toMatchObject({ errorCode: 0 });
    expect(log.append(sequenced(8, 0, MAX_SEQUENCE))).toMatchObject({ errorCode: 0 });
    expect(log.append(sequenced(7, 5, 101))).toMatchObject({ errorCode: 0 });
  });

  test("LOG13: a batch without a producer id leaves no state", () => {
    const log = new LogHarness();
    log.append(batchOf());
    expect(log.log.producers.size).toBe(0);
  });
});

describe("forgetting", () => {
  test("LOG14: a day after its last batch a producer is unknown, not a moment before", () => {
    expect(PRODUCER_ID_EXPIRATION_MS).toBe(86_400_000);
    const log = new LogHarness();
    log.append(sequenced(7, 3, 0), NOW);
    log.append(sequenced(7, 3, 1), NOW + 50);
    const almost = NOW + 50 + PRODUCER_ID_EXPIRATION_MS - 1;
    expect(log.append(sequenced(7, 3, 9), almost).errorCode).toBe(45);
    expect(log.append(sequenced(7, 2, 0), almost).errorCode).toBe(47);
    expect(log.append(sequenced(7, 3, 1), almost).baseOffset).toBe(1);
    // Lower epoch, any sequence: as a producer that was never seen.
    expect(log.append(sequenced(7, 2, 9), almost + 1)).toMatchObject({
      errorCode: 0,
      baseOffset: 2,
    });
    expect([...log.log.producers.entries()]).toMatchObject([
      { epoch: 2, batches: [{ firstSequence: 9 }] },
    ]);
  });

  test("LOG14: a batch of forgotten state is stored again", () => {
    const log = new LogHarness();
    log.append(sequenced(7, 3, 0), NOW);
    const later = NOW + PRODUCER_ID_EXPIRATION_MS;
    expect(log.append(sequenced(7, 3, 0), later)).toMatchObject({ errorCode: 0, baseOffset: 1 });
  });

  test("LOG14: what expired is unknown for good: its batches do not come back with the next one", () => {
    const log = new LogHarness();
    log.append(sequenced(7, 3, 0), NOW);
    const later = NOW + PRODUCER_ID_EXPIRATION_MS;
    expect(log.append(sequenced(7, 3, 1), later)).toMatchObject({ errorCode: 0, baseOffset: 1 });
    expect([...log.log.producers.entries()]).toMatchObject([
      { batches: [{ firstSequence: 1, baseOffset: 1 }] },
    ]);
    expect(log.append(sequenced(7, 3, 0), later).errorCode).toBe(45);
  });

  test("LOG15: the 10,001st producer pushes out the one unused for longest", () => {
    expect(PRODUCER_IDS_PER_PARTITION_MAX).toBe(10_000);
    const states = new ProducerStates();
    for (let id = 0; id < PRODUCER_IDS_PER_PARTITION_MAX; id++) {
      states.append(NOW + id, id, 0, 0, id, 0, 0);
    }
    const now = NOW + PRODUCER_IDS_PER_PARTITION_MAX;
    // Used again, so 1 is the oldest.
    states.append(now, 0, 0, 1, 10_000, 0, 0);
    expect(states.size).toBe(PRODUCER_IDS_PER_PARTITION_MAX);
    states.append(now, 77_777, 0, 0, 10_001, 0, 0);
    expect(states.size).toBe(PRODUCER_IDS_PER_PARTITION_MAX);
    expect(states.check(now, 1, 0, 5, 0)).toEqual({ kind: "append" });
    expect(states.check(now, 2, 0, 5, 0)).toMatchObject({ kind: "refused", errorCode: 45 });
    expect(states.check(now, 0, 0, 5, 0)).toMatchObject({ kind: "refused", errorCode: 45 });
  });

  test("LOG15: a full partition recovers with the same producers in the same order", () => {
    const log = new LogHarness();
    const ids = Array.from({ length: PRODUCER_IDS_PER_PARTITION_MAX + 5 }, (_, i) => i);
    log.turn(
      NOW,
      ids.map((id) => ({ append: sequenced(id, 0, 0) })),
    );
    log.append(sequenced(6, 0, 1), NOW + 1);
    const kept = [...log.log.producers.entries()].map(({ producerId }) => producerId);
    expect(kept).toEqual([5, ...ids.slice(7), 6]);
    // From the chunks, then from a checkpoint.
    expect(stateOf(log.restart().log)).toEqual(stateOf(log.log));
    log.deleteRecords(1);
    expect(stateOf(log.restart().log)).toEqual(stateOf(log.log));
  });

  test("LOG15: a new producer takes the expired ones with it", () => {
    const log = new LogHarness();
    for (let id = 0; id < 3; id++) log.append(sequenced(id, 0, 0), NOW + id);
    log.append(sequenced(9, 0, 0), NOW + 1 + PRODUCER_ID_EXPIRATION_MS);
    const kept = [...log.log.producers.entries()].map(({ producerId }) => producerId);
    expect(kept).toEqual([2, 9]);
  });

  test("LOG16: state is recovered from chunks, from a checkpoint, and after every record is gone", () => {
    const log = new LogHarness();
    send(log, 7, 1, [0, 1, 2]);
    const retry = (after: LogHarness): AppendReply => after.append(sequenced(7, 1, 1));
    expect(retry(log.restart())).toMatchObject({ errorCode: 0, baseOffset: 1 });
    log.deleteRecords(-1);
    log.tick();
    expect(log.store.firstOffset()).toBeNull();
    const bare = log.restart();
    expect(stateOf(bare.log)).toEqual(stateOf(log.log));
    expect(retry(bare)).toMatchObject({ errorCode: 0, baseOffset: 1, logStartOffset: 3 });
    expect(bare.append(sequenced(7, 1, 9)).errorCode).toBe(45);
    expect(bare.append(sequenced(7, 1, 3))).toMatchObject({ errorCode: 0, baseOffset: 3 });
  });

  test("LOG17: refusals and retries do not count as use", () => {
    const log = new LogHarness();
    log.append(sequenced(7, 3, 0), NOW);
    log.append(sequenced(8, 3, 0), NOW);
    const later = NOW + 1_000;
    expectUnchanged(log, () => log.append(sequenced(7, 3, 0), later));
    expectUnchanged(log, () => log.append(sequenced(7, 3, 5), later));
    expectUnchanged(log, () => log.append(sequenced(7, 2, 0), later));
    expectUnchanged(log, () => log.append(sequenced(7, 4, 1), later));
    // So a day after the one batch that was stored it is unknown.
    const reply = log.append(sequenced(7, 2, 5), NOW + PRODUCER_ID_EXPIRATION_MS);
    expect(reply.errorCode).toBe(0);
  });
});
