/** What the bench asks of the load generator, and what it answers. Both cross a thread boundary. */

/** How a response is known to be good; anything else ends the job with an error. */
export interface Expectation {
  /** Bytes of the body that must be zero: where a Kafka response carries its error codes. */
  readonly zeroAt: readonly number[];
  /** Text that the first bytes of the body must hold; empty: any. */
  readonly contains: string;
  readonly bodyBytesMin: number;
}

export interface LoadJob {
  readonly host: string;
  readonly port: number;
  /** Whole HTTP/1.1 requests, head and body, sent in turn. */
  readonly requests: readonly Uint8Array[];
  readonly connections: number;
  /** Requests under way at the same time, over all connections. */
  readonly inFlight: number;
  /** Load that is not counted, before the load that is. */
  readonly warmUpMs: number;
  readonly measureMs: number;
  /** Ends the job after so many responses, however long that takes; then nothing is left out. */
  readonly total: number | null;
  readonly expect: Expectation;
}

export interface LoadResult {
  /** Good responses that arrived while the load was counted. */
  readonly responses: number;
  readonly seconds: number;
  readonly bodyBytes: number;
  /** Every request of the job, those of the warm-up too: what the server has done. */
  readonly allResponses: number;
  /** How much of the counted time the generator itself was at work, 0 to 1: near 1 it is the limit. */
  readonly busy: number;
}

export type LoadAnswer =
  | { readonly kind: "done"; readonly result: LoadResult }
  | { readonly kind: "failed"; readonly message: string };
