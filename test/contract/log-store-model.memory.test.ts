import { MemoryReplicaStore } from "../support/memory-replica-store.ts";
import { logModel } from "./log-store-model.ts";

logModel("a log in memory", [1, 2, 3, 4], async (test) => {
  let store = new MemoryReplicaStore();
  test(() => {
    store = store.copy();
    return store;
  });
});
