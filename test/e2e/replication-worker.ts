/** The tests' own hand on the replicas' objects: to crash them, and to read each one by itself. */
import type { Partition } from "../../src/objects/partition.ts";

interface Env {
  readonly PARTITION: DurableObjectNamespace<Partition>;
}

const BYTES = 8 * 1024 * 1024;

export default {
  async fetch(request, env): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    const object = env.PARTITION.getByName(searchParams.get("object") ?? "");
    switch (pathname) {
      case "/crash":
        // The call dies with the object.
        return new Response(String(await object.crash().catch(String)));
      case "/read": {
        const { errorCode, highWatermark, logEndOffset, records } = await object.read({
          fetchOffset: Number(searchParams.get("offset")),
          maxBytes: BYTES,
          minOneBatch: true,
          currentLeaderEpoch: -1,
          lastFetchedEpoch: -1,
          readCommitted: false,
          fromFollower: true,
        });
        const headers = { "x-read": JSON.stringify({ errorCode, highWatermark, logEndOffset }) };
        return new Response(records, { headers });
      }
      default:
        return new Response(`nothing is at ${pathname}`, { status: 404 });
    }
  },
} satisfies ExportedHandler<Env>;
