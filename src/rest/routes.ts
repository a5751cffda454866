/**
 * Routes with their description. What a route is documented with is what it validates with, so the
 * document at /openapi.json cannot say what the code does not.
 */
import type { Context } from "hono";
import { Hono } from "hono";
import type * as z from "zod";
import type { RequestContextBase } from "../broker/context.ts";
import type { PartitionerName } from "../protocol/partitioner.ts";
import type { InstancesPort } from "./instances/types.ts";

/** What the router hands to every REST route, in the place where Hono keeps bindings. */
export interface RestBindings {
  readonly kafka: RequestContextBase;
  /** The deployment's default partitioner. */
  readonly partitioner: PartitionerName;
  /** Consumer instances, wherever they live. */
  readonly instances: InstancesPort;
}

export interface RestEnv {
  Bindings: RestBindings;
}

export type RestContext = Context<RestEnv>;
export type Method = "get" | "post" | "patch" | "put" | "delete";

export interface ResponseDoc {
  readonly description: string;
  /** By media type. */
  readonly content?: Readonly<Record<string, z.ZodType>>;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface RouteDoc {
  readonly summary: string;
  readonly description?: string;
  readonly query?: z.ZodObject;
  /** Request headers beside the usual ones, name to description. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: {
    readonly required: boolean;
    readonly content: Readonly<Record<string, z.ZodType>>;
  };
  readonly responses: Readonly<Record<number, ResponseDoc>>;
}

export interface Route {
  readonly method: Method;
  /** As in OpenAPI: `/topics/{topic_name}`. */
  readonly path: string;
  readonly doc: RouteDoc;
}

/** The routes of one resource: a Hono app to mount, and what it says of itself. */
export class RouteGroup {
  readonly tag: string;
  readonly app = new Hono<RestEnv>({ strict: false });
  readonly routes: Route[] = [];

  constructor(tag: string) {
    this.tag = tag;
  }

  /** `path` is an OpenAPI path; a parameter takes one segment. */
  on(
    method: Method,
    path: string,
    doc: RouteDoc,
    handle: (c: RestContext) => Response | Promise<Response>,
  ): void {
    this.routes.push({ method, path, doc });
    this.app.on(method.toUpperCase(), honoPath(path), handle);
  }
}

/**
 * `/{a}/records:batch` in Hono's terms. Its router reads a colon anywhere as a parameter, so a
 * segment that has one becomes a parameter that matches only itself. Of `{b}:fence` the parameter
 * takes the verb along; `param` leaves it out.
 */
export function honoPath(path: string): string {
  return path
    .split("/")
    .map((segment) => {
      const verb = /^\{(\w+)\}:(\w+)$/.exec(segment);
      if (verb !== null) return `:${verb[1]}{[^/]+\\:${verb[2]}}`;
      if (segment.startsWith("{")) return `:${segment.slice(1, -1)}`;
      if (!segment.includes(":")) return segment;
      return `:literal{${segment.replace(":", "\\:")}}`;
    })
    .join("/");
}

/** A parameter of the matched path, decoded, without the `verb` of its segment. */
export function param(c: RestContext, name: string, verb?: string): string {
  const text = c.req.param(name) ?? "";
  return verb === undefined ? text : text.slice(0, -`:${verb}`.length);
}
