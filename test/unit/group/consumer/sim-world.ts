/**
 * A group under fire: members of both protocols come, go, stall and lose messages, topics change, the
 * catalogue and the coordinator fail. After every step the invariants hold; left alone, all converges.
 */
import { ClassicGroup } from "../../../../src/group/classic/classic-group.ts";
import { ConsumerGroup } from "../../../../src/group/consumer/consumer-group.ts";
import type { GroupRecord } from "../../../../src/group/messages.ts";
import { Prng } from "../../../../src/lib/prng.ts";
import { Coordinator } from "./harness.ts";
import type { Place, SimClient } from "./sim-clients.ts";
import { ClassicClient, ConsumerClient } from "./sim-clients.ts";
import { snapshot } from "./snapshot.ts";

export interface WorldOptions {
  readonly clients: number;
  readonly steps: number;
  /** Of all clients, how many speak the classic protocol: 0 to 1. */
  readonly classic: number;
}

const TOPICS = ["t", "u", "v"];
const SETTLE_ROUNDS = 150;

export class World {
  readonly prng: Prng;
  readonly coordinator: Coordinator;
  readonly clients: SimClient[] = [];
  readonly #options: WorldOptions;
  readonly #inFlight = new Map<SimClient, number>();
  readonly #epochs = new Map<string, number>();
  readonly #generations = new Map<string, number>();
  readonly #cooperative: boolean;
  #born = 0;

  constructor(seed: number, options: WorldOptions) {
    this.prng = new Prng(seed);
    this.#options = options;
    this.#cooperative = this.prng.bool();
    this.coordinator = new Coordinator({
      consumerSessionTimeoutMs: 10_000,
      initialRebalanceDelayMs: 0,
    });
    for (const name of TOPICS) this.#makeTopic(name);
  }

  run(): void {
    for (let step = 0; step < this.#options.steps; step++) {
      this.#act();
      this.#check();
    }
    this.#settle();
  }

  #makeTopic(name: string): void {
    const generation = (this.#generations.get(name) ?? -1) + 1;
    this.#generations.set(name, generation);
    this.coordinator.createTopic(name, 1 + this.prng.int(5), generation);
  }

  #names(): string[] {
    const names = TOPICS.filter(() => this.prng.bool(0.6));
    return names.length > 0 ? names : ["t"];
  }

  #spawn(): void {
    const name = `c${this.#born++}`;
    const instanceId = this.prng.bool(0.3) ? `i${this.prng.int(4)}` : null;
    if (this.clients.some((other) => other.instanceId === instanceId && instanceId !== null))
      return;
    if (this.prng.bool(this.#options.classic)) {
      const how = [this.#names(), this.#cooperative, this.coordinator] as const;
      this.clients.push(new ClassicClient(name, instanceId, ...how));
      return;
    }
    const client = new ConsumerClient(name, instanceId, this.#names());
    if (this.prng.bool(0.2)) client.regex = this.prng.pick(["[tu]", ".*", "nothing"]);
    if (this.prng.bool(0.2)) client.assignor = "range";
    this.clients.push(client);
  }

  #act(): void {
    const { prng, coordinator } = this;
    const dice = prng.float();
    const client = this.clients.length > 0 ? prng.pick(this.clients) : null;
    if (this.clients.length < this.#options.clients && dice < 0.1) this.#spawn();
    else if (dice < 0.72 && client !== null) this.#move(client, 0.15);
    else if (dice < 0.74 && client !== null) this.#lose(client);
    else if (dice < 0.76 && client instanceof ConsumerClient) client.subscribe(this.#names());
    else if (dice < 0.78) this.#changeTopic();
    else if (dice < 0.8) coordinator.catalogueIsDown = !coordinator.catalogueIsDown;
    else if (dice < 0.82) this.#reload();
    else if (dice < 0.84) coordinator.wait(prng.int(12_000));
    else if (dice < 0.92) coordinator.wait(prng.int(1_500));
    else coordinator.answerQuestions();
  }

  #changeTopic(): void {
    const { topics } = this.coordinator;
    const name = this.prng.pick(TOPICS);
    const topic = topics.get(name);
    if (topic === undefined) {
      this.#makeTopic(name);
    } else if (this.#options.classic > 0 || this.prng.bool()) {
      // Members of the classic protocol know topics by name: they cannot tell one that was made anew.
      topics.set(name, { ...topic, partitions: topic.partitions + 1 });
    } else {
      topics.delete(name);
      this.coordinator.request({ api: "topicDeleted", body: { topics: [name] } }, 0);
    }
  }

  /** Leaves, dies without a word, or comes back as somebody new. */
  #lose(client: SimClient): void {
    const { prng } = this;
    this.#inFlight.delete(client);
    if (prng.bool(0.4)) {
      const call = client.leave();
      if (call !== null && prng.bool(0.8)) this.coordinator.request(call.request, call.apiVersion);
    }
    if (prng.bool()) client.restart();
    else this.clients.splice(this.clients.indexOf(client), 1);
  }

  /** One thing that a client does: hear an answer, work on it, or send what is next. */
  #move(client: SimClient, loss: number): void {
    const { prng, coordinator } = this;
    const to = this.#inFlight.get(client);
    if (to !== undefined) {
      const reply = coordinator.replies.get(to);
      if (reply === undefined && !prng.bool(loss / 4)) return;
      this.#inFlight.delete(client);
      if (reply === undefined || prng.bool(loss)) client.missed();
      else client.answered(reply);
      return;
    }
    if (client.work() && prng.bool()) return;
    const call = client.next();
    if (prng.bool(loss / 2)) client.missed();
    else this.#inFlight.set(client, coordinator.request(call.request, call.apiVersion));
  }

  #reload(): void {
    const { coordinator } = this;
    const before = coordinator.machine.groups.get("g");
    coordinator.reload();
    const after = coordinator.machine.groups.get("g");
    if (before instanceof ConsumerGroup && after instanceof ConsumerGroup) {
      same(snapshot(before), snapshot(after), "the log says something else");
    }
    const compacted = new Coordinator();
    for (const record of compact(coordinator.log)) compacted.machine.apply(record);
    const again = compacted.machine.groups.get("g");
    if (before instanceof ConsumerGroup && again instanceof ConsumerGroup) {
      same(snapshot(before), snapshot(again), "the compacted log says something else");
    }
    if (before?.type !== after?.type || after?.type !== again?.type) {
      throw new Error(`a ${before?.type} group became ${after?.type} and ${again?.type}`);
    }
    for (const [client, to] of [...this.#inFlight]) {
      if (coordinator.replies.has(to)) continue;
      this.#inFlight.delete(client);
      client.missed();
    }
  }

  #check(): void {
    const group = this.coordinator.machine.groups.get("g");
    if (group instanceof ConsumerGroup) this.#checkConsumerGroup(group);
    else this.#epochs.clear();
    if (group instanceof ClassicGroup) {
      this.#checkReaders((client) => {
        return (
          group.members.get(client.memberId) !== undefined && !isLate(client, group.generationId)
        );
      });
    }
  }

  #checkConsumerGroup({ state }: ConsumerGroup): void {
    const owners = new Map<Place, string>();
    for (const { memberId, memberEpoch, assigned, revoking } of state.members.values()) {
      for (const [topicId, partitions] of [...assigned, ...revoking]) {
        for (const index of partitions) {
          const place = `${topicId}/${index}`;
          const other = owners.get(place);
          if (other !== undefined) throw new Error(`${place} is ${other}'s and ${memberId}'s`);
          owners.set(place, memberId);
          if (state.owners.get(topicId, index) !== memberId)
            throw new Error(`${place} has no owner`);
        }
      }
      const before = this.#epochs.get(memberId) ?? -Infinity;
      if (memberEpoch >= 0 && memberEpoch < before) {
        throw new Error(`${memberId} went from epoch ${before} back to ${memberEpoch}`);
      }
      if (memberEpoch >= 0) this.#epochs.set(memberId, memberEpoch);
    }
    for (const memberId of this.#epochs.keys()) {
      if (!state.members.has(memberId)) this.#epochs.delete(memberId);
    }
    const isMember = (client: SimClient): boolean => {
      const member = state.members.get(client.memberId);
      return member !== undefined && !isLate(client, member.memberEpoch);
    };
    for (const client of this.clients) {
      if (!isMember(client)) continue;
      const { name, memberId, reads } = client;
      for (const place of reads) {
        const owner = owners.get(place);
        if (owner !== memberId) throw new Error(`${name} reads ${place}, which is ${owner}'s`);
      }
    }
    this.#checkReaders(isMember);
  }

  /** No two that are members read the same. */
  #checkReaders(isMember: (client: SimClient) => boolean): void {
    const readers = new Map<Place, string>();
    for (const client of this.clients) {
      if (!isMember(client)) continue;
      const { name, reads } = client;
      for (const place of reads) {
        const other = readers.get(place);
        if (other !== undefined) throw new Error(`${place} is read by ${other} and ${name}`);
        readers.set(place, name);
      }
    }
  }

  /** Nothing fails any more: within a while, everything is read, each by one, and stays so. */
  #settle(): void {
    const { coordinator } = this;
    coordinator.catalogueIsDown = false;
    for (const client of this.clients) if (client instanceof ClassicClient) client.rejoin();
    for (let round = 0; round < SETTLE_ROUNDS; round++) {
      coordinator.wait(1_000);
      coordinator.answerQuestions();
      for (const client of this.clients) {
        for (let move = 0; move < 3; move++) {
          this.#move(client, 0);
          coordinator.answerQuestions();
          this.#check();
        }
      }
      if (round > 60 && this.#isSettled()) return;
    }
    const group = coordinator.machine.groups.get("g");
    const reads = this.clients.map(({ name, reads }) => `${name}: ${[...reads].sort().join(" ")}`);
    throw new Error(`never settled: ${group?.stateName}\n${reads.join("\n")}`);
  }

  #isSettled(): boolean {
    const { coordinator, clients } = this;
    const group = coordinator.machine.groups.get("g");
    if (clients.length === 0) return group === undefined || group.isEmpty;
    if (group?.stateName !== "Stable") return false;
    const wanted = [...coordinator.topics.values()]
      .filter(({ name }) => clients.some((client) => subscribes(client, name)))
      .flatMap(({ topicId, partitions }) =>
        Array.from({ length: partitions }, (_, at) => `${topicId}/${at}`),
      );
    const read = clients.flatMap(({ reads }) => [...reads]);
    return wanted.sort().join() === read.sort().join();
  }
}

/**
 * A static member stays in a classic group that rebalanced without it, and goes on with what it had
 * until it hears of that: the classic protocol has no cure for it.
 */
function isLate(client: SimClient, generation: number): boolean {
  if (!(client instanceof ClassicClient) || client.instanceId === null) return false;
  return client.generation !== generation;
}

function subscribes(client: SimClient, topic: string): boolean {
  if (client.names.includes(topic)) return true;
  if (!(client instanceof ConsumerClient) || client.regex === null) return false;
  return new RegExp(`^(?:${client.regex})$`).test(topic);
}

function compact(log: readonly GroupRecord[]): GroupRecord[] {
  const last = new Map<string, GroupRecord>();
  for (const record of log) {
    const key = record.key.join();
    last.delete(key);
    last.set(key, record);
  }
  return [...last.values()];
}

function same(a: unknown, b: unknown, message: string): void {
  const [left, right] = [a, b].map((value) => JSON.stringify(value, null, 1));
  if (left !== right) throw new Error(`${message}:\n${left}\n${right}`);
}
