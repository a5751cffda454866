import type { TopicPartitions } from "../assignors/assignor.ts";
import { samePartitions } from "../assignors/assignor.ts";
import type { ConsumerMember } from "./member.ts";

/**
 * By which request each member last said what it reads, under the request's uuid (SPEC.md, GRP125). Soft.
 */
export class LastSaid {
  readonly #uuids = new Map<string, string>();

  /** What the request says, or null, for nothing, when that has been heard. */
  take(memberId: string, uuid: string, owned: TopicPartitions | null): TopicPartitions | null {
    if (owned === null || (uuid !== "" && this.#uuids.get(memberId) === uuid)) return null;
    this.#uuids.set(memberId, uuid);
    return owned;
  }

  forget(memberId: string): void {
    this.#uuids.delete(memberId);
  }
}

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
