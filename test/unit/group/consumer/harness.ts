/** A coordinator of consumer groups with a catalogue of topics beside it, turn by turn. */
import { GROUP_CONFIG_DEFAULT, type GroupConfig } from "../../../../src/group/config.ts";
import { ConsumerGroup } from "../../../../src/group/consumer/consumer-group.ts";
import { ConsumerGroupManager } from "../../../../src/group/consumer/consumer-group-manager.ts";
import { GroupMachine } from "../../../../src/group/group-machine.ts";
import type {
  GroupClient,
  GroupEffects,
  GroupInput,
  GroupMessage,
  GroupRecord,
  GroupReply,
  GroupRequest,
  TopicImage,
} from "../../../../src/group/messages.ts";
import type {
  ConsumerGroupHeartbeatRequest,
  ConsumerGroupHeartbeatResponseInput,
} from "../../../../src/protocol/api/68-consumer-group-heartbeat.ts";

export type Beat = Partial<ConsumerGroupHeartbeatRequest>;
type BodyOf<Api> = Extract<GroupReply, { readonly api: Api; readonly body: unknown }>["body"];
export type BeatReply = ConsumerGroupHeartbeatResponseInput;

export const START_MS = 1_700_000_000_000;

export function topicOf(name: string, partitions: number, generation = 0): TopicImage {
  const id = `${name}${generation}`.padEnd(21, "-").slice(0, 21);
  return { name, topicId: `${id.replaceAll(/[^A-Za-z0-9_-]/g, "_")}A`, partitions };
}

export class Coordinator {
  nowMs = START_MS;
  readonly config: GroupConfig;
  /** The catalogue. */
  readonly topics = new Map<string, TopicImage>();
  /** It does not answer. */
  catalogueIsDown = false;
  readonly log: GroupRecord[] = [];
  readonly questions: GroupMessage[] = [];
  readonly replies = new Map<number, GroupReply>();
  machine: GroupMachine;
  #nextTo = 0;
  #nextUuid = 0;

  constructor(config: Partial<GroupConfig> = {}) {
    this.config = { ...GROUP_CONFIG_DEFAULT, ...config };
    this.machine = this.#newMachine();
  }

  #newMachine(): GroupMachine {
    return new GroupMachine(this.config, (table) => new ConsumerGroupManager(table, this.config));
  }

  createTopic(name: string, partitions: number, generation = 0): TopicImage {
    const topic = topicOf(name, partitions, generation);
    this.topics.set(name, topic);
    return topic;
  }

  nameOf(topicId: string): string | undefined {
    return [...this.topics.values()].find((topic) => topic.topicId === topicId)?.name;
  }

  group(groupId = "g"): ConsumerGroup {
    const group = this.machine.groups.get(groupId);
    if (!(group instanceof ConsumerGroup)) throw new Error(`there is no consumer group ${groupId}`);
    return group;
  }

  typeOf(groupId = "g"): string | undefined {
    return this.machine.groups.get(groupId)?.type;
  }

  /** Another leader takes over: all it has is the log. */
  reload(): void {
    this.machine = this.#newMachine();
    this.questions.length = 0;
    for (const record of this.log) this.machine.apply(record);
    this.#turn((machine, out) => machine.loaded(this.nowMs, out));
  }

  #turn(act: (machine: GroupMachine, out: GroupEffects) => void): void {
    const out: GroupEffects = { facts: [], messages: [], replies: [] };
    act(this.machine, out);
    this.log.push(...out.facts);
    this.questions.push(...out.messages);
    for (const { to, reply } of out.replies) {
      if (this.replies.has(to)) throw new Error(`${to} is answered twice`);
      this.replies.set(to, reply);
    }
  }

  step(input: GroupInput): void {
    this.#turn((machine, out) => machine.step(this.nowMs, input, out));
  }

  /** The catalogue answers what it was asked, and what is asked then. */
  answerQuestions(): void {
    for (let at = this.questions.shift(); at !== undefined; at = this.questions.shift()) {
      const { names } = at;
      const found = [...this.topics.values()].filter(
        ({ name }) => names === null || names.includes(name),
      );
      this.step({ kind: "topics", topics: this.catalogueIsDown ? null : found });
      if (this.catalogueIsDown) return;
    }
  }

  client(clientId = "client", apiVersion = 1): GroupClient {
    const uuid = `uuid-${this.#nextUuid++}`;
    return { clientId, clientHost: "/127.0.0.1", apiVersion, uuid };
  }

  /** Sends a request and hands back what to look under for its reply. */
  request(request: GroupRequest, apiVersion: number): number {
    const to = this.#nextTo++;
    this.step({ kind: "request", to, client: this.client("client", apiVersion), request });
    return to;
  }

  send(beat: Beat, apiVersion = 1): number {
    return this.request({ api: "consumerGroupHeartbeat", body: requestOf(beat) }, apiVersion);
  }

  /** Any other request, answered when the catalogue has said what it was asked. */
  ask<Api extends GroupReply["api"]>(
    request: GroupRequest & { readonly api: Api },
    apiVersion: number,
  ): BodyOf<Api> {
    const to = this.request(request, apiVersion);
    this.answerQuestions();
    const reply = this.replies.get(to);
    if (reply?.api !== request.api) throw new Error(`no reply to ${request.api}`);
    return reply.body as unknown as BodyOf<Api>;
  }

  /** A heartbeat, with as many words between coordinator and catalogue as it takes. */
  beat(beat: Beat, apiVersion = 1): BeatReply {
    const to = this.send(beat, apiVersion);
    this.answerQuestions();
    return this.replyTo(to);
  }

  replyTo(to: number): BeatReply {
    const reply = this.replies.get(to);
    if (reply?.api !== "consumerGroupHeartbeat") throw new Error(`no heartbeat reply for ${to}`);
    return reply.body;
  }

  join(memberId: string, names: readonly string[] | null, beat: Beat = {}): BeatReply {
    return this.beat({
      memberId,
      memberEpoch: 0,
      rebalanceTimeoutMs: 60_000,
      subscribedTopicNames: names,
      topicPartitions: [],
      ...beat,
    });
  }

  /** Time passes, and every deadline on the way is met. */
  wait(ms: number): void {
    const untilMs = this.nowMs + ms;
    for (;;) {
      const dueMs = this.machine.deadline();
      if (dueMs > untilMs) break;
      this.nowMs = Math.max(this.nowMs, dueMs);
      this.step({ kind: "tick" });
      this.answerQuestions();
    }
    this.nowMs = untilMs;
  }
}

export function requestOf(beat: Beat): ConsumerGroupHeartbeatRequest {
  return {
    groupId: "g",
    memberId: "",
    memberEpoch: 0,
    instanceId: null,
    rackId: null,
    rebalanceTimeoutMs: -1,
    subscribedTopicNames: null,
    subscribedTopicRegex: null,
    serverAssignor: null,
    topicPartitions: null,
    ...beat,
  };
}

/** "t:0,1 u:2": what a reply assigns; null when it says nothing of it. */
export function assignedIn(reply: BeatReply, coordinator: Coordinator): string | null {
  if (!reply.assignment) return null;
  const names = new Map(
    [...coordinator.topics.values()].map((topic) => [topic.topicId, topic.name]),
  );
  return reply.assignment.topicPartitions
    .map(({ topicId, partitions }) => `${names.get(topicId) ?? topicId}:${partitions.join(",")}`)
    .sort()
    .join(" ");
}
