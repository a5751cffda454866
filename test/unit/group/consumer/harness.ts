/** A coordinator of consumer groups with a catalogue of topics beside it, turn by turn. */
import { GROUP_CONFIG_DEFAULT, type GroupConfig } from "../../../../src/group/config.ts";
import { ConsumerGroup } from "../../../../src/group/consumer/consumer-group.ts";
import { ConsumerGroupManager } from "../../../../src/group/consumer/consumer-group-manager.ts";
import type { Group, GroupTable, GroupTurn } from "../../../../src/group/group.ts";
import type {
  GroupClient,
  GroupMessage,
  GroupRecord,
  GroupReply,
  TopicImage,
} from "../../../../src/group/messages.ts";
import type {
  ConsumerGroupHeartbeatRequest,
  ConsumerGroupHeartbeatResponseInput,
} from "../../../../src/protocol/api/68-consumer-group-heartbeat.ts";

export type Beat = Partial<ConsumerGroupHeartbeatRequest>;
export type BeatReply = ConsumerGroupHeartbeatResponseInput;

class Table implements GroupTable {
  readonly map = new Map<string, Group>();

  get(groupId: string): Group | undefined {
    return this.map.get(groupId);
  }

  put(group: Group): void {
    this.map.set(group.groupId, group);
  }

  remove(groupId: string): void {
    this.map.delete(groupId);
  }

  all(): Iterable<Group> {
    return this.map.values();
  }
}

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
  manager: ConsumerGroupManager;
  #table = new Table();
  #nextTo = 0;
  #nextUuid = 0;

  constructor(config: Partial<GroupConfig> = {}) {
    this.config = { ...GROUP_CONFIG_DEFAULT, ...config };
    this.manager = new ConsumerGroupManager(this.#table, this.config);
  }

  createTopic(name: string, partitions: number, generation = 0): TopicImage {
    const topic = topicOf(name, partitions, generation);
    this.topics.set(name, topic);
    return topic;
  }

  group(groupId = "g"): ConsumerGroup {
    const group = this.#table.get(groupId);
    if (!(group instanceof ConsumerGroup)) throw new Error(`there is no consumer group ${groupId}`);
    return group;
  }

  has(groupId: string): boolean {
    return this.#table.map.has(groupId);
  }

  /** Another leader takes over: all it has is the log. */
  reload(): void {
    this.#table = new Table();
    this.manager = new ConsumerGroupManager(this.#table, this.config);
    this.questions.length = 0;
    for (const record of this.log) this.manager.apply(record);
    for (const group of this.#table.all()) group.loaded(this.nowMs);
  }

  turn(act: (turn: GroupTurn) => void): void {
    const turn: GroupTurn = {
      nowMs: this.nowMs,
      emit: (record) => {
        this.manager.apply(record);
        this.log.push(record);
      },
      reply: (to, reply) => {
        if (this.replies.has(to)) throw new Error(`${to} is answered twice`);
        this.replies.set(to, reply);
      },
      send: (message) => this.questions.push(message),
    };
    act(turn);
    this.manager.endStep(turn);
  }

  /** The catalogue answers what it was asked, and what is asked then. */
  answerQuestions(): void {
    for (let at = this.questions.shift(); at !== undefined; at = this.questions.shift()) {
      const { names } = at;
      const found = [...this.topics.values()].filter(
        ({ name }) => names === null || names.includes(name),
      );
      this.turn((turn) => this.manager.topicsRead(turn, this.catalogueIsDown ? null : found));
      if (this.catalogueIsDown) return;
    }
  }

  client(clientId = "client", apiVersion = 1): GroupClient {
    const uuid = `uuid-${this.#nextUuid++}`;
    return { clientId, clientHost: "/127.0.0.1", apiVersion, uuid };
  }

  /** Sends a heartbeat and hands back what to look under for its reply. */
  send(beat: Beat, apiVersion = 1): number {
    const to = this.#nextTo++;
    this.turn((turn) => {
      this.manager.heartbeat(turn, to, this.client("client", apiVersion), requestOf(beat));
    });
    return to;
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
      const dueMs = this.deadline();
      if (dueMs > untilMs) break;
      this.nowMs = Math.max(this.nowMs, dueMs);
      this.turn((turn) => {
        for (const group of [...this.#table.all()]) {
          if (group.deadline() <= this.nowMs) group.tick(turn);
        }
      });
      this.answerQuestions();
    }
    this.nowMs = untilMs;
  }

  deadline(): number {
    const groups = [...this.#table.all()].map((group) => group.deadline());
    return Math.min(this.manager.deadline(), ...groups);
  }
}

function requestOf(beat: Beat): ConsumerGroupHeartbeatRequest {
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
