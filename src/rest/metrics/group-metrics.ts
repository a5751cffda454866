/** State, members and lag of some groups, under kafka_exporter's names: Kafka's brokers have none. */
import type { RequestContextBase } from "../../broker/context.ts";
import { inWaves } from "../../broker/coordinator-call.ts";
import { KafkaError } from "../../protocol/errors.ts";
import {
  findGroup,
  type GroupView,
  groupLags,
  type LagView,
  lagOf,
  listGroups,
} from "../groups.ts";
import { METRICS_GROUPS_MAX } from "../limits.ts";
import type { Exposition } from "./exposition.ts";

interface Told {
  readonly group: GroupView;
  readonly lags: readonly LagView[];
}

/** @param ids null: all that there are, and every coordinator is woken to know them */
export async function addGroupMetrics(
  out: Exposition,
  ctx: RequestContextBase,
  ids: readonly string[] | null,
): Promise<void> {
  const told: Told[] = [];
  let unanswered = 0;
  const unlessRefused = async (work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      unanswered++;
    }
  };
  let meant = ids ?? [];
  if (ids === null) {
    await unlessRefused(async () => {
      meant = (await listGroups(ctx)).map(({ groupId }) => groupId);
    });
  }
  const asked = meant.slice(0, METRICS_GROUPS_MAX);
  await inWaves(asked, (id) =>
    unlessRefused(async () => {
      const group = await findGroup(ctx, id);
      if (group !== null) told.push({ group, lags: await groupLags(ctx, group) });
    }),
  );
  addTold(out, told);
  out.add(
    "kedge_metrics_groups_left_out",
    "gauge",
    `Groups that were meant and not asked: a scrape asks for ${METRICS_GROUPS_MAX} at the most.`,
    [{ value: meant.length - asked.length }],
  );
  out.add(
    "kedge_metrics_groups_unanswered",
    "gauge",
    "Groups that did not answer, or not this caller; one more when they could not be listed.",
    [{ value: unanswered }],
  );
}

function addTold(out: Exposition, told: Told[]): void {
  told.sort((a, b) => (a.group.groupId < b.group.groupId ? -1 : 1));
  const name = "kafka_consumergroup_";
  out.add(
    `${name}members`,
    "gauge",
    "Members of the group.",
    told.map(({ group }) => ({
      labels: { consumergroup: group.groupId },
      value: group.members.length,
    })),
  );
  out.add(
    "kedge_consumergroup_state",
    "gauge",
    "1 at the state that the group is in.",
    told.map(({ group: { groupId, state } }) => ({
      labels: { consumergroup: groupId, state },
      value: 1,
    })),
  );
  const perPartition = (suffix: string, help: string, value: (lag: LagView) => number): void => {
    const samples = told.flatMap(({ group, lags }) =>
      lags.map((lag) => ({
        labels: { consumergroup: group.groupId, topic: lag.topic, partition: lag.partition },
        value: value(lag),
      })),
    );
    out.add(name + suffix, "gauge", help, samples);
  };
  perPartition("current_offset", "What the group committed.", (lag) => lag.currentOffset);
  perPartition("lag", "Records between that and the end of the log.", lagOf);
  out.add(
    `${name}lag_sum`,
    "gauge",
    "Lag of all partitions.",
    told.map(({ group, lags }) => ({
      labels: { consumergroup: group.groupId },
      value: lags.reduce((sum, lag) => sum + lagOf(lag), 0),
    })),
  );
}
