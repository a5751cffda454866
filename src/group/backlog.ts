/** Work that may be long, done a bounded number of steps a turn, first come first served. */
import type { ReplyTo } from "../machine/machine.ts";
import type { GroupTurn } from "./group.ts";

/** A step is what it does between two yields; each is given the turn in which it is done. */
export type Work = Generator<void, void, GroupTurn>;

interface Task {
  readonly work: Work;
  /** Who waits for its end. */
  readonly to: ReplyTo | null;
}

export class Backlog {
  readonly #stepsPerTurn: number;
  #tasks: Task[] = [];

  constructor(stepsPerTurn: number) {
    this.#stepsPerTurn = stepsPerTurn;
  }

  get isEmpty(): boolean {
    return this.#tasks.length === 0;
  }

  add(work: Work, to: ReplyTo | null = null): void {
    // Up to the first yield, which is where a turn comes in.
    if (work.next().done !== true) this.#tasks.push({ work, to });
  }

  run(turn: GroupTurn): void {
    let left = this.#stepsPerTurn;
    for (let task = this.#tasks[0]; task !== undefined && left > 0; left--) {
      if (task.work.next(turn).done !== true) continue;
      this.#tasks.shift();
      task = this.#tasks[0];
    }
  }

  /** Tells of each who waits, and drops everything. */
  abandon(each: (to: ReplyTo) => void): void {
    for (const { to } of this.#tasks) if (to !== null) each(to);
    this.#tasks = [];
  }
}
