import type { TopicPartitions } from "../assignors/assignor.ts";
import { samePartitions } from "../assignors/assignor.ts";
import type { ConsumerMember } from "./member.ts";

/**
 * Which members have shown that they know what is assigned to them (SPEC.md, GRP118). Soft: a new leader
 * tells each of them once.
 */
export class ToldMembers {
  readonly #know = new Map<string, boolean>();

  /**
   * Must the member be told? An answer may be lost where neither it nor its epoch shows it: a Worker
   * asks again when an object is lost under a request.
   */
  mustTell(before: ConsumerMember, after: ConsumerMember, owned: TopicPartitions | null): boolean {
    const { memberId, assigned } = after;
    const known = this.#know.get(memberId);
    if (owned !== null) this.#know.set(memberId, samePartitions(owned, assigned));
    else if (!samePartitions(before.assigned, assigned)) this.#know.set(memberId, false);
    else if (known === undefined) this.#know.set(memberId, true);
    return known === undefined || this.#know.get(memberId) !== true;
  }

  forget(memberId: string): void {
    this.#know.delete(memberId);
  }
}
