/** The Worker's entry: the router, and the object classes that the bindings name. */
import { createApp } from "./router/app.ts";

export { ConsumerInstance } from "./objects/consumer-instance.ts";
export { GroupCoordinator } from "./objects/group-coordinator.ts";
export { Partition } from "./objects/partition.ts";

export default createApp();
