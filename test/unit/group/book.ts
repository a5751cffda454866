/**
 * A group machine that does as it is told, for tests of the coordinator under it: a book of keys and
 * values. A request is a heartbeat whose group id is a command: `put k v`, `delete k`, `look`, `park`,
 * `free` (answers who is parked), `big k` (a record that no batch holds).
 */
import { GROUP_BATCH_BYTES_MAX } from "../../../src/constants.ts";
import type { CoordinatorInput, GroupRules } from "../../../src/group/coordinator.ts";
import type {
  GroupEffects,
  GroupInput,
  GroupRecord,
  GroupReply,
} from "../../../src/group/messages.ts";
import { utf8Decode, utf8Encode } from "../../../src/lib/bytes.ts";
import type { ReplyTo } from "../../../src/machine/machine.ts";

const CLIENT = { clientId: "test", clientHost: "", apiVersion: 0, uuid: "" };

/** A request under the name by which it is answered. */
export function asks(to: ReplyTo, command: string, leaderEpoch = 0): CoordinatorInput {
  const body = { groupId: command, generationId: 0, memberId: "", groupInstanceId: null };
  return { kind: "group", to, leaderEpoch, client: CLIENT, request: { api: "heartbeat", body } };
}

export function record(key: string, value: string | null): GroupRecord {
  return { key: utf8Encode(key), value: value === null ? null : utf8Encode(value) };
}

/** How many entries the book has, as a reply. */
export const entries = (errorCode: number): GroupReply => ({
  api: "heartbeat",
  body: { errorCode },
});
export const failed = (errorCode: number): GroupReply => ({ api: "failed", errorCode });

export class Book implements GroupRules {
  readonly entries = new Map<string, string>();
  /** What happened, in order. */
  readonly diary: string[] = [];
  dueMs = Infinity;
  /** What is put when a tick comes, and when the log has been read. */
  onTick: string | null = null;
  onLoaded: string | null = null;
  #parked: ReplyTo[] = [];

  apply({ key, value }: GroupRecord): void {
    const name = utf8Decode(key);
    this.diary.push(value === null ? `-${name}` : `+${name}`);
    if (value === null) this.entries.delete(name);
    else this.entries.set(name, utf8Decode(value));
  }

  loaded(nowMs: number, out: GroupEffects): void {
    this.diary.push(`loaded at ${nowMs}`);
    if (this.onLoaded !== null) this.#emit(record(this.onLoaded, ""), out);
  }

  step(nowMs: number, input: GroupInput, out: GroupEffects): void {
    if (input.kind === "tick") {
      this.diary.push(`tick at ${nowMs}`);
      this.dueMs = Infinity;
      if (this.onTick !== null) this.#emit(record(this.onTick, ""), out);
      return;
    }
    if (input.kind === "topics") {
      this.diary.push(`topics ${(input.topics ?? []).map(({ name }) => name)}`);
      return;
    }
    if (input.request.api !== "heartbeat") throw new Error("a book is asked by heartbeats");
    this.#obey(input.to, input.request.body.groupId.split(" "), out);
  }

  #obey(to: ReplyTo, [verb, key = "", value = ""]: string[], out: GroupEffects): void {
    if (verb === "park") {
      this.#parked.push(to);
      return;
    }
    if (verb === "put") this.#emit(record(key, value), out);
    if (verb === "delete") this.#emit(record(key, null), out);
    if (verb === "big")
      this.#emit({ ...record(key, ""), value: new Uint8Array(GROUP_BATCH_BYTES_MAX) }, out);
    if (verb === "topics") out.messages.push({ kind: "readTopics", names: [key] });
    if (verb === "free") {
      for (const parked of this.#parked.splice(0)) this.#answer(parked, out);
    }
    this.#answer(to, out);
  }

  #answer(to: ReplyTo, out: GroupEffects): void {
    out.replies.push({ to, reply: entries(this.entries.size) });
  }

  #emit(fact: GroupRecord, out: GroupEffects): void {
    this.apply(fact);
    out.facts.push(fact);
  }

  refuseAll(out: Pick<GroupEffects, "replies">, errorCode: number): void {
    for (const to of this.#parked.splice(0)) out.replies.push({ to, reply: failed(errorCode) });
  }

  deadline(): number {
    return this.dueMs;
  }
}
