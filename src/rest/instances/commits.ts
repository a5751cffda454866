/** Commits of an instance's client, as the member that the instance is. */
import type { RequestContextBase } from "../../broker/context.ts";
import { ErrorCode, KafkaError } from "../../protocol/errors.ts";
import { groupError } from "../v2/errors.ts";
import type { OffsetToCommit } from "./group-calls.ts";
import { commitOffsets } from "./group-calls.ts";
import { throwIfAny, unwrap } from "./refusals.ts";
import { keyOf, nameOf } from "./state.ts";
import type { InstancePort, PartitionOffset, Plan, PlanRequest } from "./types.ts";

/** The member's epoch may have moved between the plan and the commit: so often it is asked again. */
const ATTEMPTS = 3;

export interface Committer {
  readonly ctx: RequestContextBase;
  readonly port: InstancePort;
  readonly group: string;
  readonly name: string;
}

/** Only looks: joins if it has to, and takes no lease. */
export const LOOK: PlanRequest = {
  ...{ open: null, lease: null, holdMs: 0, commitRead: false, after: null, beat: false },
};

/**
 * Commits all of them; what was committed. Throws KafkaError or RestError with the first that failed,
 * 40903 when the instance was fenced.
 */
export async function commitAll(
  committer: Committer,
  plan: Plan,
  offsets: readonly OffsetToCommit[],
): Promise<PartitionOffset[]> {
  if (offsets.length === 0) return [];
  throwIfAny(await commitAs(committer, plan, offsets));
  return offsets.map(({ topic, partition, offset }) => ({ topic, partition, offset }));
}

/** Commits what it can: what failed is read again, by this instance or another. */
export async function commitSome(
  committer: Committer,
  plan: Plan,
  offsets: readonly OffsetToCommit[],
): Promise<PartitionOffset[]> {
  if (offsets.length === 0) return [];
  const errors = await commitAs(committer, plan, offsets).catch((error: unknown) => {
    if (error instanceof KafkaError) return new Map<string, number>();
    throw error;
  });
  return offsets
    .filter((one) => errors.get(keyOf(one)) === ErrorCode.NONE)
    .map((one) => ({ ...nameOf(one), offset: one.offset }));
}

async function commitAs(
  { ctx, port, group, name }: Committer,
  first: Plan,
  offsets: readonly OffsetToCommit[],
): Promise<Map<string, number>> {
  let plan = first;
  for (let attempt = 1; ; attempt++) {
    const { memberId, memberEpoch } = plan;
    const identity = { group, clientId: name, memberId, memberEpoch };
    const errors = await commitOffsets(ctx, identity, offsets);
    const [code = ErrorCode.NONE] = [...errors.values()].filter(isAboutMember);
    if (code === ErrorCode.NONE || attempt === ATTEMPTS) return errors;
    plan = unwrap(await port.plan({ ...LOOK, beat: true }));
    if (plan.memberEpoch === 0) throw groupError(plan.joinError || code, null);
  }
}

function isAboutMember(code: number): boolean {
  return (
    code === ErrorCode.STALE_MEMBER_EPOCH ||
    code === ErrorCode.FENCED_MEMBER_EPOCH ||
    code === ErrorCode.UNKNOWN_MEMBER_ID ||
    code === ErrorCode.ILLEGAL_GENERATION
  );
}
