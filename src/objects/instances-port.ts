/** InstancesPort on Durable Objects, by itty-durable's proxy: a method's name in the path, its argument in a header. */
import { proxyDurable } from "itty-durable";
import type { Env } from "../env.ts";
import type { InstancePort, InstancesPort } from "../rest/instances/types.ts";
import { INSTANCE_CALL_BYTES_MAX } from "../rest/limits.ts";

type Stub = Record<keyof InstancePort, (text?: string) => Promise<never>>;

export function createInstancesPort(env: Pick<Env, "CONSUMER_INSTANCE">): InstancesPort {
  return {
    at(clusterId, group, name) {
      // A new stub for each call: one that failed may be broken.
      const stub = (): Stub =>
        proxyDurable(env.CONSUMER_INSTANCE, { name: "CONSUMER_INSTANCE", parse: true }).get(
          instanceName(clusterId, group, name),
        );
      return {
        create: (config, identity) => stub().create(argument({ config, identity })),
        remove: () => stub().remove(),
        subscribe: (subscription) => stub().subscribe(argument(subscription)),
        assign: (partitions) => stub().assign(argument(partitions)),
        plan: (request) => stub().plan(argument(request)),
        seek: (positions) => stub().seek(argument(positions)),
        finish: (finish) => stub().finish(argument(finish)),
        committed: (offsets) => stub().committed(argument(offsets)),
      };
    },
  };
}

/** Slashes in a name cannot make it another's, and a header can carry it. */
export function instanceName(clusterId: string, group: string, name: string): string {
  return [clusterId, group, name].map(encodeURIComponent).join("/");
}

/** JSON that a header can carry: ASCII alone. Throws RangeError above the bound. */
function argument(value: unknown): string {
  const text = JSON.stringify(value).replaceAll(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  if (text.length <= INSTANCE_CALL_BYTES_MAX) return text;
  throw new RangeError(
    `a consumer instance takes ${INSTANCE_CALL_BYTES_MAX} bytes in one call, not ${text.length}`,
  );
}
