/** What all calls of Admin share: repeated tries, and an error for each thing that was named. */
import type { CallOptions } from "./admin-types.ts";
import type { BrokerClient } from "./broker-client.ts";
import { AdminError, type AdminFailure, ErrorCode, errorMessage, KafkaError } from "./errors.ts";
import type { TopicPartition } from "./topics.ts";

export interface NamedOutcome {
  readonly name: string;
  readonly errorCode: number;
  readonly errorMessage: string | null;
}

export class AdminCalls {
  readonly client: BrokerClient;
  readonly #timeoutMs: number;

  constructor(client: BrokerClient, timeoutMs: number) {
    this.client = client;
    this.#timeoutMs = timeoutMs;
  }

  timeoutMs(options: CallOptions): number {
    return options.timeoutMs ?? this.#timeoutMs;
  }

  retry<T>(
    what: string,
    options: CallOptions,
    attempt: (leftMs: number) => Promise<T>,
  ): Promise<T> {
    return this.client.retry(what, this.timeoutMs(options), attempt);
  }

  /**
   * Asks about each thing until it is done or its error is final.
   *
   * @throws AdminError naming what failed
   */
  async forEach<T>(
    what: string,
    things: readonly T[],
    nameOfThing: (thing: T) => string,
    options: CallOptions,
    ask: (left: readonly T[], timeoutMs: number) => Promise<readonly NamedOutcome[]>,
  ): Promise<void> {
    const failures = new Map<string, KafkaError>();
    let left = things;
    if (left.length === 0) return;
    const attempt = async (timeoutMs: number) => {
      const outcomes = await ask(left, timeoutMs);
      const errors = new Map(outcomes.map((outcome) => [outcome.name, errorOf(outcome)]));
      for (const thing of left) {
        const name = nameOfThing(thing);
        const error = errors.has(name) ? errors.get(name) : notAnswered();
        if (error === null || error === undefined) failures.delete(name);
        else failures.set(name, error);
      }
      left = left.filter((thing) => failures.get(nameOfThing(thing))?.retriable === true);
      const [first] = left;
      if (first !== undefined) throw failures.get(nameOfThing(first));
    };
    try {
      await this.retry(what, options, attempt);
    } catch (error) {
      // With an answer for everything, the errors in it say more than that time ran out.
      if (failures.size === 0 || !(error instanceof KafkaError)) throw error;
    }
    throwIfAny(things.map(nameOfThing).flatMap((name) => failureOf(name, failures.get(name))));
  }
}

export const partitionName = ({ topic, partition }: TopicPartition) => `${topic}-${partition}`;

export function errorOf({ errorCode, errorMessage: message }: NamedOutcome): KafkaError | null {
  return errorCode === ErrorCode.NONE ? null : new KafkaError(errorCode, message ?? undefined);
}

export function notAnswered(): KafkaError {
  const code = ErrorCode.UNKNOWN_SERVER_ERROR;
  return new KafkaError(code, `${errorMessage(code)} (the answer leaves it out)`);
}

export function failureOf(name: string, error: KafkaError | null | undefined): AdminFailure[] {
  return error === null || error === undefined ? [] : [{ name, error }];
}

export function throwIfAny(failures: readonly AdminFailure[]): void {
  if (failures.length > 0) throw new AdminError(failures);
}
