/** Requests to the coordinator of a group, as a Worker carries them for one client. */
import type { GroupReply, GroupRequest } from "../../../src/group/messages.ts";
import { ErrorCode } from "../../../src/protocol/errors.ts";
import { EDGE } from "../cluster/network.ts";
import type { SimRouter } from "../cluster/router.ts";
import type { GroupSurroundings, SimCoordinator } from "./coordinator-object.ts";

export interface CallOptions {
  readonly clientId: string;
  readonly apiVersion: number;
  readonly timeoutMs: number;
}

export class GroupCalls {
  readonly #at: GroupSurroundings;
  readonly #router: SimRouter;
  readonly #coordinators: ReadonlyMap<number, SimCoordinator>;
  #uuids = 0;
  /** The last request about membership that came of each client. */
  readonly #lastCame = new Map<string, number>();
  #commits = 0;

  constructor(
    at: GroupSurroundings,
    router: SimRouter,
    coordinators: ReadonlyMap<number, SimCoordinator>,
  ) {
    this.#at = at;
    this.#router = router;
    this.#coordinators = coordinators;
  }

  /** A number for each commit, by which it is known again. */
  nextCommit(): number {
    return ++this.#commits;
  }

  /**
   * A request about membership may come late and more than once, but not after a later one of the same
   * client: who gives one up closes its connection. Offsets may overtake each other.
   */
  #comesTooLate(clientId: string, { api }: GroupRequest, number: number): boolean {
    if (api === "offsetCommit" || api === "offsetFetch") return false;
    const last = this.#lastCame.get(clientId) ?? 0;
    this.#lastCame.set(clientId, Math.max(last, number));
    return number < last;
  }

  /** `result` is called once; null: nothing came back, anything may have happened. */
  ask(
    request: GroupRequest,
    { clientId, apiVersion, timeoutMs }: CallOptions,
    result: (reply: GroupReply | null) => void,
  ): void {
    const { world, network } = this.#at;
    const { leader, leaderEpoch } = this.#router.row;
    let settled = false;
    const settle = (reply: GroupReply | null): void => {
      if (settled) return;
      settled = true;
      if (reply === null) this.#router.repair();
      else if (reply.api === "failed" && reply.errorCode === ErrorCode.NOT_COORDINATOR) {
        this.#router.refresh();
      }
      result(reply);
    };
    const number = ++this.#uuids;
    const client = { clientId, clientHost: "/127.0.0.1", apiVersion, uuid: `u${number}` };
    network.call<GroupReply>(
      EDGE,
      leader,
      (answer) => {
        const object = this.#coordinators.get(leader);
        if (object === undefined || this.#comesTooLate(clientId, request, number)) answer(null);
        else {
          object.ask(
            (to) => ({ kind: "group", to, leaderEpoch, client, request }),
            (reply) => answer(reply?.kind === "group" ? reply.reply : null),
          );
        }
      },
      settle,
    );
    world.after(timeoutMs, () => settle(null));
  }
}
