import { GROUP_TOPICS_REFRESH_MS, GROUP_TOPICS_WAIT_MS } from "../../constants.ts";
import type { ReplyTo } from "../../machine/machine.ts";
import type { GroupTurn } from "../group.ts";
import type { TopicImages } from "./topic-images.ts";

/** What a request must know of topics before it can be answered well. */
export interface TopicNeeds {
  /** Asked for just now: one that does not exist must not have existed just now. */
  readonly fresh: readonly string[];
  /** It is enough to have heard of them. */
  readonly known: readonly string[];
  /** All topics, just now: a new pattern. */
  readonly all: boolean;
}

interface Guest {
  readonly to: ReplyTo;
  readonly sinceMs: number;
  readonly needs: TopicNeeds;
  readonly answer: (turn: GroupTurn) => void;
}

/**
 * Requests that wait for the catalogue, not longer than GROUP_TOPICS_WAIT_MS (GRP141): then they are
 * answered with what is known.
 */
export class WaitingRoom {
  readonly #topics: TopicImages;
  /** In the order of their coming. */
  #guests: Guest[] = [];

  constructor(topics: TopicImages) {
    this.#topics = topics;
  }

  /** Answers now, or asks the catalogue and answers when it did. */
  answer(turn: GroupTurn, to: ReplyTo, needs: TopicNeeds, answer: Guest["answer"]): void {
    const guest: Guest = { to, sinceMs: turn.nowMs, needs, answer };
    const missing = this.#missing(guest);
    if (missing !== null && missing.length === 0) {
      answer(turn);
      return;
    }
    this.#topics.want(missing);
    this.#guests.push(guest);
  }

  /** Lets those go who have what they need, or have waited long enough. */
  settle(turn: GroupTurn): void {
    if (this.#guests.length === 0) return;
    const leaving: Guest[] = [];
    this.#guests = this.#guests.filter((guest) => {
      const missing = this.#missing(guest);
      const stays =
        guest.sinceMs + GROUP_TOPICS_WAIT_MS > turn.nowMs &&
        (missing === null || missing.length > 0);
      if (stays) this.#topics.want(missing);
      else leaving.push(guest);
      return stays;
    });
    for (const { answer } of leaving) answer(turn);
  }

  get deadlineMs(): number {
    const first = this.#guests[0];
    return first === undefined ? Infinity : first.sinceMs + GROUP_TOPICS_WAIT_MS;
  }

  /** Everybody who waits; the room is empty afterwards. */
  leave(): readonly ReplyTo[] {
    const all = this.#guests.map(({ to }) => to);
    this.#guests = [];
    return all;
  }

  needs(name: string): boolean {
    return this.#guests.some(
      ({ needs }) => needs.fresh.includes(name) || needs.known.includes(name),
    );
  }

  /** The names to ask for; null for all. */
  #missing({ needs, sinceMs }: Guest): readonly string[] | null {
    const topics = this.#topics;
    if (needs.all && topics.allReadAtMs < sinceMs) return null;
    return [
      ...needs.fresh.filter((name) => {
        const young = topics.image(name) === undefined ? 0 : GROUP_TOPICS_REFRESH_MS;
        return topics.readAtMs(name) < sinceMs - young;
      }),
      ...needs.known.filter((name) => !topics.isKnown(name)),
    ];
  }
}
