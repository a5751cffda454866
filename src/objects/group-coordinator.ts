/**
 * A replica of one partition of `__consumer_offsets`. Whichever leads coordinates the groups of that
 * partition (group/coordinator.ts); to other replicas and to readers it is a partition like any other.
 */
import type { GroupAsk } from "../broker/ports.ts";
import { GROUP_CALLS_MAX } from "../constants.ts";
import { brokerConfig, type Env } from "../env.ts";
import type { GroupReply } from "../group/messages.ts";
import { assert } from "../lib/assert.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { type CoordinatorHost, hostCoordinator } from "./coordinator-host.ts";
import { Partition } from "./partition.ts";

const NOT_HERE: GroupReply = { api: "failed", errorCode: ErrorCode.NOT_COORDINATOR };
const OVERLOADED: GroupReply = { api: "failed", errorCode: ErrorCode.COORDINATOR_NOT_AVAILABLE };

export class GroupCoordinator extends Partition<CoordinatorHost> {
  #calls = 0;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env, (options) => hostCoordinator(options, brokerConfig(env).group));
  }

  /** A request to the groups of this partition. */
  async group(ask: GroupAsk): Promise<GroupReply> {
    this.countRequest();
    // Whoever asks every coordinator must not bring to life those that nobody has needed yet.
    const nothing = this.isOpen ? null : nothingKnown(ask);
    if (nothing !== null) return nothing;
    const host = await this.hosted();
    if (host === null) return NOT_HERE;
    if (this.#calls >= GROUP_CALLS_MAX) return OVERLOADED;
    this.#calls++;
    try {
      // Memory alone may be that of an instance which the platform has replaced.
      host.store.throwIfStale();
      const answer = await this.unlessGone(host, () =>
        host.shell.ask((to) => ({ kind: "group", to, ...ask })),
      );
      if (answer === null) return NOT_HERE;
      assert(answer.kind === "group", "a group's request is answered as one");
      return answer.reply;
    } finally {
      this.#calls--;
    }
  }
}

/** An object that was never opened holds no record: a leader elected later must have been (REP41). */
function nothingKnown({ request }: GroupAsk): GroupReply | null {
  switch (request.api) {
    case "listGroups":
      return { api: "listGroups", body: { errorCode: ErrorCode.NONE, groups: [] } };
    case "topicDeleted":
      return { api: "topicDeleted", body: null };
    default:
      return null;
  }
}
