/** The shell's promises, on a platform that is told when to be durable and when to fail. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { ReplicaInput } from "../../../src/replication/messages.ts";
import {
  answeredAtOnce,
  messageOf,
  numberOf,
  Platform,
  replyOf,
  settled,
  stored,
  waiting,
} from "./scripted-replica.ts";

const acknowledged: ReplicaInput = { kind: "replicated", follower: 2, sendId: 1, reply: null };

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"], now: 1_700_000_000_000 });
});

afterEach(() => {
  vi.useRealTimers();
});

describe("a turn", () => {
  test("LOG3: early sends and ready replies, the store, and once that is durable the rest", async () => {
    const platform = new Platform();
    platform.ask("a", waiting);
    expect(await platform.take()).toEqual(["after"]);
    platform.ask("b", (out, to) => {
      // The lists decide, not the order in which they were filled.
      out.replies.push({ to, reply: replyOf("b") });
      out.messages.push(messageOf("d"));
      out.facts.push({ kind: "trim", offset: numberOf("b") });
      const first = platform.replica.callers.get("a") ?? -1;
      out.ready.push({ to: first, reply: replyOf("a") });
      out.early.push(messageOf("c"));
    });
    expect(await platform.take()).toEqual([
      "send c",
      ...["begin", "store b", "commit"],
      "reply a to a",
    ]);
    await platform.durable();
    expect(await platform.take()).toEqual(["send d", "after", "reply b to b", "after"]);
    expect(platform.replica.turns).toEqual([["a"], ["b"], ["durable to 2"]]);
  });

  test("what the end of the turn adds is sent, stored and answered like the rest", async () => {
    const platform = new Platform();
    platform.ask("a", waiting);
    expect(await platform.take()).toEqual(["after"]);
    platform.replica.atEnd = (out) => {
      platform.replica.atEnd = null;
      out.early.push(messageOf("b"));
      out.facts.push({ kind: "trim", offset: numberOf("c") });
      out.replies.push({ to: platform.replica.callers.get("a") ?? -1, reply: replyOf("a") });
    };
    platform.ask("d", waiting);
    expect(await platform.take()).toEqual(["send b", "begin", "store c", "commit"]);
    await platform.durable();
    expect(await platform.take()).toEqual(["after", "reply a to a", "after"]);
  });

  test("LOG1 LOG3: what comes while a write is on its way shares the next turn, in order", async () => {
    const platform = new Platform();
    platform.ask("a");
    expect(await platform.take()).toEqual(["begin", "store a", "commit"]);
    for (const name of ["b", "c", "d"]) platform.ask(name);
    expect(await platform.take()).toEqual([]);
    vi.setSystemTime(Date.now() + 7);
    await platform.durable();
    expect(await platform.take()).toEqual([
      ...["after", "reply a to a", "after"],
      ...["begin", "store b c d", "commit"],
    ]);
    platform.ask("e");
    expect(await platform.take()).toEqual([]);
    await platform.durable();
    expect(await platform.take()).toEqual([
      ...["after", "reply b to b", "reply c to c", "reply d to d", "after"],
      ...["begin", "store e", "commit"],
    ]);
    await platform.durable();
    expect(await platform.take()).toEqual(["after", "reply e to e", "after"]);
    expect(platform.replica.turns).toEqual([
      ["a"],
      ["durable to 1"],
      ["b", "c", "d"],
      ["durable to 3"],
      ["e"],
      ["durable to 5"],
    ]);
    // The clock is read once a turn.
    const [first, , third] = platform.replica.times.map((times) => [...new Set(times)]);
    expect(first).toHaveLength(1);
    expect(third).toEqual([(first?.[0] ?? 0) + 7]);
  });

  test("LOG1: what has reached the object by the time of a turn is in it", async () => {
    const platform = new Platform();
    platform.ask("a");
    platform.meanwhile.push(() => platform.ask("c"));
    platform.ask("b");
    expect(await platform.take()).toEqual(["begin", "store a b c", "commit"]);
  });

  test("REP30: answers leave before the next write begins, which would hold them back", async () => {
    const platform = new Platform();
    platform.ask("a", waiting);
    expect(await platform.take()).toEqual(["after"]);
    platform.ask("b");
    await settled();
    platform.ask("c");
    platform.replica.atEnd = (out) => {
      platform.replica.atEnd = null;
      out.ready.push({ to: platform.replica.callers.get("a") ?? -1, reply: replyOf("a") });
    };
    platform.meanwhile.push(() => platform.events.push("round"));
    await platform.durable();
    expect((await platform.take()).slice(3)).toEqual([
      ...["after", "reply b to b", "after", "reply a to a", "round"],
      ...["begin", "store c", "commit"],
    ]);
  });

  test("REP30: a follower's word that comes just before a write has its turn before it", async () => {
    const platform = new Platform();
    platform.ask("a");
    platform.meanwhile.push(() => platform.shell.tell(acknowledged));
    expect(await platform.take()).toEqual(["after", "begin", "store a", "commit"]);
    expect(platform.replica.turns).toEqual([["replicated"], ["a"]]);
  });

  test("REP20: the position handed back is the one after the turn that was stored", async () => {
    const platform = new Platform();
    platform.ask("a");
    await settled();
    platform.ask("b", answeredAtOnce("b"));
    expect(platform.replica.turns).toEqual([["a"]]);
    await platform.durable();
    expect(platform.replica.turns).toEqual([["a"], ["durable to 1"], ["b"]]);
    // Nothing was stored in the others: there is nothing to say about them.
    expect(platform.writes).toEqual([]);
  });

  test("without facts it writes nothing and waits for nothing", async () => {
    const platform = new Platform();
    platform.ask("a", (out, to) => {
      out.messages.push(messageOf("b"));
      out.replies.push({ to, reply: replyOf("a") });
    });
    expect(await platform.take()).toEqual(["send b", "after", "reply a to a"]);
    expect(platform.writes).toEqual([]);
    expect(platform.replica.turns).toEqual([["a"]]);
  });

  test("an input that nobody waits for takes part, and no reply goes astray", async () => {
    const platform = new Platform();
    platform.ask("a");
    await settled();
    platform.shell.tell({ kind: "nudge" });
    platform.ask("b");
    await platform.durable();
    await platform.durable();
    expect((await platform.take()).filter((event) => event.startsWith("reply"))).toEqual([
      ...["reply a to a", "reply b to b"],
    ]);
    expect(platform.replica.turns.slice(0, 3)).toEqual([["a"], ["durable to 1"], ["nudge", "b"]]);
  });

  test("the outcome of a send is an input, also while a write is on its way", async () => {
    const platform = new Platform();
    platform.ask("a", (out, to) => {
      stored("a")(out, to);
      out.early.push(messageOf("b"));
      out.messages.push(messageOf("c"));
    });
    await settled();
    await platform.outcome("b");
    expect(platform.replica.turns).toEqual([["a"]]);
    await platform.durable();
    expect(platform.replica.turns).toEqual([["a"], ["durable to 1"], ["outcome of b"]]);
    await platform.outcome("c");
    expect(platform.replica.turns[3]).toEqual(["outcome of c"]);
  });
});

describe("a turn that fails", () => {
  /** One waits from an earlier turn, one for the write on its way, two for the next turn. */
  async function busy(): Promise<Platform> {
    const platform = new Platform();
    platform.ask("a", waiting);
    await settled();
    platform.ask("b");
    await settled();
    platform.ask("c");
    platform.ask("d");
    platform.events.length = 0;
    return platform;
  }

  test("LOG3: a store that throws ends the object: all are refused, none is answered", async () => {
    const platform = await busy();
    platform.storeFails = new Error("the disk is full");
    await platform.durable();
    expect(await platform.take()).toEqual([
      ...["after", "reply b to b", "after"],
      ...["begin", "abort: the disk is full"],
      ...["a", "c", "d"].map((name) => `refused ${name}: Error: the disk is full`),
    ]);
    platform.ask("e");
    platform.shell.tell({ kind: "nudge" });
    expect(await platform.take()).toEqual(["refused e: Error: the disk is full"]);
    expect(platform.replica.turns).toHaveLength(4);
  });

  test("LOG3: a write that does not become durable refuses the turn and all who wait", async () => {
    const platform = await busy();
    platform.writes.shift()?.reject(new Error("the write was lost"));
    expect(await platform.take()).toEqual([
      "abort: the write was lost",
      ...["a", "b", "c", "d"].map((name) => `refused ${name}: Error: the write was lost`),
    ]);
    expect(platform.replica.turns).toEqual([["a"], ["b"]]);
  });

  test("LOG3: what was to be sent after the write is not, and an outcome changes nothing", async () => {
    const platform = new Platform();
    platform.ask("a", (out, to) => {
      stored("a")(out, to);
      out.early.push(messageOf("b"));
      out.messages.push(messageOf("c"));
    });
    await settled();
    platform.writes.shift()?.reject(new Error("the write was lost"));
    await platform.outcome("b");
    expect((await platform.take()).filter((event) => event.startsWith("send"))).toEqual(["send b"]);
    expect(platform.replica.turns).toEqual([["a"]]);
  });

  test.each(["step", "endTurn"])("a machine that throws in %s does the same", async (where) => {
    const platform = await busy();
    await platform.durable();
    const fail = (): never => {
      throw new Error("a broken invariant");
    };
    if (where === "step") platform.ask("e", fail);
    else platform.replica.atEnd = fail;
    await platform.durable();
    expect((await platform.take()).slice(-2 - (where === "step" ? 1 : 0))).toEqual([
      "abort: a broken invariant",
      "refused a: Error: a broken invariant",
      ...(where === "step" ? ["refused e: Error: a broken invariant"] : []),
    ]);
  });
});

describe("a closed shell", () => {
  test("refuses all who wait and what comes, and the turn on its way ends in silence", async () => {
    const platform = new Platform();
    platform.ask("a", (out, to) => {
      stored("a")(out, to);
      out.messages.push(messageOf("h"));
    });
    await settled();
    platform.ask("b");
    platform.shell.close("the partition was deleted");
    platform.ask("c");
    platform.shell.tell({ kind: "nudge" });
    await platform.durable();
    expect((await platform.take()).slice(3)).toEqual(
      ["a", "b", "c"].map((name) => `refused ${name}: Error: the partition was deleted`),
    );
    expect(platform.replica.turns).toEqual([["a"]]);
  });

  test("does not abort the object over a write that then fails", async () => {
    const platform = new Platform();
    platform.ask("a");
    await settled();
    platform.shell.close("the partition was deleted");
    platform.writes.shift()?.reject(new Error("there is no table"));
    expect((await platform.take()).slice(3)).toEqual([
      "refused a: Error: the partition was deleted",
    ]);
  });

  test("has no turn that was about to begin", async () => {
    const platform = new Platform();
    platform.meanwhile.push(() => platform.shell.close("the partition was deleted"));
    platform.ask("a");
    expect(await platform.take()).toEqual(["refused a: Error: the partition was deleted"]);
    expect(platform.replica.turns).toEqual([]);
  });

  test("keeps no timer", async () => {
    const platform = new Platform();
    platform.replica.due = Date.now() + 50;
    platform.ask("a", waiting);
    await settled();
    expect(vi.getTimerCount()).toBe(1);
    platform.shell.close("the partition was deleted");
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("deadlines", () => {
  const alarmsOf = async (platform: Platform): Promise<string[]> =>
    (await platform.take()).filter((event) => event.startsWith("alarm"));

  test("nobody waits: an alarm, and only moved forward", async () => {
    const platform = new Platform();
    const soon = Date.now() + 60_000;
    const alarms = (due: number): Promise<string[]> => {
      platform.replica.due = due;
      platform.ask("a", answeredAtOnce("a"));
      return alarmsOf(platform);
    };
    expect(await alarms(Infinity)).toEqual([]);
    expect(await alarms(soon)).toEqual([`alarm at ${soon}`]);
    expect(await alarms(soon)).toEqual([]);
    expect(await alarms(soon + 5)).toEqual([]);
    expect(await alarms(soon - 5)).toEqual([`alarm at ${soon - 5}`]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("an alarm that an earlier life has left is not set again, but for an earlier time", async () => {
    const platform = new Platform();
    const soon = Date.now() + 60_000;
    platform.alarmLeft = soon;
    const alarms = (due: number): Promise<string[]> => {
      platform.replica.due = due;
      platform.ask("a", answeredAtOnce("a"));
      return alarmsOf(platform);
    };
    expect(await alarms(soon + 5)).toEqual([]);
    expect(await alarms(soon)).toEqual([]);
    expect(await alarms(soon - 5)).toEqual([`alarm at ${soon - 5}`]);
    platform.replica.due = soon;
    platform.shell.alarm();
    expect(await alarmsOf(platform)).toEqual([`alarm at ${soon}`]);
  });

  test("an earlier alarm that is wanted while the old one is looked up is the one that is set", async () => {
    const platform = new Platform();
    const soon = Date.now() + 60_000;
    platform.alarmLeft = soon + 10;
    for (const due of [soon, soon - 5]) {
      platform.replica.due = due;
      platform.ask("a", answeredAtOnce("a"));
    }
    expect(await alarmsOf(platform)).toEqual([`alarm at ${soon - 5}`]);
  });

  test("only a moment passes: a timer, at once for what is past", async () => {
    const platform = new Platform();
    for (const ms of [1_000, 1, -5_000]) {
      platform.replica.due = Date.now() + ms;
      platform.ask("a", answeredAtOnce("a"));
      expect(await alarmsOf(platform)).toEqual([]);
      expect(vi.getTimerCount()).toBe(1);
    }
    platform.replica.due = Infinity;
    vi.advanceTimersByTime(0);
    await settled();
    expect(platform.replica.turns.at(-1)).toEqual(["tick"]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("an alarm that went off is a tick, after which the next one is set", async () => {
    const platform = new Platform();
    const soon = Date.now() + 5_000;
    platform.replica.due = soon;
    platform.shell.tell({ kind: "nudge" });
    expect(await alarmsOf(platform)).toEqual([`alarm at ${soon}`]);
    vi.setSystemTime(soon);
    platform.replica.due = soon + 2_000;
    platform.shell.alarm();
    expect(await alarmsOf(platform)).toEqual([`alarm at ${soon + 2_000}`]);
    expect(platform.replica.turns).toEqual([["nudge"], ["tick"]]);
  });

  test("somebody waits: a timer, which costs no row, moved only forward", async () => {
    const platform = new Platform();
    platform.replica.due = Date.now() + 5_000;
    platform.ask("a", waiting);
    await settled();
    platform.replica.due = Date.now() + 2_000;
    platform.ask("b", waiting);
    await settled();
    platform.replica.due = Date.now() + 3_000;
    platform.ask("c", waiting);
    await settled();
    expect(await alarmsOf(platform)).toEqual([]);
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(1_999);
    await settled();
    expect(platform.replica.turns).toHaveLength(3);
    platform.replica.due = Infinity;
    vi.advanceTimersByTime(1);
    await settled();
    expect(platform.replica.turns[3]).toEqual(["tick"]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("a send under way counts as somebody; when all is done the timer gives way to an alarm", async () => {
    const platform = new Platform();
    const due = Date.now() + 5_000;
    platform.replica.due = due;
    platform.ask("a", (out, to) => {
      answeredAtOnce("a")(out, to);
      out.messages.push(messageOf("b"));
    });
    expect(await alarmsOf(platform)).toEqual([]);
    expect(vi.getTimerCount()).toBe(1);
    await platform.outcome("b");
    expect(await alarmsOf(platform)).toEqual([`alarm at ${due}`]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("nothing is due any more: the timer goes", async () => {
    const platform = new Platform();
    platform.replica.due = Date.now() + 500;
    platform.ask("a", waiting);
    await settled();
    expect(vi.getTimerCount()).toBe(1);
    platform.replica.due = Infinity;
    platform.ask("b", waiting);
    expect(await alarmsOf(platform)).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });
});
