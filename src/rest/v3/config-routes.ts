/** The five routes that the configs of topics, of brokers and of all brokers have alike. */
import type * as z from "zod";
import { alterConfigs, type ConfigChange, describeConfigs, type ResourceRef } from "../configs.ts";
import { JSON_TYPE } from "../media-types.ts";
import { noContent } from "../respond.ts";
import { RestError } from "../rest-error.ts";
import type { ResponseDoc, RestContext, RouteGroup } from "../routes.ts";
import { param } from "../routes.ts";
import { answer, documented, open, readJson } from "./common.ts";
import * as schemas from "./config-schemas.ts";
import type { ConfigOwner } from "./resources.ts";

export interface ConfigFamily {
  /** Where the configs are: ".../topics/{topic_name}/configs". */
  readonly path: string;
  /** As in "a topic". */
  readonly of: string;
  readonly listSchema: z.ZodType;
  readonly itemSchema: z.ZodType;
  readonly notFound: ResponseDoc;
  /** Every config there is can be read, so that a name without an answer is none. */
  readonly listsAll: boolean;
  /** Whom the path names. Throws RestError 404 for what cannot be one. */
  owner(c: RestContext): { readonly owner: ConfigOwner; readonly resource: ResourceRef };
  /** The error of a resource in the words of these routes. */
  failure(error: unknown, c: RestContext): unknown;
}

const BAD: ResponseDoc = {
  description: "40002: a value that is not allowed, or a config that only a deployment sets.",
};
const CHANGED: ResponseDoc = { description: "It is done; objects that are awake know in seconds." };

export function addConfigRoutes(routes: RouteGroup, family: ConfigFamily): void {
  addReads(routes, family);
  addWrites(routes, family);
}

function addReads(routes: RouteGroup, family: ConfigFamily): void {
  const { path, of, notFound } = family;
  routes.on(
    "get",
    path,
    {
      summary: `The configs of ${of}, with where each value comes from.`,
      responses: { 200: documented("The configs, by name.", family.listSchema), 404: notFound },
    },
    async (c) => {
      const resources = open(c);
      const { owner, resource } = family.owner(c);
      const found = await inWords(family, c, () => describeConfigs(c.env.kafka, resource));
      return answer(resources.configList(owner, found));
    },
  );
  routes.on(
    "get",
    `${path}/{name}`,
    {
      summary: `A config of ${of}.`,
      responses: { 200: documented("The config.", family.itemSchema), 404: notFound },
    },
    async (c) => {
      const resources = open(c);
      const { owner, resource } = family.owner(c);
      const name = param(c, "name");
      const [found] = await inWords(family, c, () =>
        describeConfigs(c.env.kafka, resource, [name]),
      );
      if (found === undefined) throw configNotFound(family, name);
      return answer(resources.config(owner, found));
    },
  );
}

function addWrites(routes: RouteGroup, family: ConfigFamily): void {
  const { path, of, notFound } = family;
  const responses = { 204: CHANGED, 400: BAD, 404: notFound };
  routes.on(
    "post",
    `${path}:alter`,
    {
      summary: `Change configs of ${of}: all of them or none.`,
      body: { required: true, content: { [JSON_TYPE]: schemas.alterConfigsRequest } },
      responses,
    },
    async (c) => {
      open(c);
      const input = await readJson(c, schemas.alterConfigsRequest, "Data is required.");
      const changes = input.data.map(({ name, operation, value }) => ({
        ...{ name, operation: operation ?? ("SET" as const), value: value ?? null },
      }));
      return change(family, c, changes, input.validate_only ?? false);
    },
  );
  routes.on(
    "put",
    `${path}/{name}`,
    {
      summary: `Set a config of ${of}.`,
      body: { required: true, content: { [JSON_TYPE]: schemas.updateConfigRequest } },
      responses,
    },
    async (c) => {
      open(c);
      const { value } = await readJson(c, schemas.updateConfigRequest, "Value is required.");
      const name = param(c, "name");
      return change(family, c, [{ name, operation: "SET", value: value ?? null }]);
    },
  );
  routes.on(
    "delete",
    `${path}/{name}`,
    { summary: `Take a config of ${of} back to what it falls back to.`, responses },
    async (c) => {
      open(c);
      return change(family, c, [{ name: param(c, "name"), operation: "DELETE", value: null }]);
    },
  );
}

async function change(
  family: ConfigFamily,
  c: RestContext,
  changes: readonly ConfigChange[],
  validateOnly = false,
): Promise<Response> {
  const { kafka } = c.env;
  const { resource } = family.owner(c);
  const names = changes.map(({ name }) => name);
  // Also finds out whether the resource is there: of a change INVALID_REQUEST may mean anything.
  const found = await inWords(family, c, () => describeConfigs(kafka, resource, names));
  const unknown = names.find((name) => !found.some((config) => config.name === name));
  if (unknown !== undefined && family.listsAll) throw configNotFound(family, unknown);
  await alterConfigs(kafka, resource, changes, validateOnly);
  return noContent();
}

async function inWords<T>(
  family: ConfigFamily,
  c: RestContext,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw family.failure(error, c);
  }
}

function configNotFound({ of, listsAll }: ConfigFamily, name: string): RestError {
  const text = listsAll
    ? `Config ${name} cannot be found: ${of} has no config of that name.`
    : `Config ${name} cannot be found: it is not set for ${of}.`;
  return new RestError(404, 404, text);
}
