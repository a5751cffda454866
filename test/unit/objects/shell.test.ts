/** The shell's promises, on a platform that is told when to be durable and when to fail. */
import { describe, expect, test } from "vitest";
import type { Effects, Machine, ReplyTo } from "../../../src/machine/machine.ts";
import { Shell } from "../../../src/objects/shell.ts";

type Input = { readonly say: string; readonly to: ReplyTo };
type Fact = { readonly said: string };

/** Notes what it is told, and answers with how many inputs it has seen. */
class Echo implements Machine<Input, Fact, string, number> {
  due = Infinity;
  seen = 0;
  readonly times: number[] = [];

  step(nowMs: number, { say, to }: Input, out: Effects<Fact, string, number>): void {
    if (say === "throw") throw new Error("a broken invariant");
    this.seen++;
    this.times.push(nowMs);
    if (say !== "nothing to store") out.facts.push({ said: say });
    out.messages.push(`message of ${say}`);
    out.replies.push({ to, reply: this.seen });
  }

  apply(): void {}

  deadline(): number {
    return this.due;
  }
}

/** What a Durable Object's state does, as far as the shell asks, written down in order. */
class Platform {
  readonly events: string[] = [];
  readonly machine = new Echo();
  readonly shell: Shell<Input, Fact, string, number>;
  /** One for each write that is not durable yet. */
  readonly writes: { resolve: () => void; reject: (error: Error) => void }[] = [];
  storeFails: Error | null = null;

  constructor() {
    const storage = {
      transactionSync: (run: () => void) => {
        this.events.push("begin");
        run();
        this.events.push("commit");
      },
      sync: () => {
        const { promise, resolve, reject } = Promise.withResolvers<void>();
        this.writes.push({ resolve, reject });
        return promise;
      },
      setAlarm: async (at: number) => {
        this.events.push(`alarm at ${at}`);
      },
    };
    const abort = (reason: string): void => {
      this.events.push(`abort: ${reason}`);
    };
    const ctx = { storage, abort } as unknown as DurableObjectState;
    this.shell = new Shell(ctx, this.machine, {
      store: (facts) => {
        if (this.storeFails !== null) throw this.storeFails;
        this.events.push(`store ${facts.map(({ said }) => said).join(" ")}`);
      },
      send: (messages) => {
        this.events.push(`send ${messages.length}`);
      },
      afterTurn: (facts) => {
        this.events.push(`after ${facts.length}`);
      },
    });
  }

  ask(say: string): Promise<unknown> {
    return this.shell
      .ask((to) => ({ say, to }))
      .then(
        (reply) => this.events.push(`reply ${reply} to ${say}`),
        (error: unknown) => this.events.push(`refused ${say}: ${error}`),
      );
  }

  async durable(): Promise<void> {
    this.writes.shift()?.resolve();
    await settled();
  }

  /** The events since the last call. */
  take(): string[] {
    return this.events.splice(0);
  }
}

/** Lets every promise that can go on do so. */
function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

describe("a turn", () => {
  test("LOG3: stores, then sends, and replies only once the write is durable", async () => {
    const platform = new Platform();
    void platform.ask("a");
    await settled();
    expect(platform.take()).toEqual(["begin", "store a", "commit", "send 1"]);
    await platform.durable();
    expect(platform.take()).toEqual(["after 1", "reply 1 to a"]);
  });

  test("LOG1 LOG3: what comes while a write is on its way shares the next turn, in order", async () => {
    const platform = new Platform();
    for (const say of ["a", "b", "c", "d"]) void platform.ask(say);
    await settled();
    expect(platform.take()).toEqual(["begin", "store a", "commit", "send 1"]);
    await platform.durable();
    expect(platform.take()).toEqual([
      "after 1",
      ...["begin", "store b c d", "commit", "send 3"],
      "reply 1 to a",
    ]);
    void platform.ask("e");
    await settled();
    expect(platform.take()).toEqual([]);
    await platform.durable();
    expect(platform.take()).toEqual([
      "after 3",
      ...["begin", "store e", "commit", "send 1"],
      ...["reply 2 to b", "reply 3 to c", "reply 4 to d"],
    ]);
    await platform.durable();
    expect(platform.take()).toEqual(["after 1", "reply 5 to e"]);
    const [, second, third, fourth] = platform.machine.times;
    expect([third, fourth]).toEqual([second, second]);
  });

  test("without facts it writes nothing and waits for nothing", async () => {
    const platform = new Platform();
    await platform.ask("nothing to store");
    expect(platform.take()).toEqual(["send 1", "after 0", "reply 1 to nothing to store"]);
    expect(platform.writes).toEqual([]);
  });

  test("an input that nobody waits for takes part, and no reply goes astray", async () => {
    const platform = new Platform();
    void platform.ask("a");
    platform.shell.tell({ say: "told", to: -1 });
    void platform.ask("b");
    await platform.durable();
    await platform.durable();
    expect(platform.take().filter((event) => /store|reply/.test(event))).toEqual([
      ...["store a", "store told b", "reply 1 to a", "reply 3 to b"],
    ]);
  });
});

describe("a turn that fails", () => {
  test("LOG3: a store that throws ends the object: all in the turn are refused, none is answered", async () => {
    const platform = new Platform();
    void platform.ask("a");
    void platform.ask("b");
    void platform.ask("c");
    platform.storeFails = new Error("the disk is full");
    await platform.durable();
    expect(platform.take().slice(4)).toEqual([
      "after 1",
      "begin",
      "abort: the disk is full",
      "reply 1 to a",
      "refused b: Error: the disk is full",
      "refused c: Error: the disk is full",
    ]);
  });

  test("LOG3: a write that does not become durable refuses the turn and all who wait behind it", async () => {
    const platform = new Platform();
    void platform.ask("a");
    void platform.ask("b");
    platform.writes.shift()?.reject(new Error("the write was lost"));
    await settled();
    expect(platform.take().slice(4)).toEqual([
      "abort: the write was lost",
      "refused a: Error: the write was lost",
      "refused b: Error: the write was lost",
    ]);
    expect(platform.machine.seen).toBe(1);
  });

  test("a machine that throws does the same", async () => {
    const platform = new Platform();
    await platform.ask("throw");
    expect(platform.take()).toEqual([
      "abort: a broken invariant",
      "refused throw: Error: a broken invariant",
    ]);
  });
});

describe("alarms", () => {
  test("are set when the machine is due, not in the past, and only to move one forward", async () => {
    const platform = new Platform();
    const soon = Date.now() + 60_000;
    const alarms = async (due: number): Promise<string[]> => {
      platform.machine.due = due;
      const asked = platform.ask("nothing to store");
      await asked;
      return platform.take().filter((event) => event.startsWith("alarm"));
    };
    expect(await alarms(Infinity)).toEqual([]);
    expect(await alarms(soon)).toEqual([`alarm at ${soon}`]);
    expect(await alarms(soon)).toEqual([]);
    expect(await alarms(soon + 5)).toEqual([]);
    expect(await alarms(soon - 5)).toEqual([`alarm at ${soon - 5}`]);
    const before = Date.now();
    const [now] = await alarms(0);
    expect(Number(now?.slice("alarm at ".length))).toBeGreaterThanOrEqual(before);
  });

  test("hand the machine a tick, after which the next one is set", async () => {
    const platform = new Platform();
    platform.machine.due = 0;
    void platform.ask("nothing to store");
    await settled();
    platform.take();
    await platform.shell.alarm((to) => ({ say: "tick", to }));
    await platform.durable();
    const events = platform.take();
    expect(events[1]).toBe("store tick");
    expect(events[3]).toMatch(/^alarm at/);
  });
});

describe("a closed shell", () => {
  test("finishes the turn that is on its way, refuses what waits and what comes", async () => {
    const platform = new Platform();
    void platform.ask("a");
    void platform.ask("b");
    platform.shell.close("the partition was deleted");
    void platform.ask("c");
    platform.shell.tell({ say: "told", to: -1 });
    await platform.durable();
    expect(platform.take().slice(4)).toEqual([
      "refused b: Error: the partition was deleted",
      "refused c: Error: the partition was deleted",
      "after 1",
      "reply 1 to a",
    ]);
    expect(platform.machine.seen).toBe(1);
  });
});
