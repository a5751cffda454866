/** The OpenAPI 3.1 document, made from the routes and the schemas that they validate with. */
import * as z from "zod";
import { JSON_TYPE } from "./media-types.ts";
import type { ResponseDoc, Route, RouteGroup } from "./routes.ts";
import { errorReport } from "./v3/schemas.ts";

/** Routes under the path they are mounted at. */
export interface Mount {
  readonly prefix: string;
  readonly group: RouteGroup;
}

type Json = Record<string, unknown>;

/** Routes that are not REST, or that have no schemas: described by hand. */
const OTHER_PATHS: Json = {
  "/kafka": {
    post: {
      tags: ["Kafka"],
      operationId: "postKafka",
      summary: "One Kafka request frame in, one response frame out.",
      description:
        "With the 4-byte size prefix, or without: the answer is then without too. 204 answers a " +
        "Produce with acks=0. What makes Kafka close a connection is 400, with the reason as text.",
      parameters: [
        {
          name: "x-kedge-broker",
          in: "header",
          required: false,
          description:
            "The broker that the request is for, where that matters: a Fetch with a rack_id that " +
            "another broker's replica is nearer to is answered with that broker as " +
            "preferred_read_replica (KIP-392). Without the header the replica is read on the spot.",
          schema: { type: "integer" },
        },
      ],
      requestBody: {
        required: true,
        content: {
          "application/vnd.kafka.protocol": { schema: { type: "string", format: "binary" } },
        },
      },
      responses: {
        200: {
          description: "The response frame.",
          content: {
            "application/vnd.kafka.protocol": { schema: { type: "string", format: "binary" } },
          },
        },
        204: { description: "The request has no response." },
        400: { description: "Not a request that can be answered." },
        413: { description: "Larger than 100 MiB." },
      },
    },
  },
  "/healthz": {
    get: {
      tags: ["Kafka"],
      operationId: "getHealthz",
      summary: "Does the Worker run? Asks for no key.",
      security: [],
      responses: { 200: { description: "It does." } },
    },
  },
};

export function openApiDocument(mounts: readonly Mount[], serverUrl: string): Json {
  const paths: Record<string, Json> = {};
  for (const { prefix, group } of mounts) {
    for (const route of group.routes) {
      const path = prefix + (route.path === "/" && prefix !== "" ? "" : route.path);
      paths[path] = { ...paths[path], [route.method]: operation(route, prefix, group.tag) };
    }
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Kedge",
      version: "1",
      description:
        "Kafka on Cloudflare Workers: the REST Proxy dialects v2 and v3, a stateless fetch, and " +
        "Kafka frames over HTTPS. v3 is also served under /kafka/v3.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: serverUrl }],
    security: [{ bearer: [] }, { basic: [] }],
    paths: { ...OTHER_PATHS, ...paths },
    components: {
      securitySchemes: {
        bearer: {
          type: "http",
          scheme: "bearer",
          description: "<key id>.<secret>, or KEDGE_API_KEY",
        },
        basic: {
          type: "http",
          scheme: "basic",
          description: "A key's id and secret, or a SCRAM user's name and password",
        },
      },
      schemas: { Error: schemaOf(errorReport, "output") },
    },
  };
}

function operation({ method, path, doc }: Route, prefix: string, tag: string): Json {
  const responses: Json = {};
  for (const [status, response] of Object.entries(doc.responses)) {
    responses[status] = responseDoc(response, Number(status) >= 400);
  }
  responses.default = responseDoc({ description: "An error." }, true);
  return {
    tags: [tag],
    operationId: operationId(method, prefix + path),
    summary: doc.summary,
    ...(doc.description === undefined ? {} : { description: doc.description }),
    parameters: [...pathParameters(path), ...queryParameters(doc.query), ...headerParameters(doc)],
    ...(doc.body === undefined
      ? {}
      : {
          requestBody: {
            required: doc.body.required,
            content: contentOf(doc.body.content, "input"),
          },
        }),
    responses,
  };
}

function operationId(method: string, path: string): string {
  const words = path.split(/[^A-Za-z0-9]+/).filter((word) => word !== "");
  return [method, ...words.map((word) => word.charAt(0).toUpperCase() + word.slice(1))].join("");
}

function responseDoc(response: ResponseDoc, isError: boolean): Json {
  const { description, content, headers } = response;
  const described = content === undefined ? null : contentOf(content, "output");
  const error = isError
    ? { [JSON_TYPE]: { schema: { $ref: "#/components/schemas/Error" } } }
    : null;
  const shown = described ?? error;
  return {
    description,
    ...(shown === null ? {} : { content: shown }),
    ...(headers === undefined ? {} : { headers: headersDoc(headers) }),
  };
}

function headersDoc(headers: Readonly<Record<string, string>>): Json {
  return Object.fromEntries(
    Object.entries(headers).map(([name, description]) => [
      name,
      { description, schema: { type: "string" } },
    ]),
  );
}

function contentOf(content: Readonly<Record<string, z.ZodType>>, io: "input" | "output"): Json {
  return Object.fromEntries(
    Object.entries(content).map(([type, schema]) => [type, { schema: schemaOf(schema, io) }]),
  );
}

function pathParameters(path: string): Json[] {
  return [...path.matchAll(/\{([a-z_]+)\}/g)].map(([, name = ""]) => ({
    name,
    in: "path",
    required: true,
    schema:
      name === "partition_id" || name === "broker_id" ? { type: "integer" } : { type: "string" },
  }));
}

/** A parameter with a default is not required, although the parsed query always has it. */
function queryParameters(query: z.ZodObject | undefined): Json[] {
  if (query === undefined) return [];
  const { properties = {} } = schemaOf(query, "output") as { properties?: Record<string, Json> };
  return Object.entries(properties).map(([name, schema]) => {
    const { description, ...rest } = schema;
    return {
      name,
      in: "query",
      required: false,
      ...(description === undefined ? {} : { description }),
      schema: rest,
    };
  });
}

function headerParameters({ headers = {} }: Route["doc"]): Json[] {
  return Object.entries(headers).map(([name, description]) => ({
    name,
    in: "header",
    required: false,
    description,
    schema: { type: "string" },
  }));
}

function schemaOf(schema: z.ZodType, io: "input" | "output"): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: "any" });
  return rest;
}
