/**
 * What the coordinator knows of topics, and what it must ask the catalogue next. Soft state: after a
 * failover nothing is known, and what is not known is not taken for deleted (GRP142).
 */
import { topicNameProblem } from "../../cluster/topic-names.ts";
import {
  GROUP_TOPICS_READ_TIMEOUT_MS,
  GROUP_TOPICS_REFRESH_MS,
  GROUP_TOPICS_RETRY_MS,
} from "../../constants.ts";
import { utf8Encode } from "../../lib/bytes.ts";
import { crc32c } from "../../lib/crc32c.ts";
import { murmur2 } from "../../lib/murmur2.ts";
import type { GroupMessage, TopicImage } from "../messages.ts";

/** Names of topics, or null for all of them. */
export type TopicNames = ReadonlySet<string> | null;

interface Question {
  readonly names: TopicNames;
  readonly askedAtMs: number;
}

/** Of murmur2's 32 bits, so many fill up a double's 53 beside crc32c's 32. */
const HIGH_HASH_VALUES = 2 ** 21;
const TWO_32 = 2 ** 32;

export class TopicImages {
  readonly #byName = new Map<string, TopicImage>();
  readonly #names = new Map<string, string>();
  /** When the question was asked that told of this name, whether it exists or not. */
  readonly #readAtMs = new Map<string, number>();
  #allReadAtMs = -Infinity;
  #refreshedAtMs = -Infinity;
  #asked: Question | null = null;
  readonly #wanted = new Set<string>();
  #wantsAll = false;
  /** No question before, after one that was not answered. */
  #notBeforeMs = -Infinity;
  #version = 0;

  /** Changes whenever something else is known than before. */
  get version(): number {
    return this.#version;
  }

  image(name: string): TopicImage | undefined {
    return this.#byName.get(name);
  }

  /** Undefined for a topic that is not there or not known. */
  nameOf(topicId: string): string | undefined {
    return this.#names.get(topicId);
  }

  topics(): IterableIterator<TopicImage> {
    return this.#byName.values();
  }

  /** When the catalogue was asked for what is known of it; -Infinity when it never was. */
  readAtMs(name: string): number {
    if (topicNameProblem(name) !== null) return Infinity;
    return Math.max(this.#readAtMs.get(name) ?? -Infinity, this.#allReadAtMs);
  }

  get allReadAtMs(): number {
    return this.#allReadAtMs;
  }

  isKnown(name: string): boolean {
    return this.readAtMs(name) > -Infinity;
  }

  /** Asks for them with the next question. */
  want(names: Iterable<string> | null): void {
    if (names === null) this.#wantsAll = true;
    else for (const name of names) if (topicNameProblem(name) === null) this.#wanted.add(name);
  }

  /** Asks for everything that `names` gives, if that was long ago. */
  refresh(nowMs: number, names: () => TopicNames): void {
    if (nowMs - this.#refreshedAtMs < GROUP_TOPICS_REFRESH_MS) return;
    this.#refreshedAtMs = nowMs;
    this.want(names());
  }

  /** The next question, when none is under way: one at a time, since answers do not name theirs. */
  question(nowMs: number): GroupMessage | null {
    const { askedAtMs } = this.#asked ?? { askedAtMs: -Infinity };
    if (nowMs - askedAtMs < GROUP_TOPICS_READ_TIMEOUT_MS || nowMs < this.#notBeforeMs) return null;
    if (!this.#wantsSome) return null;
    const names = this.#wantsAll ? null : new Set(this.#wanted);
    this.#asked = { names, askedAtMs: nowMs };
    this.#wantsAll = false;
    this.#wanted.clear();
    return { kind: "readTopics", names: names === null ? null : [...names].sort() };
  }

  get #wantsSome(): boolean {
    return this.#wantsAll || this.#wanted.size > 0;
  }

  /** When a question that was put off may be asked; Infinity when there is none. */
  get deadlineMs(): number {
    return this.#asked === null && this.#wantsSome ? this.#notBeforeMs : Infinity;
  }

  /** The outcome of the question under way; null when the catalogue did not answer. */
  answered(nowMs: number, topics: readonly TopicImage[] | null): void {
    const asked = this.#asked;
    this.#asked = null;
    if (asked === null) return;
    if (topics === null) {
      this.want(asked.names);
      this.#notBeforeMs = nowMs + GROUP_TOPICS_RETRY_MS;
      return;
    }
    const found = new Map(topics.map((topic) => [topic.name, topic]));
    const names = asked.names ?? new Set([...this.#byName.keys(), ...found.keys()]);
    for (const name of names) {
      this.#set(name, found.get(name));
      if (asked.names !== null) this.#readAtMs.set(name, asked.askedAtMs);
    }
    if (asked.names === null) this.#allReadAtMs = asked.askedAtMs;
  }

  /** Drops what nobody needs any more. */
  retain(isNeeded: (name: string) => boolean): void {
    for (const name of [...this.#readAtMs.keys()]) {
      if (isNeeded(name)) continue;
      this.#readAtMs.delete(name);
      if (this.#allReadAtMs === -Infinity) this.#set(name, undefined);
    }
  }

  #set(name: string, image: TopicImage | undefined): void {
    const before = this.#byName.get(name);
    if (before?.topicId === image?.topicId && before?.partitions === image?.partitions) return;
    this.#version += 1;
    if (before !== undefined) this.#names.delete(before.topicId);
    if (image === undefined) {
      this.#byName.delete(name);
      return;
    }
    this.#byName.set(name, image);
    this.#names.set(image.topicId, name);
  }

  /**
   * A number that is another one when any of these topics is another or has other partitions (KIP-1101;
   * Kafka hashes differently). 0 when none of them exists.
   */
  hash(names: readonly string[]): number {
    const lines: string[] = [];
    for (const name of names) {
      const image = this.#byName.get(name);
      if (image !== undefined) lines.push(`${name}:${image.topicId}:${image.partitions}`);
    }
    if (lines.length === 0) return 0;
    const bytes = utf8Encode(lines.join("\n"));
    return ((murmur2(bytes) >>> 0) % HIGH_HASH_VALUES) * TWO_32 + crc32c(bytes);
  }
}
