/** The assignors of consumer groups by the names that members ask for (group.consumer.assignors). */
import type { Assignor } from "./assignor.ts";
import { assignRange } from "./range.ts";
import { assignHeterogeneous } from "./uniform-heterogeneous.ts";
import { assignHomogeneous } from "./uniform-homogeneous.ts";

export const ASSIGNORS: ReadonlyMap<string, Assignor> = new Map<string, Assignor>([
  [
    "uniform",
    (group) => (group.homogeneous ? assignHomogeneous(group) : assignHeterogeneous(group)),
  ],
  ["range", assignRange],
]);

/** What a group uses of whose members none asks for another: the first of group.consumer.assignors. */
export const ASSIGNOR_DEFAULT = "uniform";
