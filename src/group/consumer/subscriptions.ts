/**
 * What the members of a consumer group ask for, counted, so that one more member costs one more step
 * (Kafka's ModernGroup.subscribedTopicNames and ConsumerGroup's counters).
 */
import type { ConsumerMember } from "./member.ts";

/** How many name each thing; what nobody names is not in it. */
class Tally {
  readonly #counts = new Map<string, number>();

  add(name: string, by: 1 | -1): void {
    const count = (this.#counts.get(name) ?? 0) + by;
    if (count > 0) this.#counts.set(name, count);
    else this.#counts.delete(name);
  }

  get(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  get size(): number {
    return this.#counts.size;
  }

  names(): IterableIterator<string> {
    return this.#counts.keys();
  }

  counts(): IterableIterator<number> {
    return this.#counts.values();
  }
}

export class Subscriptions {
  readonly #names = new Tally();
  readonly #patterns = new Tally();
  readonly #assignors = new Tally();
  readonly #classicProtocols = new Tally();
  /** Topics that each pattern matched when it was last resolved. */
  readonly #resolved = new Map<string, readonly string[]>();
  #members = 0;
  #classicMembers = 0;
  /** Topics of all names and all resolved patterns, sorted; null when it must be made anew. */
  #topics: readonly string[] | null = null;

  count(member: ConsumerMember, by: 1 | -1): void {
    this.#members += by;
    for (const name of member.subscribedTopicNames) {
      this.#names.add(name, by);
      if (this.#names.get(name) <= 1) this.#topics = null;
    }
    if (member.subscribedTopicRegex !== "") this.#patterns.add(member.subscribedTopicRegex, by);
    if (member.serverAssignor !== null) this.#assignors.add(member.serverAssignor, by);
    if (member.classic === null) return;
    this.#classicMembers += by;
    for (const { name } of member.classic.supportedProtocols) this.#classicProtocols.add(name, by);
  }

  setResolved(pattern: string, topics: readonly string[] | null): void {
    if (topics === null) this.#resolved.delete(pattern);
    else this.#resolved.set(pattern, topics);
    this.#topics = null;
  }

  resolved(pattern: string): readonly string[] | undefined {
    return this.#resolved.get(pattern);
  }

  resolvedPatterns(): readonly string[] {
    return [...this.#resolved.keys()];
  }

  /** Patterns that some member subscribes to. */
  patterns(): readonly string[] {
    return [...this.#patterns.names()];
  }

  patternMembers(pattern: string): number {
    return this.#patterns.get(pattern);
  }

  get hasPatterns(): boolean {
    return this.#patterns.size > 0;
  }

  get classicMembers(): number {
    return this.#classicMembers;
  }

  /** Members that speak the classic protocol and support this assignor of theirs. */
  classicProtocolMembers(name: string): number {
    return this.#classicProtocols.get(name);
  }

  assignorMembers(name: string): number {
    return this.#assignors.get(name);
  }

  /** Names of the topics that the group reads, whether they exist or not; sorted. */
  topics(): readonly string[] {
    this.#topics ??= [
      ...new Set([...this.#names.names(), ...[...this.#resolved.values()].flat()]),
    ].sort();
    return this.#topics;
  }

  has(topic: string): boolean {
    if (this.#names.get(topic) > 0) return true;
    for (const topics of this.#resolved.values()) if (topics.includes(topic)) return true;
    return false;
  }

  /** Names of the topics that this member reads; sorted. */
  topicsOf(member: ConsumerMember): readonly string[] {
    if (member.subscribedTopicRegex === "") return member.subscribedTopicNames;
    const matched = this.#resolved.get(member.subscribedTopicRegex) ?? [];
    if (member.subscribedTopicNames.length === 0) return matched;
    return [...new Set([...member.subscribedTopicNames, ...matched])].sort();
  }

  /** All members read the same topics. */
  get homogeneous(): boolean {
    if (this.#patterns.size === 0) return everyone(this.#names.counts(), this.#members);
    return (
      this.#names.size === 0 &&
      this.#patterns.size === 1 &&
      everyone(this.#patterns.counts(), this.#members)
    );
  }
}

function everyone(counts: Iterable<number>, members: number): boolean {
  for (const count of counts) if (count !== members) return false;
  return true;
}
