/**
 * One read of a consumer instance, in the Worker: it asks the instance for its plan, reads the
 * partitions by the broker's handlers, and tells the instance how far it got. The records never pass
 * through the instance.
 */
import type { RequestContextBase } from "../../broker/context.ts";
import { ErrorCode, KafkaError } from "../../protocol/errors.ts";
import type { Format } from "../formats.ts";
import {
  INSTANCE_LOOK_AGAIN_MS_MAX,
  INSTANCE_LOOK_AGAIN_MS_MIN,
  INSTANCE_READ_PARTITIONS_MAX,
} from "../limits.ts";
import { type Committer, commitAll, commitSome } from "./commits.ts";
import type { Fetched } from "./fetched.ts";
import { fetchOnce } from "./fetched.ts";
import type { OffsetToCommit } from "./group-calls.ts";
import { firstPositions, resetPositions } from "./positions.ts";
import { illegalState, NOT_SUBSCRIBED, unwrap } from "./refusals.ts";
import { keyOf, nameOf, uncommitted } from "./state.ts";
import type {
  Advance,
  Assigned,
  InstanceConfig,
  InstancePort,
  Opening,
  PartitionOffset,
  Plan,
} from "./types.ts";

export interface ReadFormats {
  readonly keyFormat: Format;
  readonly valueFormat: Format;
  readonly headerFormat: Format;
}

/** What an instance is asked before its configs are known. */
export interface InstanceAsk {
  readonly group: string;
  readonly name: string;
  /** How long to wait for records, null: consumer.request.timeout.ms. */
  readonly timeoutMs: number | null;
  /** Whether reading on commits what was read; null: as auto.commit.enable says. */
  readonly commitRead: boolean | null;
  readonly after: number | null;
  readonly open: Opening | null;
}

/** What is read, and how. */
export interface InstanceRead extends ReadFormats {
  readonly timeoutMs: number;
  readonly minBytes: number;
  readonly maxBytes: number;
  readonly maxRecords: number;
  readonly readCommitted: boolean;
  /** What is committed with it. */
  readonly commit: "previous" | "auto" | "none";
  /** Committed before anything is read. */
  readonly offsets: readonly OffsetToCommit[];
}

export interface InstancePage {
  /** The text of the records, to be put between brackets. */
  readonly texts: readonly string[];
  readonly plan: Plan;
  readonly positions: readonly PartitionOffset[];
  readonly committed: readonly PartitionOffset[];
  readonly sequence: number;
}

/**
 * How long a fetch is parked before the instance is looked at again: its group may have changed what
 * it may read.
 */
const PARKED_MS_MAX = 3_000;

/**
 * Throws RestError and KafkaError, what `readOf` throws too; then nothing was read and no position
 * moved.
 */
export async function readInstance(
  ctx: RequestContextBase,
  port: InstancePort,
  ask: InstanceAsk,
  readOf: (config: InstanceConfig) => InstanceRead,
): Promise<InstancePage> {
  const startMs = ctx.now();
  const { open, after, timeoutMs, commitRead } = ask;
  const holdMs = timeoutMs === null ? null : Math.max(1, timeoutMs);
  const request = { open, after, holdMs, commitRead, lease: null, beat: false };
  const plan = unwrap(await port.plan(request));
  const committer = { ctx, port, group: ask.group, name: ask.name };
  let read: InstanceRead;
  try {
    read = readOf(plan.config);
  } catch (error) {
    await release(port, plan, []);
    throw error;
  }
  const reader = new Reader(committer, ask, read, plan, startMs);
  try {
    return (await reader.acquire()) ?? (await reader.read());
  } catch (error) {
    await reader.release();
    throw error;
  }
}

/** Gives the lease back with nothing changed but what was committed. */
async function release(
  port: InstancePort,
  { lease }: Plan,
  committed: readonly PartitionOffset[],
): Promise<void> {
  if (lease === null) return;
  // The lease ends by itself; the failure on its way to the client is the one that matters.
  await port.finish({ lease, advances: [], committed, delivered: false }).catch(() => undefined);
}

class Reader {
  readonly #committer: Committer;
  readonly #ask: InstanceAsk;
  readonly #read: InstanceRead;
  #plan: Plan;
  #deadlineMs: number;
  readonly #committed: PartitionOffset[] = [];
  /** Positions that this reader found, by `keyOf`. */
  readonly #starts = new Map<string, number>();
  #pauseMs = INSTANCE_LOOK_AGAIN_MS_MIN;

  constructor(
    committer: Committer,
    ask: InstanceAsk,
    read: InstanceRead,
    plan: Plan,
    startMs: number,
  ) {
    this.#committer = committer;
    this.#ask = ask;
    this.#read = read;
    this.#plan = plan;
    this.#deadlineMs = startMs + read.timeoutMs;
  }

  /** Waits for the lease. Null when it has it, an empty page when the time was over first. */
  async acquire(): Promise<InstancePage | null> {
    while (this.#plan.busy) {
      if (!(await this.#pause())) return this.#page([], this.#plan.sequence, []);
      await this.#look(false);
    }
    return null;
  }

  async read(): Promise<InstancePage> {
    const first = this.#plan;
    if (first.subscription === null && first.assigned.length === 0)
      throw illegalState(NOT_SUBSCRIBED);
    const { commit, offsets } = this.#read;
    this.#committed.push(...(await commitAll(this.#committer, first, offsets)));
    const due = commit === "previous" ? uncommitted(first.assigned) : [];
    const [previous, fetched] = await Promise.all([
      commitSome(this.#committer, first, due),
      this.#fetchUntilThere(),
    ]);
    this.#committed.push(...previous);
    this.#throwIfGone();
    return this.#finish(fetched);
  }

  release(): Promise<void> {
    return release(this.#committer.port, this.#plan, this.#committed);
  }

  async #fetchUntilThere(): Promise<Fetched> {
    const { ctx } = this.#committer;
    for (;;) {
      const plan = this.#plan;
      const chosen = chosenOf(plan);
      await this.#findStarts(chosen);
      const readable = chosen.flatMap((one) => {
        const offset = this.#positionOf(one);
        return offset === null ? [] : [{ ...nameOf(one), offset }];
      });
      if (readable.length > 0) {
        const maxWaitMs = Math.min(this.#leftMs(), PARKED_MS_MAX);
        const parkedAtMs = ctx.now();
        const fetched = await this.#fetch(readable, maxWaitMs);
        this.#throwIfGone();
        if (fetched.count > 0 && fetched.bytes >= this.#read.minBytes) return fetched;
        // With less than it was to wait for it was parked for all of the time, whatever the clock says.
        if (!fetched.failed && fetched.bytes < this.#read.minBytes) {
          this.#deadlineMs -= Math.max(0, maxWaitMs - (ctx.now() - parkedAtMs));
        }
        if (this.#leftMs() === 0) return fetched;
        // An error comes at once, and would again.
        if (fetched.failed && !(await this.#pause())) return fetched;
      } else if (!(await this.#pause())) {
        if (plan.joinError !== ErrorCode.NONE) throw new KafkaError(plan.joinError);
        return { partitions: [], count: 0, bytes: 0, failed: false, outOfRange: [] };
      }
      await this.#look(readable.length === 0);
    }
  }

  async #fetch(readable: readonly PartitionOffset[], maxWaitMs: number): Promise<Fetched> {
    const fetched = await fetchOnce(this.#committer.ctx, readable, { ...this.#read, maxWaitMs });
    const { autoOffsetReset } = this.#plan.config;
    const { ctx } = this.#committer;
    for (const one of await resetPositions(ctx, autoOffsetReset, fetched.outOfRange)) {
      this.#starts.set(keyOf(one), one.offset);
    }
    // Past what nobody may see: it would be fetched over and over.
    for (const one of fetched.partitions) {
      if (one.text === "") this.#starts.set(keyOf(one), one.nextOffset);
    }
    return fetched;
  }

  #positionOf(one: Assigned): number | null {
    return this.#starts.get(keyOf(one)) ?? one.position;
  }

  async #findStarts(assigned: readonly Assigned[]): Promise<void> {
    const missing = assigned.filter((one) => this.#positionOf(one) === null);
    if (missing.length === 0) return;
    const plan = this.#plan;
    const { ctx } = this.#committer;
    const { group } = this.#committer;
    const found = await firstPositions(ctx, group, plan.config.autoOffsetReset, missing);
    const chosen: PartitionOffset[] = [];
    for (const one of missing) {
      const start = found.get(keyOf(one));
      if (start === undefined) continue;
      this.#starts.set(keyOf(one), start.offset);
      const place = { ...nameOf(one), offset: start.offset };
      if (start.reset) chosen.push(place);
      else this.#committed.push(place);
    }
    // What is produced until the next read must not be skipped by another reset to the end.
    if (this.#read.commit === "none") return;
    this.#committed.push(...(await commitSome(this.#committer, plan, chosen)));
  }

  async #finish(fetched: Fetched): Promise<InstancePage> {
    const plan = this.#plan;
    const { port } = this.#committer;
    const finish = {
      lease: plan.lease ?? "",
      advances: this.#advances(plan, fetched),
      committed: this.#committed,
      delivered: fetched.count > 0,
    };
    const { accepted, lost, sequence } = unwrap(await port.finish(finish));
    const gone = new Set(lost.map(keyOf));
    const kept = accepted ? fetched.partitions.filter((one) => !gone.has(keyOf(one))) : [];
    for (const { topic, partition, nextOffset } of kept) {
      this.#starts.set(keyOf({ topic, partition }), nextOffset);
    }
    if (this.#read.commit === "auto") await this.#commitRead(plan, kept);
    const texts = kept.flatMap(({ text }) => (text === "" ? [] : [text]));
    return this.#page(texts, sequence, lost);
  }

  /** After the positions moved: were it the other way round, a lost lease would lose records. */
  async #commitRead(plan: Plan, kept: Fetched["partitions"]): Promise<void> {
    const offsets = kept.flatMap(({ topic, partition, nextOffset, text }) =>
      text === "" ? [] : [{ topic, partition, offset: nextOffset }],
    );
    const done = await commitSome(this.#committer, plan, offsets);
    this.#committed.push(...done);
    if (done.length > 0) await this.#committer.port.committed(done);
  }

  #advances(plan: Plan, { partitions }: Fetched): Advance[] {
    const read = new Map(partitions.map((one) => [keyOf(one), one.nextOffset]));
    return chosenOf(plan).flatMap((one) => {
      const from = this.#positionOf(one);
      if (from === null) return [];
      const to = read.get(keyOf(one)) ?? from;
      const moved = to !== from || from !== one.position;
      return moved ? [{ ...nameOf(one), planned: one.position, from, to }] : [];
    });
  }

  #page(
    texts: readonly string[],
    sequence: number,
    lost: readonly { readonly topic: string; readonly partition: number }[],
  ): InstancePage {
    const plan = this.#plan;
    const gone = new Set(lost.map(keyOf));
    const assigned = plan.assigned.filter((one) => !gone.has(keyOf(one)));
    const positions = assigned.flatMap((one) => {
      const offset = this.#positionOf(one);
      return offset === null ? [] : [{ ...nameOf(one), offset }];
    });
    const left = { ...plan, assigned };
    return { texts, plan: left, positions, committed: this.#committed, sequence };
  }

  async #look(beat: boolean): Promise<void> {
    const { open, after, commitRead } = this.#ask;
    const { lease } = this.#plan;
    const holdMs = Math.max(1, this.#leftMs());
    const request = { open: lease === null ? open : null, after, commitRead, lease, holdMs, beat };
    this.#plan = unwrap(await this.#committer.port.plan(request));
  }

  /** Nobody is there to get the records: they are the next read's. */
  #throwIfGone(): void {
    if (this.#committer.ctx.signal?.aborted !== true) return;
    throw new KafkaError(ErrorCode.REQUEST_TIMED_OUT, "the client went away");
  }

  #leftMs(): number {
    return Math.max(0, this.#deadlineMs - this.#committer.ctx.now());
  }

  /** False when the time is over. */
  async #pause(): Promise<boolean> {
    const { ctx } = this.#committer;
    const leftMs = this.#leftMs();
    if (leftMs === 0 || ctx.signal?.aborted === true) return false;
    await ctx.sleep(Math.min(leftMs, this.#pauseMs));
    this.#pauseMs = Math.min(2 * this.#pauseMs, INSTANCE_LOOK_AGAIN_MS_MAX);
    return true;
  }
}

/** The partitions of this read: each has its turn at being the first, and no read asks too many. */
function chosenOf({ assigned, sequence }: Plan): readonly Assigned[] {
  const most = INSTANCE_READ_PARTITIONS_MAX;
  const step = assigned.length > most ? most : 1;
  const turn = assigned.length === 0 ? 0 : (sequence * step) % assigned.length;
  return [...assigned.slice(turn), ...assigned.slice(0, turn)].slice(0, most);
}
