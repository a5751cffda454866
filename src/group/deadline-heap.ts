/**
 * Deadlines of many owners, of which most are put off again and again and few are ever met: putting
 * one off changes a number and nothing else. A binary heap, lazy in one direction.
 */

/** One owner's deadline. The heap it was set in owns the rest of its fields. */
export class Deadline<Owner> {
  readonly owner: Owner;
  /** When it is due, ms; Infinity when it is not set. */
  dueMs = Infinity;
  /** Under which time the heap has it: never later than `dueMs`. */
  queuedMs = Infinity;
  /** Where the heap has it; -1 when it has not. */
  index = -1;

  constructor(owner: Owner) {
    this.owner = owner;
  }
}

export class DeadlineHeap<Owner> {
  readonly #heap: Deadline<Owner>[] = [];

  get size(): number {
    return this.#heap.length;
  }

  /**
   * A time that no deadline lies before; Infinity when none is set. It may be early, by a deadline
   * put off: whoever comes then takes nothing due, and `next` has moved on. So an alarm is moved
   * once for each time that it goes off, not for each deadline put off.
   */
  next(): number {
    return this.#heap[0]?.queuedMs ?? Infinity;
  }

  set(deadline: Deadline<Owner>, dueMs: number): void {
    deadline.dueMs = dueMs;
    if (dueMs === Infinity) {
      this.delete(deadline);
    } else if (deadline.index < 0) {
      deadline.queuedMs = dueMs;
      this.#put(deadline, this.#heap.length);
      this.#rise(deadline);
    } else if (dueMs < deadline.queuedMs) {
      deadline.queuedMs = dueMs;
      this.#rise(deadline);
    }
  }

  delete(deadline: Deadline<Owner>): void {
    deadline.dueMs = Infinity;
    const { index } = deadline;
    if (index < 0) return;
    deadline.index = -1;
    const last = this.#heap.pop();
    if (last === undefined || last === deadline) return;
    this.#put(last, index);
    this.#rise(last);
    this.#sink(last);
  }

  /** Takes one owner whose deadline is met; undefined when there is none. */
  takeDue(nowMs: number): Owner | undefined {
    for (let top = this.#heap[0]; top !== undefined && top.queuedMs <= nowMs; top = this.#heap[0]) {
      if (top.dueMs <= nowMs) {
        this.delete(top);
        return top.owner;
      }
      top.queuedMs = top.dueMs;
      this.#sink(top);
    }
    return undefined;
  }

  #put(deadline: Deadline<Owner>, index: number): void {
    this.#heap[index] = deadline;
    deadline.index = index;
  }

  #rise(deadline: Deadline<Owner>): void {
    let { index } = deadline;
    while (index > 0) {
      const above = (index - 1) >> 1;
      const parent = this.#heap[above];
      if (parent === undefined || parent.queuedMs <= deadline.queuedMs) break;
      this.#put(parent, index);
      index = above;
    }
    this.#put(deadline, index);
  }

  #sink(deadline: Deadline<Owner>): void {
    let { index } = deadline;
    for (;;) {
      const below = this.#earlierBelow(index);
      if (below === undefined || below.queuedMs >= deadline.queuedMs) break;
      const at = below.index;
      this.#put(below, index);
      index = at;
    }
    this.#put(deadline, index);
  }

  #earlierBelow(index: number): Deadline<Owner> | undefined {
    const left = this.#heap[2 * index + 1];
    const right = this.#heap[2 * index + 2];
    if (left === undefined || right === undefined) return left;
    return right.queuedMs < left.queuedMs ? right : left;
  }
}
