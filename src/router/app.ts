/** The front door. */
import { Hono } from "hono";
import { dispatchFrame } from "../broker/dispatch.ts";
import { ConnectionError } from "../broker/handler.ts";
import type { Env } from "../env.ts";
import { contextFor } from "./context.ts";

export function createApp(): Hono<{ Bindings: Env }> {
  const app = new Hono<{ Bindings: Env }>();
  app.post("/kafka", async (c) => {
    const bytes = new Uint8Array(await c.req.arrayBuffer());
    try {
      const base = contextFor(c.env, c.req.raw, c.executionCtx);
      const reply = await dispatchFrame(base, bytes);
      if (reply === null) return c.body(null, 204);
      return new Response(reply, { headers: { "content-type": "application/vnd.kafka.protocol" } });
    } catch (error) {
      if (error instanceof ConnectionError) return c.text(error.message, error.internal ? 500 : 400);
      throw error;
    }
  });
  app.get("/healthz", (c) => c.text("ok"));
  return app;
}
