/**
 * As classic/rules.ts, of consumer groups: the decisions on which one owner of a partition rests, as
 * data, which the simulator breaks one at a time. Nothing else ever passes others than these.
 */
export interface ConsumerRules {
  /** Of commits: does the request come from the present epoch of the member? */
  readonly isPresent: (asked: number, memberEpoch: number) => boolean;
  /** GRP121: may the partition be given to the member, whoever has it? */
  readonly isFree: (owner: string | undefined, memberId: string) => boolean;
  /** GRP152: whether sessions run in a coordinator that has just read its log. */
  readonly startsSessions: boolean;
}

export const CONSUMER_RULES: ConsumerRules = {
  isPresent: (asked, memberEpoch) => asked === memberEpoch,
  isFree: (owner, memberId) => owner === undefined || owner === memberId,
  startsSessions: true,
};
