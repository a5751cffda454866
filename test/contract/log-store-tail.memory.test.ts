import { MemoryLogStore } from "../support/memory-log-store.ts";
import { logStoreTailContract } from "./log-store-tail.ts";

logStoreTailContract("the tail of a log store in memory", async (test) => {
  const store = new MemoryLogStore();
  test(() => store);
});
