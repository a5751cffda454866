import { expect, it } from "vitest";
import { ErrorCode } from "../../../src/client/errors.ts";
import { ProducerBatch } from "../../../src/client/producer-batch.ts";
import { ProducerState } from "../../../src/client/producer-state.ts";

const NOW = 1_700_000_000_000;

/** A state with an id, and batches of one record each. */
function world() {
  const state = new ProducerState(5);
  state.setId(7, 0);
  const batch = (): ProducerBatch => {
    const made = new ProducerBatch("t", 0, NOW, 100);
    const record = { timestamp: NOW, key: null, value: new Uint8Array(1), headers: [] };
    made.tryAppend(record, { delivered: () => {}, failed: () => {} }, 100);
    return made;
  };
  const send = (one: ProducerBatch): void => {
    expect(state.maySend(one, NOW)).toBe(true);
    state.sending(one);
  };
  const confirm = (one: ProducerBatch): void => {
    state.landed(one);
    state.confirmed(one, NOW);
  };
  const refuse = (one: ProducerBatch): void => {
    state.landed(one);
    expect(state.shouldRetry(one, ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)).toBe(true);
    state.settle();
  };
  const first = batch();
  send(first);
  confirm(first);
  return { state, batch, send, confirm, refuse };
}

it("PROD7 takes no gap for one that a batch met before its predecessor was confirmed", () => {
  const { state, batch, send, confirm, refuse } = world();
  const [second, third] = [batch(), batch()];
  send(second);
  send(third);
  confirm(second);
  // By now it is the oldest, but when it was sent it was not: another copy of it may be written.
  refuse(third);
  expect(state.producerEpoch).toBe(0);
  expect(third.identity).toEqual({ producerId: 7, producerEpoch: 0, baseSequence: 2 });
  send(third);
  confirm(third);
  expect(state.producerEpoch).toBe(0);
});

it("PROD7 raises the epoch for a gap that a batch met when all before it was confirmed", () => {
  const { state, batch, send, refuse } = world();
  const second = batch();
  send(second);
  refuse(second);
  expect(second.identity).toEqual({ producerId: 7, producerEpoch: 1, baseSequence: 0 });
  expect(state.producerEpoch).toBe(1);
});
