import { MemoryReplicaStore } from "../support/memory-replica-store.ts";
import { logStoreContract } from "./log-store.ts";

logStoreContract("the log store in memory", async (test) => {
  const store = new MemoryReplicaStore();
  test(() => store);
});
