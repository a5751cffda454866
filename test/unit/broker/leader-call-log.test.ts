import { expect, test } from "vitest";
import type { RequestContext } from "../../../src/broker/context.ts";
import { askLeader } from "../../../src/broker/leader-call.ts";
import { type Leader, leaderOf } from "../../../src/broker/topics.ts";
import { ErrorCode } from "../../../src/protocol/errors.ts";
import { brokerUnderTest } from "../../support/broker-context.ts";

test("what went wrong on the way to a leader is logged, once a call", async () => {
  const broker = brokerUnderTest();
  const partition = { partition: 0, leader: 1, leaderEpoch: 0, partitionEpoch: 0 };
  const topic = {
    name: "orders",
    topicId: "b3JkZXJzb3JkZXJzb3JkZQ",
    internal: false,
    configs: {},
    partitions: [{ ...partition, replicas: [1], isr: [1] }],
  };
  await broker.catalogue.createTopic(broker.ctx.clusterId, topic);
  const ctx: RequestContext = {
    ...broker.ctx,
    ports: { ...broker.ctx.ports, partitions: { ...broker.ctx.ports.partitions, at: () => PORT } },
    ...{ clientId: "app", apiVersion: 9, byFrame: true },
  };
  const leader = leaderOf(ctx, topic, 0);
  let calls = 0;
  const ask = async (_: Leader): Promise<{ errorCode: number }> => {
    if (++calls < 3) throw new Error("the object cannot be loaded");
    return { errorCode: ErrorCode.NONE };
  };
  const call = { ref: topic, byId: false, partition: 0, leader, timeoutMs: 1_000, ask };
  expect(await askLeader(ctx, { ...call, repeatable: true })).toEqual({ errorCode: 0 });
  expect(broker.logs).toEqual([
    {
      level: "warn",
      message: "the leader of orders-0 on broker 1 did not answer",
      object: `${ctx.clusterId}/${topic.topicId}/0/1`,
      clientId: "app",
      error: "the object cannot be loaded",
    },
  ]);
});

const PORT = {} as Leader["port"];
