/** What members do to a group: they come, leave, die, come back and stand still, and topics grow. */
import type { TopicImage } from "../../../src/group/messages.ts";
import {
  ClassicClient,
  ConsumerClient,
  type TopicBook,
} from "../../unit/group/consumer/sim-clients.ts";
import { type MemberSurroundings, SimMember } from "./member.ts";
import { commitRequest, type Positions } from "./offset-requests.ts";

export interface GroupShape {
  /** Of all members, how many speak the classic protocol: 0 to 1. */
  readonly classic: number;
  readonly cooperative: boolean;
  readonly membersMax: number;
  readonly instances: number;
  readonly topicsGrow: boolean;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly heartbeatMs: number;
}

export class MemberFaults {
  readonly members: SimMember[] = [];
  readonly #at: MemberSurroundings;
  readonly #shape: GroupShape;
  readonly #topics: Map<string, TopicImage>;
  readonly #book: TopicBook;
  readonly #untilMs: number;
  #born = 0;

  constructor(
    at: MemberSurroundings,
    shape: GroupShape,
    topics: Map<string, TopicImage>,
    chaosMs: number,
  ) {
    this.#at = at;
    this.#shape = shape;
    this.#topics = topics;
    this.#book = {
      topics,
      nameOf: (topicId) => [...topics.values()].find((topic) => topic.topicId === topicId)?.name,
    };
    this.#untilMs = at.world.nowMs + chaosMs;
    const { random } = at.world;
    for (let some = 1 + random.int(shape.membersMax); some > 0; some--) this.#spawn();
    this.#next();
  }

  get live(): SimMember[] {
    return this.members.filter(({ isAlive }) => isAlive);
  }

  #next(): void {
    const { world } = this.#at;
    world.after(20 + world.random.int(600), () => {
      if (world.nowMs >= this.#untilMs) return;
      this.#act();
      this.#next();
    });
  }

  #act(): void {
    const { random } = this.#at.world;
    const dice = random.float();
    const live = this.live;
    const dead = this.members.filter(({ isAlive }) => !isAlive);
    if (dice < 0.3 && live.length < this.#shape.membersMax) this.#spawn();
    else if (dice < 0.4 && live.length > 0) random.pick(live).leave();
    else if (dice < 0.5 && live.length > 0) random.pick(live).die();
    else if (dice < 0.65 && dead.length > 0) random.pick(dead).start();
    else if (dice < 0.85 && live.length > 0) {
      random.pick(live).stall(random.int(2 * this.#shape.sessionTimeoutMs));
    } else if (dice < 0.9 && this.#shape.topicsGrow) this.#grow();
    else this.#commitByHand();
  }

  #spawn(): void {
    const { random } = this.#at.world;
    const { classic, cooperative, instances, heartbeatMs } = this.#shape;
    const instance = random.int(2 * instances + 1);
    const instanceId = instance < instances ? `i${instance}` : null;
    const isTaken = this.members.some(({ client }) => client.instanceId === instanceId);
    if (instanceId !== null && isTaken) return;
    const name = `c${this.#born++}`;
    const names = [...this.#topics.keys()].filter(() => random.bool(0.8));
    if (names.length === 0) names.push("t");
    const client = random.bool(classic)
      ? new ClassicClient(name, instanceId, names, cooperative, this.#book, this.#shape)
      : new ConsumerClient(name, instanceId, names, this.#shape);
    if (client instanceof ConsumerClient && random.bool(0.2)) client.assignor = "range";
    const member = new SimMember(this.#at, client, heartbeatMs);
    this.members.push(member);
    member.start();
  }

  #grow(): void {
    const topic = this.#at.world.random.pick([...this.#topics.values()]);
    this.#topics.set(topic.name, { ...topic, partitions: topic.partitions + 1 });
    this.#at.world.note(`${topic.name} has ${topic.partitions + 1} partitions`);
  }

  /** Members of the classic protocol look for themselves whether topics have grown. */
  refreshTopics(): void {
    for (const { client } of this.members) if (client instanceof ClassicClient) client.rejoin();
  }

  /** Nobody in particular sets an offset back, which is for a group without members. */
  #commitByHand(): void {
    const { world, topics, calls, checker } = this.#at;
    const { topicId, partitions } = world.random.pick([...topics.values()]);
    const place = `${topicId}/${world.random.int(partitions)}`;
    const positions: Positions = new Map([[place, world.random.int(10)]]);
    const stamp = { commit: calls.nextCommit(), memberId: "", era: -1 };
    const options = { clientId: "admin", apiVersion: 9, timeoutMs: 400 };
    calls.ask(commitRequest(topics, positions, stamp, null), options, (reply) => {
      const body = reply?.api === "offsetCommit" ? reply.body : null;
      if (body?.topics[0]?.partitions[0]?.errorCode !== 0) return;
      if (checker.records.commits.has(stamp.commit)) return;
      checker.violation(`commit by hand ${stamp.commit} was answered and is not committed`);
    });
  }
}
