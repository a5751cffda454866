/**
 * The decisions on which one owner of a partition rests, as data: the simulator breaks one at a time
 * and must find out (test/sim). Nothing else ever passes others than these.
 */
export interface ClassicRules {
  /** GRP46, GRP55, GRP71: does the request come from the present generation? */
  readonly isPresent: (asked: number, generationId: number) => boolean;
  /** GRP60: has another member taken over its instance id? */
  readonly isFenced: (asked: string, memberId: string) => boolean;
  /** GRP56: whether sessions run in a coordinator that has just read its log. */
  readonly startsSessions: boolean;
}

export const CLASSIC_RULES: ClassicRules = {
  isPresent: (asked, generationId) => asked === generationId,
  isFenced: (asked, memberId) => asked !== memberId,
  startsSessions: true,
};
