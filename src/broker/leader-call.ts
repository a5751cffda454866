/**
 * A call to a partition's leader that outlives a change of leadership: what is stale is read anew and
 * asked again, inside the request, so that a client sees a slow answer and not a failed one.
 */
import { ErrorCode } from "../protocol/errors.ts";
import { inBackground, logEntry, type RequestContext } from "./context.ts";
import { proposeElection } from "./elections.ts";
import {
  isStale,
  type Leader,
  leaderOf,
  lookUpTopics,
  type TopicRef,
  transportError,
} from "./topics.ts";

/** A client's own retry comes after this at the latest: its request timeout is usually 30 s. */
const TRY_FOR_MS = 10_000;
const PAUSE_MS_MIN = 20;
const PAUSE_MS_MAX = 500;
/** An object that was evicted answers the next call; one that fails this often is taken for dead. */
const FAILURES_BEFORE_ELECTION = 3;

export interface LeaderCall<T> {
  readonly ref: TopicRef;
  readonly byId: boolean;
  readonly partition: number;
  /** As `leaderOf` found it. */
  readonly leader: Leader | number;
  /** The request's own bound on waiting, ms. */
  readonly timeoutMs: number;
  /** Doing it twice does no harm: a call whose outcome is unknown is made again. */
  readonly repeatable: boolean;
  /** Does this refusal leave open whether it was done? Then only what is repeatable is asked again. */
  readonly mayBeDone?: (answer: T) => boolean;
  readonly ask: (leader: Leader) => Promise<T>;
}

/** The answer, or the error code of why there is none. */
export async function askLeader<T extends { readonly errorCode: number }>(
  ctx: RequestContext,
  call: LeaderCall<T>,
): Promise<T | number> {
  const deadline = ctx.now() + Math.min(call.timeoutMs, TRY_FOR_MS);
  let { leader } = call;
  if (isUnknown(leader)) return leader;
  let failures = 0;
  let logged = false;
  for (let pause = PAUSE_MS_MIN; ; pause = Math.min(2 * pause, PAUSE_MS_MAX)) {
    let answer: T | number;
    if (typeof leader === "number") {
      answer = leader;
    } else {
      try {
        answer = await call.ask(leader);
        failures = 0;
      } catch (error) {
        answer = transportError(error);
        if (!logged) logFailure(ctx, leader, error);
        logged = true;
        // The platform itself is overloaded, and asks not to be tried again at once.
        if (answer === ErrorCode.THROTTLING_QUOTA_EXCEEDED) return answer;
        if (++failures >= FAILURES_BEFORE_ELECTION) {
          await proposeNext(ctx, leader);
        }
        if (!call.repeatable) return answer;
      }
    }
    if (isFull(answer) && ctx.now() + pause < deadline) {
      await ctx.sleep(pause);
      continue;
    }
    if (!mayPass(answer)) return answer;
    if (typeof answer !== "number" && !call.repeatable && call.mayBeDone?.(answer)) return answer;
    const late = ctx.now() + pause >= deadline;
    const before = leader;
    leader = await current(ctx, call);
    if (isUnaware(answer, before, leader)) tellLeader(ctx, leader);
    if (late) return answer;
    if (isUnknown(leader)) return leader;
    if (!hasMoved(before, leader)) await ctx.sleep(pause);
  }
}

/** What the client is answered, a timeout, says nothing of what went wrong. */
function logFailure(ctx: RequestContext, { topic, state }: Leader, error: unknown): void {
  const { partition, leader: brokerId } = state;
  logEntry(ctx, {
    level: "warn",
    message: `the leader of ${topic.name}-${partition} on broker ${brokerId} did not answer`,
    object: `${ctx.clusterId}/${topic.topicId}/${partition}/${brokerId}`,
    clientId: ctx.clientId,
    error: error instanceof Error ? error.message : String(error),
  });
}

/** A topic or partition that the catalogue does not have will not appear by waiting. */
function isUnknown(leader: Leader | number): leader is number {
  return leader === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION || leader === ErrorCode.UNKNOWN_TOPIC_ID;
}

/** Another member of the ISR, if there is one, leads from now on; the catalogue may be away as well. */
async function proposeNext(ctx: RequestContext, { topic, state }: Leader): Promise<void> {
  await proposeElection(ctx.ports, ctx.clusterId, topic, state).catch(() => undefined);
}

/**
 * The row names whom we asked, and it does not know or knows an older epoch: nobody may have told it
 * since it was elected, and a replica that is only read from does not look by itself.
 */
function isUnaware(
  answer: number | { readonly errorCode: number },
  asked: Leader | number,
  now: Leader | number,
): now is Leader {
  if (typeof answer === "number" || typeof asked === "number" || typeof now === "number") {
    return false;
  }
  const { errorCode } = answer;
  const isBehind =
    errorCode === ErrorCode.NOT_LEADER_OR_FOLLOWER || errorCode === ErrorCode.UNKNOWN_LEADER_EPOCH;
  return isBehind && asked.state.leader === now.state.leader;
}

function tellLeader(ctx: RequestContext, { topic, state }: Leader): void {
  const { clusterId } = ctx;
  const { partition, leader: brokerId } = state;
  const address = { clusterId, topicId: topic.topicId, partition, brokerId };
  inBackground(ctx, "tell a leader to read its row", () => ctx.ports.partitions.refresh([address]));
}

/** Leadership that is on its way somewhere else, or an outcome that is not known. */
function mayPass(answer: number | { readonly errorCode: number }): boolean {
  const errorCode = typeof answer === "number" ? answer : answer.errorCode;
  return (
    isStale(errorCode) ||
    errorCode === ErrorCode.LEADER_NOT_AVAILABLE ||
    (typeof answer === "number" && errorCode === ErrorCode.REQUEST_TIMED_OUT)
  );
}

/** The partition holds as many bytes of produces as it may: it waits here, and nothing was done. */
function isFull(answer: number | { readonly errorCode: number }): boolean {
  return typeof answer !== "number" && answer.errorCode === ErrorCode.THROTTLING_QUOTA_EXCEEDED;
}

async function current<T>(ctx: RequestContext, call: LeaderCall<T>): Promise<Leader | number> {
  const topicOf = await lookUpTopics(ctx, [call.ref], call.byId, { fresh: true });
  return leaderOf(ctx, topicOf(call.ref), call.partition, call.byId);
}

function hasMoved(before: Leader | number, now: Leader | number): boolean {
  if (typeof before === "number" || typeof now === "number") return before !== now;
  return (
    before.state.leader !== now.state.leader ||
    before.state.leaderEpoch !== now.state.leaderEpoch ||
    before.topic.topicId !== now.topic.topicId
  );
}
