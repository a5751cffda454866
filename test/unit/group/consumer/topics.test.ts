import { describe, expect, test } from "vitest";
import { TopicImages } from "../../../../src/group/consumer/topic-images.ts";
import { assignedIn, Coordinator, START_MS, topicOf } from "./harness.ts";

const JOIN = { memberId: "a", rebalanceTimeoutMs: 1_000, topicPartitions: [] };

describe("waiting for topics", () => {
  test("GRP141 the first heartbeat of the first member returns its assignment", () => {
    const coordinator = new Coordinator();
    coordinator.createTopic("t", 3);
    const to = coordinator.send({ ...JOIN, subscribedTopicNames: ["t"] });
    expect(coordinator.questions).toEqual([{ kind: "readTopics", names: ["t"] }]);
    expect(coordinator.log).toEqual([]);
    coordinator.answerQuestions();
    const reply = coordinator.replyTo(to);
    expect(reply).toMatchObject({ errorCode: 0, memberId: "a", memberEpoch: 1 });
    expect(reply.heartbeatIntervalMs).toBe(5_000);
    expect(assignedIn(reply, coordinator)).toBe("t:0,1,2");
  });

  test("GRP141 a topic that was just made is found, though it was not there a moment before", () => {
    const coordinator = new Coordinator();
    expect(assignedIn(coordinator.join("a", ["t"]), coordinator)).toBe("");
    coordinator.nowMs += 1;
    coordinator.createTopic("t", 2);
    expect(assignedIn(coordinator.join("b", ["t"]), coordinator)).toBe("t:1");
  });

  test("GRP141 GRP142 after 2 s it is answered without, and is assigned when topics are known", () => {
    const coordinator = new Coordinator();
    coordinator.createTopic("t", 2);
    const to = coordinator.send({ ...JOIN, subscribedTopicNames: ["t"] });
    coordinator.nowMs += 1_999;
    coordinator.step({ kind: "tick" });
    expect(coordinator.replies.has(to)).toBe(false);
    expect(coordinator.machine.deadline()).toBe(START_MS + 2_000);
    coordinator.nowMs += 1;
    coordinator.step({ kind: "tick" });
    expect(assignedIn(coordinator.replyTo(to), coordinator)).toBe("");
    expect(coordinator.replyTo(to).memberEpoch).toBe(1);
    coordinator.answerQuestions();
    const reply = coordinator.beat({ memberId: "a", memberEpoch: 1 });
    expect(reply.memberEpoch).toBe(2);
    expect(assignedIn(reply, coordinator)).toBe("t:0,1");
  });

  test("GRP141 who waits when leadership is lost is refused", () => {
    const coordinator = new Coordinator();
    const to = coordinator.send({ ...JOIN, subscribedTopicNames: ["t"] });
    const replies: unknown[] = [];
    coordinator.machine.refuseAll({ replies } as never, 16);
    expect(replies).toEqual([{ to, reply: { api: "failed", errorCode: 16 } }]);
  });

  test("GRP143 one question at a time, and one that failed is asked again", () => {
    const coordinator = new Coordinator();
    coordinator.createTopic("t", 1);
    coordinator.createTopic("u", 1);
    coordinator.send({ ...JOIN, subscribedTopicNames: ["t"] });
    const to = coordinator.send({ ...JOIN, memberId: "b", subscribedTopicNames: ["u"] });
    expect(coordinator.questions).toEqual([{ kind: "readTopics", names: ["t"] }]);
    coordinator.questions.length = 0;
    coordinator.step({ kind: "topics", topics: null });
    expect(coordinator.questions).toEqual([]);
    expect(coordinator.machine.deadline()).toBe(START_MS + 500);
    coordinator.nowMs += 500;
    coordinator.step({ kind: "tick" });
    expect(coordinator.questions).toEqual([{ kind: "readTopics", names: ["t", "u"] }]);
    coordinator.answerQuestions();
    expect(assignedIn(coordinator.replyTo(to), coordinator)).toBe("u:0");
  });
});

describe("topics that change", () => {
  function stable(): Coordinator {
    const coordinator = new Coordinator();
    const { topicId } = coordinator.createTopic("t", 2);
    coordinator.join("a", ["t"]);
    const topicPartitions = [{ topicId, partitions: [0, 1] }];
    coordinator.beat({ memberId: "a", memberEpoch: 1, topicPartitions });
    return coordinator;
  }

  function beatsFor(coordinator: Coordinator, ms: number, memberEpoch = 1) {
    let reply = coordinator.beat({ memberId: "a", memberEpoch });
    for (let waited = 0; waited < ms && reply.assignment === null; waited += 5_000) {
      coordinator.wait(5_000);
      reply = coordinator.beat({ memberId: "a", memberEpoch });
    }
    return reply;
  }

  test("GRP130 GRP140 new partitions are assigned by the first heartbeat after the refresh", () => {
    const coordinator = stable();
    coordinator.createTopic("t", 4);
    const reply = beatsFor(coordinator, 15_000);
    expect(reply.memberEpoch).toBe(2);
    expect(assignedIn(reply, coordinator)).toBe("t:0,1,2,3");
  });

  test("GRP130 a topic that was made anew is another one", () => {
    const coordinator = stable();
    const { topicId } = coordinator.createTopic("t", 2, 1);
    expect(beatsFor(coordinator, 15_000).assignment).toEqual({ topicPartitions: [] });
    const gave = coordinator.beat({ memberId: "a", memberEpoch: 1, topicPartitions: [] });
    expect(gave.assignment).toEqual({ topicPartitions: [{ topicId, partitions: [0, 1] }] });
  });

  test("GRP130 a deleted topic is taken away at once when the coordinator is told", () => {
    const coordinator = stable();
    coordinator.topics.delete("t");
    coordinator.request({ api: "topicDeleted", body: { topics: ["t"] } }, 0);
    coordinator.answerQuestions();
    expect(coordinator.group().stateName).toBe("Assigning");
    expect(beatsFor(coordinator, 0).assignment).toEqual({ topicPartitions: [] });
  });

  test("GRP140 the topics of all groups are read at once, every 10 s while they are alive", () => {
    const coordinator = stable();
    coordinator.createTopic("u", 1);
    coordinator.join("b", ["u"], { groupId: "h" });
    coordinator.nowMs += 10_000;
    coordinator.send({ memberId: "a", memberEpoch: 1 });
    coordinator.send({ memberId: "b", memberEpoch: 1, groupId: "h" });
    expect(coordinator.questions).toEqual([{ kind: "readTopics", names: ["t", "u"] }]);
  });

  test("GRP142 after a failover nothing is taken away for want of knowledge", () => {
    const coordinator = stable();
    coordinator.join("b", ["t"]);
    coordinator.reload();
    coordinator.catalogueIsDown = true;
    const { state } = coordinator.group();
    const { groupEpoch, assignmentEpoch } = state;
    const told = coordinator.beat({ memberId: "a", memberEpoch: 1 });
    expect(assignedIn(told, coordinator)).toBe("t:0");
    const to = coordinator.send({ ...JOIN, memberId: "c", subscribedTopicNames: ["t"] });
    coordinator.wait(2_000);
    expect(coordinator.replyTo(to)).toMatchObject({ errorCode: 0, memberEpoch: assignmentEpoch });
    expect(assignedIn(coordinator.replyTo(to), coordinator)).toBe("");
    expect(state).toMatchObject({ groupEpoch: groupEpoch + 1, assignmentEpoch });
    coordinator.catalogueIsDown = false;
    coordinator.wait(1_000);
    coordinator.beat({ memberId: "c", memberEpoch: assignmentEpoch });
    expect(state).toMatchObject({ groupEpoch: groupEpoch + 1, assignmentEpoch: groupEpoch + 1 });
  });

  test("GRP142 after a failover topics that are as they were raise no epoch", () => {
    const coordinator = stable();
    coordinator.reload();
    const before = coordinator.log.length;
    const reply = coordinator.beat({ memberId: "a", memberEpoch: 1 });
    expect(reply.memberEpoch).toBe(1);
    coordinator.beat({ memberId: "a", memberEpoch: 1 });
    expect(coordinator.log.length).toBe(before);
  });
});

describe("patterns", () => {
  test("GRP140 a pattern matches whole names, and topics that come later", () => {
    const coordinator = new Coordinator();
    coordinator.createTopic("logs-a", 1);
    coordinator.createTopic("my-logs-a", 1);
    const joined = coordinator.join("a", null, { subscribedTopicRegex: "logs-.*" });
    expect(assignedIn(joined, coordinator)).toBe("logs-a:0");
    coordinator.createTopic("logs-b", 2);
    coordinator.wait(10_000);
    coordinator.beat({ memberId: "a", memberEpoch: 1 });
    const reply = coordinator.beat({ memberId: "a", memberEpoch: 1 });
    expect(reply.memberEpoch).toBe(2);
    expect(assignedIn(reply, coordinator)).toBe("logs-a:0 logs-b:0,1");
    expect(coordinator.group().isSubscribedTo("logs-b")).toBe(true);
    expect(coordinator.group().isSubscribedTo("my-logs-a")).toBe(false);
  });

  test("GRP140 a pattern goes with its last member, and one that is left is forgotten", () => {
    const coordinator = new Coordinator();
    coordinator.createTopic("t", 2);
    coordinator.createTopic("u", 1);
    coordinator.join("a", null, { subscribedTopicRegex: "[tu]" });
    coordinator.join("b", ["t"]);
    const { subscriptions } = coordinator.group().state;
    expect(subscriptions.resolvedPatterns()).toEqual(["[tu]"]);
    coordinator.beat({ memberId: "a", memberEpoch: 1, subscribedTopicRegex: "t" });
    expect(subscriptions.resolvedPatterns()).toEqual(["t"]);
    coordinator.beat({ memberId: "a", memberEpoch: -1 });
    expect(subscriptions.resolvedPatterns()).toEqual([]);
    expect(subscriptions.topics()).toEqual(["t"]);
  });

  test("GRP140 a second member with the same pattern does not wait", () => {
    const coordinator = new Coordinator();
    coordinator.createTopic("t", 2);
    coordinator.join("a", null, { subscribedTopicRegex: "t" });
    const to = coordinator.send({ ...JOIN, memberId: "b", subscribedTopicRegex: "t" });
    expect(coordinator.replyTo(to).memberEpoch).toBe(2);
  });
});

describe("what is known of topics", () => {
  test("GRP130 the hash is another when a topic is another, and 0 for none", () => {
    const images = new TopicImages();
    const hashWith = (...topics: ReturnType<typeof topicOf>[]): number => {
      images.want(["t", "u"]);
      images.question(START_MS);
      images.answered(START_MS, topics);
      return images.hash(["t", "u"]);
    };
    const hashes = [
      hashWith(topicOf("t", 1)),
      hashWith(topicOf("t", 2)),
      hashWith(topicOf("t", 2, 1)),
      hashWith(topicOf("t", 2, 1), topicOf("u", 1)),
      hashWith(topicOf("u", 1)),
    ];
    expect(new Set(hashes).size).toBe(5);
    for (const hash of hashes) expect(Number.isSafeInteger(hash) && hash > 0).toBe(true);
    expect(hashWith()).toBe(0);
  });

  test("GRP110 names that no topic can have are never asked for", () => {
    const images = new TopicImages();
    images.want(["x".repeat(250), "", "a b"]);
    expect(images.question(START_MS)).toBe(null);
    expect(images.isKnown("a b")).toBe(true);
  });
});
