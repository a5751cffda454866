import type { Clock } from "./clock.ts";
import type { FetchFunction, Transport } from "./transport.ts";

/** What every client takes besides its config: the seams where a test or a simulator comes in. */
export interface ClientOptions {
  /** Used for HTTP in place of the global one: a service binding's, for example. */
  readonly fetch?: FetchFunction;
  /** Added to every HTTP request: credentials, for example. */
  readonly headers?: Readonly<Record<string, string>>;
  /** In place of HTTP altogether. */
  readonly transport?: Transport;
  /** @internal */
  readonly clock?: Clock;
  /** Uniform in [0, 1). @internal */
  readonly random?: () => number;
}
