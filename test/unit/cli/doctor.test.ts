import { createServer, type Server } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import {
  diagnose,
  type Facts,
  OFFSETS_TOPIC,
  type PartitionFacts,
  SKEW_MS_MAX,
} from "../../../src/cli/doctor/diagnosis.ts";
import { gatewayFailure } from "../../../src/cli/doctor/gateway-probe.ts";
import { apiVersionsApi } from "../../../src/protocol/api/18-api-versions.ts";
import { decodeRequestHeader, encodeResponseFrame } from "../../../src/protocol/frame.ts";

const PARTITION: PartitionFacts = {
  ...{ topic: "t", partition: 0, leader: 1, replicas: [1, 2], isr: [1, 2], minIsr: 1 },
};
const WELL: Facts = {
  url: "http://kedge.test",
  health: { value: { skewMs: 200 } },
  access: { status: 200, message: "" },
  brokers: { value: [1, 2].map((id) => ({ id, rack: `r${id}`, isFenced: false })) },
  partitions: { value: [PARTITION] },
  gateway: null,
};

/** What is not as it should be: "check: status". */
function bad(facts: Partial<Facts>): string[] {
  return diagnose({ ...WELL, ...facts }).flatMap(({ check, status }) =>
    status === "ok" ? [] : [`${check}: ${status}`],
  );
}

function finding(facts: Partial<Facts>, check: string) {
  return diagnose({ ...WELL, ...facts }).find((one) => one.check === check);
}

describe("the diagnosis", () => {
  test("of a deployment that is well", () => {
    expect(bad({})).toEqual([]);
    expect(finding({}, OFFSETS_TOPIC)?.found).toContain("not there yet");
    const offsets = { ...PARTITION, topic: OFFSETS_TOPIC };
    expect(finding({ partitions: { value: [offsets] } }, OFFSETS_TOPIC)?.found).toBe(
      "1 partitions",
    );
  });

  test("nothing answers: the rest cannot be known", () => {
    const facts = { access: null, brokers: null, partitions: null };
    const found = bad({ ...facts, health: { failure: "connect ECONNREFUSED" } });
    expect(found[0]).toBe("service: problem");
    expect(found.slice(1).every((text) => text.endsWith("skipped"))).toBe(true);
    expect(found).toHaveLength(9);
  });

  test.each([
    [401, "set KEDGE_API_KEY"],
    [403, "use a key that may"],
    [503, "wrangler secret put KEDGE_API_KEY"],
  ])("HTTP %i is told with what to do", (status, advice) => {
    const facts = { access: { status, message: "no" }, brokers: null, partitions: null };
    expect(finding(facts, "access")).toMatchObject({ status: "problem", found: "no" });
    expect(finding(facts, "access")?.advice).toContain(advice);
    expect(finding(facts, "catalogue")?.status).toBe("skipped");
  });

  test("a catalogue that was not migrated", () => {
    const facts = { access: { status: 500, message: "no such table" }, brokers: null };
    expect(bad({ ...facts, partitions: null })[0]).toBe("catalogue: problem");
    expect(finding(facts, "catalogue")?.found).toBe("HTTP 500: no such table");
    expect(finding(facts, "catalogue")?.advice).toContain("d1 migrations apply");
  });

  test("a clock that goes wrong, and one that is not told", () => {
    const at = (skewMs: number | null) => ({ health: { value: { skewMs } } });
    expect(finding(at(SKEW_MS_MAX), "clock")?.status).toBe("ok");
    expect(finding(at(SKEW_MS_MAX + 1), "clock")?.found).toContain("10 s ahead of ours");
    expect(finding(at(-90_000), "clock")?.found).toContain("90 s behind ours");
    expect(finding(at(null), "clock")?.status).toBe("skipped");
  });

  test("fenced brokers, with the command that takes them back", () => {
    const brokers = { value: [{ id: 2, rack: "weur", isFenced: true }] };
    expect(finding({ brokers }, "brokers")).toMatchObject({
      ...{ status: "problem", found: "fenced: 2 (weur)" },
      advice: expect.stringContaining("`kedge brokers --unfence 2`"),
    });
  });

  test("partitions: no leader, too few replicas, fewer than min.insync.replicas", () => {
    const rows: Partial<PartitionFacts>[] = [
      { leader: null, isr: [1] },
      { isr: [1] },
      { isr: [1], minIsr: 2 },
      { isr: [1], minIsr: null },
    ];
    const value = rows.map((row, partition) => ({ ...PARTITION, ...row, partition }));
    const facts = { partitions: { value } };
    expect(bad(facts)).toEqual([
      "leaders: problem",
      "replicas: problem",
      "min.insync.replicas: problem",
    ]);
    expect(finding(facts, "leaders")?.found).toBe("1 partitions without a leader: t-0");
    expect(finding(facts, "replicas")?.found).toContain("4 partitions under-replicated: t-0, t-1");
    expect(finding(facts, "min.insync.replicas")?.found).toMatch(/^1 partitions refuse .*: t-2$/);
    const many = { partitions: { value: Array.from({ length: 9 }, () => value[0] ?? PARTITION) } };
    expect(finding(many, "leaders")?.found).toMatch(/: t-0(, t-0){4} and 4 more$/);
  });

  test("what may not be asked for is skipped with the reason", () => {
    const facts = { partitions: { failure: "not authorized" }, brokers: { failure: "no" } };
    expect(bad(facts).every((text) => text.endsWith("skipped"))).toBe(true);
    expect(finding(facts, "leaders")?.found).toBe("not authorized");
  });

  test("a gateway is looked at when it is named", () => {
    const at = (failure: string | null) => ({ gateway: { address: "h:9092", failure } });
    expect(finding({}, "gateway")).toBeUndefined();
    expect(finding(at(null), "gateway")?.status).toBe("ok");
    expect(finding(at("refused"), "gateway")).toMatchObject({
      ...{ status: "problem", found: "h:9092: refused" },
    });
  });
});

describe("the probe of a gateway", () => {
  let server: Server | null = null;
  afterEach(() => {
    server?.close();
  });

  /** The port of a server that answers what it gets. */
  async function serve(answer: (data: Buffer) => Uint8Array | null): Promise<number> {
    const listening = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.on("data", (data) => {
        const bytes = answer(data);
        if (bytes === null) socket.destroy();
        else socket.write(bytes);
      });
    });
    server = listening;
    await new Promise<void>((resolve) => listening.listen(0, "127.0.0.1", resolve));
    const address = listening.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  const probe = (port: number) => gatewayFailure("127.0.0.1", port, 5_000);

  test("Kafka is known by its answer to ApiVersions", async () => {
    const port = await serve((data) => {
      const { apiKey, correlationId } = decodeRequestHeader(data, 4);
      expect(apiKey).toBe(apiVersionsApi.key);
      const apiKeys = [{ apiKey: 18, minVersion: 0, maxVersion: 4 }];
      return encodeResponseFrame(apiVersionsApi, 0, correlationId, { errorCode: 0, apiKeys });
    });
    expect(await probe(port)).toBeNull();
  });

  test("what speaks something else, hangs up, or is not there", async () => {
    const http = await serve(() => new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n\r\n"));
    expect(await probe(http)).toBe("it speaks something else than Kafka");
    server?.close();
    const shy = await serve(() => null);
    expect(await probe(shy)).toMatch(/closed the connection|ECONNRESET/);
    server?.close();
    expect(await probe(shy)).toContain("ECONNREFUSED");
  });
});
