import { MemorySecurity } from "../support/memory-security.ts";
import { securityContract } from "./security.ts";

securityContract("security in memory", () => ({
  ...{ security: new MemorySecurity(), clusterId: "one", otherClusterId: "two" },
}));
