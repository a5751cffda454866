/** Mistakes that the simulator must find: each breaks one rule of group/SPEC.md or group/consumer/SPEC.md. */
import type { ClassicRules } from "../../../src/group/classic/rules.ts";
import type { ConsumerRules } from "../../../src/group/consumer/rules.ts";
import type { CoordinatorRules } from "../../../src/group/coordinator.ts";

export interface GroupBug {
  readonly name: string;
  readonly classic?: Partial<ClassicRules>;
  readonly consumer?: Partial<ConsumerRules>;
  readonly coordinator?: Partial<CoordinatorRules>;
}

export const GROUP_BUGS: readonly GroupBug[] = [
  { name: "generation not checked", classic: { isPresent: () => true } },
  { name: "member epoch of a commit not checked", consumer: { isPresent: () => true } },
  { name: "a reply before its records are committed", coordinator: { isCommitted: () => true } },
  { name: "sessions lost on failover", classic: { startsSessions: false } },
  {
    name: "sessions of consumer groups lost on failover",
    consumer: { startsSessions: false },
  },
  {
    name: "the static member that took over is fenced, not the one before",
    classic: { isFenced: (asked, memberId) => asked === memberId },
  },
  { name: "a partition is given before it was given back", consumer: { isFree: () => true } },
];
