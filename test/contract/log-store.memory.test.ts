import { MemoryLogStore } from "../support/memory-log-store.ts";
import { logStoreContract } from "./log-store.ts";

logStoreContract("the log store in memory", async (test) => {
  const store = new MemoryLogStore();
  test(() => store);
});
