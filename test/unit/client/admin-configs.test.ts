import { beforeEach, describe, expect, test } from "vitest";
import { Admin } from "../../../src/client/admin.ts";
import { AdminError } from "../../../src/client/errors.ts";
import {
  type DescribeConfigsRequest,
  describeConfigsApi,
} from "../../../src/protocol/api/32-describe-configs.ts";
import {
  type IncrementalAlterConfigsRequest,
  incrementalAlterConfigsApi,
} from "../../../src/protocol/api/44-incremental-alter-configs.ts";
import { FakeBroker } from "./fake-broker.ts";
import { VirtualClock } from "./virtual-clock.ts";

let clock: VirtualClock;
let broker: FakeBroker;
let admin: Admin;

beforeEach(() => {
  clock = new VirtualClock();
  broker = new FakeBroker(clock);
  admin = new Admin(
    { "bootstrap.servers": "https://kedge.test", "default.api.timeout.ms": 5000 },
    { transport: broker, clock, random: () => 0.5 },
  );
});

async function failing(promise: Promise<unknown>): Promise<AdminError> {
  const error = await clock.run(promise).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(AdminError);
  return error as AdminError;
}

describe("describeConfigs", () => {
  /** Codes by resource name. */
  function serve(codes: Record<string, number> = {}): DescribeConfigsRequest[] {
    const requests: DescribeConfigsRequest[] = [];
    broker.other = (api, body) => {
      expect(api).toBe(describeConfigsApi);
      const request = body as DescribeConfigsRequest;
      requests.push(request);
      const results = request.resources.map(({ resourceType, resourceName }) => ({
        errorCode: codes[resourceName] ?? 0,
        errorMessage: codes[resourceName] === undefined ? null : `no ${resourceName}`,
        ...{ resourceType, resourceName },
        configs: [
          {
            ...{ name: "retention.ms", value: "5", readOnly: false, isSensitive: false },
            ...{ configSource: 1, configType: 5, documentation: "how long" },
            synonyms: [
              { name: "retention.ms", value: "5", source: 1 },
              { name: "log.retention.hours", value: "168", source: 5 },
            ],
          },
          {
            ...{ name: "cleanup.policy", value: null, readOnly: true, isSensitive: true },
            ...{ configSource: 5, configType: 99, documentation: null, synonyms: [] },
          },
        ],
      }));
      return { results };
    };
    return requests;
  }

  test("entries come by name, with sources and types as Kafka spells them", async () => {
    const requests = serve();
    const [topic] = await clock.run(
      admin.describeConfigs([{ type: "topic", name: "t" }], {
        ...{ includeSynonyms: true, includeDocumentation: true },
      }),
    );
    expect(requests[0]).toMatchObject({ includeSynonyms: true, includeDocumentation: true });
    expect(topic).toEqual({
      ...{ type: "topic", name: "t" },
      entries: [
        {
          ...{ name: "cleanup.policy", value: null, source: "DEFAULT_CONFIG", isDefault: true },
          ...{ isReadOnly: true, isSensitive: true, type: "UNKNOWN" },
          ...{ documentation: null, synonyms: [] },
        },
        {
          ...{ name: "retention.ms", value: "5", source: "DYNAMIC_TOPIC_CONFIG", isDefault: false },
          ...{ isReadOnly: false, isSensitive: false, type: "LONG", documentation: "how long" },
          synonyms: [
            { name: "retention.ms", value: "5", source: "DYNAMIC_TOPIC_CONFIG" },
            { name: "log.retention.hours", value: "168", source: "DEFAULT_CONFIG" },
          ],
        },
      ],
    });
  });

  test("topics, brokers and all brokers are asked for, all configs or some", async () => {
    const requests = serve();
    const found = await clock.run(
      admin.describeConfigs([
        { type: "broker", name: "2" },
        { type: "broker", name: "" },
        { type: "topic", name: "t", configNames: ["retention.ms"] },
      ]),
    );
    expect(found.map(({ type, name }) => [type, name])).toEqual([
      ["broker", "2"],
      ["broker", ""],
      ["topic", "t"],
    ]);
    expect(requests).toEqual([
      {
        resources: [
          { resourceType: 4, resourceName: "2", configurationKeys: null },
          { resourceType: 4, resourceName: "", configurationKeys: null },
          { resourceType: 2, resourceName: "t", configurationKeys: ["retention.ms"] },
        ],
        includeSynonyms: false,
        includeDocumentation: false,
      },
    ]);
    expect(await admin.describeConfigs([])).toEqual([]);
  });

  test("a topic that is not there is told at once, by name", async () => {
    const requests = serve({ gone: 3 });
    const error = await failing(
      admin.describeConfigs([
        { type: "topic", name: "t" },
        { type: "topic", name: "gone" },
      ]),
    );
    expect(
      error.failures.map(({ name, error: { code, message } }) => [name, code, message]),
    ).toEqual([["topic gone", 3, "no gone"]]);
    expect(requests).toHaveLength(1);
  });

  test("a lost answer is asked for again", async () => {
    const requests = serve();
    broker.meddle = ({ api, nth }) =>
      api === describeConfigsApi && nth === 1 ? { replyLost: true } : undefined;
    await clock.run(admin.describeConfigs([{ type: "topic", name: "t" }]));
    expect(requests).toHaveLength(2);
  });
});

describe("incrementalAlterConfigs", () => {
  function serve(codes: readonly number[] = []): IncrementalAlterConfigsRequest[] {
    const requests: IncrementalAlterConfigsRequest[] = [];
    broker.other = (api, body) => {
      expect(api).toBe(incrementalAlterConfigsApi);
      const request = body as IncrementalAlterConfigsRequest;
      requests.push(request);
      const responses = request.resources.map(({ resourceType, resourceName }, at) => ({
        errorCode: codes[at] ?? 0,
        errorMessage: codes[at] ? "not so" : null,
        ...{ resourceType, resourceName },
      }));
      return { responses: responses.slice(0, codes.length || undefined) };
    };
    return requests;
  }

  test("operations go as Kafka numbers them, SET by default", async () => {
    const requests = serve();
    await clock.run(
      admin.incrementalAlterConfigs(
        [
          {
            ...{ type: "topic", name: "t" },
            changes: [
              { name: "retention.ms", value: "5" },
              { name: "segment.ms", operation: "DELETE" },
              { name: "cleanup.policy", operation: "APPEND", value: "compact" },
              { name: "cleanup.policy", operation: "SUBTRACT", value: "delete" },
            ],
          },
          { type: "broker", name: "", changes: [] },
        ],
        { validateOnly: true },
      ),
    );
    expect(requests).toEqual([
      {
        validateOnly: true,
        resources: [
          {
            ...{ resourceType: 2, resourceName: "t" },
            configs: [
              { name: "retention.ms", configOperation: 0, value: "5" },
              { name: "segment.ms", configOperation: 1, value: null },
              { name: "cleanup.policy", configOperation: 2, value: "compact" },
              { name: "cleanup.policy", configOperation: 3, value: "delete" },
            ],
          },
          { resourceType: 4, resourceName: "", configs: [] },
        ],
      },
    ]);
    await admin.incrementalAlterConfigs([]);
    expect(requests).toHaveLength(1);
  });

  test("what failed is named, and what was not answered too", async () => {
    serve([0, 40]);
    const resource = (name: string) => ({ type: "broker" as const, name, changes: [] });
    const error = await failing(
      admin.incrementalAlterConfigs([resource("1"), resource(""), resource("3")]),
    );
    expect(error.failures.map(({ name, error: { code } }) => [name, code])).toEqual([
      ["all brokers", 40],
      ["broker 3", -1],
    ]);
  });
});
