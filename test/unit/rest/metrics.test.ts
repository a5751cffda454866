import { beforeEach, describe, expect, test } from "vitest";
import { RequestMetrics } from "../../../src/broker/request-metrics.ts";
import { METRICS_LOGS_MAX } from "../../../src/rest/limits.ts";
import { Exposition } from "../../../src/rest/metrics/exposition.ts";
import { RestWorld } from "../../support/rest-world.ts";

const JSON_TYPE = "application/json";

let world: RestWorld;
beforeEach(async () => {
  world = new RestWorld({ requestMetrics: new RequestMetrics(() => "iso") });
});

/** Values by series, as written: `name{label="value"}`. */
async function scrape(query = ""): Promise<Map<string, number>> {
  const { status, type, text } = await world.get(`/metrics${query}`);
  expect([status, type]).toEqual([200, "text/plain; version=0.0.4; charset=utf-8"]);
  const series = new Map<string, number>();
  let family = "";
  for (const line of text.trimEnd().split("\n")) {
    family = /^# TYPE (\S+)/.exec(line)?.[1] ?? family;
    if (line.startsWith("#")) continue;
    const match = /^(([a-z_]+)(?:\{.*\})?) (\S+)$/.exec(line);
    expect(match, line).not.toBeNull();
    expect(match?.[2]?.startsWith(family), line).toBe(true);
    expect(series.has(match?.[1] ?? "")).toBe(false);
    series.set(match?.[1] ?? "", Number(match?.[3]));
  }
  return series;
}

async function produce(topic: string, records: number) {
  const body = { records: Array.from({ length: records }, () => ({ value: "aGk=" })) };
  const type = "application/vnd.kafka.binary.v2+json";
  const { status } = await world.request("POST", `/topics/${topic}`, { type, body });
  expect(status).toBe(200);
}

describe("GET /metrics", () => {
  test("REST32: without parameters it is made of the catalogue, and wakes nobody", async () => {
    await world.createTopic("t", 2, { "min.insync.replicas": "2" }, 2);
    await world.createTopic("u", 1);
    await world.request("POST", "/v3/clusters/kedge/brokers/3:fence");
    const series = await scrape();
    expect(world.partitions.statusCalls).toBe(0);
    expect(series.get("kafka_controller_kafkacontroller_globaltopiccount")).toBe(2);
    expect(series.get("kafka_controller_kafkacontroller_globalpartitioncount")).toBe(3);
    expect(series.get("kafka_controller_kafkacontroller_activebrokercount")).toBe(2);
    expect(series.get("kafka_controller_kafkacontroller_fencedbrokercount")).toBe(1);
    expect(series.get("kedge_metrics_partitions_left_out")).toBe(0);
    const rows = await world.catalogue.topics("kedge", ["t", "u"]);
    let led = 0;
    for (const { name, partitions } of rows.values()) {
      for (const { partition, leader, isr, replicas } of partitions) {
        const of = (metric: string) =>
          series.get(`${metric}{topic="${name}",partition="${partition}"}`);
        expect(of("kedge_partition_leader")).toBe(leader);
        expect(of("kafka_cluster_partition_insyncreplicascount")).toBe(isr.length);
        expect(of("kafka_cluster_partition_replicascount")).toBe(replicas.length);
        expect(of("kafka_cluster_partition_underreplicated")).toBe(
          isr.length < replicas.length ? 1 : 0,
        );
        const min = name === "t" ? 2 : 1;
        expect(of("kafka_cluster_partition_underminisr")).toBe(isr.length < min ? 1 : 0);
        expect(of("kafka_cluster_partition_atminisr")).toBe(isr.length === min ? 1 : 0);
        if (leader >= 0) led++;
      }
    }
    const leaders = [1, 2, 3].map((id) =>
      series.get(`kafka_server_replicamanager_leadercount{broker="${id}"}`),
    );
    expect(leaders.reduce((sum: number, count = 0) => sum + count, 0)).toBe(led);
    expect(series.get("kafka_controller_kafkacontroller_offlinepartitionscount")).toBe(3 - led);
    expect([...series.keys()].filter((name) => name.startsWith("kafka_log_"))).toEqual([]);
  });

  test("REST32: logs are asked for by topic, as many as the limit allows", async () => {
    await world.createTopic("t", 2);
    await world.createTopic("u", METRICS_LOGS_MAX + 5);
    await produce("t", 3);
    const series = await scrape("?topic=t&topic=none");
    expect(world.partitions.statusCalls).toBe(2);
    const ends = [0, 1].map((partition) =>
      series.get(`kafka_log_log_logendoffset{topic="t",partition="${partition}"}`),
    );
    expect(ends.reduce((sum: number, end = 0) => sum + end, 0)).toBe(3);
    const full = ends.indexOf(3);
    const of = (name: string) => series.get(`${name}{topic="t",partition="${full}"}`);
    expect(of("kedge_log_highwatermark")).toBe(3);
    expect(of("kafka_log_log_logstartoffset")).toBe(0);
    expect(of("kafka_log_log_size")).toBeGreaterThan(60);
    expect(series.get("kedge_metrics_logs_left_out")).toBe(0);
    const all = await scrape("?topic=*");
    expect(world.partitions.statusCalls).toBe(2 + METRICS_LOGS_MAX);
    expect(all.get("kedge_metrics_logs_left_out")).toBe(7);
    expect(all.get("kedge_metrics_logs_unanswered")).toBe(0);
  });

  test("REST32: a log that does not answer is counted, and the rest is told", async () => {
    await world.createTopic("t", 2);
    const { topicId = "" } = (await world.catalogue.topics("kedge", ["t"])).get("t") ?? {};
    const at = world.partitions.at.bind(world.partitions);
    world.partitions.at = (address) =>
      address.topicId === topicId && address.partition === 0
        ? { ...at(address), status: () => Promise.reject(new Error("evicted")) }
        : at(address);
    const series = await scrape("?topic=t");
    expect(series.get("kedge_metrics_logs_unanswered")).toBe(1);
    expect(series.has('kafka_log_log_size{topic="t",partition="0"}')).toBe(false);
    expect(series.get('kafka_log_log_size{topic="t",partition="1"}')).toBe(0);
  });

  test("REST32: groups are asked for by id, or all", async () => {
    await world.createTopic("t", 1);
    await produce("t", 5);
    const consumer = "/consumers/g/instances/i";
    const type = "application/vnd.kafka.v2+json";
    await world.request("POST", "/consumers/g", { type, body: { name: "i", format: "binary" } });
    const offsets = [{ topic: "t", partition: 0, offset: 1 }];
    const committed = await world.request("POST", `${consumer}/offsets`, {
      ...{ type, body: { offsets } },
    });
    expect(committed.status).toBe(200);
    for (const query of ["?group=g", "?group=*"]) {
      const series = await scrape(query);
      const place = '{consumergroup="g",topic="t",partition="0"}';
      expect(series.get(`kafka_consumergroup_current_offset${place}`)).toBe(2);
      expect(series.get(`kafka_consumergroup_lag${place}`)).toBe(3);
      expect(series.get('kafka_consumergroup_lag_sum{consumergroup="g"}')).toBe(3);
      expect(series.get('kafka_consumergroup_members{consumergroup="g"}')).toBe(0);
      expect(series.get('kedge_consumergroup_state{consumergroup="g",state="Empty"}')).toBe(1);
      expect(series.get("kedge_metrics_groups_left_out")).toBe(0);
      expect(series.get("kedge_metrics_groups_unanswered")).toBe(0);
    }
    const none = await scrape("?group=nobody");
    expect([...none.keys()].filter((name) => name.startsWith("kafka_consumergroup"))).toEqual([]);
  });

  test("REST32: requests are counted by API with their errors, and timed in buckets", async () => {
    const path = "/v3/clusters/kedge/topics";
    const topic = { type: JSON_TYPE, body: { topic_name: "t" } };
    await world.request("POST", path, topic);
    await world.request("POST", path, topic);
    const series = await scrape();
    const of = (name: string, more = "") =>
      series.get(
        `kafka_network_requestmetrics_${name}{isolate="iso",request="CreateTopics"${more}}`,
      );
    expect(of("requests_total")).toBe(2);
    expect(of("errors_total", ',error="TOPIC_ALREADY_EXISTS"')).toBe(1);
    expect(of("totaltimems_count")).toBe(2);
    expect(of("totaltimems_bucket", ',le="+Inf"')).toBe(2);
    expect(of("totaltimems_sum")).toBeGreaterThanOrEqual(0);
  });

  test("nothing but GET", async () => {
    expect((await world.request("POST", "/metrics")).status).toBe(405);
  });
});

describe("what an isolate counts", () => {
  test("each answer in its bucket, and every error in it, however deep", () => {
    const metrics = new RequestMetrics(() => "x");
    metrics.answered("Produce", 0, null);
    metrics.answered("Produce", 7, {
      ...{ errorCode: 0, throttleTimeMs: 5 },
      responses: [
        { name: "t", partitionResponses: [{ errorCode: 6 }, { errorCode: 0 }, { errorCode: 6 }] },
        { name: "u", partitionResponses: [{ errorCode: 3, records: new Uint8Array(9) }] },
      ],
    });
    metrics.answered("Produce", 60_000, { errorCode: -1, responses: [] });
    metrics.failed("Produce", 2);
    const counts = metrics.byApi().get("Produce");
    expect([counts?.requests, counts?.totalMs]).toEqual([4, 60_009]);
    expect(counts?.buckets).toEqual([1, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    expect([...(counts?.errors ?? [])]).toEqual([
      ["NOT_LEADER_OR_FOLLOWER", 2],
      ["UNKNOWN_TOPIC_OR_PARTITION", 1],
      ["UNKNOWN_SERVER_ERROR", 2],
    ]);
  });
});

describe("the text format", () => {
  test("labels and help are escaped, numbers are Prometheus'", () => {
    const out = new Exposition();
    out.add("a", "gauge", "back\\slash\nand line", [
      { labels: { l: 'say "hi"\\\n' }, value: Infinity },
      { value: -Infinity, suffix: "_sum" },
      { value: Number.NaN },
      { value: 1.5 },
    ]);
    out.add("empty", "gauge", "left out", []);
    expect(out.toString()).toBe(
      [
        "# HELP a back\\\\slash\\nand line",
        "# TYPE a gauge",
        'a{l="say \\"hi\\"\\\\\\n"} +Inf',
        "a_sum -Inf",
        "a NaN",
        "a 1.5",
        "",
      ].join("\n"),
    );
  });
});
