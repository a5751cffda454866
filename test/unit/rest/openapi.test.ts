import { beforeAll, describe, expect, test } from "vitest";
import { documentedMounts } from "../../../src/rest/app.ts";
import { RestWorld } from "../../support/rest-world.ts";

interface Operation {
  operationId: string;
  summary: string;
  parameters?: { name: string; in: string; required: boolean; schema: Record<string, unknown> }[];
  requestBody?: { content: Record<string, { schema: Record<string, unknown> }> };
  responses: Record<string, { description: string; content?: Record<string, unknown> }>;
}
interface Document {
  openapi: string;
  servers: { url: string }[];
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, unknown> };
}

let document: Document;
beforeAll(async () => {
  const { status, type, body } = await new RestWorld().get<Document>("/openapi.json");
  expect([status, type]).toEqual([200, "application/json"]);
  document = body;
});

const operations = () => Object.values(document.paths).flatMap((item) => Object.values(item));

describe("the OpenAPI document", () => {
  test("names its version and where it was asked", () => {
    expect(document.openapi).toBe("3.1.0");
    expect(document.servers).toEqual([{ url: "http://localhost:8787" }]);
  });

  test("REST15: has every route, and every operation has a name of its own", () => {
    const routes = documentedMounts.flatMap(({ group }) => group.routes);
    // /kafka and /healthz are beside the REST routes.
    expect(operations().length).toBe(routes.length + 2);
    expect(new Set(operations().map((o) => o.operationId)).size).toBe(routes.length + 2);
    for (const { summary, responses } of operations()) {
      expect(summary.length).toBeGreaterThan(5);
      for (const { description } of Object.values(responses)) expect(description).not.toBe("");
    }
  });

  test("declares the parameters of each path, as required", () => {
    for (const [path, item] of Object.entries(document.paths)) {
      const inPath = [...path.matchAll(/\{([^}]+)\}/g)].map(([, name]) => name);
      for (const { parameters = [] } of Object.values(item)) {
        const declared = parameters.filter((p) => p.in === "path");
        expect(declared.map((p) => p.name)).toEqual(inPath);
        expect(declared.every((p) => p.required)).toBe(true);
      }
    }
  });

  test("every reference points to something", () => {
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)];
    expect(references.length).toBeGreaterThan(0);
    for (const [, reference = ""] of references) {
      const found = reference
        .replace(/^#\//, "")
        .split("/")
        .reduce((at: unknown, step) => (at as Record<string, unknown>)?.[step], document);
      expect(found, reference).toBeDefined();
    }
  });

  test("REST15: says what the validation does: bounds, defaults and required fields", () => {
    const read = document.paths["/topics/{topic_name}/partitions/{partition_id}/records"]?.get;
    const parameter = (name: string) => read?.parameters?.find((p) => p.name === name)?.schema;
    expect(parameter("timeout")).toMatchObject({ type: "integer", minimum: 0, default: 0 });
    expect(parameter("isolation")).toMatchObject({ enum: ["read_uncommitted", "read_committed"] });
    const produce = document.paths["/topics/{topic_name}"]?.post;
    const body = produce?.requestBody?.content["application/vnd.kafka.json.v2+json"]?.schema;
    expect(body).toMatchObject({
      type: "object",
      required: ["records"],
      additionalProperties: false,
    });
    const create = document.paths["/v3/clusters/{cluster_id}/topics"]?.post;
    expect(create?.requestBody?.content["application/json"]?.schema).toMatchObject({
      required: ["topic_name"],
    });
    expect(Object.keys(create?.responses ?? {})).toEqual(["200", "201", "400", "404", "default"]);
  });
});
